//! Keys of devices: published, asked for, claimed once.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::common::{PASSWORD, TestClient, TestServer};

/// A key of 32 bytes that depends on a number.
pub fn public_key(number: usize) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOP";
    // 43 letters are 32 bytes; the last one may only be one of some.
    let letter = |place: usize| LETTERS[(number >> (4 * (place % 8))) % 16] as char;
    (0..42).map(letter).chain(['A']).collect()
}

/// Identity keys of a client's device.
pub fn device_keys(client: &TestClient) -> Value {
    let (user, device) = (&client.user_id, &client.device_id);
    json!({
        "user_id": user, "device_id": device,
        "algorithms": ["m.olm.v1.curve25519-aes-sha2", "m.megolm.v1.aes-sha2"],
        "keys": { format!("curve25519:{device}"): public_key(1), format!("ed25519:{device}"): public_key(2) },
        "signatures": { user: { format!("ed25519:{device}"): "signature" } },
    })
}

pub async fn publish(client: &TestClient) {
    client.post("/v3/keys/upload", json!({ "device_keys": device_keys(client) })).await.ok();
}

/// Identity keys, three one-time keys and a fallback key.
pub async fn publish_all(client: &TestClient) {
    let upload = json!({
        "device_keys": device_keys(client),
        "one_time_keys": one_time_keys(client, 0..3),
        "fallback_keys": { "signed_curve25519:F": signed_key(client, 9) },
    });
    client.post("/v3/keys/upload", upload).await.ok();
}

/// One-time keys with these numbers.
pub fn one_time_keys(client: &TestClient, numbers: std::ops::Range<usize>) -> Value {
    let keys = numbers.map(|number| (format!("signed_curve25519:K{number}"), signed_key(client, number)));
    Value::Object(keys.collect::<Map<_, _>>())
}

fn signed_key(client: &TestClient, number: usize) -> Value {
    let device = format!("ed25519:{}", client.device_id);
    json!({ "key": public_key(number), "signatures": { &client.user_id: { device: "signature" } } })
}

async fn counts(client: &TestClient) -> (Value, Value) {
    let sync = client.get("/v3/sync?timeout=0").await.ok();
    (sync["device_one_time_keys_count"]["signed_curve25519"].clone(), sync["device_unused_fallback_key_types"].clone())
}

async fn claim(by: &TestClient, of: &TestClient) -> Value {
    let wanted = json!({ "one_time_keys": { &of.user_id: { &of.device_id: "signed_curve25519" } } });
    let answer = by.post("/v3/keys/claim", wanted).await.ok();
    answer["one_time_keys"][&of.user_id][&of.device_id].clone()
}

/// The name of the one key that was claimed.
fn name(claimed: &Value) -> &str {
    let keys: Vec<_> = claimed.as_object().into_iter().flatten().collect();
    assert!(keys.len() <= 1, "{claimed}");
    keys.first().map_or("", |(name, _)| name)
}

#[tokio::test]
async fn others_find_the_devices_of_a_user_with_their_names() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    publish(&alice).await;
    let name = json!({ "display_name": "Telephone" });
    alice.put(&format!("/v3/devices/{}", alice.device_id), name).await.ok();
    let silent = server.log_in("alice").await;

    let wanted = json!({ "device_keys": { &alice.user_id: [], "@nobody:localhost": [], &bob.user_id: [] } });
    let found = bob.post("/v3/keys/query", wanted).await.ok();
    let mut expected = device_keys(&alice);
    expected["unsigned"] = json!({ "device_display_name": "Telephone" });
    let device_keys = &found["device_keys"];
    assert_eq!(device_keys[&alice.user_id], json!({ &alice.device_id: expected }));
    assert_eq!(device_keys[&bob.user_id], json!({}), "he has an account and no keys");
    assert!(device_keys.get("@nobody:localhost").is_none(), "{found}");
    assert_eq!(found["failures"], json!({}));

    let wanted = json!({ "device_keys": { &alice.user_id: [&silent.device_id, "NOSUCH"] } });
    let found = bob.post("/v3/keys/query", wanted).await.ok();
    assert_eq!(found["device_keys"][&alice.user_id], json!({}));

    let wanted = json!({ "device_keys": { "@carol:elsewhere.example": [] } });
    let found = bob.post("/v3/keys/query", wanted).await.ok();
    assert!(found["failures"]["elsewhere.example"].is_object(), "{found}");
}

#[tokio::test]
async fn one_time_keys_are_handed_out_in_order_and_then_the_fallback_key() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let mut fallback = signed_key(&alice, 900);
    fallback["fallback"] = json!(true);
    let upload = json!({
        "device_keys": device_keys(&alice),
        "one_time_keys": one_time_keys(&alice, 1..2),
        "fallback_keys": { "signed_curve25519:F": fallback },
    });
    let answer = alice.post("/v3/keys/upload", upload).await.ok();
    assert_eq!(answer, json!({ "one_time_key_counts": { "signed_curve25519": 1 } }));
    let answer = alice.post("/v3/keys/upload", json!({ "one_time_keys": one_time_keys(&alice, 0..1) })).await.ok();
    assert_eq!(answer["one_time_key_counts"]["signed_curve25519"], 2);
    assert_eq!(counts(&alice).await, (json!(2), json!(["signed_curve25519"])));

    let first = claim(&bob, &alice).await;
    assert_eq!(first, json!({ "signed_curve25519:K1": signed_key(&alice, 1) }), "uploaded first");
    assert_eq!(counts(&alice).await, (json!(1), json!(["signed_curve25519"])));
    assert_eq!(name(&claim(&bob, &alice).await), "signed_curve25519:K0");
    assert_eq!(counts(&alice).await, (Value::Null, json!(["signed_curve25519"])));
    for _ in 0..2 {
        assert_eq!(claim(&bob, &alice).await, json!({ "signed_curve25519:F": fallback }));
    }
    assert_eq!(counts(&alice).await, (Value::Null, json!([])), "the fallback key is used");

    // The same one again is no new one; another one is.
    let again = json!({ "fallback_keys": { "signed_curve25519:F": fallback } });
    alice.post("/v3/keys/upload", again).await.ok();
    assert_eq!(counts(&alice).await.1, json!([]));
    let another = json!({ "fallback_keys": { "signed_curve25519:G": signed_key(&alice, 901) } });
    alice.post("/v3/keys/upload", another).await.ok();
    assert_eq!(counts(&alice).await.1, json!(["signed_curve25519"]));
    assert_eq!(name(&claim(&bob, &alice).await), "signed_curve25519:G");

    let other_algorithm = json!({ "one_time_keys": { &alice.user_id: { &alice.device_id: "new" } } });
    assert_eq!(bob.post("/v3/keys/claim", other_algorithm).await.ok()["one_time_keys"], json!({}));
}

#[tokio::test]
async fn fifty_at_once_get_fifty_keys_and_each_another_one() {
    let mut server = TestServer::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    alice.post("/v3/keys/upload", json!({ "one_time_keys": one_time_keys(&alice, 0..45) })).await.ok();

    let claims = (0..50).map(|_| {
        let (alice, bob) = (alice.clone(), bob.clone());
        tokio::spawn(async move { name(&claim(&bob, &alice).await).to_owned() })
    });
    let mut names = Vec::new();
    for claim in claims.collect::<Vec<_>>() {
        names.push(claim.await.unwrap());
    }
    names.retain(|name| !name.is_empty());
    assert_eq!(names.len(), 45, "five came too late");
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), 45, "a key was handed out twice: {names:?}");

    // Not after a restart either.
    server.restart().await;
    let bob = bob.at(server.base_url());
    assert_eq!(claim(&bob, &alice).await, Value::Null);
    server.stop_whole().await;
}

#[tokio::test]
async fn a_waiting_sync_learns_that_the_keys_have_run_out() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    alice.post("/v3/keys/upload", json!({ "one_time_keys": one_time_keys(&alice, 0..1) })).await.ok();
    let since = alice.get("/v3/sync?timeout=0").await.ok()["next_batch"].as_str().unwrap().to_owned();
    let waiting = {
        let alice = alice.clone();
        tokio::spawn(async move { alice.get(&format!("/v3/sync?timeout=20000&since={since}")).await.ok() })
    };
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    claim(&bob, &alice).await;
    let told = tokio::time::timeout(std::time::Duration::from_secs(5), waiting).await.expect("woken").unwrap();
    assert_eq!(told["device_one_time_keys_count"], json!({}), "{told}");
}

#[tokio::test]
async fn keys_that_are_none_or_of_others_are_refused() {
    let server = TestServer::start().await;
    let alice = server.register("alice").await;
    let upload = async |field: &str, value: Value| {
        let mut keys = device_keys(&alice);
        keys[field] = value;
        alice.post("/v3/keys/upload", json!({ "device_keys": keys })).await
    };
    upload("user_id", json!("@bob:localhost")).await.refused(400, "M_INVALID_PARAM");
    upload("device_id", json!("OTHER")).await.refused(400, "M_INVALID_PARAM");
    upload("keys", json!({ "ed25519:A": 1 })).await.refused(400, "M_BAD_JSON");
    upload("algorithms", json!("m.olm")).await.refused(400, "M_BAD_JSON");
    upload("signatures", json!([])).await.refused(400, "M_BAD_JSON");
    upload("more", json!("x".repeat(20_000))).await.refused(413, "M_TOO_LARGE");

    let one_time = async |keys: Value| alice.post("/v3/keys/upload", json!({ "one_time_keys": keys })).await;
    one_time(json!({ "signed_curve25519:A": { "key": "without signatures" } })).await.refused(400, "M_INVALID_PARAM");
    one_time(json!({ "nocolon": public_key(1) })).await.refused(400, "M_INVALID_PARAM");
    one_time(one_time_keys(&alice, 0..1001)).await.refused(413, "M_TOO_LARGE");

    // What a key is made of is for clients to judge.
    let made_up = json!({ "signed_curve25519:S": { "key": "short", "signatures": {} } });
    alice.post("/v3/keys/upload", json!({ "one_time_keys": made_up })).await.ok();

    // The same key once more is the same key; another under its name is an error, and changes nothing.
    one_time(one_time_keys(&alice, 0..2)).await.ok();
    one_time(one_time_keys(&alice, 0..2)).await.ok();
    one_time(json!({ "signed_curve25519:K1": signed_key(&alice, 7) })).await.refused(400, "M_INVALID_PARAM");
    assert_eq!(counts(&alice).await.0, json!(3));
}

#[tokio::test]
async fn what_a_device_published_goes_with_it() {
    let mut server = TestServer::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let phone = server.log_in("alice").await;
    for device in [&alice, &phone] {
        publish_all(device).await;
    }
    phone.post("/v3/logout", json!({})).await.ok();
    let wanted = json!({ "device_keys": { &alice.user_id: [] } });
    let found = bob.post("/v3/keys/query", wanted.clone()).await.ok();
    let devices: Vec<_> = found["device_keys"][&alice.user_id].as_object().unwrap().keys().collect();
    assert_eq!(devices, [&alice.device_id]);
    assert_eq!(claim(&bob, &phone).await, Value::Null);
    assert_eq!(name(&claim(&bob, &alice).await), "signed_curve25519:K0");

    let auth = json!({ "type": "m.login.password", "user": "alice", "password": PASSWORD });
    alice.post("/v3/account/deactivate", json!({ "auth": auth })).await.ok();
    assert_eq!(bob.post("/v3/keys/query", wanted).await.ok()["device_keys"][&alice.user_id], json!({}));
    assert_eq!(claim(&bob, &alice).await, Value::Null);
    server.stop_whole().await;
}
