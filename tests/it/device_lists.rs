//! Whose devices changed: told once to each who shares a room, by `/sync` and by `/keys/changes`.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{
    common::{PASSWORD, TestClient, TestRoom, TestServer},
    keys::publish,
};

/// Who changed and who left, by a sync, and the token behind it.
async fn sync(client: &TestClient, since: &str) -> (Vec<String>, Vec<String>, String) {
    let since = if since.is_empty() { String::new() } else { format!("&since={since}") };
    let body = client.get(&format!("/v3/sync?timeout=0{since}")).await.ok();
    let lists = &body["device_lists"];
    (names(&lists["changed"]), names(&lists["left"]), body["next_batch"].as_str().unwrap().to_owned())
}

async fn token(client: &TestClient) -> String {
    sync(client, "").await.2
}

/// Localparts.
fn names(users: &Value) -> Vec<String> {
    let users = users.as_array().into_iter().flatten();
    let mut names: Vec<String> = users
        .map(|user| user.as_str().unwrap().trim_start_matches('@').split(':').next().unwrap().to_owned())
        .collect();
    names.sort();
    names
}

async fn encrypted_room(server: &TestServer, by: &TestClient) -> TestRoom {
    let room = TestRoom::public(server, by).await;
    room.set(server, by, "m.room.encryption", "", json!({ "algorithm": "m.megolm.v1.aes-sha2" })).await;
    room
}

const NOBODY: [&str; 0] = [];

#[tokio::test]
async fn a_new_device_is_told_once_to_who_shares_a_room() {
    let mut server = TestServer::start().await;
    let (alice, bob, carol) =
        (server.register("alice").await, server.register("bob").await, server.register("carol").await);
    let room = TestRoom::public(&server, &alice).await;
    room.join(&server, &bob).await;
    let (of_alice, of_bob, of_carol) = (token(&alice).await, token(&bob).await, token(&carol).await);

    publish(&alice).await;
    let (changed, left, next) = sync(&bob, &of_bob).await;
    assert_eq!((changed, left), (vec!["alice".to_owned()], vec![]));
    assert_eq!(sync(&bob, &next).await.0, NOBODY, "once");
    assert_eq!(sync(&alice, &of_alice).await.0, ["alice"], "her other devices want to know");
    assert_eq!(sync(&carol, &of_carol).await.0, NOBODY, "no room in common");

    // The same keys again are no change; another name is, and the end of the device.
    publish(&alice).await;
    assert_eq!(sync(&bob, &next).await.0, NOBODY);
    alice.put(&format!("/v3/devices/{}", alice.device_id), json!({ "display_name": "Phone" })).await.ok();
    let (changed, _, next) = sync(&bob, &next).await;
    assert_eq!(changed, ["alice"]);
    alice.post("/v3/logout", json!({})).await.ok();
    assert_eq!(sync(&bob, &next).await.0, ["alice"]);

    // A device without keys concerns nobody.
    let (_, _, next) = sync(&bob, &next).await;
    server.log_in("alice").await.post("/v3/logout", json!({})).await.ok();
    assert_eq!(sync(&bob, &next).await.0, NOBODY);

    // What memory forgot, the database tells.
    server.restart().await;
    let bob = bob.at(server.base_url());
    assert_eq!(sync(&bob, &of_bob).await.0, ["alice"]);
    let from_to = format!("/v3/keys/changes?from={of_bob}&to={next}");
    assert_eq!(names(&bob.get(&from_to).await.ok()["changed"]), ["alice"]);
    bob.get("/v3/keys/changes?from=x&to=y").await.refused(400, "M_INVALID_PARAM");
    bob.get(&format!("/v3/keys/changes?from={next}")).await.refused(400, "M_MISSING_PARAM");
    server.stop_whole().await;
}

#[tokio::test]
async fn a_waiting_sync_is_woken_by_a_neighbours_device() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    TestRoom::public(&server, &alice).await.join(&server, &bob).await;
    let since = token(&bob).await;
    let waiting = {
        let bob = bob.clone();
        tokio::spawn(async move { bob.get(&format!("/v3/sync?timeout=20000&since={since}")).await.ok() })
    };
    tokio::time::sleep(Duration::from_millis(200)).await;
    publish(&alice).await;
    let told = tokio::time::timeout(Duration::from_secs(5), waiting).await.expect("woken").unwrap();
    assert_eq!(names(&told["device_lists"]["changed"]), ["alice"]);
}

#[tokio::test]
async fn who_comes_to_and_goes_from_an_encrypted_room_is_told() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let (plain, secret) = (TestRoom::public(&server, &alice).await, encrypted_room(&server, &alice).await);
    plain.join(&server, &bob).await;
    let (of_alice, of_bob) = (token(&alice).await, token(&bob).await);

    secret.join(&server, &bob).await;
    let (changed, left, of_alice) = sync(&alice, &of_alice).await;
    assert_eq!((changed, left), (vec!["bob".to_owned()], vec![]));
    assert_eq!(sync(&alice, &of_alice).await.0, NOBODY);
    let (changed, _, next) = sync(&bob, &of_bob).await;
    assert_eq!(changed, ["alice"], "he entered a room where she is");

    // A plain room that they still share keeps nobody's devices worth knowing.
    secret.leave(&server, &bob).await;
    let (changed, left, of_alice) = sync(&alice, &of_alice).await;
    assert_eq!((changed, left), (vec![], vec!["bob".to_owned()]));
    assert_eq!(sync(&alice, &of_alice).await.1, NOBODY);
    assert_eq!(sync(&bob, &next).await.1, ["alice"]);
    assert_eq!(names(&bob.get(&format!("/v3/keys/changes?from={next}&to={next}")).await.ok()["left"]), ["alice"]);
}

#[tokio::test]
async fn who_shares_a_first_room_and_who_shares_none_any_more_is_told() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let (one, two) = (TestRoom::public(&server, &alice).await, TestRoom::public(&server, &alice).await);
    let (of_alice, of_bob) = (token(&alice).await, token(&bob).await);
    one.join(&server, &bob).await;
    let (changed, left, of_alice) = sync(&alice, &of_alice).await;
    assert_eq!((changed, left), (vec!["bob".to_owned()], vec![]));
    let (changed, _, of_bob) = sync(&bob, &of_bob).await;
    assert_eq!(changed, ["alice"]);

    two.join(&server, &bob).await;
    let (_, _, of_alice) = sync(&alice, &of_alice).await;
    let (_, _, of_bob) = sync(&bob, &of_bob).await;
    one.leave(&server, &bob).await;
    let (changed, left, of_alice) = sync(&alice, &of_alice).await;
    assert_eq!((changed, left), (vec![], vec![]), "they share the other room");
    let (_, left, of_bob) = sync(&bob, &of_bob).await;
    assert_eq!(left, NOBODY);
    two.member(&server, &alice, &bob, "ban").await;
    let (changed, left, next) = sync(&alice, &of_alice).await;
    assert_eq!((changed, left), (vec![], vec!["bob".to_owned()]));
    assert_eq!(sync(&alice, &next).await.1, NOBODY, "once");
    assert_eq!(sync(&bob, &of_bob).await.1, ["alice"]);
}

#[tokio::test]
async fn who_still_shares_another_encrypted_room_has_not_left() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let rooms = [encrypted_room(&server, &alice).await, encrypted_room(&server, &alice).await];
    for room in &rooms {
        room.join(&server, &bob).await;
    }
    let (of_alice, of_bob) = (token(&alice).await, token(&bob).await);
    rooms[0].leave(&server, &bob).await;
    assert_eq!(sync(&alice, &of_alice).await.1, NOBODY);
    let (_, left, of_bob) = sync(&bob, &of_bob).await;
    assert_eq!(left, NOBODY);
    rooms[1].leave(&server, &alice).await;
    assert_eq!(sync(&alice, &of_alice).await.1, ["bob"]);
    assert_eq!(sync(&bob, &of_bob).await.1, ["alice"]);
}

#[tokio::test]
async fn a_room_that_becomes_encrypted_brings_its_members() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let room = TestRoom::public(&server, &alice).await;
    room.join(&server, &bob).await;
    let since = token(&bob).await;
    room.set(&server, &alice, "m.room.topic", "", json!({ "topic": "x" })).await;
    let (changed, _, since) = sync(&bob, &since).await;
    assert_eq!(changed, NOBODY);
    room.set(&server, &alice, "m.room.encryption", "", json!({ "algorithm": "m.megolm.v1.aes-sha2" })).await;
    let (changed, _, next) = sync(&bob, &since).await;
    assert_eq!(changed, ["alice"]);
    assert_eq!(sync(&bob, &next).await.0, NOBODY);
}

#[tokio::test]
async fn a_new_password_takes_the_keys_of_other_devices_with_them() {
    let mut server = TestServer::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let phone = server.log_in("alice").await;
    TestRoom::public(&server, &alice).await.join(&server, &bob).await;
    publish(&alice).await;
    publish(&phone).await;
    let since = token(&bob).await;
    let auth = json!({ "type": "m.login.password", "user": "alice", "password": PASSWORD });
    alice.post("/v3/account/password", json!({ "new_password": "another one", "auth": auth })).await.ok();
    assert_eq!(sync(&bob, &since).await.0, ["alice"]);
    let found = bob.post("/v3/keys/query", json!({ "device_keys": { &alice.user_id: [] } })).await.ok();
    let devices: Vec<_> = found["device_keys"][&alice.user_id].as_object().unwrap().keys().collect();
    assert_eq!(devices, [&alice.device_id]);
    server.stop_whole().await;
}
