//! What changes about a user reaches the rooms that they are in.

use serde_json::{Value, json};

use crate::{
    common::{PASSWORD, TestClient, TestServer},
    rooms_create::create,
};

async fn member(client: &TestClient, room: &str, user: &str) -> Value {
    client.get(&format!("/v3/rooms/{room}/state/m.room.member/@{user}:localhost")).await.ok()
}

#[tokio::test]
async fn a_new_name_or_avatar_is_in_all_rooms_at_once() {
    let mut server = TestServer::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let mut rooms = Vec::new();
    for _ in 0..5 {
        rooms.push(create(&alice, json!({ "preset": "public_chat" })).await);
    }
    for room in &rooms[..4] {
        bob.post(&format!("/v3/rooms/{room}/join"), json!({ "reason": "hello" })).await.ok();
    }
    bob.post(&format!("/v3/rooms/{}/leave", rooms[3]), json!({})).await.ok();
    bob.put("/v3/profile/@bob:localhost/displayname", json!({ "displayname": "Bobby" })).await.ok();
    bob.put("/v3/profile/@bob:localhost/avatar_url", json!({ "avatar_url": "mxc://localhost/a" })).await.ok();
    let wanted = json!({ "membership": "join", "displayname": "Bobby", "avatar_url": "mxc://localhost/a" });
    for room in &rooms[..3] {
        assert_eq!(member(&alice, room, "bob").await, wanted);
    }
    assert_eq!(member(&alice, &rooms[3], "bob").await["membership"], "leave");
    let event = format!("/v3/rooms/{}/state/m.room.member/@bob:localhost?format=event", rooms[0]);
    let before = alice.get(&event).await.ok();
    assert_eq!(before["unsigned"]["prev_content"]["displayname"], "Bobby");

    bob.put("/v3/profile/@bob:localhost/org.example.mood", json!({ "org.example.mood": "fine" })).await.ok();
    bob.delete("/v3/profile/@bob:localhost/avatar_url", json!({})).await.ok();
    assert_eq!(member(&alice, &rooms[0], "bob").await, json!({ "membership": "join", "displayname": "Bobby" }));
    let last = alice.get(&event).await.ok()["event_id"].clone();
    server.restart().await;
    let alice = server.log_in("alice").await;
    server.app().rooms.caught_up().await;
    assert_eq!(alice.get(&event).await.ok()["event_id"], last, "nothing is done twice");
}

#[tokio::test]
async fn a_change_that_a_crash_interrupted_is_carried_at_the_next_start() {
    let mut server = TestServer::start().await;
    let alice = server.register("alice").await;
    let room = create(&alice, json!({})).await;
    // The follower stops, as in a crash, before the change.
    server.app().stop();
    let app = server.app().clone();
    let user = app.users.local_user("@alice:localhost".try_into().unwrap()).unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    app.users.set_profile_field(user, "displayname", json!("Alix")).await.unwrap();
    assert_eq!(member(&alice, &room, "alice").await["displayname"], "alice");
    drop(app);
    server.restart().await;
    let alice = server.log_in("alice").await;
    server.app().rooms.caught_up().await;
    assert_eq!(member(&alice, &room, "alice").await["displayname"], "Alix");
}

#[tokio::test]
async fn who_is_deactivated_leaves_everything() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let joined = create(&alice, json!({ "preset": "public_chat" })).await;
    bob.post(&format!("/v3/rooms/{joined}/join"), json!({})).await.ok();
    let invited = create(&alice, json!({ "invite": ["@bob:localhost"] })).await;
    let auth = json!({ "type": "m.login.password", "password": PASSWORD,
        "identifier": { "type": "m.id.user", "user": "bob" } });
    bob.post("/v3/account/deactivate", json!({ "auth": auth })).await.ok();
    for room in [&joined, &invited] {
        assert_eq!(member(&alice, room, "bob").await["membership"], "leave");
    }
}
