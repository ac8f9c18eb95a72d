//! What clients may do how often, and guests at all.

use reqwest::Method;
use serde_json::json;

use crate::common::{Answer, PASSWORD, TestServer, encode};

#[tokio::test]
async fn who_asks_too_often_is_told_when_to_come_back() {
    let server = TestServer::builder().config(|config| config.rate_limits.enabled = true).start().await;
    let alice = server.register("alice").await;
    // Refused without a look at any password, so that this is faster than the bucket fills.
    let login = json!({ "type": "m.login.nothing" });
    for _ in 0..20 {
        server.anonymous().post("/v3/login", login.clone()).await.refused(400, "M_UNKNOWN");
    }
    let body = server.anonymous().post("/v3/login", login.clone()).await.refused(429, "M_LIMIT_EXCEEDED");
    assert!((1..=2_000).contains(&body["retry_after_ms"].as_u64().unwrap()), "{body}");

    // Nobody else is held up: neither who is logged in nor who comes from elsewhere, through a proxy.
    alice.get("/v3/account/whoami").await.ok();
    let elsewhere = server.anonymous().request(Method::POST, "/v3/login").json(&login);
    Answer::to(elsewhere.header("x-forwarded-for", "198.51.100.9, 192.0.2.7")).await.refused(400, "M_UNKNOWN");
}

#[tokio::test]
async fn guesses_at_one_password_are_limited_wherever_they_come_from() {
    let server = TestServer::builder().config(|config| config.rate_limits.enabled = true).start().await;
    server.register("alice").await;
    let login = json!({ "type": "m.login.password", "user": "alice", "password": "guess" });
    let mut errcodes = Vec::new();
    for n in 0..16 {
        let request = server.anonymous().request(Method::POST, "/v3/login").json(&login);
        let answer = Answer::to(request.header("x-forwarded-for", format!("192.0.2.{n}"))).await;
        errcodes.push(answer.body["errcode"].as_str().unwrap().to_owned());
    }
    assert_eq!(errcodes[0], "M_FORBIDDEN");
    assert_eq!(errcodes[15], "M_LIMIT_EXCEEDED");
}

#[tokio::test]
async fn a_room_takes_no_flood_whoever_makes_it() {
    let server = TestServer::builder().config(|config| config.rate_limits.enabled = true).start().await;
    let alice = server.register("alice").await;
    let closed = async |name: &str| alice.post("/v3/createRoom", json!({ "room_alias_name": name })).await.ok();
    let (room, other) = (closed("door").await, closed("other").await);
    let names = [encode(room["room_id"].as_str().unwrap()), encode("#door:localhost")];
    // Nobody does more than one may, and nobody gets in: that is faster than the room's bucket fills.
    let mut refused = Vec::new();
    for n in 0..7 {
        let user = server.register(&format!("user{n}")).await;
        for n in 0..29 {
            let answer = user.post(&format!("/v3/join/{}", names[n % 2]), json!({})).await;
            refused.push(answer.body["errcode"].as_str().unwrap().to_owned());
        }
    }
    assert!(refused[..150].iter().all(|errcode| errcode == "M_FORBIDDEN"), "{refused:?}");
    assert!(refused[150..].iter().any(|errcode| errcode == "M_LIMIT_EXCEEDED"), "{refused:?}");
    // Only that room is closed for a moment.
    let bob = server.register("bob").await;
    let other = encode(other["room_id"].as_str().unwrap());
    bob.post(&format!("/v3/join/{other}"), json!({})).await.refused(403, "M_FORBIDDEN");
}

#[tokio::test]
async fn a_storm_of_logins_leaves_others_alone() {
    let server = TestServer::start().await;
    let alice = server.register("alice").await;
    let login = json!({ "type": "m.login.password", "user": "alice", "password": PASSWORD });
    let storm: Vec<_> = (0..40)
        .map(|_| {
            let (client, login) = (server.anonymous(), login.clone());
            tokio::spawn(async move { client.post("/v3/login", login).await.status })
        })
        .collect();
    for _ in 0..5 {
        alice.get("/v3/account/whoami").await.ok();
    }
    assert!(storm.iter().any(|login| !login.is_finished()), "they were answered in the midst of the storm");
    for login in storm {
        assert_eq!(login.await.unwrap(), 200);
    }
}

#[tokio::test]
async fn guests_look_around_and_become_users() {
    let server = TestServer::start().await;
    let client = server.anonymous();
    let body = json!({ "username": "ignored", "password": "ignored", "device_id": "IGNORED" });
    let session = client.post("/v3/register?kind=guest", body).await.ok();
    assert_ne!(session["user_id"], "@ignored:localhost");
    assert_ne!(session["device_id"], "IGNORED");
    let guest = client.with_session(&session);
    assert_eq!(guest.get("/v3/account/whoami").await.ok()["is_guest"], true);

    let profile = format!("/v3/profile/{}", guest.user_id);
    guest.put(&format!("{profile}/displayname"), json!({ "displayname": "Somebody" })).await.ok();
    let avatar = json!({ "avatar_url": "mxc://a/b" });
    guest.put(&format!("{profile}/avatar_url"), avatar).await.refused(403, "M_GUEST_ACCESS_FORBIDDEN");
    guest.get("/v3/capabilities").await.refused(403, "M_GUEST_ACCESS_FORBIDDEN");

    let username = guest.user_id[1..].split(':').next().unwrap();
    let mut body = json!({
        "username": "other", "password": PASSWORD, "guest_access_token": guest.access_token,
        "auth": { "type": "m.login.dummy" },
    });
    client.post("/v3/register", body.clone()).await.refused(403, "M_FORBIDDEN");
    body["username"] = json!(username);
    let user = client.with_session(&client.post("/v3/register", body).await.ok());
    assert_eq!(user.user_id, guest.user_id);
    assert_eq!(user.get("/v3/account/whoami").await.ok()["is_guest"], false);
    assert_eq!(user.get(&profile).await.ok()["displayname"], "Somebody");
    guest.get("/v3/account/whoami").await.refused(401, "M_UNKNOWN_TOKEN");
    server.log_in(username).await;

    let closed = TestServer::builder().config(|config| config.registration.allow_guests = false).start().await;
    let refused = closed.anonymous().post("/v3/register?kind=guest", json!({})).await;
    refused.refused(403, "M_GUEST_ACCESS_FORBIDDEN");
    closed.anonymous().post("/v3/register?kind=other", json!({})).await.refused(400, "M_INVALID_PARAM");
}
