//! Devices, refreshing, passwords, deactivation, guests.

use std::time::Duration;

use serde_json::{Value, json};

use crate::common::{PASSWORD, TestClient, TestServer};

/// The proof of one's password, as `auth`.
fn password(password: &str) -> Value {
    json!({ "type": "m.login.password", "identifier": { "type": "m.id.user", "user": "alice" }, "password": password })
}

async fn device_ids(client: &TestClient) -> Vec<String> {
    let body = client.get("/v3/devices").await.ok();
    body["devices"].as_array().unwrap().iter().map(|d| d["device_id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn devices_are_listed_named_and_kept_by_their_id() {
    let server = TestServer::builder().manual_clock().start().await;
    let phone = server
        .register_with(json!({
            "username": "alice", "password": PASSWORD, "device_id": "PHONE", "initial_device_display_name": "Phone",
        }))
        .await;
    server.log_in("alice").await;
    server.advance(Duration::from_secs(60));
    assert_eq!(device_ids(&phone).await.len(), 2);

    phone.put("/v3/devices/PHONE", json!({ "display_name": "Old phone" })).await.ok();
    let device = phone.get("/v3/devices/PHONE").await.ok();
    assert_eq!(device["display_name"], "Old phone");
    assert_eq!(device["last_seen_ip"], "127.0.0.1");
    assert_eq!(device["last_seen_ts"], server.app().clock.now_ms());
    phone.get("/v3/devices/OTHER").await.refused(404, "M_NOT_FOUND");
    phone.put("/v3/devices/OTHER", json!({ "display_name": "x" })).await.refused(404, "M_NOT_FOUND");

    // Who logs in again with the same device keeps its name and ends its older tokens.
    let again = json!({
        "type": "m.login.password", "user": "alice", "password": PASSWORD, "device_id": "PHONE",
        "initial_device_display_name": "Ignored",
    });
    let session = server.anonymous().post("/v3/login", again).await.ok();
    phone.get("/v3/devices").await.refused(401, "M_UNKNOWN_TOKEN");
    let phone = phone.with_session(&session);
    assert_eq!(phone.get("/v3/devices/PHONE").await.ok()["display_name"], "Old phone");
}

#[tokio::test]
async fn a_device_is_deleted_by_who_knows_the_password() {
    let server = TestServer::start().await;
    let alice = server.register("alice").await;
    let lost = server.log_in("alice").await;
    let path = format!("/v3/devices/{}", lost.device_id);

    let challenge = alice.delete(&path, json!({})).await;
    assert_eq!(challenge.status, 401);
    assert_eq!(challenge.body["flows"], json!([{ "stages": ["m.login.password"] }]));
    let session = &challenge.body["session"];
    let mut auth = password("guess");
    auth["session"] = session.clone();
    let failed = alice.delete(&path, json!({ "auth": auth })).await.refused(401, "M_FORBIDDEN");
    assert_eq!(failed["session"], *session, "a second attempt goes on with the session");
    auth["password"] = json!(PASSWORD);

    // The session serves for no other device, and one that is over is followed by a new one.
    alice.delete("/v3/devices/OTHER", json!({ "auth": auth })).await.refused(403, "M_FORBIDDEN");
    let mut over = auth.clone();
    over["session"] = json!("over");
    let over = alice.delete(&path, json!({ "auth": over })).await.refused(401, "M_UNKNOWN");
    assert_ne!(over["session"], *session);
    alice.delete(&path, json!({ "auth": auth })).await.ok();
    lost.get("/v3/account/whoami").await.refused(401, "M_UNKNOWN_TOKEN");
    assert_eq!(device_ids(&alice).await, [alice.device_id.as_str()]);

    let (one, two) = (server.log_in("alice").await, server.log_in("alice").await);
    let body = json!({ "devices": [one.device_id, two.device_id, "GONE"], "auth": password(PASSWORD) });
    alice.post("/v3/delete_devices", body).await.ok();
    assert_eq!(device_ids(&alice).await, [alice.device_id.as_str()]);
}

#[tokio::test]
async fn nobody_proves_themselves_with_anothers_password() {
    let server = TestServer::start().await;
    let alice = server.register("alice").await;
    server.register_with(json!({ "username": "bob", "password": "bobs own" })).await;
    let mut auth = password("bobs own");
    auth["identifier"]["user"] = json!("bob");
    alice.delete("/v3/devices/ANY", json!({ "auth": auth })).await.refused(403, "M_FORBIDDEN");
    let auth = json!({ "type": "m.login.dummy" });
    alice.delete("/v3/devices/ANY", json!({ "auth": auth })).await.refused(401, "M_UNKNOWN");
}

#[tokio::test]
async fn a_refresh_token_lives_until_its_successor_is_used() {
    let server = TestServer::builder().manual_clock().start().await;
    let body = json!({ "username": "alice", "password": PASSWORD, "refresh_token": true, "auth": { "type": "m.login.dummy" } });
    let first = server.anonymous().post("/v3/register", body).await.ok();
    assert_eq!(first["expires_in_ms"], 3_600_000);
    let client = server.anonymous();
    let with = |tokens: &Value| {
        let mut session = first.clone();
        session["access_token"] = tokens["access_token"].clone();
        client.with_session(&session)
    };
    let refresh = |tokens: &Value| client.post("/v3/refresh", json!({ "refresh_token": tokens["refresh_token"] }));

    server.advance(Duration::from_secs(3600));
    let expired = with(&first).get("/v3/account/whoami").await.refused(401, "M_UNKNOWN_TOKEN");
    assert_eq!(expired["soft_logout"], true);

    let lost = refresh(&first).await.ok();
    let second = refresh(&first).await.ok();
    with(&lost).get("/v3/account/whoami").await.refused(401, "M_UNKNOWN_TOKEN");
    with(&second).get("/v3/account/whoami").await.ok();
    refresh(&first).await.refused(401, "M_UNKNOWN_TOKEN");

    // A successor may also be used for refreshing at once.
    let third = refresh(&second).await.ok();
    let fourth = refresh(&third).await.ok();
    refresh(&second).await.refused(401, "M_UNKNOWN_TOKEN");
    with(&second).get("/v3/account/whoami").await.refused(401, "M_UNKNOWN_TOKEN");
    with(&fourth).get("/v3/account/whoami").await.ok();
    assert_eq!(device_ids(&with(&fourth)).await.len(), 1);

    server.advance(Duration::from_secs(91 * 24 * 3600));
    let expired = refresh(&fourth).await.refused(401, "M_UNKNOWN_TOKEN");
    assert_eq!(expired["soft_logout"], true);
    // A refresh token opens nothing by itself, nor does an access token refresh.
    let mut swapped = fourth.clone();
    swapped["access_token"] = fourth["refresh_token"].clone();
    with(&swapped).get("/v3/account/whoami").await.refused(401, "M_UNKNOWN_TOKEN");
    client
        .post("/v3/refresh", json!({ "refresh_token": fourth["access_token"] }))
        .await
        .refused(401, "M_UNKNOWN_TOKEN");
}

#[tokio::test]
async fn a_new_password_ends_other_sessions_unless_they_shall_stay() {
    let server = TestServer::start().await;
    let alice = server.register("alice").await;
    let kept = server.log_in("alice").await;

    alice.post("/v3/account/password", json!({ "auth": password(PASSWORD) })).await.refused(400, "M_BAD_JSON");
    let body = json!({ "new_password": "second", "logout_devices": false, "auth": password(PASSWORD) });
    alice.post("/v3/account/password", body).await.ok();
    kept.get("/v3/account/whoami").await.ok();

    let body = json!({ "new_password": "third", "auth": password("second") });
    alice.post("/v3/account/password", body).await.ok();
    kept.get("/v3/account/whoami").await.refused(401, "M_UNKNOWN_TOKEN");
    alice.get("/v3/account/whoami").await.ok();
    server.log_in_with("alice", "third").await;
    let body = json!({ "type": "m.login.password", "user": "alice", "password": PASSWORD });
    server.anonymous().post("/v3/login", body).await.refused(403, "M_FORBIDDEN");

    let body = json!({ "new_password": "", "auth": password("third") });
    alice.post("/v3/account/password", body).await.refused(400, "M_WEAK_PASSWORD");
}

#[tokio::test]
async fn a_deactivated_account_is_over_and_its_name_stays_taken() {
    let server = TestServer::start().await;
    let alice = server.register("alice").await;
    let bob = server.register("bob").await;
    let data = "/v3/user/@alice:localhost/account_data/org.example.kept";
    alice.put(data, json!({ "a": 1 })).await.ok();
    alice.post("/v3/account/deactivate", json!({})).await;
    alice.get("/v3/account/whoami").await.ok();

    let answer = alice.post("/v3/account/deactivate", json!({ "auth": password(PASSWORD), "erase": true })).await.ok();
    assert_eq!(answer["id_server_unbind_result"], "success");
    alice.get("/v3/account/whoami").await.refused(401, "M_UNKNOWN_TOKEN");
    let body = json!({ "type": "m.login.password", "user": "alice", "password": PASSWORD });
    server.anonymous().post("/v3/login", body).await.refused(403, "M_USER_DEACTIVATED");
    bob.get("/v3/register/available?username=alice").await.refused(400, "M_USER_IN_USE");
    assert_eq!(bob.get("/v3/profile/@alice:localhost").await.ok(), json!({}));

    let users = &server.app().users;
    let user = users.local_user(alice.user_id.as_str().try_into().unwrap()).unwrap();
    assert!(users.is_erased(user).unwrap() && !users.is_active(user).unwrap());
    // What everybody has is all that is left: the predefined push rules, which are stored for nobody.
    let left = users.all_account_data(&server.app().store.snapshot(), user).unwrap();
    assert_eq!(left.iter().map(|data| data.kind.as_str()).collect::<Vec<_>>(), ["m.push_rules"]);
    let predefined = bob.get("/v3/pushrules/").await.ok().to_string().replace(&bob.user_id, &alice.user_id);
    let rules: Value = serde_json::from_str(&left[0].content).unwrap();
    assert_eq!(rules, serde_json::from_str::<Value>(&predefined.replace("\"bob\"", "\"alice\"")).unwrap());
}

#[tokio::test]
async fn registration_may_need_a_token_or_be_closed() {
    use salon::config::RegistrationMode;
    let server = TestServer::builder()
        .config(|config| {
            config.registration.mode = RegistrationMode::Token;
            config.registration.token = Some("let-me-in".to_owned());
        })
        .start()
        .await;
    let client = server.anonymous();
    let auth = |token: &str| json!({ "type": "m.login.registration_token", "token": token });
    let body = |auth: Value| json!({ "username": "alice", "password": PASSWORD, "inhibit_login": true, "auth": auth });
    client.post("/v3/register", body(json!({ "type": "m.login.dummy" }))).await.refused(401, "M_UNKNOWN");
    client.post("/v3/register", body(auth("guess"))).await.refused(401, "M_FORBIDDEN");
    let validity = |token: &str| format!("/v1/register/m.login.registration_token/validity?token={token}");
    assert_eq!(client.get(&validity("guess")).await.ok()["valid"], false);
    assert_eq!(client.get(&validity("let-me-in")).await.ok()["valid"], true);
    let account = client.post("/v3/register", body(auth("let-me-in"))).await.ok();
    assert_eq!(account, json!({ "user_id": "@alice:localhost", "home_server": "localhost" }), "inhibit_login");
    server.log_in("alice").await;

    let closed = TestServer::builder().config(|c| c.registration.mode = RegistrationMode::Closed).start().await;
    let client = closed.anonymous();
    client.post("/v3/register", json!({ "username": "alice" })).await.refused(403, "M_FORBIDDEN");
    client.get(&validity("let-me-in")).await.refused(403, "M_FORBIDDEN");
}

#[tokio::test]
async fn a_passed_session_goes_on_after_a_failure_and_ends_with_success() {
    let server = TestServer::start().await;
    let client = server.anonymous();
    let challenge = client.post("/v3/register", json!({})).await;
    let auth = json!({ "type": "m.login.dummy", "session": challenge.body["session"] });
    let body = |name: &str, auth: &Value| json!({ "username": name, "password": PASSWORD, "auth": auth });
    let weak = json!({ "username": "alice", "password": "", "auth": auth });
    client.post("/v3/register", weak).await.refused(400, "M_WEAK_PASSWORD");
    let only_session = json!({ "session": challenge.body["session"] });
    client.post("/v3/register", body("alice", &only_session)).await.ok();
    client.post("/v3/register", body("bob", &only_session)).await.refused(401, "M_UNKNOWN");
}

#[tokio::test]
async fn a_waiting_sync_learns_at_once_that_its_session_has_ended() {
    let server = TestServer::start().await;
    let laptop = server.register("alice").await;
    for by_itself in [true, false] {
        let phone = server.log_in("alice").await;
        let since = phone.get("/v3/sync").await.ok()["next_batch"].as_str().unwrap().to_owned();
        let waiting = {
            let phone = phone.clone();
            tokio::spawn(async move { phone.get(&format!("/v3/sync?timeout=30000&since={since}")).await })
        };
        tokio::time::sleep(Duration::from_millis(200)).await;
        if by_itself {
            phone.post("/v3/logout", json!({})).await.ok();
        } else {
            let auth = json!({ "type": "m.login.password", "user": "alice", "password": PASSWORD });
            laptop.delete(&format!("/v3/devices/{}", phone.device_id), json!({ "auth": auth })).await.ok();
        }
        let answer = tokio::time::timeout(Duration::from_secs(5), waiting).await.expect("at once").unwrap();
        let body = answer.refused(401, "M_UNKNOWN_TOKEN");
        assert_eq!(body["soft_logout"], false);
    }
}
