//! Devices across servers: their keys, messages to them, and that they changed.

use serde_json::{Value, json};

use super::rooms::{join_via, until};
use crate::common::{Federation, TestClient, TestRoom};

fn device_keys(client: &TestClient) -> Value {
    let id = &client.device_id;
    json!({
        "user_id": client.user_id,
        "device_id": id,
        "algorithms": ["m.olm.v1.curve25519-aes-sha2"],
        "keys": { (format!("curve25519:{id}")): "Y3VydmU", (format!("ed25519:{id}")): "ZWQyNTUxOQ" },
        "signatures": { (client.user_id.as_str()): { (format!("ed25519:{id}")): "c2ln" } },
    })
}

async fn publish_keys(client: &TestClient) {
    let upload = json!({
        "device_keys": device_keys(client),
        "one_time_keys": { "signed_curve25519:1": { "key": "a2V5", "signatures": {} } },
    });
    client.post("/v3/keys/upload", upload).await.ok();
}

async fn events_to_device(client: &TestClient, since: &str) -> Vec<Value> {
    let sync = client.get(&format!("/v3/sync{since}")).await.ok();
    sync["to_device"]["events"].as_array().cloned().unwrap_or_default()
}

#[tokio::test]
async fn keys_of_other_servers_users_are_found_and_claimed_once() {
    let mut federation = Federation::of(&["a.test", "b.test"]).await;
    let (a, b) = (federation.server("a.test").await, federation.server("b.test").await);
    let (alice, bob) = (a.register("alice").await, b.register("bob").await);
    publish_keys(&bob).await;
    let query = json!({ "device_keys": { "@bob:b.test": [], "@x:nowhere.test": [] } });
    let found = alice.post("/v3/keys/query", query).await.ok();
    let keys = &found["device_keys"]["@bob:b.test"][&bob.device_id];
    assert_eq!(keys["keys"], device_keys(&bob)["keys"]);
    assert!(found["failures"]["nowhere.test"].is_object() && found["failures"]["b.test"].is_null(), "{found}");

    let claim = json!({ "one_time_keys": { "@bob:b.test": { (bob.device_id.as_str()): "signed_curve25519" } } });
    let claimed = alice.post("/v3/keys/claim", claim.clone()).await.ok();
    let key = &claimed["one_time_keys"]["@bob:b.test"][&bob.device_id]["signed_curve25519:1"];
    assert_eq!(key["key"], "a2V5", "{claimed}");
    let again = alice.post("/v3/keys/claim", claim).await.ok();
    assert!(again["one_time_keys"]["@bob:b.test"][&bob.device_id].is_null(), "{again}");
}

#[tokio::test]
async fn messages_reach_devices_of_other_servers_also_after_they_were_away() {
    let mut federation = Federation::of(&["a.test", "b.test"]).await;
    let (mut a, mut b) = (federation.server("a.test").await, federation.server("b.test").await);
    let (alice, bob) = (a.register("alice").await, b.register("bob").await);
    let send = async |transaction: &str, n: u64| {
        let messages = json!({ "messages": { "@bob:b.test": { "*": { "n": n } } } });
        alice.put(&format!("/v3/sendToDevice/org.example/{transaction}"), messages).await.ok();
    };
    send("1", 1).await;
    send("1", 1).await;
    let got = until("bob's device has it", async || {
        let events = events_to_device(&bob, "").await;
        (!events.is_empty()).then_some(events)
    })
    .await;
    assert_eq!(got, [json!({ "type": "org.example", "sender": "@alice:a.test", "content": { "n": 1 } })]);
    b.stop().await;
    send("2", 2).await;
    send("3", 3).await;
    tokio::time::sleep(std::time::Duration::from_secs(5)).await;
    b.restart().await;
    let bob = bob.at(b.base_url());
    // It speaks up, and so is known to be back.
    until("bob reaches alice's server", async || {
        (bob.get("/v3/profile/@alice:a.test").await.status == 200).then_some(())
    })
    .await;
    until("bob's device has all", async || {
        let events = events_to_device(&bob, "").await;
        let numbers: Vec<_> = events.iter().filter_map(|event| event["content"]["n"].as_u64()).collect();
        (numbers == [1, 2, 3]).then_some(())
    })
    .await;
    a.stop_whole().await;
    b.stop_whole().await;
}

#[tokio::test]
async fn who_shares_a_room_hears_of_new_devices_elsewhere() {
    let mut federation = Federation::of(&["a.test", "b.test"]).await;
    let (mut a, mut b) = (federation.server("a.test").await, federation.server("b.test").await);
    let (alice, bob) = (a.register("alice").await, b.register("bob").await);
    let room = TestRoom::public(&a, &alice).await;
    join_via(&bob, &room, "a.test").await;
    let since = alice.get("/v3/sync").await.ok()["next_batch"].as_str().unwrap().to_owned();
    publish_keys(&bob).await;
    until("alice hears of bob's device", async || {
        let sync = alice.get(&format!("/v3/sync?since={since}")).await.ok();
        let changed = sync["device_lists"]["changed"].as_array().cloned().unwrap_or_default();
        changed.contains(&json!("@bob:b.test")).then_some(())
    })
    .await;
    a.stop_whole().await;
    b.stop_whole().await;
}
