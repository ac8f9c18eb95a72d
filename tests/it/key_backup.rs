//! Backups of keys: versions, keys by room and session, and which of two keys stays.

use serde_json::{Value, json};

use crate::common::{PASSWORD, TestClient, TestServer};

const ALGORITHM: &str = "m.megolm_backup.v1.curve25519-aes-sha2";

async fn new_version(client: &TestClient) -> String {
    let body = json!({ "algorithm": ALGORITHM, "auth_data": { "public_key": "abc" } });
    let answer = client.post("/v3/room_keys/version", body).await.ok();
    answer["version"].as_str().unwrap().to_owned()
}

fn key(is_verified: bool, first_message_index: u64, forwarded_count: u64, data: &str) -> Value {
    json!({
        "is_verified": is_verified, "first_message_index": first_message_index, "forwarded_count": forwarded_count,
        "session_data": { "ciphertext": data },
    })
}

#[tokio::test]
async fn keys_are_kept_by_room_and_session_and_come_back() {
    let mut server = TestServer::start().await;
    let alice = server.register("alice").await;
    let version = new_version(&alice).await;
    let path = |rest: &str| format!("/v3/room_keys/keys{rest}?version={version}");
    assert_eq!(alice.get(&path("")).await.ok(), json!({ "rooms": {} }));
    assert_eq!(alice.get(&path("/!a:localhost")).await.ok(), json!({ "sessions": {} }));
    alice.get(&path("/!a:localhost/s1")).await.refused(404, "M_NOT_FOUND");

    let stored = alice.put(&path("/!a:localhost/s1"), key(false, 1, 0, "one")).await.ok();
    assert_eq!(stored["count"], 1);
    let first_etag = stored["etag"].clone();
    let sessions = json!({ "sessions": { "s2": key(true, 0, 0, "two") } });
    assert_eq!(alice.put(&path("/!a:localhost"), sessions).await.ok()["count"], 2);
    let rooms = json!({ "rooms": { "!b:localhost": { "sessions": { "s+/1": key(false, 3, 1, "three") } } } });
    let stored = alice.put(&path(""), rooms).await.ok();
    assert_eq!(stored["count"], 3);
    assert_ne!(stored["etag"], first_etag);

    server.restart().await;
    let alice = alice.at(server.base_url());
    let all = alice.get(&path("")).await.ok();
    let expected = json!({ "rooms": {
        "!a:localhost": { "sessions": { "s1": key(false, 1, 0, "one"), "s2": key(true, 0, 0, "two") } },
        "!b:localhost": { "sessions": { "s+/1": key(false, 3, 1, "three") } },
    } });
    assert_eq!(all, expected);
    assert_eq!(alice.get(&path("/!a:localhost")).await.ok(), expected["rooms"]["!a:localhost"]);
    assert_eq!(alice.get(&path("/!b:localhost/s%2B%2F1")).await.ok(), key(false, 3, 1, "three"));
    let about = alice.get("/v3/room_keys/version").await.ok();
    assert_eq!((&about["version"], &about["count"], &about["etag"]), (&json!(version), &json!(3), &stored["etag"]));
    assert_eq!((&about["algorithm"], &about["auth_data"]), (&json!(ALGORITHM), &json!({ "public_key": "abc" })));

    // What isn't there is deleted as well; nothing has changed then.
    let deleted = alice.delete(&path("/!a:localhost/s9"), json!({})).await.ok();
    assert_eq!(deleted, json!({ "count": 3, "etag": stored["etag"] }));
    assert_eq!(alice.delete(&path("/!a:localhost/s1"), json!({})).await.ok()["count"], 2);
    assert_eq!(alice.delete(&path("/!a:localhost"), json!({})).await.ok()["count"], 1);
    assert_eq!(alice.delete(&path(""), json!({})).await.ok()["count"], 0);
    assert_eq!(alice.get(&path("")).await.ok(), json!({ "rooms": {} }));
    server.stop_whole().await;
}

#[tokio::test]
async fn the_better_key_stays() {
    let server = TestServer::start().await;
    let alice = server.register("alice").await;
    let path = format!("/v3/room_keys/keys/!a:localhost/s?version={}", new_version(&alice).await);
    let steps = [
        (key(false, 5, 5, "first"), "first"),
        (key(false, 5, 5, "equal"), "first"),
        (key(false, 6, 0, "begins later"), "first"),
        (key(false, 5, 4, "passed on less"), "passed on less"),
        (key(false, 4, 9, "begins earlier"), "begins earlier"),
        (key(true, 9, 9, "verified"), "verified"),
        (key(false, 0, 0, "not verified"), "verified"),
    ];
    let mut etag = Value::Null;
    for (key, stays) in steps {
        let is_better = key["session_data"]["ciphertext"] == stays;
        let stored = alice.put(&path, key).await.ok();
        assert_eq!(stored["count"], 1);
        assert_eq!(stored["etag"] != etag, is_better, "the etag changes with the keys, and only then: {stored}");
        etag = stored["etag"].clone();
        assert_eq!(alice.get(&path).await.ok()["session_data"]["ciphertext"], stays);
    }
}

#[tokio::test]
async fn only_the_newest_version_takes_keys() {
    let mut server = TestServer::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    alice.get("/v3/room_keys/version").await.refused(404, "M_NOT_FOUND");
    let put = async |version: &str| {
        alice.put(&format!("/v3/room_keys/keys/!a:localhost/s?version={version}"), key(false, 0, 0, "x")).await
    };
    put("1").await.refused(404, "M_NOT_FOUND");
    let (old, new) = (new_version(&alice).await, new_version(&alice).await);
    let refused = put(&old).await.refused(403, "M_WRONG_ROOM_KEYS_VERSION");
    assert_eq!(refused["current_version"], new);
    put(&new).await.ok();
    alice.put("/v3/room_keys/keys/!a:localhost/s", key(false, 0, 0, "x")).await.refused(400, "M_MISSING_PARAM");
    let of_bob = format!("/v3/room_keys/keys?version={new}");
    bob.get(&of_bob).await.refused(404, "M_NOT_FOUND");

    let path = format!("/v3/room_keys/version/{old}");
    let change = |algorithm: &str, version: &str| json!({ "algorithm": algorithm, "auth_data": { "public_key": "new" }, "version": version });
    alice.put(&path, change("other", &old)).await.refused(400, "M_INVALID_PARAM");
    alice.put(&path, change(ALGORITHM, &new)).await.refused(400, "M_INVALID_PARAM");
    alice.put(&path, change(ALGORITHM, &old)).await.ok();
    assert_eq!(alice.get(&path).await.ok()["auth_data"]["public_key"], "new");
    alice.put("/v3/room_keys/version/77", change(ALGORITHM, "77")).await.refused(404, "M_NOT_FOUND");

    // With the newest gone, the one before is current again.
    let path = format!("/v3/room_keys/version/{new}");
    alice.delete(&path, json!({})).await.ok();
    alice.delete(&path, json!({})).await.ok();
    alice.delete("/v3/room_keys/version/77", json!({})).await.refused(404, "M_NOT_FOUND");
    alice.get(&path).await.refused(404, "M_NOT_FOUND");
    alice.get(&format!("/v3/room_keys/keys?version={new}")).await.refused(404, "M_NOT_FOUND");
    assert_eq!(alice.get("/v3/room_keys/version").await.ok()["version"], old);
    put(&old).await.ok();
    assert_ne!(new_version(&alice).await, new, "no number comes twice");
    put(&old).await.refused(403, "M_WRONG_ROOM_KEYS_VERSION");

    let auth = json!({ "type": "m.login.password", "user": "alice", "password": PASSWORD });
    alice.post("/v3/account/deactivate", json!({ "auth": auth })).await.ok();
    server.stop_whole().await;
}
