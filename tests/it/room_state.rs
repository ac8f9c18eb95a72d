//! A room's state and members, set and read.

use serde_json::{Value, json};

use crate::{
    common::{TestServer, encode},
    rooms_create::create,
};

#[tokio::test]
async fn state_is_set_and_read_as_content_and_as_event() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let room = create(&alice, json!({ "preset": "public_chat" })).await;
    let path = |rest: &str| format!("/v3/rooms/{room}/state{rest}");
    let key = encode("a/b ü");
    alice.get(&path("/org.example")).await.refused(404, "M_NOT_FOUND");
    let first = alice.put(&path("/org.example"), json!({ "n": 1 })).await.ok();
    let keyed = alice.put(&path(&format!("/org.example/{key}")), json!({ "n": 2 })).await.ok();
    for slash in ["", "/"] {
        assert_eq!(alice.get(&path(&format!("/org.example{slash}"))).await.ok(), json!({ "n": 1 }));
    }
    assert_eq!(alice.get(&path(&format!("/org.example/{key}"))).await.ok(), json!({ "n": 2 }));

    let event = alice.get(&path(&format!("/org.example/{key}?format=event"))).await.ok();
    assert_eq!((&event["event_id"], event["state_key"].as_str()), (&keyed["event_id"], Some("a/b ü")));
    assert_eq!((event["sender"].as_str(), &event["room_id"]), (Some("@alice:localhost"), &json!(room)));
    let second = alice.put(&path("/org.example/"), json!({ "n": 3 })).await.ok();
    let event = alice.get(&path("/org.example/?format=event")).await.ok();
    assert_eq!((&event["event_id"], &event["unsigned"]["prev_content"]), (&second["event_id"], &json!({ "n": 1 })));
    assert_eq!(event["unsigned"]["replaces_state"], first["event_id"]);
    let again = alice.put(&path("/org.example"), json!({ "n": 3 })).await.ok();
    assert_eq!(again, second, "state that is so already stays");

    let all = alice.get(&path("")).await.ok();
    let kinds: Vec<_> = all.as_array().unwrap().iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(kinds.iter().filter(|kind| **kind == "org.example").count(), 2);
    assert!(kinds.contains(&"m.room.create") && kinds.contains(&"m.room.member"), "{kinds:?}");

    for unseen in ["", "/m.room.create", "/org.example"] {
        bob.get(&path(unseen)).await.refused(403, "M_FORBIDDEN");
    }
    bob.put(&path("/org.example"), json!({})).await.refused(403, "M_FORBIDDEN");
    bob.get("/v3/rooms/!none/state").await.refused(403, "M_FORBIDDEN");
}

#[tokio::test]
async fn what_everybody_may_read_is_read_without_joining() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let open = json!([{ "type": "m.room.history_visibility", "content": { "history_visibility": "world_readable" } }]);
    let room = create(&alice, json!({ "initial_state": open, "name": "open" })).await;
    assert_eq!(bob.get(&format!("/v3/rooms/{room}/state/m.room.name")).await.ok()["name"], "open");
    assert_eq!(bob.get(&format!("/v3/rooms/{room}/aliases")).await.ok(), json!({ "aliases": [] }));
    bob.get(&format!("/v3/rooms/{room}/joined_members")).await.refused(403, "M_FORBIDDEN");
}

#[tokio::test]
async fn state_that_can_not_be_is_refused() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let room = create(&alice, json!({ "preset": "public_chat" })).await;
    bob.post(&format!("/v3/rooms/{room}/join"), json!({})).await.ok();
    let path = |rest: &str| format!("/v3/rooms/{room}/state/{rest}");
    let cases = [
        ("m.room.power_levels", json!({ "users": { "@alice:localhost": 100 } }), 400, "M_BAD_JSON"),
        ("m.room.power_levels", json!({ "users": { "bob": 100 } }), 400, "M_BAD_JSON"),
        ("m.room.power_levels", json!({ "ban": "50" }), 400, "M_BAD_JSON"),
        ("m.room.power_levels", json!({ "events": { "a": null } }), 400, "M_BAD_JSON"),
        ("m.room.canonical_alias", json!({ "alias": "#none:localhost" }), 400, "M_BAD_ALIAS"),
        ("m.room.canonical_alias", json!({ "alt_aliases": ["nonsense"] }), 400, "M_INVALID_PARAM"),
        ("m.room.canonical_alias", json!({ "alt_aliases": "#a:b" }), 400, "M_INVALID_PARAM"),
        ("m.room.create", json!({}), 403, "M_FORBIDDEN"),
        ("a/@bob:localhost", json!({}), 403, "M_FORBIDDEN"),
        ("a", json!({ "n": 0.5 }), 400, "M_BAD_JSON"),
        ("a", json!([]), 400, "M_BAD_JSON"),
        ("a", json!({ "n": "x".repeat(70_000) }), 413, "M_TOO_LARGE"),
    ];
    for (rest, content, status, errcode) in cases {
        alice.put(&path(rest), content).await.refused(status, errcode);
    }
    bob.put(&path("m.room.name"), json!({ "name": "n" })).await.refused(403, "M_FORBIDDEN");
    let broken = alice.request(reqwest::Method::PUT, &path("a")).body("{");
    crate::common::Answer::to(broken).await.refused(400, "M_NOT_JSON");
}

fn users(members: &Value) -> Vec<&str> {
    let mut users: Vec<_> =
        members["chunk"].as_array().unwrap().iter().map(|event| event["state_key"].as_str().unwrap()).collect();
    users.sort_unstable();
    users
}

#[tokio::test]
async fn members_are_listed_by_membership_and_as_they_were() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let room = create(&alice, json!({ "preset": "public_chat", "invite": ["@carol:localhost"] })).await;
    let before = format!("s{}", server.app().store.published());
    bob.post(&format!("/v3/rooms/{room}/join"), json!({})).await.ok();
    let members = |query: &str| format!("/v3/rooms/{room}/members{query}");
    let (a, b, c) = ("@alice:localhost", "@bob:localhost", "@carol:localhost");
    for (query, wanted) in [
        ("", vec![a, b, c]),
        ("?membership=join", vec![a, b]),
        ("?not_membership=join", vec![c]),
        ("?membership=join&not_membership=leave", vec![a, b, c]),
        ("?membership=ban", vec![]),
    ] {
        assert_eq!(users(&alice.get(&members(query)).await.ok()), wanted, "{query}");
    }
    for reader in [&alice, &bob] {
        assert_eq!(users(&reader.get(&members(&format!("?at={before}"))).await.ok()), [a, c]);
    }
    alice.get(&members("?at=x")).await.refused(400, "M_INVALID_PARAM");
    alice.get(&members("?membership=odd")).await.refused(400, "M_INVALID_PARAM");

    let joined = bob.get(&format!("/v3/rooms/{room}/joined_members")).await.ok();
    assert_eq!(joined["joined"], json!({ a: { "display_name": "alice" }, b: { "display_name": "bob" } }));

    let hidden = json!({ "history_visibility": "joined" });
    alice.put(&format!("/v3/rooms/{room}/state/m.room.history_visibility"), hidden).await.ok();
    let secret = format!("s{}", server.app().store.published());
    let dave = server.register("dave").await;
    dave.post(&format!("/v3/rooms/{room}/join"), json!({})).await.ok();
    let seen = dave.get(&members(&format!("?at={secret}"))).await.ok();
    assert_eq!(users(&seen), [a, b, c, "@dave:localhost"], "nothing from before they came");
}

#[tokio::test]
async fn a_redaction_does_not_pass_as_state() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let levels = json!({ "state_default": 0, "events_default": 0 });
    let room = create(&alice, json!({ "preset": "public_chat", "power_level_content_override": levels })).await;
    bob.post(&format!("/v3/join/{room}"), json!({})).await.ok();
    let said = alice.put(&format!("/v3/rooms/{room}/send/m.room.message/1"), json!({ "body": "mine" })).await.ok();
    let smuggled = json!({ "redacts": said["event_id"] });
    bob.put(&format!("/v3/rooms/{room}/state/m.room.redaction"), smuggled).await.refused(403, "M_FORBIDDEN");
    let event = alice.get(&format!("/v3/rooms/{room}/event/{}", said["event_id"].as_str().unwrap())).await.ok();
    assert_eq!(event["content"]["body"], "mine");
}
