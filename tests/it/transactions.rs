//! Transaction IDs: a request that is sent again makes nothing new.

use std::time::Duration;

use salon::{
    check,
    store::{Family, Store, StoreOptions, keys::Index},
};
use serde_json::{Value, json};

use crate::common::{PASSWORD, TestClient, TestRoom, TestServer, encode};

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
async fn they_are_kept_for_a_day_and_go_when_two_have_passed() {
    let mut server = TestServer::builder().manual_clock().start().await;
    let alice = server.register("alice").await;
    let telephone = server.log_in("alice").await;
    let room = TestRoom::public(&server, &alice).await;
    let first = room.say(&alice, "1", "hello").await;
    room.say(&telephone, "1", "hello").await;
    let hours = |hours: u64| Duration::from_secs(hours * 60 * 60);
    server.advance(hours(23));
    assert_eq!(room.say(&alice, "1", "hello").await, first);
    server.advance(hours(30));
    let second = room.say(&alice, "1", "hello").await;
    assert_ne!(second, first);
    room.say(&alice, "2", "hello").await;
    assert_eq!(room.say(&alice, "1", "hello").await, second);
    alice.delete(&format!("/v3/devices/{}", telephone.device_id), password(&alice)).await.ok();
    server.stop().await;

    let store = Store::open(&server.config().data_dir, StoreOptions::default()).unwrap();
    let report = check::check(&store).unwrap();
    assert!(report.is_clean(), "{report}");
    let snapshot = store.snapshot();
    let mut rows = snapshot.scan(Family::Index, &[], &[]);
    let mut transactions = 0;
    while let Some((key, _)) = rows.next().unwrap() {
        transactions += usize::from(key[4] == Index::Transaction as u8);
    }
    assert_eq!(transactions, 2, "those of the first day are gone, and those of the device that is");
}

fn password(client: &TestClient) -> Value {
    let identifier = json!({ "type": "m.id.user", "user": client.user_id });
    json!({ "auth": { "type": "m.login.password", "identifier": identifier, "password": PASSWORD } })
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
