//! Registration, login and logout.

use serde_json::json;

use crate::common::{PASSWORD, TestServer, encode};

#[tokio::test]
async fn a_newcomer_registers_by_the_stages_that_the_server_names() {
    let server = TestServer::start().await;
    let client = server.anonymous();
    let mut body = json!({ "username": "alice", "password": PASSWORD });

    let challenge = client.post("/v3/register", body.clone()).await;
    assert_eq!(challenge.status, 401);
    assert_eq!(challenge.body["flows"], json!([{ "stages": ["m.login.dummy"] }]));
    assert!(challenge.body.get("errcode").is_none(), "nothing failed yet: {}", challenge.body);

    body["auth"] = json!({ "type": "m.login.dummy", "session": challenge.body["session"] });
    let session = client.post("/v3/register", body).await.ok();
    assert_eq!(session["user_id"], "@alice:localhost");

    let alice = client.with_session(&session);
    let me = alice.get("/v3/account/whoami").await.ok();
    assert_eq!(me, json!({ "user_id": "@alice:localhost", "device_id": alice.device_id, "is_guest": false }));
}

#[tokio::test]
async fn user_names_keep_to_the_grammar_and_are_taken_once() {
    let server = TestServer::start().await;
    server.register("alice").await;
    let client = server.anonymous();
    for (name, errcode) in [
        ("alice", "M_USER_IN_USE"),
        ("Alice", "M_USER_IN_USE"),
        ("@alice:localhost", "M_INVALID_USERNAME"),
        ("", "M_INVALID_USERNAME"),
        ("al ice", "M_INVALID_USERNAME"),
        ("älice", "M_INVALID_USERNAME"),
    ] {
        let body = json!({ "username": name, "password": PASSWORD });
        client.post("/v3/register", body).await.refused(400, errcode);
        let available = format!("/v3/register/available?username={}", encode(name));
        client.get(&available).await.refused(400, errcode);
    }
    let long = "a".repeat(245);
    client.post("/v3/register", json!({ "username": long })).await.refused(400, "M_INVALID_USERNAME");
    let free = client.get("/v3/register/available?username=bob").await.ok();
    assert_eq!(free, json!({ "available": true }));
    client.get("/v3/register/available").await.refused(400, "M_MISSING_PARAM");
    let body = json!({ "username": "BOB", "password": PASSWORD, "auth": { "type": "m.login.dummy" } });
    assert_eq!(
        client.post("/v3/register", body).await.ok()["user_id"],
        "@bob:localhost",
        "phones begin with a capital"
    );
}

#[tokio::test]
async fn one_of_many_who_want_a_name_gets_it() {
    let server = TestServer::start().await;
    let attempts: Vec<_> = (0..8)
        .map(|_| {
            let client = server.anonymous();
            let body = json!({ "username": "alice", "password": PASSWORD, "auth": { "type": "m.login.dummy" } });
            tokio::spawn(async move { client.post("/v3/register", body).await })
        })
        .collect();
    let mut winners = 0;
    for attempt in attempts {
        let answer = attempt.await.unwrap();
        match answer.status {
            200 => winners += 1,
            _ => drop(answer.refused(400, "M_USER_IN_USE")),
        }
    }
    assert_eq!(winners, 1);
}

#[tokio::test]
async fn people_log_in_by_user_id_or_localpart_in_any_case() {
    let server = TestServer::start().await;
    server.register("alice").await;
    for name in ["alice", "Alice", "@alice:localhost", "@ALICE:localhost"] {
        assert_eq!(server.log_in(name).await.user_id, "@alice:localhost");
    }
    let client = server.anonymous();
    let older = json!({ "type": "m.login.password", "user": "alice", "password": PASSWORD });
    client.post("/v3/login", older).await.ok();
    let flows = client.get("/v3/login").await.ok();
    assert_eq!(flows["flows"][0], json!({ "type": "m.login.password" }));
}

#[tokio::test]
async fn a_login_that_does_not_fit_is_refused() {
    let server = TestServer::start().await;
    server.register("alice").await;
    let client = server.anonymous();
    let body = |user: &str, password: &str| {
        let identifier = json!({ "type": "m.id.user", "user": user });
        json!({ "type": "m.login.password", "identifier": identifier, "password": password })
    };
    client.post("/v3/login", body("alice", "guess")).await.refused(403, "M_FORBIDDEN");
    client.post("/v3/login", body("nobody", PASSWORD)).await.refused(403, "M_FORBIDDEN");
    client.post("/v3/login", body("@alice:elsewhere", PASSWORD)).await.refused(403, "M_FORBIDDEN");
    let mut phone = body("alice", PASSWORD);
    phone["identifier"]["type"] = json!("m.id.phone");
    client.post("/v3/login", phone).await.refused(403, "M_FORBIDDEN");
    client.post("/v3/login", json!({ "type": "m.login.sso" })).await.refused(400, "M_UNKNOWN");
    client.post("/v3/login", json!({ "type": "m.login.password" })).await.refused(400, "M_MISSING_PARAM");
    let nobody_named = json!({ "type": "m.login.password", "password": PASSWORD });
    client.post("/v3/login", nobody_named).await.refused(400, "M_MISSING_PARAM");
    let mut unknown = body("alice", PASSWORD);
    unknown["identifier"]["type"] = json!("org.example.badge");
    client.post("/v3/login", unknown).await.refused(400, "M_UNKNOWN");
    client.post("/v3/login", json!({})).await.refused(400, "M_BAD_JSON");
    let fields_in_order = json!(["m.login.password", { "type": "m.id.user", "user": "alice" }, null, PASSWORD]);
    client.post("/v3/login", fields_in_order).await.refused(400, "M_BAD_JSON");
}

#[tokio::test]
async fn who_logs_out_is_out_at_once_and_others_stay() {
    let server = TestServer::start().await;
    let phone = server.register("alice").await;
    let laptop = server.log_in("alice").await;
    phone.get("/v3/account/whoami").await.ok();

    phone.post("/v3/logout", json!({})).await.ok();
    let body = phone.get("/v3/account/whoami").await.refused(401, "M_UNKNOWN_TOKEN");
    assert_eq!(body["soft_logout"], false);

    let tablet = server.log_in("alice").await;
    tablet.post("/v3/logout/all", json!({})).await.ok();
    for client in [&laptop, &tablet] {
        client.get("/v3/account/whoami").await.refused(401, "M_UNKNOWN_TOKEN");
    }
    server.anonymous().get("/v3/account/whoami").await.refused(401, "M_MISSING_TOKEN");
}

#[tokio::test]
async fn accounts_and_sessions_outlive_a_restart() {
    let mut server = TestServer::start().await;
    let alice = server.register("alice").await;
    server.restart().await;
    let session = json!({
        "user_id": alice.user_id, "device_id": alice.device_id, "access_token": alice.access_token,
    });
    let alice = server.anonymous().with_session(&session);
    alice.get("/v3/account/whoami").await.ok();
    server.log_in("alice").await;
}
