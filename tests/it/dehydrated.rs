//! Dehydrated devices: they get keys and messages, and are taken up by a new login.

use serde_json::{Value, json};

use crate::{
    common::{PASSWORD, TestClient, TestServer},
    keys::{device_keys, one_time_keys, public_key},
};

const PATH: &str = "/_matrix/client/unstable/org.matrix.msc3814.v1/dehydrated_device";

/// The client as if it were the dehydrated device.
fn as_device(client: &TestClient, device_id: &str) -> TestClient {
    let mut device = client.clone();
    device.device_id = device_id.to_owned();
    device
}

fn dehydrated(client: &TestClient, device_id: &str) -> Value {
    let device = as_device(client, device_id);
    json!({
        "device_id": device_id, "initial_device_display_name": "Asleep",
        "device_data": { "algorithm": "org.matrix.msc3814.v2", "device_pickle": "secret" },
        "device_keys": device_keys(&device), "one_time_keys": one_time_keys(&device, 0..1),
    })
}

async fn note(by: &TestClient, transaction: &str, to: (&TestClient, &str), n: u64) {
    let body = json!({ "messages": { &to.0.user_id: { to.1: { "n": n } } } });
    by.put(&format!("/v3/sendToDevice/org.example.note/{transaction}"), body).await.ok();
}

fn numbers(answer: &Value) -> Vec<u64> {
    answer["events"].as_array().unwrap().iter().map(|event| event["content"]["n"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn a_dehydrated_device_is_found_written_to_and_taken_up() {
    let mut server = TestServer::start().await;
    let versions = server.anonymous().get("/_matrix/client/versions").await.ok();
    assert_eq!(versions["unstable_features"]["org.matrix.msc3814"], true);
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    alice.get(PATH).await.refused(404, "M_NOT_FOUND");
    alice.delete(PATH, json!({})).await.refused(404, "M_NOT_FOUND");
    let id = public_key(5);
    assert_eq!(alice.put(PATH, dehydrated(&alice, &id)).await.ok(), json!({ "device_id": id }));

    let query = json!({ "device_keys": { &alice.user_id: [] } });
    let found = bob.post("/v3/keys/query", query.clone()).await.ok();
    let device = &found["device_keys"][&alice.user_id][&id];
    assert_eq!(device["unsigned"]["device_display_name"], "Asleep", "{found}");
    let wanted = json!({ "one_time_keys": { &alice.user_id: { &id: "signed_curve25519" } } });
    let claimed = bob.post("/v3/keys/claim", wanted).await.ok();
    assert!(claimed["one_time_keys"][&alice.user_id][&id].is_object(), "{claimed}");
    note(&bob, "1", (&alice, &id), 1).await;
    note(&bob, "2", (&alice, "*"), 2).await;

    server.restart().await;
    let laptop = server.log_in("alice").await;
    let kept = laptop.get(PATH).await.ok();
    assert_eq!(kept["device_id"], id);
    assert_eq!(kept["device_data"]["device_pickle"], "secret");
    let events = format!("{PATH}/{}/events", crate::common::encode(&id));
    let page = laptop.post(&events, json!({})).await.ok();
    assert_eq!(numbers(&page), [1, 2]);
    let end = laptop.post(&events, json!({ "next_batch": page["next_batch"] })).await.ok();
    assert_eq!(end, json!({ "events": [] }), "no place to read on: all was told");
    let again = laptop.get(&format!("{events}?from=d0")).await.ok();
    assert_eq!(numbers(&again), [1, 2], "they stay, and GET serves too");
    laptop.post(&format!("{PATH}/OTHER/events"), json!({})).await.refused(404, "M_NOT_FOUND");
    laptop.post(&events, json!({ "next_batch": "x" })).await.refused(400, "M_INVALID_PARAM");

    // A new one takes its place, messages and all.
    let next = public_key(6);
    laptop.put(PATH, dehydrated(&laptop, &next)).await.ok();
    laptop.post(&events, json!({})).await.refused(404, "M_NOT_FOUND");
    let bob = bob.at(server.base_url());
    let found = bob.post("/v3/keys/query", query.clone()).await.ok();
    let devices: Vec<_> = found["device_keys"][&alice.user_id].as_object().unwrap().keys().collect();
    assert_eq!(devices, [&next]);
    assert_eq!(laptop.delete(PATH, json!({})).await.ok(), json!({ "device_id": next }));
    let found = bob.post("/v3/keys/query", query).await.ok();
    assert_eq!(found["device_keys"][&alice.user_id], json!({}));
    server.stop_whole().await;
}

#[tokio::test]
async fn what_can_be_none_is_refused_and_deactivation_takes_it_away() {
    let mut server = TestServer::start().await;
    let alice = server.register("alice").await;
    let id = alice.device_id.clone();
    alice.put(PATH, dehydrated(&alice, &id)).await.refused(400, "M_INVALID_PARAM");
    let mut without_keys = dehydrated(&alice, "ASLEEP");
    without_keys.as_object_mut().unwrap().remove("device_keys");
    alice.put(PATH, without_keys).await.refused(400, "M_MISSING_PARAM");
    let mut of_other = dehydrated(&alice, "ASLEEP");
    of_other["device_keys"] = device_keys(&alice);
    alice.put(PATH, of_other).await.refused(400, "M_INVALID_PARAM");

    // The same ID again is a new device.
    alice.put(PATH, dehydrated(&alice, "ASLEEP")).await.ok();
    note(&alice, "1", (&alice, "ASLEEP"), 1).await;
    alice.put(PATH, dehydrated(&alice, "ASLEEP")).await.ok();
    assert_eq!(numbers(&alice.post(&format!("{PATH}/ASLEEP/events"), json!({})).await.ok()), [0; 0]);
    note(&alice, "2", (&alice, "ASLEEP"), 2).await;
    let login = json!({
        "type": "m.login.password", "identifier": { "type": "m.id.user", "user": "alice" }, "password": PASSWORD,
        "device_id": "ASLEEP",
    });
    server.anonymous().post("/v3/login", login).await.refused(400, "M_INVALID_PARAM");
    let auth = json!({ "type": "m.login.password", "user": "alice", "password": PASSWORD });
    alice.post("/v3/account/deactivate", json!({ "auth": auth })).await.ok();
    server.stop_whole().await;
}
