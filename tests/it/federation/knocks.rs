//! Knocking across servers, and being let in, refused, or not asked any more.

use serde_json::{Value, json};

use super::rooms::{reads, until};
use crate::common::{Federation, TestClient, TestRoom, TestServer, encode};

async fn two() -> (TestServer, TestServer) {
    let mut federation = Federation::of(&["a.test", "b.test"]).await;
    (federation.server("a.test").await, federation.server("b.test").await)
}

async fn club(a: &TestServer, alice: &TestClient) -> TestRoom {
    let room = TestRoom::with(a, alice, |new| new.name = Some("Club".to_owned())).await;
    room.set(a, alice, "m.room.join_rules", "", json!({ "join_rule": "knock" })).await;
    room
}

async fn knock(client: &TestClient, room: &TestRoom) -> crate::common::Answer {
    let path = format!("/v3/knock/{}?server_name=a.test", encode(room.id.as_str()));
    client.post(&path, json!({ "reason": "please" })).await
}

async fn membership(client: &TestClient, room: &TestRoom, is: &str) {
    until(is, async || {
        let answer = client.get(&room.path("/state/m.room.member/@bob:b.test")).await;
        (answer.body["membership"] == is).then_some(())
    })
    .await;
}

async fn section(client: &TestClient, kind: &str, room: &TestRoom) -> Value {
    client.get("/v3/sync").await.ok()["rooms"][kind][room.id.as_str()].clone()
}

#[tokio::test]
async fn a_knock_on_another_servers_room_is_answered_by_an_invite() {
    let (mut a, mut b) = two().await;
    let (alice, bob) = (a.register("alice").await, b.register("bob").await);
    let room = club(&a, &alice).await;
    assert_eq!(knock(&bob, &room).await.ok(), json!({ "room_id": room.id }));
    let told = section(&bob, "knock", &room).await["knock_state"]["events"].as_array().unwrap().clone();
    assert!(told.iter().any(|event| event["content"]["name"] == "Club"), "{told:?}");
    let own = told.iter().find(|event| event["state_key"] == "@bob:b.test").unwrap();
    assert_eq!((&own["content"]["membership"], &own["content"]["reason"]), (&json!("knock"), &json!("please")));
    membership(&alice, &room, "knock").await;

    alice.post(&room.path("/invite"), json!({ "user_id": "@bob:b.test" })).await.ok();
    until("bob is invited", async || section(&bob, "invite", &room).await.is_object().then_some(())).await;
    assert!(section(&bob, "knock", &room).await.is_null());
    bob.post(&room.path("/join"), json!({})).await.ok();
    room.say(&bob, "1", "thank you").await;
    reads(&alice, &room, "thank you").await;
    a.stop_whole().await;
    b.stop_whole().await;
}

#[tokio::test]
async fn a_knock_is_refused_or_taken_back() {
    let (mut a, mut b) = two().await;
    let (alice, bob) = (a.register("alice").await, b.register("bob").await);
    let room = club(&a, &alice).await;
    for ending in ["kick", "ban"] {
        knock(&bob, &room).await.ok();
        membership(&alice, &room, "knock").await;
        alice.post(&room.path(&format!("/{ending}")), json!({ "user_id": "@bob:b.test" })).await.ok();
        until("bob's knock is over", async || section(&bob, "knock", &room).await.is_null().then_some(())).await;
    }
    knock(&bob, &room).await.refused(403, "M_FORBIDDEN");
    alice.post(&room.path("/unban"), json!({ "user_id": "@bob:b.test" })).await.ok();

    knock(&bob, &room).await.ok();
    membership(&alice, &room, "knock").await;
    bob.post(&room.path("/leave"), json!({})).await.ok();
    assert!(section(&bob, "knock", &room).await.is_null());
    membership(&alice, &room, "leave").await;

    let open = TestRoom::public(&a, &alice).await;
    knock(&bob, &open).await.refused(403, "M_FORBIDDEN");
    a.stop_whole().await;
    b.stop_whole().await;
}

#[tokio::test]
async fn an_invite_that_is_taken_back_goes_away() {
    let (mut a, mut b) = two().await;
    let (alice, bob) = (a.register("alice").await, b.register("bob").await);
    let room = club(&a, &alice).await;
    alice.post(&room.path("/invite"), json!({ "user_id": "@bob:b.test" })).await.ok();
    until("bob is invited", async || section(&bob, "invite", &room).await.is_object().then_some(())).await;
    alice.post(&room.path("/kick"), json!({ "user_id": "@bob:b.test" })).await.ok();
    until("bob is not any more", async || section(&bob, "invite", &room).await.is_null().then_some(())).await;
    a.stop_whole().await;
    b.stop_whole().await;
}
