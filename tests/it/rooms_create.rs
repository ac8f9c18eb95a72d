//! Making rooms.

use std::collections::HashSet;

use serde_json::{Value, json};

use crate::common::{TestClient, TestServer, encode};

pub async fn create(client: &TestClient, body: Value) -> String {
    client.post("/v3/createRoom", body).await.ok()["room_id"].as_str().unwrap().to_owned()
}

async fn state(client: &TestClient, room: &str, event_type: &str) -> Value {
    client.get(&format!("/v3/rooms/{room}/state/{event_type}")).await.ok()
}

#[tokio::test]
async fn a_private_room_has_what_the_preset_says_in_the_order_of_the_spec() {
    let server = TestServer::start().await;
    let alice = server.register("alice").await;
    let room = create(&alice, json!({})).await;
    assert_eq!(state(&alice, &room, "m.room.join_rules").await, json!({ "join_rule": "invite" }));
    assert_eq!(state(&alice, &room, "m.room.history_visibility").await, json!({ "history_visibility": "shared" }));
    assert_eq!(state(&alice, &room, "m.room.guest_access").await, json!({ "guest_access": "can_join" }));
    let create = state(&alice, &room, "m.room.create").await;
    assert_eq!(create["room_version"], "12");
    assert_eq!(create.get("creator"), None);
    let levels = state(&alice, &room, "m.room.power_levels").await;
    assert_eq!(levels["users"], json!({}), "creators stand above all levels");
    assert_eq!(levels["events"]["m.room.tombstone"], 150);
    let member = state(&alice, &room, "m.room.member/@alice:localhost").await;
    assert_eq!(member, json!({ "membership": "join", "displayname": "alice" }));
    assert_eq!(alice.get("/v3/joined_rooms").await.ok(), json!({ "joined_rooms": [room] }));
    let visibility = alice.get(&format!("/v3/directory/list/room/{room}")).await.ok();
    assert_eq!(visibility, json!({ "visibility": "private" }));
}

#[tokio::test]
async fn every_offered_version_can_be_had() {
    let server = TestServer::start().await;
    let alice = server.register("alice").await;
    let bob = server.register("bob").await;
    for version in 6..=12 {
        let version = version.to_string();
        let room = create(&alice, json!({ "room_version": version, "preset": "public_chat", "name": "v" })).await;
        assert_eq!(state(&alice, &room, "m.room.create").await["room_version"], version.as_str());
        assert_eq!(room.contains(':'), version != "12", "{room}");
        bob.post(&format!("/v3/rooms/{room}/join"), json!({})).await.ok();
        assert_eq!(state(&bob, &room, "m.room.name").await, json!({ "name": "v" }));
    }
    for version in ["1", "5", "13", "org.example"] {
        let refused = alice.post("/v3/createRoom", json!({ "room_version": version })).await;
        refused.refused(400, "M_UNSUPPORTED_ROOM_VERSION");
    }
}

#[tokio::test]
async fn a_room_gets_all_that_the_request_asks_for() {
    let server = TestServer::start().await;
    let alice = server.register("alice").await;
    let bob = server.register("bob").await;
    let room = create(
        &alice,
        json!({
            "visibility": "public", "room_alias_name": "pub", "name": "The Pub", "topic": "Beer",
            "creation_content": { "type": "m.space", "m.federate": false, "creator": "@mallory:x", "room_version": "1" },
            "initial_state": [
                { "type": "m.room.join_rules", "content": { "join_rule": "knock" } },
                { "type": "m.room.name", "content": { "name": "lost" } },
                { "type": "org.example", "state_key": "k", "content": { "n": 1 } },
            ],
            "power_level_content_override": { "events_default": 7, "users": { "@bob:localhost": 8 } },
            "invite": ["@bob:localhost", "@alice:localhost", "@bob:localhost"], "is_direct": true,
        }),
    )
    .await;
    let created = state(&alice, &room, "m.room.create").await;
    assert_eq!((created["type"].as_str(), created["m.federate"].as_bool()), (Some("m.space"), Some(false)));
    assert_eq!((created.get("creator"), created["room_version"].as_str()), (None, Some("12")));
    assert_eq!(state(&alice, &room, "m.room.name").await["name"], "The Pub");
    assert_eq!(state(&alice, &room, "m.room.topic").await["topic"], "Beer");
    assert_eq!(state(&alice, &room, "m.room.join_rules").await["join_rule"], "knock");
    assert_eq!(state(&alice, &room, "m.room.guest_access").await["guest_access"], "forbidden", "public_chat");
    assert_eq!(state(&alice, &room, "org.example/k").await["n"], 1);
    assert_eq!(state(&alice, &room, "m.room.canonical_alias").await["alias"], "#pub:localhost");
    let levels = state(&alice, &room, "m.room.power_levels").await;
    assert_eq!((levels["events_default"].as_u64(), levels["invite"].as_u64()), (Some(7), Some(50)));
    assert_eq!(levels["users"], json!({ "@bob:localhost": 8 }));
    let invite = state(&alice, &room, "m.room.member/@bob:localhost").await;
    assert_eq!(invite, json!({ "membership": "invite", "is_direct": true, "displayname": "bob" }));

    let resolved = bob.get(&format!("/v3/directory/room/{}", encode("#pub:localhost"))).await.ok();
    assert_eq!(resolved, json!({ "room_id": room, "servers": ["localhost"] }));
    assert_eq!(bob.get("/v3/publicRooms").await.ok()["chunk"][0]["room_id"], room.as_str());
    let taken = alice.post("/v3/createRoom", json!({ "room_alias_name": "pub" })).await;
    taken.refused(400, "M_ROOM_IN_USE");
}

#[tokio::test]
async fn trusted_guests_of_a_private_chat_have_the_creators_power() {
    let server = TestServer::start().await;
    let alice = server.register("alice").await;
    let trusted = |version: &str| {
        json!({
            "preset": "trusted_private_chat", "room_version": version, "invite": ["@bob:localhost"],
            "creation_content": { "additional_creators": ["@carol:localhost", "@bob:localhost"] },
        })
    };
    let room = create(&alice, trusted("11")).await;
    let levels = state(&alice, &room, "m.room.power_levels").await;
    assert_eq!(levels["users"], json!({ "@alice:localhost": 100, "@bob:localhost": 100 }));
    let room = create(&alice, trusted("12")).await;
    assert_eq!(state(&alice, &room, "m.room.power_levels").await["users"], json!({}));
    let creators = state(&alice, &room, "m.room.create").await["additional_creators"].clone();
    assert_eq!(creators, json!(["@bob:localhost", "@carol:localhost"]));
}

#[tokio::test]
async fn what_can_not_be_made_leaves_nothing_behind() {
    let server = TestServer::start().await;
    let alice = server.register("alice").await;
    let cases = [
        (
            json!({ "power_level_content_override": { "events": { "m.room.name": 101 } }, "name": "n", "room_version": "11" }),
            "M_INVALID_ROOM_STATE",
        ),
        (json!({ "power_level_content_override": { "users": { "@alice:localhost": 100 } } }), "M_BAD_JSON"),
        (json!({ "power_level_content_override": { "ban": "50" } }), "M_BAD_JSON"),
        (json!({ "initial_state": [{ "type": "m.room.create", "content": {} }] }), "M_INVALID_ROOM_STATE"),
        (
            json!({ "initial_state": [{ "type": "m.room.canonical_alias", "content": { "alias": "#x:localhost" } }] }),
            "M_BAD_ALIAS",
        ),
        (json!({ "initial_state": [{ "type": "a", "content": { "n": 1.5 } }] }), "M_BAD_JSON"),
        (json!({ "creation_content": { "additional_creators": ["nobody"] } }), "M_INVALID_ROOM_STATE"),
        (json!({ "room_alias_name": "a:b" }), "M_INVALID_PARAM"),
        (json!({ "preset": "odd" }), "M_BAD_JSON"),
        (json!({ "invite": ["bob"] }), "M_BAD_JSON"),
        (json!({ "name": 5 }), "M_BAD_JSON"),
    ];
    for (mut body, errcode) in cases {
        if body.get("room_alias_name").is_none() {
            body["room_alias_name"] = json!("pub");
        }
        alice.post("/v3/createRoom", body.clone()).await.refused(400, errcode);
        assert_eq!(alice.get("/v3/joined_rooms").await.ok(), json!({ "joined_rooms": [] }), "{body}");
    }
    alice.get(&format!("/v3/directory/room/{}", encode("#pub:localhost"))).await.refused(404, "M_NOT_FOUND");
    let big = json!({ "name": "x".repeat(70_000) });
    alice.post("/v3/createRoom", big).await.refused(413, "M_TOO_LARGE");
    alice.post("/v3/createRoom", json!({ "invite": ["@bob:elsewhere"] })).await.refused(403, "M_FORBIDDEN");
    create(&alice, json!({ "room_alias_name": "pub" })).await;
}

#[tokio::test]
async fn equal_rooms_of_one_millisecond_are_different_rooms() {
    let server = TestServer::builder().manual_clock().start().await;
    let alice = server.register("alice").await;
    let made: Vec<_> = (0..20)
        .map(|_| {
            let alice = alice.clone();
            tokio::spawn(async move { create(&alice, json!({ "name": "same" })).await })
        })
        .collect();
    let mut rooms = HashSet::new();
    for room in made {
        rooms.insert(room.await.unwrap());
    }
    assert_eq!(rooms.len(), 20);
}

#[tokio::test]
async fn one_alias_goes_to_one_of_many_rooms() {
    let server = TestServer::start().await;
    let alice = server.register("alice").await;
    let made: Vec<_> = (0..10)
        .map(|_| {
            let alice = alice.clone();
            tokio::spawn(async move { alice.post("/v3/createRoom", json!({ "room_alias_name": "one" })).await })
        })
        .collect();
    let mut winners = 0;
    for answer in made {
        let answer = answer.await.unwrap();
        winners += usize::from(answer.status == 200);
        if answer.status != 200 {
            answer.refused(400, "M_ROOM_IN_USE");
        }
    }
    assert_eq!(winners, 1);
}

#[tokio::test]
async fn rooms_outlive_a_restart() {
    let mut server = TestServer::start().await;
    let room = create(&server.register("alice").await, json!({ "room_alias_name": "a", "name": "kept" })).await;
    server.restart().await;
    let alice = server.log_in("alice").await;
    assert_eq!(state(&alice, &room, "m.room.name").await["name"], "kept");
    alice.put(&format!("/v3/rooms/{room}/state/m.room.name"), json!({ "name": "new" })).await.ok();
    assert_eq!(state(&alice, &room, "m.room.name").await["name"], "new");
}

/// What a private room begins with, to the letter. A change here changes every new room: it has to be meant.
#[tokio::test]
async fn a_private_room_begins_as_it_always_did() {
    let server = TestServer::start().await;
    let alice = server.register("alice").await;
    let room = create(&alice, json!({ "preset": "private_chat", "name": "Salon" })).await;
    let state = alice.get(&format!("/v3/rooms/{room}/state")).await.ok();
    let mut state: Vec<_> = state.as_array().expect("events").clone();
    state.retain(|event| event["type"] != "m.room.create");
    state.sort_by_key(|event| event["type"].to_string());
    let state: Vec<_> = state
        .iter()
        .map(|event| json!({ "type": event["type"], "state_key": event["state_key"], "content": event["content"] }))
        .collect();
    insta::assert_json_snapshot!(state);
}
