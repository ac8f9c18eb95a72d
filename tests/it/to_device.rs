//! Messages to devices: each arrives once, in order, whatever happens in between.

use std::time::Duration;

use serde_json::{Value, json};

use crate::common::{TestClient, TestServer};

async fn send(by: &TestClient, transaction: &str, to: (&str, &str), content: Value) {
    let body = json!({ "messages": { to.0: { to.1: content } } });
    by.put(&format!("/v3/sendToDevice/org.example.note/{transaction}"), body).await.ok();
}

/// The numbers of the notes that a sync brings, and the token behind them.
async fn sync(client: &TestClient, since: &str) -> (Vec<u64>, String) {
    let since = if since.is_empty() { String::new() } else { format!("&since={since}") };
    let body = client.get(&format!("/v3/sync?timeout=0{since}")).await.ok();
    (notes(&body), body["next_batch"].as_str().unwrap().to_owned())
}

fn notes(sync: &Value) -> Vec<u64> {
    let events = sync["to_device"]["events"].as_array().into_iter().flatten();
    events.map(|event| event["content"]["n"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn a_message_reaches_one_device_or_all() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let phone = server.log_in("alice").await;
    send(&bob, "1", (&alice.user_id, &phone.device_id), json!({ "n": 1 })).await;
    send(&bob, "2", (&alice.user_id, "*"), json!({ "n": 2 })).await;
    // Each device gets one message of a request: the one that is meant for it.
    let both = json!({ "messages": { &alice.user_id: { "*": { "n": 3 }, &phone.device_id: { "n": 4 } } } });
    bob.put("/v3/sendToDevice/org.example.note/3", both).await.ok();
    send(&bob, "4", (&alice.user_id, "NOSUCH"), json!({ "n": 5 })).await;
    send(&bob, "5", ("@nobody:localhost", "*"), json!({ "n": 6 })).await;

    assert_eq!(sync(&alice, "").await.0, [2, 3]);
    assert_eq!(sync(&phone, "").await.0, [1, 2, 4]);
    let told = phone.get("/v3/sync?timeout=0").await.ok();
    let expected = json!({ "type": "org.example.note", "sender": bob.user_id, "content": { "n": 1 } });
    assert_eq!(told["to_device"]["events"][0], expected);
}

#[tokio::test]
async fn messages_come_until_the_next_token_says_that_they_did() {
    let mut server = TestServer::start().await;
    let alice = server.register("alice").await;
    let to = (alice.user_id.as_str(), alice.device_id.as_str());
    let (_, start) = sync(&alice, "").await;
    send(&alice, "1", to, json!({ "n": 1 })).await;
    let (told, token) = sync(&alice, &start).await;
    assert_eq!(told, [1]);
    assert_eq!(sync(&alice, &start).await.0, [1], "the answer may have been lost");
    server.restart().await;
    let alice = alice.at(server.base_url());
    assert_eq!(sync(&alice, &start).await.0, [1], "nor does a restart lose it");

    send(&alice, "2", to, json!({ "n": 2 })).await;
    let (told, next) = sync(&alice, &token).await;
    assert_eq!(told, [2]);
    // What is written behind it has landed, so the deletion has too.
    send(&alice, "3", to, json!({ "n": 3 })).await;
    assert_eq!(sync(&alice, "").await.0, [2, 3], "the first one was acknowledged");
    let (told, last) = sync(&alice, &next).await;
    assert_eq!(told, [3]);
    assert_eq!(sync(&alice, &last).await.0, [0; 0]);
    send(&alice, "4", to, json!({ "n": 4 })).await;
    assert_eq!(sync(&alice, "").await.0, [4]);
    server.stop_whole().await;
}

#[tokio::test]
async fn a_hundred_come_at_once_and_the_rest_at_once_behind_them() {
    let server = TestServer::start().await;
    let alice = server.register("alice").await;
    let to = (alice.user_id.as_str(), alice.device_id.as_str());
    let (_, start) = sync(&alice, "").await;
    for n in 0..230 {
        send(&alice, &n.to_string(), to, json!({ "n": n })).await;
    }
    let (mut token, mut told) = (start, Vec::new());
    for expected in [100, 100, 30] {
        // None of them waits, though nothing happens in between.
        let path = format!("/v3/sync?timeout=20000&since={token}");
        let answer = tokio::time::timeout(Duration::from_secs(5), alice.get(&path)).await;
        let body = answer.expect("at once").ok();
        assert_eq!(notes(&body).len(), expected);
        told.extend(notes(&body));
        token = body["next_batch"].as_str().unwrap().to_owned();
    }
    assert_eq!(told, (0..230).collect::<Vec<_>>());
    assert_eq!(sync(&alice, &token).await.0, [0; 0]);
}

#[tokio::test]
async fn a_request_that_is_sent_again_has_no_second_effect() {
    let mut server = TestServer::start().await;
    let alice = server.register("alice").await;
    let to = (alice.user_id.clone(), alice.device_id.clone());
    send(&alice, "same", (&to.0, &to.1), json!({ "n": 1 })).await;
    send(&alice, "same", (&to.0, &to.1), json!({ "n": 1 })).await;
    server.restart().await;
    let alice = alice.at(server.base_url());
    send(&alice, "same", (&to.0, &to.1), json!({ "n": 1 })).await;
    assert_eq!(sync(&alice, "").await.0, [1]);
    server.stop_whole().await;
}

#[tokio::test]
async fn a_waiting_sync_is_woken() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let (_, since) = sync(&alice, "").await;
    let waiting = {
        let alice = alice.clone();
        tokio::spawn(async move { alice.get(&format!("/v3/sync?timeout=20000&since={since}")).await.ok() })
    };
    tokio::time::sleep(Duration::from_millis(200)).await;
    send(&bob, "1", (&alice.user_id, "*"), json!({ "n": 1 })).await;
    let told = tokio::time::timeout(Duration::from_secs(5), waiting).await.expect("woken").unwrap();
    assert_eq!(notes(&told), [1]);
}

#[tokio::test]
async fn what_is_too_much_is_refused_and_messages_go_with_their_device() {
    let mut server = TestServer::start().await;
    let alice = server.register("alice").await;
    let phone = server.log_in("alice").await;
    let body = |content: Value| json!({ "messages": { &alice.user_id: { "*": content } } });
    let put = async |content| alice.put("/v3/sendToDevice/org.example.note/x", body(content)).await;
    put(json!({ "n": 1, "much": "x".repeat(70_000) })).await.refused(413, "M_TOO_LARGE");
    put(json!("text")).await.refused(400, "M_BAD_JSON");
    send(&alice, "1", (&alice.user_id, "*"), json!({ "n": 1 })).await;
    assert_eq!(sync(&phone, "").await.0, [1]);
    let id = phone.device_id.clone();
    phone.post("/v3/logout", json!({})).await.ok();
    let again = json!({
        "type": "m.login.password", "identifier": { "type": "m.id.user", "user": "alice" },
        "password": crate::common::PASSWORD, "device_id": id,
    });
    let session = server.anonymous().post("/v3/login", again).await.ok();
    let phone = server.anonymous().with_session(&session);
    assert_eq!(sync(&phone, "").await.0, [0; 0], "a new device of the old name");
    server.stop_whole().await;
}
