//! Administrators and what they do: whois, locks, suspensions, reports.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use super::admin::{salon, succeeds};
use crate::common::{Answer, PASSWORD, TestClient, TestRoom, TestServer, encode};

/// A new user who administers the server.
async fn administrator(server: &TestServer, name: &str) -> TestClient {
    let client = server.register(name).await;
    let user = server.app().users.local_user(client.user_id.as_str().try_into().unwrap()).unwrap();
    server.app().users.set_admin(user, true).await.unwrap();
    client
}

fn lock(name: &str) -> String {
    format!("/v1/admin/lock/@{name}:localhost")
}

fn suspend(name: &str) -> String {
    format!("/v1/admin/suspend/@{name}:localhost")
}

#[tokio::test]
async fn who_is_somebody_is_told_to_them_and_to_administrators() {
    let server = TestServer::start().await;
    let (admin, alice, bob) =
        (administrator(&server, "admin").await, server.register("alice").await, server.register("bob").await);
    let path = "/v3/admin/whois/@alice:localhost";
    let whois = admin.get(path).await.ok();
    assert_eq!(whois["user_id"], "@alice:localhost");
    let connection = &whois["devices"][&alice.device_id]["sessions"][0]["connections"][0];
    assert_eq!(connection["ip"], "127.0.0.1");
    assert!(connection["last_seen"].as_u64().unwrap() > 0, "{whois}");
    assert_eq!(alice.get(path).await.ok()["devices"].as_object().unwrap().len(), 1);
    bob.get(path).await.refused(403, "M_FORBIDDEN");
    admin.get("/v3/admin/whois/@nobody:localhost").await.refused(404, "M_NOT_FOUND");
}

#[tokio::test]
async fn only_administrators_lock_and_never_each_other() {
    let server = TestServer::start().await;
    let (admin, alice) = (administrator(&server, "admin").await, server.register("alice").await);
    administrator(&server, "other").await;
    let moderation = |client: TestClient| async move {
        client.get("/v3/capabilities").await.ok()["capabilities"]["m.account_moderation"].clone()
    };
    assert_eq!(moderation(admin.clone()).await, json!({ "suspend": true, "lock": true }));
    assert_eq!(moderation(alice.clone()).await, Value::Null);
    for (path, field) in [(lock as fn(&str) -> String, "locked"), (suspend, "suspended")] {
        let wanted = json!({ field: true });
        // Whether there is such a user is nobody else's business.
        for name in ["admin", "alice", "nobody"] {
            alice.put(&path(name), wanted.clone()).await.refused(403, "M_FORBIDDEN");
            alice.get(&path(name)).await.refused(403, "M_FORBIDDEN");
        }
        admin.put(&path("admin"), wanted.clone()).await.refused(403, "M_FORBIDDEN");
        admin.put(&path("other"), wanted.clone()).await.refused(403, "M_FORBIDDEN");
        admin.get(&path("other")).await.refused(403, "M_FORBIDDEN");
        admin.put(&path("nobody"), wanted.clone()).await.refused(404, "M_NOT_FOUND");
        let elsewhere = path("alice").replace(":localhost", ":elsewhere.org");
        admin.put(&elsewhere, wanted.clone()).await.refused(400, "M_INVALID_PARAM");
        admin.put(&path("alice"), json!({})).await.refused(400, "M_BAD_JSON");
        assert_eq!(admin.get(&path("alice")).await.ok(), json!({ field: false }));
    }
}

#[tokio::test]
async fn a_locked_account_can_do_nothing_until_it_is_unlocked() {
    let mut server = TestServer::start().await;
    let admin = administrator(&server, "admin").await;
    let alice = server.register_with(json!({ "username": "alice", "password": PASSWORD, "refresh_token": true })).await;
    let login = json!({ "type": "m.login.password", "user": "alice", "password": PASSWORD, "refresh_token": true });
    let tablet = server.anonymous().post("/v3/login", login.clone()).await.ok();
    let refresh = json!({ "refresh_token": tablet["refresh_token"] });
    assert_eq!(admin.put(&lock("alice"), json!({ "locked": true })).await.ok(), json!({ "locked": true }));
    let body = alice.get("/v3/sync").await.refused(401, "M_USER_LOCKED");
    assert_eq!(body["soft_logout"], true);
    alice.get("/v3/account/whoami").await.refused(401, "M_USER_LOCKED");
    server.anonymous().post("/v3/login", login.clone()).await.refused(401, "M_USER_LOCKED");
    server.anonymous().post("/v3/refresh", refresh.clone()).await.refused(401, "M_USER_LOCKED");

    server.restart().await;
    let (admin, alice) = (admin.at(server.base_url()), alice.at(server.base_url()));
    assert_eq!(admin.get(&lock("alice")).await.ok(), json!({ "locked": true }));
    alice.get("/v3/sync").await.refused(401, "M_USER_LOCKED");
    // Sessions were only asleep, but for the one that logs itself out meanwhile.
    let tablet = server.anonymous().with_session(&tablet);
    tablet.post("/v3/logout", json!({})).await.ok();
    admin.put(&lock("alice"), json!({ "locked": false })).await.ok();
    alice.get("/v3/account/whoami").await.ok();
    tablet.get("/v3/account/whoami").await.refused(401, "M_UNKNOWN_TOKEN");
    server.anonymous().post("/v3/login", login).await.ok();
    server.stop_whole().await;
}

#[tokio::test]
async fn a_waiting_sync_ends_when_its_account_is_locked() {
    let server = TestServer::start().await;
    let (admin, alice) = (administrator(&server, "admin").await, server.register("alice").await);
    let since = alice.get("/v3/sync").await.ok()["next_batch"].as_str().unwrap().to_owned();
    let waiting = {
        let alice = alice.clone();
        tokio::spawn(async move { alice.get(&format!("/v3/sync?timeout=30000&since={since}")).await })
    };
    tokio::time::sleep(Duration::from_millis(200)).await;
    admin.put(&lock("alice"), json!({ "locked": true })).await.ok();
    let answer = tokio::time::timeout(Duration::from_secs(5), waiting).await.expect("at once").unwrap();
    answer.refused(401, "M_USER_LOCKED");
    admin.put(&lock("alice"), json!({ "locked": false })).await.ok();
    alice.get("/v3/sync").await.ok();
}

#[tokio::test]
async fn a_suspended_account_reads_and_leaves_but_says_nothing() {
    let server = TestServer::start().await;
    let (admin, alice, bob) =
        (administrator(&server, "admin").await, server.register("alice").await, server.register("bob").await);
    let room = TestRoom::public(&server, &alice).await;
    room.join(&server, &bob).await;
    let (own, theirs) = (room.say(&alice, "1", "mine").await, room.say(&bob, "1", "his").await);
    admin.put(&suspend("alice"), json!({ "suspended": true })).await.ok();

    let elsewhere = encode(TestRoom::public(&server, &bob).await.id.as_str());
    let text = json!({ "msgtype": "m.text", "body": "no" });
    for (method, path, body) in [
        (Method::PUT, room.path("/send/m.room.message/2"), text.clone()),
        (Method::PUT, room.path("/state/m.room.topic/"), json!({ "topic": "no" })),
        (Method::PUT, "/v3/profile/@alice:localhost/displayname".to_owned(), json!({ "displayname": "no" })),
        (Method::POST, room.path("/invite"), json!({ "user_id": "@admin:localhost" })),
        (Method::POST, format!("/v3/join/{elsewhere}"), json!({})),
        (Method::POST, format!("/v3/knock/{elsewhere}"), json!({})),
        (Method::POST, "/v3/createRoom".to_owned(), json!({})),
        (Method::PUT, room.path(&format!("/redact/{theirs}/3")), json!({})),
        (Method::PUT, room.path("/send/m.room.redaction/3"), json!({ "redacts": theirs })),
        (Method::POST, "/_matrix/media/v3/upload".to_owned(), json!({})),
    ] {
        Answer::to(alice.request(method, &path).json(&body)).await.refused(403, "M_USER_SUSPENDED");
    }
    alice.get("/v3/sync").await.ok();
    alice.get(&room.path("/messages?dir=b")).await.ok();
    alice.put(&room.path(&format!("/redact/{own}/4")), json!({})).await.ok();
    let another = server.log_in("alice").await;
    Answer::to(another.request(Method::PUT, &room.path("/send/m.room.message/5")).json(&text))
        .await
        .refused(403, "M_USER_SUSPENDED");
    alice.post(&room.path("/leave"), json!({})).await.ok();

    admin.put(&suspend("alice"), json!({ "suspended": false })).await.ok();
    alice.post(&format!("/v3/join/{elsewhere}"), json!({})).await.ok();
}

#[tokio::test]
async fn reports_reach_the_administrators() {
    let mut server = TestServer::start().await;
    let (admin, alice, bob) =
        (administrator(&server, "admin").await, server.register("alice").await, server.register("bob").await);
    let room = TestRoom::public(&server, &alice).await;
    let said = room.say(&alice, "1", "nonsense").await;
    let reason = |text: &str| json!({ "reason": text });
    let event = room.path(&format!("/report/{said}"));
    bob.post(&event, reason("not there")).await.refused(404, "M_NOT_FOUND");
    room.join(&server, &bob).await;
    bob.post(&event, reason("first")).await.ok();
    bob.post(&event, reason("it is wrong")).await.ok();
    bob.post(&room.path("/report/$nothing"), reason("")).await.refused(404, "M_NOT_FOUND");
    bob.post(&room.path("/report"), reason("all of it")).await.ok();
    bob.post("/v3/rooms/!nowhere:localhost/report", reason("")).await.refused(404, "M_NOT_FOUND");
    bob.post(&room.path("/report"), json!({})).await.refused(400, "M_BAD_JSON");
    bob.post("/v3/users/@alice:localhost/report", reason("\u{1b}[2J")).await.ok();
    bob.post("/v3/users/@nobody:localhost/report", reason("")).await.refused(404, "M_NOT_FOUND");
    bob.post("/v3/users/@alice:localhost/report", reason(&"x".repeat(4_001))).await.refused(413, "M_TOO_LARGE");

    let path = "/_salon/admin/reports";
    bob.get(path).await.refused(403, "M_FORBIDDEN");
    let page = admin.get(&format!("{path}?limit=2")).await.ok();
    assert_eq!(page["total"], 3);
    assert_eq!(page["reports"][0]["user_id"], "@alice:localhost");
    assert_eq!(page["reports"][1]["room_id"], room.id.as_str());
    let rest = admin.get(&format!("{path}?from={}", page["next_from"])).await.ok();
    let [report] = rest["reports"].as_array().unwrap().as_slice() else { panic!("{rest}") };
    assert_eq!(
        (&report["event_id"], &report["sender"], &report["by"], &report["reason"]),
        (&json!(said), &json!("@alice:localhost"), &json!("@bob:localhost"), &json!("it is wrong"))
    );
    let one = format!("{path}/{}", report["id"]);
    bob.delete(&one, json!({})).await.refused(403, "M_FORBIDDEN");
    admin.delete(&one, json!({})).await.ok();
    admin.delete(&one, json!({})).await.refused(404, "M_NOT_FOUND");

    server.stop_whole().await;
    let listed = succeeds(&salon(&server, "report", &["list"], ""));
    assert!(listed.contains("@bob:localhost reports user @alice:localhost: \\u{1b}[2J"), "{listed}");
    assert!(listed.ends_with("2 reports\n"), "{listed}");
    let id = listed.split_whitespace().next().unwrap();
    succeeds(&salon(&server, "report", &["dismiss", id], ""));
    assert!(succeeds(&salon(&server, "report", &["list"], "")).ends_with("1 reports\n"));
}

#[tokio::test]
async fn a_flood_of_reports_drops_only_the_reporters_own() {
    let server = TestServer::start().await;
    let (admin, alice, bob) =
        (administrator(&server, "admin").await, server.register("alice").await, server.register("bob").await);
    alice.post("/v3/users/@bob:localhost/report", json!({ "reason": "one" })).await.ok();
    let room = TestRoom::public(&server, &bob).await;
    for n in 0..101 {
        let said = room.say(&bob, &n.to_string(), "x").await;
        bob.post(&room.path(&format!("/report/{said}")), json!({ "reason": n.to_string() })).await.ok();
    }
    let page = admin.get("/_salon/admin/reports?limit=500").await.ok();
    let reasons: Vec<_> = page["reports"].as_array().unwrap().iter().map(|report| report["reason"].clone()).collect();
    assert_eq!(reasons.len(), 101);
    assert_eq!((&reasons[0], &reasons[99], &reasons[100]), (&json!("100"), &json!("1"), &json!("one")));
}
