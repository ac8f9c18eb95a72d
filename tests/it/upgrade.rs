//! Rooms that take the place of others.

use serde_json::{Value, json};

use crate::{
    common::{TestClient, TestServer, encode},
    rooms_create::create,
};

async fn state(client: &TestClient, room: &str, event_type: &str) -> Value {
    client.get(&format!("/v3/rooms/{room}/state/{event_type}")).await.ok()
}

async fn upgrade(client: &TestClient, room: &str, body: Value) -> String {
    let answer = client.post(&format!("/v3/rooms/{room}/upgrade"), body).await.ok();
    answer["replacement_room"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_room_moves_to_a_new_version_with_all_that_belongs_to_it() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    for (from, to) in [("9", "12"), ("12", "12"), ("12", "11"), ("6", "10")] {
        let alias = format!("v{from}to{to}");
        let old = create(
            &alice,
            json!({
                "room_version": from, "visibility": "public", "room_alias_name": alias, "name": "name", "topic": "topic",
                "creation_content": { "type": "m.space", "m.federate": false },
                "initial_state": [
                    { "type": "m.room.server_acl", "content": { "allow": ["*"] } },
                    { "type": "m.room.encryption", "content": { "algorithm": "m.megolm.v1.aes-sha2" } },
                ],
                "power_level_content_override": { "events_default": 3, "users_default": 60, "state_default": 70 },
            }),
        )
        .await;
        bob.post(&format!("/v3/rooms/{old}/join"), json!({})).await.ok();
        let tags = |room: &str, user: &str| format!("/v3/user/@{user}:localhost/rooms/{room}/tags");
        bob.put(&format!("{}/m.favourite", tags(&old, "bob")), json!({})).await.ok();
        let refused = bob.post(&format!("/v3/rooms/{old}/upgrade"), json!({ "new_version": to })).await;
        refused.refused(403, "M_FORBIDDEN");
        let levels = state(&alice, &old, "m.room.power_levels").await;

        let new = upgrade(&alice, &old, json!({ "new_version": to, "additional_creators": ["@bob:localhost"] })).await;
        let created = state(&alice, &new, "m.room.create").await;
        assert_eq!((&created["room_version"], &created["type"]), (&json!(to), &json!("m.space")));
        assert_eq!((&created["m.federate"], &created["predecessor"]["room_id"]), (&json!(false), &json!(old)));
        let creators = if to == "12" { json!(["@bob:localhost"]) } else { Value::Null };
        assert_eq!(created["additional_creators"], creators);
        for kind in ["name", "topic", "server_acl", "encryption", "join_rules", "history_visibility", "guest_access"] {
            let kind = format!("m.room.{kind}");
            assert_eq!(state(&alice, &new, &kind).await, state(&alice, &old, &kind).await, "{kind}");
        }
        let moved = state(&alice, &new, "m.room.power_levels").await;
        for key in ["events_default", "users_default", "state_default", "ban"] {
            assert_eq!(moved[key], levels[key], "{key}");
        }
        let users = if to == "12" { json!({}) } else { json!({ "@alice:localhost": 100 }) };
        assert_eq!(moved["users"], users);
        assert!(to != "12" || moved["events"]["m.room.tombstone"].as_i64().unwrap() >= 150);

        assert_eq!(state(&alice, &old, "m.room.tombstone").await["replacement_room"], new.as_str());
        let closed = state(&alice, &old, "m.room.power_levels").await;
        assert_eq!((closed["events_default"].as_i64(), closed["invite"].as_i64()), (Some(61), Some(61)));
        let full = format!("#{alias}:localhost");
        let resolved = bob.get(&format!("/v3/directory/room/{}", encode(&full))).await.ok();
        assert_eq!(resolved["room_id"], new.as_str());
        assert_eq!(state(&alice, &new, "m.room.canonical_alias").await["alias"], full.as_str());
        assert_eq!(state(&alice, &old, "m.room.canonical_alias").await, json!({}));
        let listed = |room: &str| format!("/v3/directory/list/room/{room}");
        assert_eq!(bob.get(&listed(&new)).await.ok()["visibility"], "public");
        assert_eq!(bob.get(&listed(&old)).await.ok()["visibility"], "private");

        bob.post(&format!("/v3/rooms/{new}/join"), json!({})).await.ok();
        assert_eq!(bob.get(&tags(&new, "bob")).await.ok(), json!({ "tags": { "m.favourite": {} } }));
    }
}

#[tokio::test]
async fn an_upgrade_that_can_not_be_changes_nothing() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let room = create(&alice, json!({})).await;
    let path = format!("/v3/rooms/{room}/upgrade");
    alice.post(&path, json!({ "new_version": "2" })).await.refused(400, "M_UNSUPPORTED_ROOM_VERSION");
    alice.post(&path, json!({})).await.refused(400, "M_BAD_JSON");
    bob.post(&path, json!({ "new_version": "12" })).await.refused(403, "M_FORBIDDEN");
    bob.post("/v3/rooms/!none/upgrade", json!({ "new_version": "12" })).await.refused(404, "M_NOT_FOUND");
    alice.get(&format!("/v3/rooms/{room}/state/m.room.tombstone")).await.refused(404, "M_NOT_FOUND");
    assert_eq!(alice.get("/v3/joined_rooms").await.ok(), json!({ "joined_rooms": [room] }));
}
