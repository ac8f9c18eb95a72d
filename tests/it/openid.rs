//! OpenID tokens: who one is, told to another service.

use std::time::Duration;

use serde_json::{Value, json};

use crate::common::{PASSWORD, TestClient, TestServer};

const REQUEST: &str = "/v3/user/@alice:localhost/openid/request_token";

/// As another service asks.
async fn redeem(service: &TestClient, token: &str) -> crate::common::Answer {
    service.get(&format!("/_matrix/federation/v1/openid/userinfo?access_token={token}")).await
}

#[tokio::test]
async fn another_service_learns_who_somebody_is() {
    let mut server = TestServer::builder().manual_clock().start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let answer: Value = alice.post(REQUEST, json!({})).await.ok();
    assert_eq!(answer["token_type"], "Bearer");
    assert_eq!(answer["matrix_server_name"], "localhost");
    assert_eq!(answer["expires_in"], 3600);
    let token = answer["access_token"].as_str().unwrap();
    assert_eq!(redeem(&server.anonymous(), token).await.ok(), json!({ "sub": "@alice:localhost" }));

    // It is good for nothing else, and nobody has one of somebody else's.
    let mut thief = server.anonymous();
    thief.access_token = token.to_owned();
    thief.get("/v3/account/whoami").await.refused(401, "M_UNKNOWN_TOKEN");
    thief.post(REQUEST, json!({})).await.refused(401, "M_UNKNOWN_TOKEN");
    bob.post(REQUEST, json!({})).await.refused(403, "M_FORBIDDEN");
    server.anonymous().post(REQUEST, json!({})).await.refused(401, "M_MISSING_TOKEN");

    // It outlives a restart, but not its hour.
    server.restart().await;
    server.advance(Duration::from_secs(3599));
    redeem(&server.anonymous(), token).await.ok();
    server.advance(Duration::from_secs(1));
    redeem(&server.anonymous(), token).await.refused(401, "M_UNKNOWN_TOKEN");
}

#[tokio::test]
async fn tokens_that_are_none_or_changed_are_refused() {
    let server = TestServer::start().await;
    let alice = server.register("alice").await;
    let answer = alice.post(REQUEST, json!({})).await.ok();
    let token = answer["access_token"].as_str().unwrap();
    let service = server.anonymous();
    service.get("/_matrix/federation/v1/openid/userinfo").await.refused(401, "M_MISSING_TOKEN");
    for wrong in ["", "x", "%FF", &token[1..], &token[..token.len() - 2], &"A".repeat(10_000), &alice.access_token] {
        let answer = redeem(&service, wrong).await;
        assert!(matches!(answer.status, 400 | 401), "{wrong}: {} {}", answer.status, answer.body);
    }
    for place in 0..token.len() {
        let other = if token.as_bytes()[place] == b'A' { "B" } else { "A" };
        let changed = [&token[..place], other, &token[place + 1..]].concat();
        redeem(&service, &changed).await.refused(401, "M_UNKNOWN_TOKEN");
    }

    let auth = json!({ "type": "m.login.password", "user": "alice", "password": PASSWORD });
    alice.post("/v3/account/deactivate", json!({ "auth": auth })).await.ok();
    redeem(&service, token).await.refused(401, "M_UNKNOWN_TOKEN");
}
