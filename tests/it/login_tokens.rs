//! One client lets another in, by a token.

use std::time::Duration;

use serde_json::{Value, json};

use crate::common::{PASSWORD, TestClient, TestServer};

const GET_TOKEN: &str = "/v1/login/get_token";

/// Proves who one is, and gets a token.
async fn token(client: &TestClient) -> String {
    let begun = client.post(GET_TOKEN, json!({})).await;
    assert_eq!(begun.status, 401, "{}", begun.body);
    assert_eq!(begun.body["flows"], json!([{ "stages": ["m.login.password"] }]));
    let auth = json!({ "type": "m.login.password", "session": begun.body["session"], "password": PASSWORD });
    let answer = client.post(GET_TOKEN, json!({ "auth": auth })).await.ok();
    assert_eq!(answer["expires_in_ms"], 120_000);
    // Each token asks for consent anew.
    assert_eq!(client.post(GET_TOKEN, json!({ "auth": auth })).await.status, 401);
    answer["login_token"].as_str().unwrap().to_owned()
}

fn login(token: &str) -> Value {
    json!({ "type": "m.login.token", "token": token, "initial_device_display_name": "television" })
}

#[tokio::test]
async fn a_client_lets_one_other_in() {
    let server = TestServer::start().await;
    let alice = server.register("alice").await;
    let flows = server.anonymous().get("/v3/login").await.ok()["flows"].clone();
    assert!(flows.as_array().unwrap().contains(&json!({ "type": "m.login.token", "get_login_token": true })));
    assert_eq!(alice.get("/v3/capabilities").await.ok()["capabilities"]["m.get_login_token"]["enabled"], true);

    let token = token(&alice).await;
    let television = server.anonymous().post("/v3/login", login(&token)).await.ok();
    let television = server.anonymous().with_session(&television);
    assert_eq!(television.user_id, alice.user_id);
    let device = television.get(&format!("/v3/devices/{}", television.device_id)).await.ok();
    assert_eq!(device["display_name"], "television");
    server.anonymous().post("/v3/login", login(&token)).await.refused(403, "M_FORBIDDEN");
}

#[tokio::test]
async fn tokens_end_and_are_nobody_elses() {
    let server = TestServer::builder().manual_clock().start().await;
    let alice = server.register("alice").await;
    let late = token(&alice).await;
    server.advance(Duration::from_secs(120));
    let anybody = server.anonymous();
    anybody.post("/v3/login", login(&late)).await.refused(403, "M_FORBIDDEN");
    anybody.post("/v3/login", login(&alice.access_token)).await.refused(403, "M_FORBIDDEN");
    anybody.post("/v3/login", json!({ "type": "m.login.token" })).await.refused(400, "M_MISSING_PARAM");
    anybody.post(GET_TOKEN, json!({})).await.refused(401, "M_MISSING_TOKEN");

    let token = token(&alice).await;
    let auth = json!({ "type": "m.login.password", "user": "alice", "password": PASSWORD });
    alice.post("/v3/account/deactivate", json!({ "auth": auth })).await.ok();
    anybody.post("/v3/login", login(&token)).await.refused(403, "M_USER_DEACTIVATED");
}
