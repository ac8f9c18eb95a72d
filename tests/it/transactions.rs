//! Transaction IDs: a request that is sent again makes nothing new.

use serde_json::json;

use crate::common::{TestRoom, TestServer, encode};

#[tokio::test]
async fn the_same_request_gets_the_same_answer() {
    let server = TestServer::start().await;
    let alice = server.register("alice").await;
    let (room, other) = (TestRoom::public(&server, &alice).await, TestRoom::public(&server, &alice).await);
    let first = room.say(&alice, "1", "hello").await;
    assert_eq!(room.say(&alice, "1", "hello again").await, first);

    assert_ne!(room.say(&alice, "2", "hello").await, first, "another transaction");
    assert_ne!(other.say(&alice, "1", "hello").await, first, "another room");
    let sticker = room.send(&alice, "m.sticker", "1", json!({})).await.ok();
    assert_ne!(sticker["event_id"], json!(first), "another type");
    let telephone = server.log_in("alice").await;
    assert_ne!(room.say(&telephone, "1", "hello").await, first, "another device");

    let path = |event: &str| room.path(&format!("/redact/{}/1", encode(event)));
    let redaction = alice.put(&path(&first), json!({})).await.ok();
    assert_eq!(alice.put(&path(&first), json!({})).await.ok(), redaction);
    let sticker = sticker["event_id"].as_str().unwrap();
    assert_ne!(alice.put(&path(sticker), json!({})).await.ok(), redaction, "another target");
}

#[tokio::test]
async fn equal_requests_at_one_time_make_one_event() {
    let server = TestServer::start().await;
    let alice = server.register("alice").await;
    let room = TestRoom::public(&server, &alice).await;
    let requests: Vec<_> = (0..20)
        .map(|_| {
            let (room, alice) = (room.clone(), alice.clone());
            tokio::spawn(async move { room.say(&alice, "1", "hello").await })
        })
        .collect();
    let mut events = std::collections::HashSet::new();
    for request in requests {
        events.insert(request.await.unwrap());
    }
    assert_eq!(events.len(), 1);
}

#[tokio::test]
async fn they_survive_a_restart() {
    let mut server = TestServer::start().await;
    let alice = server.register("alice").await;
    let room = TestRoom::public(&server, &alice).await;
    let first = room.say(&alice, "1", "hello").await;
    server.restart().await;
    let alice = alice.at(server.base_url());
    assert_eq!(room.say(&alice, "1", "hello").await, first);
    assert_ne!(room.say(&alice, "2", "hello").await, first);
}
