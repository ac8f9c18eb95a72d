//! Who a server is: its keys, what it signs, and whose requests it believes.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{Json, Router, routing::get};
use reqwest::Method;
use ruma::CanonicalJsonObject;
use salon::{
    event::{PublicKey, SigningKey, is_signed_with},
    net::{Ask, KeyAnswer, RequestToSign},
    store::{Store, StoreOptions},
};
use serde_json::{Value, json};

use crate::common::{
    Answer, Federation, Peer, TestServer,
    federation::{object, signed_keys},
};

/// Any endpoint that needs a signature.
const ASK: &str = "/_matrix/federation/v1/query/profile?user_id=@alice:a.test";

#[tokio::test]
async fn a_server_publishes_its_keys_signed_by_itself() {
    let server = TestServer::start().await;
    let answer = server.anonymous().get("/_matrix/key/v2/server").await.ok();
    let now = server.app().clock.now_ms();
    let read = KeyAnswer::read(object(answer.clone()), "localhost".try_into().unwrap(), now).unwrap();
    assert_eq!(read.keys.len(), 1);
    assert!(read.valid_until_ms > now + 3_600_000);
    assert_eq!(answer["old_verify_keys"], json!({}));
    let version = server.anonymous().get("/_matrix/federation/v1/version").await.ok();
    assert_eq!(version["server"]["name"], "Salon");
    server.anonymous().get("/.well-known/matrix/server").await.refused(404, "M_NOT_FOUND");
}

#[tokio::test]
async fn where_a_server_is_found_is_told_from_the_config() {
    let server = TestServer::builder()
        .config(|config| config.federation.delegate_to = Some("matrix.example.org:443".try_into().unwrap()))
        .start()
        .await;
    let answer = server.anonymous().get("/.well-known/matrix/server").await.ok();
    assert_eq!(answer, json!({ "m.server": "matrix.example.org:443" }));
}

#[tokio::test]
async fn a_notary_vouches_for_keys_also_of_a_server_that_is_gone() {
    let mut federation = Federation::of(&["a.test", "b.test"]).await;
    let a = federation.server("a.test").await;
    let mut b = federation.server("b.test").await;
    let of_a = a.anonymous().get("/_matrix/key/v2/server").await.ok();
    let (id, key) = of_a["verify_keys"].as_object().unwrap().iter().next().unwrap();
    let key_of_a = PublicKey::from_base64(key["key"].as_str().unwrap()).unwrap();

    let answer = a.anonymous().get("/_matrix/key/v2/query/b.test").await.ok();
    let keys = object(answer["server_keys"][0].clone());
    assert!(is_signed_with(&keys, "a.test", id, &key_of_a));
    KeyAnswer::read(keys, "b.test".try_into().unwrap(), a.app().clock.now_ms()).unwrap();

    b.stop().await;
    let criteria = json!({ "server_keys": { "b.test": {}, "a.test": {}, "c.test": {} } });
    let answer = a.anonymous().post("/_matrix/key/v2/query", criteria).await.ok();
    let mut names: Vec<_> = answer["server_keys"].as_array().unwrap().iter().map(|keys| &keys["server_name"]).collect();
    names.sort_by_key(|name| name.as_str());
    assert_eq!(names, ["a.test", "b.test"]);
}

#[tokio::test]
async fn requests_have_to_be_signed_by_who_sends_them_and_for_who_gets_them() {
    let mut federation = Federation::of(&["a.test", "b.test", "c.test"]).await;
    let a = federation.server("a.test").await;
    a.register("alice").await;
    let b = federation.peer("b.test", Router::new());
    let c = federation.peer("c.test", Router::new());
    b.ask("a.test", Ask::get(ASK)).await.unwrap();

    let signed = |origin: &str, destination: &str, key: &SigningKey, uri: &str| {
        let request = RequestToSign {
            method: "GET",
            uri,
            origin: origin.try_into().unwrap(),
            destination: destination.try_into().unwrap(),
            content: None,
        };
        let signature = key.sign_base64(request.canonical().as_bytes());
        format!("X-Matrix origin={origin},destination=\"{destination}\",key=\"{}\",sig=\"{signature}\"", key.id())
    };
    let ask = async |authorization: Option<String>| {
        let request = a.anonymous().request(Method::GET, ASK);
        let request = match authorization {
            Some(authorization) => request.header("authorization", authorization),
            None => request,
        };
        Answer::to(request).await
    };
    ask(Some(signed("b.test", "a.test", &b.key, ASK))).await.ok();
    ask(None).await.refused(401, "M_UNAUTHORIZED");
    ask(Some("Bearer x".to_owned())).await.refused(401, "M_UNAUTHORIZED");
    ask(Some(signed("b.test", "c.test", &b.key, ASK))).await.refused(401, "M_UNAUTHORIZED");
    ask(Some(signed("b.test", "a.test", &c.key, ASK))).await.refused(401, "M_UNAUTHORIZED");
    ask(Some(signed("b.test", "a.test", &b.key, "/other"))).await.refused(401, "M_UNAUTHORIZED");
    ask(Some(signed("nowhere.test", "a.test", &b.key, ASK))).await.refused(401, "M_UNAUTHORIZED");
    // Nobody speaks in the name of the server that is asked.
    ask(Some(signed("a.test", "a.test", &b.key, ASK))).await.refused(403, "M_FORBIDDEN");
}

#[tokio::test]
async fn the_signature_covers_the_body() {
    let mut federation = Federation::of(&["a.test", "b.test"]).await;
    let a = federation.server("a.test").await;
    let b = federation.peer("b.test", Router::new());
    let uri = "/_matrix/federation/v1/send/1";
    let body = json!({ "origin": "b.test", "origin_server_ts": 1, "pdus": [] });
    let send = async |signed: &Value, sent: String| {
        let content = ruma::CanonicalJsonValue::Object(object(signed.clone())).to_string();
        let request = RequestToSign {
            method: "PUT",
            uri,
            origin: &b.name,
            destination: "a.test".try_into().unwrap(),
            content: Some(&content),
        };
        let signature = b.key.sign_base64(request.canonical().as_bytes());
        let header = format!("X-Matrix origin=\"b.test\",key=\"{}\",sig=\"{signature}\"", b.key.id());
        Answer::to(a.anonymous().request(Method::PUT, uri).header("authorization", header).body(sent)).await
    };
    // However it is written down: what counts is canonical JSON.
    send(&body, format!(" {} ", serde_json::to_string_pretty(&body).unwrap())).await.ok();
    let other = json!({ "origin": "b.test", "origin_server_ts": 2, "pdus": [] });
    send(&body, other.to_string()).await.refused(401, "M_UNAUTHORIZED");
    send(&body, "{".to_owned()).await.refused(400, "M_NOT_JSON");
    send(&body, format!(r#"{{"a":{}1{}}}"#, "[".repeat(5000), "]".repeat(5000))).await.refused(400, "M_NOT_JSON");
}

#[tokio::test]
async fn blocked_servers_are_not_dealt_with() {
    let mut federation = Federation::of(&["a.test", "b.test"]).await;
    let block = |config: &mut salon::config::Config| config.federation.blocked_servers = vec!["b.*".to_owned()];
    let a = federation.builder("a.test").config(block).start().await;
    let b = federation.peer("b.test", Router::new());
    Peer::refused(b.ask("a.test", Ask::get(ASK)).await, 403, "M_FORBIDDEN");
    let answer = a.anonymous().get("/_matrix/key/v2/query/b.test").await.ok();
    assert_eq!(answer["server_keys"], json!([]));
}

#[tokio::test]
async fn an_old_key_is_published_as_such_after_another_took_its_place() {
    let mut server = TestServer::start().await;
    let before = server.anonymous().get("/_matrix/key/v2/server").await.ok();
    server.stop().await;
    let folder = server.config().data_dir.clone();
    let rotate = move || {
        let store = Store::open(&folder, StoreOptions::default()).unwrap();
        salon::net::keys::rotate(&store, &SigningKey::generate(&rand::random()), 1234).unwrap();
    };
    tokio::task::spawn_blocking(rotate).await.unwrap();
    server.restart().await;
    let after = server.anonymous().get("/_matrix/key/v2/server").await.ok();
    let (id, key) = before["verify_keys"].as_object().unwrap().iter().next().unwrap();
    assert_eq!(after["old_verify_keys"], json!({ id: { "key": key["key"], "expired_ts": 1234 } }));
    assert!(after["verify_keys"][id].is_null() && after["verify_keys"].as_object().unwrap().len() == 1);
    server.stop_whole().await;
}

/// A server whose keys differ at each request, and how often it was asked for them.
fn fickle_keys(name: &'static str) -> (Router, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = asked.clone();
    let answer = move || {
        counter.fetch_add(1, Ordering::SeqCst);
        let key = SigningKey::generate(&rand::random());
        async move { Json::<CanonicalJsonObject>(signed_keys(name.try_into().unwrap(), &key, 1 << 50)) }
    };
    (Router::new().route("/_matrix/key/v2/server", get(answer)), asked)
}

#[tokio::test]
async fn keys_are_not_asked_for_again_at_once_however_many_requests_come() {
    let mut federation = Federation::of(&["a.test", "b.test"]).await;
    let a = federation.builder("a.test").manual_clock().start().await;
    let (routes, asked) = fickle_keys("b.test");
    crate::common::federation::serve(federation.listener("b.test", 8448), routes);
    let ask = async || {
        let header = "X-Matrix origin=b.test,key=\"ed25519:a\",sig=\"c2ln\"";
        let request = a.anonymous().request(Method::GET, ASK).header("authorization", header);
        Answer::to(request).await.refused(401, "M_UNAUTHORIZED");
    };
    let mut all = Vec::new();
    for _ in 0..20 {
        all.push(ask());
    }
    for asking in all {
        asking.await;
    }
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    a.advance(Duration::from_secs(61));
    ask().await;
    assert_eq!(asked.load(Ordering::SeqCst), 2);
}
