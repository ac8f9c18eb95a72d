//! Delayed events: sent later, put off, cancelled, and not forgotten in a restart.

use std::time::Duration;

use salon::{
    check,
    ids::UserNum,
    rooms::delayed::{self, DelayedRow},
    store::{Commit, Family, LogEntry, Read, Store, StoreOptions},
};
use serde_json::{Value, json};

use crate::common::{PASSWORD, TestClient, TestRoom, TestServer, encode};

const EVENTS: &str = "/unstable/org.matrix.msc4140/delayed_events";

/// Has a message sent later; returns its delay ID.
async fn say_later(room: &TestRoom, client: &TestClient, txn: &str, body: &str, delay_ms: u64) -> String {
    let path = room.path(&format!("/send/m.room.message/{txn}?org.matrix.msc4140.delay={delay_ms}"));
    let answer = client.put(&path, json!({ "msgtype": "m.text", "body": body })).await.ok();
    assert_eq!(answer.as_object().unwrap().len(), 1, "{answer}");
    answer["delay_id"].as_str().unwrap().to_owned()
}

/// What a delayed event looks like once it is no longer waiting.
async fn finished(client: &TestClient, delay_id: &str) -> Value {
    for _ in 0..1_000 {
        let event = client.get(&format!("{EVENTS}/{delay_id}")).await.ok();
        if let Some(finalised) = event.get("finalised") {
            return finalised.clone();
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it still waits");
}

async fn manage(client: &TestClient, delay_id: &str, action: &str) -> crate::common::Answer {
    client.post(&format!("{EVENTS}/{delay_id}/{action}"), json!({})).await
}

#[tokio::test]
async fn an_event_is_sent_when_its_time_has_come_and_not_before() {
    let server = TestServer::builder().manual_clock().start().await;
    let alice = server.register("alice").await;
    assert_eq!(
        server.anonymous().get("/_matrix/client/versions").await.ok()["unstable_features"]["org.matrix.msc4140"],
        true
    );
    let room = TestRoom::public(&server, &alice).await;
    let delay_id = say_later(&room, &alice, "1", "later", 10_000).await;
    // The same request has the same answer.
    assert_eq!(say_later(&room, &alice, "1", "later", 10_000).await, delay_id);
    let waiting = alice.get(EVENTS).await.ok();
    let [event] = waiting["delayed_events"].as_array().unwrap().as_slice() else { panic!("{waiting}") };
    assert_eq!(
        (&event["delay_ms"], &event["type"], &event["room_id"]),
        (&json!(10_000), &json!("m.room.message"), &json!(room.id))
    );
    assert_eq!((&event["content"]["body"], event.get("finalised")), (&json!("later"), None));

    server.advance(Duration::from_secs(9));
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    assert_eq!(alice.get(&format!("{EVENTS}?status=finalised")).await.ok()["delayed_events"], json!([]));
    // Put off, it has all of its time again.
    manage(&server.anonymous(), &delay_id, "restart").await.ok();
    server.advance(Duration::from_secs(9));
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    assert_eq!(
        alice.get(&format!("{EVENTS}?status=scheduled")).await.ok()["delayed_events"].as_array().unwrap().len(),
        1
    );
    server.advance(Duration::from_secs(1));
    let sent = finished(&alice, &delay_id).await;
    let event = alice.get(&room.path(&format!("/event/{}", sent["event_id"].as_str().unwrap()))).await.ok();
    assert_eq!(event["content"]["body"], "later");
    assert_eq!(
        (&event["origin_server_ts"], &event["unsigned"]["org.matrix.msc4140.delay_id"]),
        (&sent["finalised_ts"], &json!(delay_id))
    );
    let bob = server.register("bob").await;
    room.join(&server, &bob).await;
    let event = bob.get(&room.path(&format!("/event/{}", sent["event_id"].as_str().unwrap()))).await.ok();
    assert_eq!(event["unsigned"].get("org.matrix.msc4140.delay_id"), None, "its sender alone is told");
    manage(&alice, &delay_id, "send").await.ok();
    manage(&alice, &delay_id, "cancel").await.refused(409, "M_UNKNOWN");
    manage(&alice, &delay_id, "restart").await.refused(409, "M_UNKNOWN");
}

#[tokio::test]
async fn state_is_sent_at_once_or_never_as_somebody_says() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let room = TestRoom::public(&server, &alice).await;
    let state = |key: &str| room.path(&format!("/state/org.example/{key}?org.matrix.msc4140.delay=600000"));
    let left = alice.put(&state("a"), json!({ "left": true })).await.ok()["delay_id"].as_str().unwrap().to_owned();
    let path = format!("/unstable/org.matrix.msc4140/rooms/{}/delayed_event/org.example/1", encode(room.id.as_str()));
    let body = json!({ "delay_ms": 600_000, "state_key": "b", "content": { "left": true } });
    let other = alice.put(&path, body).await.ok()["delay_id"].as_str().unwrap().to_owned();

    // Whoever knows its ID may: a service that sees who hangs up.
    manage(&server.anonymous(), &left, "send").await.ok();
    assert_eq!(alice.get(&room.path("/state/org.example/a")).await.ok(), json!({ "left": true }));
    assert!(alice.get(&format!("{EVENTS}/{left}")).await.ok()["finalised"]["event_id"].is_string());
    assert_eq!(
        alice.get(&format!("{EVENTS}?status=scheduled")).await.ok()["delayed_events"].as_array().unwrap().len(),
        1
    );
    alice.post(&format!("{EVENTS}/{other}"), json!({ "action": "cancel" })).await.ok();
    manage(&alice, &other, "cancel").await.ok();
    manage(&alice, &other, "send").await.refused(409, "M_UNKNOWN");
    alice.get(&room.path("/state/org.example/b")).await.refused(404, "M_NOT_FOUND");

    // State that is so already makes no event, a membership makes one.
    let again = alice.put(&state("a"), json!({ "left": true })).await.ok()["delay_id"].as_str().unwrap().to_owned();
    manage(&alice, &again, "send").await.ok();
    room.join(&server, &bob).await;
    let path = room.path(&format!("/state/m.room.member/{}?org.matrix.msc4140.delay=600000", encode(&bob.user_id)));
    let ban = alice.put(&path, json!({ "membership": "ban" })).await.ok()["delay_id"].as_str().unwrap().to_owned();
    manage(&alice, &ban, "send").await.ok();
    assert!(finished(&alice, &ban).await["event_id"].is_string());
    bob.put(&room.path("/send/m.room.message/1"), json!({ "body": "x" })).await.refused(403, "M_FORBIDDEN");

    // A message that is to vanish later.
    let message = room.say(&alice, "1", "read this soon").await;
    let path = room.path(&format!("/redact/{}/1?org.matrix.msc4140.delay=600000", encode(&message)));
    let vanish =
        alice.put(&path, json!({ "reason": "as promised" })).await.ok()["delay_id"].as_str().unwrap().to_owned();
    let message = room.path(&format!("/event/{}", encode(&message)));
    assert_eq!(alice.get(&message).await.ok()["content"]["body"], "read this soon");
    manage(&alice, &vanish, "send").await.ok();
    let redacted = alice.get(&message).await.ok();
    assert_eq!(
        (&redacted["content"], &redacted["unsigned"]["redacted_because"]["content"]["reason"]),
        (&json!({}), &json!("as promised"))
    );

    manage(&alice, "delayed_1_nothing", "send").await.refused(404, "M_NOT_FOUND");
    manage(&alice, "nothing", "send").await.refused(404, "M_NOT_FOUND");
    manage(&alice, &left, "explode").await.refused(400, "M_INVALID_PARAM");
    bob.get(&format!("{EVENTS}/{left}")).await.refused(404, "M_NOT_FOUND");
    assert_eq!(bob.get(EVENTS).await.ok()["delayed_events"], json!([]));
    server.anonymous().get(EVENTS).await.refused(401, "M_MISSING_TOKEN");
}

#[tokio::test]
async fn what_can_not_be_sent_later_is_refused_now_or_told_then() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let room = TestRoom::public(&server, &alice).await;
    let path = |delay: &str| room.path(&format!("/send/m.room.message/{delay}?org.matrix.msc4140.delay={delay}"));
    let text = json!({ "msgtype": "m.text", "body": "x" });
    bob.put(&path("1"), text.clone()).await.refused(403, "M_FORBIDDEN");
    alice.put(&path("0"), text.clone()).await.refused(400, "M_INVALID_PARAM");
    alice.put(&path("soon"), text.clone()).await.refused(400, "M_INVALID_PARAM");
    alice.put(&path("5"), json!([])).await.refused(400, "M_BAD_JSON");
    let scheduled =
        format!("/unstable/org.matrix.msc4140/rooms/{}/delayed_event/m.room.message/1", encode(room.id.as_str()));
    alice.put(&scheduled, json!({ "content": text })).await.refused(400, "M_BAD_JSON");
    alice.put(&scheduled, json!({ "delay_ms": -1, "content": text })).await.refused(400, "M_BAD_JSON");
    alice.get(&format!("{EVENTS}?status=lost")).await.refused(400, "M_INVALID_PARAM");
    let body = alice.put(&path("99999999999"), text.clone()).await.refused(400, "M_MAX_DELAY_EXCEEDED");
    assert_eq!(body["max_delay"], 2_592_000_000_u64);

    room.join(&server, &bob).await;
    let delay_id = say_later(&room, &bob, "2", "too late", 200).await;
    room.member(&server, &alice, &bob, "ban").await;
    let failed = finished(&bob, &delay_id).await;
    assert_eq!((&failed["error"]["errcode"], failed.get("event_id")), (&json!("M_FORBIDDEN"), None));
    for n in 0..100 {
        say_later(&room, &alice, &format!("many{n}"), "x", 600_000).await;
    }
    let body = alice.put(&path("3"), text).await.refused(429, "M_LIMIT_EXCEEDED");
    assert!(body["retry_after_ms"].as_u64().unwrap() > 500_000, "{body}");

    // What is sent at once and comes to grief goes on waiting.
    room.member(&server, &alice, &bob, "leave").await;
    room.join(&server, &bob).await;
    let waits = say_later(&room, &bob, "3", "may I", 600_000).await;
    room.leave(&server, &bob).await;
    manage(&bob, &waits, "send").await.refused(403, "M_FORBIDDEN");
    room.join(&server, &bob).await;
    manage(&bob, &waits, "send").await.ok();
}

#[tokio::test]
async fn a_restart_forgets_no_event_and_sends_none_twice() {
    let mut server = TestServer::builder().manual_clock().start().await;
    let alice = server.register("alice").await;
    let room = TestRoom::public(&server, &alice).await;
    let (early, late) =
        (say_later(&room, &alice, "1", "early", 10_000).await, say_later(&room, &alice, "2", "late", 60_000).await);
    server.stop().await;
    server.advance(Duration::from_secs(20));
    server.restart().await;
    let alice = alice.at(server.base_url());
    finished(&alice, &early).await;
    server.restart().await;
    let alice = alice.at(server.base_url());
    server.advance(Duration::from_secs(40));
    finished(&alice, &late).await;
    let page = alice.get(&room.path("/messages?dir=b&limit=10")).await.ok();
    let said: Vec<_> =
        page["chunk"].as_array().unwrap().iter().filter_map(|event| event["content"]["body"].as_str()).collect();
    assert_eq!(said, ["late", "early"]);
    server.stop_whole().await;
}

#[tokio::test]
async fn the_check_knows_the_rows() {
    let mut server = TestServer::start().await;
    let alice = server.register("alice").await;
    let room = TestRoom::public(&server, &alice).await;
    let delay_id = say_later(&room, &alice, "1", "later", 600_000).await;
    server.stop().await;
    let store = Store::open(&server.config().data_dir, StoreOptions::default()).unwrap();
    let user = delayed::user_of(&delay_id).unwrap();
    let row: DelayedRow = store.latest().get_row(Family::Index, &delayed::key(user, &delay_id)).unwrap().unwrap();
    assert_eq!(row.event.room_id, room.id);
    for stranger in [delayed::key(UserNum(77), &delay_id), delayed::key(UserNum(77), "delayed_77_secret")] {
        let mut commit = Commit::new(LogEntry::Housekeeping);
        commit.put_row(Family::Index, stranger, &row);
        store.commit(|_| commit).durable().await.unwrap();
    }
    let report = check::check(&store).unwrap();
    assert_eq!(report.problems().len(), 2, "{report}");
}

#[tokio::test]
async fn who_goes_for_good_leaves_nothing_to_be_sent() {
    let mut server = TestServer::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let room = TestRoom::public(&server, &alice).await;
    room.join(&server, &bob).await;
    let delay_id = say_later(&room, &bob, "1", "from beyond", 600_000).await;
    let other = say_later(&room, &alice, "1", "from here", 600_000).await;
    let identifier = json!({ "type": "m.id.user", "user": bob.user_id });
    let auth = json!({ "type": "m.login.password", "identifier": identifier, "password": PASSWORD });
    bob.post("/v3/account/deactivate", json!({ "auth": auth })).await.ok();
    manage(&alice, &delay_id, "send").await.refused(404, "M_NOT_FOUND");
    manage(&alice, &other, "send").await.ok();
    server.stop_whole().await;
}
