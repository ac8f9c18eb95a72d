//! Who is there, across servers.

use axum::Router;
use serde_json::{Value, json};

use super::{
    member::{EVA, room_with},
    rooms::{join_via, until},
};
use crate::common::{Federation, TestClient, TestRoom};

/// What a user's sync tells of another's presence.
async fn seen(client: &TestClient, user: &str) -> Option<Value> {
    let sync = client.get("/v3/sync?set_presence=offline").await.ok();
    let events = sync["presence"]["events"].as_array().cloned().unwrap_or_default();
    events.into_iter().find(|event| event["sender"] == user).map(|event| event["content"].clone())
}

#[tokio::test]
async fn who_shares_a_room_sees_who_is_there_elsewhere() {
    let mut federation = Federation::of(&["a.test", "b.test"]).await;
    let (mut a, mut b) = (federation.server("a.test").await, federation.server("b.test").await);
    let (alice, bob, carol) = (a.register("alice").await, b.register("bob").await, a.register("carol").await);
    let room = TestRoom::public(&a, &alice).await;
    join_via(&bob, &room, "a.test").await;
    let since = alice.get("/v3/sync?set_presence=offline").await.ok()["next_batch"].as_str().unwrap().to_owned();
    let waiting = alice.clone();
    let waiting = tokio::spawn(async move {
        let path = format!("/v3/sync?set_presence=offline&timeout=20000&since={since}");
        let mut sync = waiting.get(&path).await.ok();
        while sync["presence"]["events"].as_array().is_none_or(Vec::is_empty) {
            let since = sync["next_batch"].as_str().unwrap();
            let path = format!("/v3/sync?set_presence=offline&timeout=20000&since={since}");
            sync = waiting.get(&path).await.ok();
        }
        sync
    });
    let status = json!({ "presence": "online", "status_msg": "at the sea" });
    bob.put("/v3/presence/@bob:b.test/status", status).await.ok();
    let woken = waiting.await.unwrap();
    let event = &woken["presence"]["events"][0];
    assert_eq!((&event["sender"], &event["content"]["presence"]), (&json!("@bob:b.test"), &json!("online")));
    let told = until("alice sees bob", async || seen(&alice, "@bob:b.test").await).await;
    assert_eq!((&told["status_msg"], &told["currently_active"]), (&json!("at the sea"), &json!(true)));
    let asked = alice.get("/v3/presence/@bob:b.test/status").await.ok();
    assert_eq!(asked["status_msg"], "at the sea");
    assert_eq!(seen(&carol, "@bob:b.test").await, None);
    carol.get("/v3/presence/@bob:b.test/status").await.refused(403, "M_FORBIDDEN");

    bob.put("/v3/presence/@bob:b.test/status", json!({ "presence": "unavailable" })).await.ok();
    until("bob idles", async || {
        let status = alice.get("/v3/presence/@bob:b.test/status").await.ok();
        (status["presence"] == "unavailable" && status["status_msg"].is_null()).then_some(())
    })
    .await;
    a.stop_whole().await;
    b.stop_whole().await;
}

#[tokio::test]
async fn who_joins_sees_who_is_there_and_is_seen() {
    let mut federation = Federation::of(&["a.test", "b.test"]).await;
    let (a, b) = (federation.server("a.test").await, federation.server("b.test").await);
    let (alice, bob) = (a.register("alice").await, b.register("bob").await);
    let room = TestRoom::public(&a, &alice).await;
    let status = |text: &str| json!({ "presence": "online", "status_msg": text });
    alice.put("/v3/presence/@alice:a.test/status", status("here")).await.ok();
    bob.put("/v3/presence/@bob:b.test/status", status("there")).await.ok();
    // What changed has been told, as far as there was anybody to tell.
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    join_via(&bob, &room, "a.test").await;
    let alices = until("bob sees alice", async || seen(&bob, "@alice:a.test").await).await;
    let bobs = until("alice sees bob", async || seen(&alice, "@bob:b.test").await).await;
    assert_eq!((&alices["status_msg"], &bobs["status_msg"]), (&json!("here"), &json!("there")));
}

#[tokio::test]
async fn nobody_is_there_in_anothers_word() {
    let (_a, alice, member) = room_with(Router::new()).await;
    let update = |user: &str| json!({ "user_id": user, "presence": "online", "last_active_ago": 5 });
    let push = json!([
        update(&alice.user_id), update("@stranger:evil.test"), update("@x:other.test"), 5, { "user_id": EVA },
        { "user_id": EVA, "presence": "odd", "last_active_ago": 1 },
    ]);
    let edu = |push: Value| json!([{ "edu_type": "m.presence", "content": { "push": push } }]);
    let body = |push: Value| json!({ "origin": "evil.test", "origin_server_ts": 1, "pdus": [], "edus": edu(push) });
    member.transact("1", body(push)).await.unwrap();
    member.transact("2", body(json!("odd"))).await.unwrap();
    let sync = alice.get("/v3/sync?set_presence=offline").await.ok();
    assert!(sync["presence"]["events"].as_array().is_none_or(Vec::is_empty), "{sync}");
    member.transact("3", body(json!([update(EVA)]))).await.unwrap();
    assert_eq!(seen(&alice, EVA).await.unwrap()["presence"], "online");
}
