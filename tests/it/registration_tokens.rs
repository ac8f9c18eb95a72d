//! Tokens that whoever runs the server makes for newcomers: for so many, for so long.

use std::time::Duration;

use salon::config::RegistrationMode;
use serde_json::{Value, json};

use crate::{
    admin::{salon, succeeds},
    common::{Answer, PASSWORD, TestServer},
};

async fn register(server: &TestServer, name: &str, token: &str) -> Answer {
    let auth = json!({ "type": "m.login.registration_token", "token": token });
    let body = json!({ "username": name, "password": PASSWORD, "inhibit_login": true, "auth": auth });
    server.anonymous().post("/v3/register", body).await
}

async fn is_valid(server: &TestServer, token: &str) -> Value {
    let path = format!("/v1/register/m.login.registration_token/validity?token={token}");
    server.anonymous().get(&path).await.ok()["valid"].clone()
}

async fn by_token() -> TestServer {
    let builder = TestServer::builder().manual_clock();
    builder.config(|config| config.registration.mode = RegistrationMode::Token).start().await
}

#[tokio::test]
async fn tokens_are_made_listed_and_ended_on_the_command_line() {
    let mut server = by_token().await;
    register(&server, "alice", "friends").await.refused(401, "M_FORBIDDEN");
    register(&server, "alice", "").await.refused(401, "M_FORBIDDEN");
    server.stop().await;
    let token = |arguments: &[&str]| salon(&server, "token", arguments, "");
    assert_eq!(succeeds(&token(&["create", "friends", "--uses", "2"])), "friends\n");
    assert_eq!(succeeds(&token(&["create", "today", "--expires-in", "90m"])), "today\n");
    let made_up = succeeds(&token(&["create"])).trim_end().to_owned();
    for (arguments, reason) in [
        (&["create", "friends"][..], "already"),
        (&["create", "with a blank"], "1 to 64"),
        (&["create", "--uses", "0"], "0"),
        (&["create", "--expires-in", "soon"], "no time"),
        (&["revoke", "nothing"], "no such"),
    ] {
        let output = token(arguments);
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && message.contains(reason), "{arguments:?}: {message}");
    }
    server.restart().await;

    for token in ["friends", "today", &made_up] {
        assert_eq!(is_valid(&server, token).await, true, "{token}");
    }
    register(&server, "alice", "friends").await.ok();
    register(&server, "bob", "friends").await.ok();
    register(&server, "carol", "friends").await.refused(401, "M_FORBIDDEN");
    assert_eq!(is_valid(&server, "friends").await, false);
    register(&server, "carol", "today").await.ok();
    // The command had the machine's clock, which has gone on since the server's stood still.
    server.advance(Duration::from_secs(91 * 60));
    assert_eq!(is_valid(&server, "today").await, false);
    register(&server, "dan", "today").await.refused(401, "M_FORBIDDEN");
    register(&server, "dan", &made_up).await.ok();

    server.stop_whole().await;
    let token = |arguments: &[&str]| succeeds(&salon(&server, "token", arguments, ""));
    token(&["revoke", &made_up]);
    let listed = token(&["list"]);
    let (friends, today) = ("friends  used 2 of 2\n", "today  used 1, ends in 1 h\n");
    assert!(listed.contains(friends) && listed.contains(today) && !listed.contains(&made_up), "{listed}");
    server.restart().await;
    register(&server, "eve", &made_up).await.refused(401, "M_FORBIDDEN");
}

#[tokio::test]
async fn a_token_lets_in_no_more_than_it_may_however_many_come_at_once() {
    let server = by_token().await;
    let users = &server.app().users;
    users.create_registration_token(Some("two".to_owned()), Some(2), None).await.unwrap();
    let mut tries = tokio::task::JoinSet::new();
    for n in 0..6 {
        let (client, auth) = (server.anonymous(), json!({ "type": "m.login.registration_token", "token": "two" }));
        let body = json!({ "username": format!("user{n}"), "password": PASSWORD, "auth": auth });
        tries.spawn(async move { client.post("/v3/register", body).await.status });
    }
    let outcomes = tries.join_all().await;
    assert_eq!(outcomes.iter().filter(|status| **status == 200).count(), 2, "{outcomes:?}");
    assert!(outcomes.iter().all(|status| matches!(status, 200 | 401 | 403)), "{outcomes:?}");
}

#[tokio::test]
async fn a_guest_who_becomes_a_user_uses_a_token_up() {
    let server = by_token().await;
    let users = &server.app().users;
    users.create_registration_token(Some("one".to_owned()), Some(1), None).await.unwrap();
    let guest = server.anonymous();
    let guest = guest.with_session(&guest.post("/v3/register?kind=guest", json!({})).await.ok());
    let name = guest.user_id[1..].split(':').next().unwrap();
    let body = json!({
        "username": name, "password": PASSWORD, "guest_access_token": guest.access_token,
        "auth": { "type": "m.login.registration_token", "token": "one" },
    });
    server.anonymous().post("/v3/register", body).await.ok();
    assert_eq!(is_valid(&server, "one").await, false);
}
