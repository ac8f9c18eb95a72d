//! Who is there.

use std::time::Duration;

use salon::{ids::UserNum, users::presence::PresenceState};
use serde_json::{Value, json};

use crate::common::{TestClient, TestRoom, TestServer, encode};

fn path(of: &TestClient) -> String {
    format!("/v3/presence/{}/status", encode(&of.user_id))
}

fn changed(server: &TestServer, since: u64) -> Vec<(UserNum, PresenceState)> {
    let changed = server.app().users.presence.changed_since(since);
    changed.into_iter().map(|(user, status)| (user, status.presence)).collect()
}

async fn sync(client: &TestClient, set_presence: &str) -> Value {
    client.get(&format!("/v3/sync?timeout=0&set_presence={set_presence}")).await.ok()
}

#[tokio::test]
async fn those_who_share_a_room_see_it() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    bob.get(&path(&alice)).await.refused(403, "M_FORBIDDEN");
    bob.get("/v3/presence/@nobody:localhost/status").await.refused(403, "M_FORBIDDEN");
    let room = TestRoom::public(&server, &alice).await;
    room.join(&server, &bob).await;
    assert_eq!(bob.get(&path(&alice)).await.ok()["presence"], "offline");

    alice.put(&path(&alice), json!({ "presence": "online", "status_msg": "At tea" })).await.ok();
    let seen = bob.get(&path(&alice)).await.ok();
    assert_eq!(seen["presence"], "online");
    assert_eq!(seen["status_msg"], "At tea");
    assert_eq!(seen["currently_active"], true);
    assert!(seen["last_active_ago"].as_u64().unwrap() < 10_000);
    let since = server.app().store.live().moment();
    assert_eq!(changed(&server, since), []);
    alice.put(&path(&alice), json!({ "presence": "unavailable" })).await.ok();
    assert_eq!(changed(&server, since).len(), 1);
    assert_eq!(bob.get(&path(&alice)).await.ok().get("status_msg"), None::<&Value>);

    bob.put(&path(&alice), json!({ "presence": "online" })).await.refused(403, "M_FORBIDDEN");
    alice.put(&path(&alice), json!({ "presence": "away" })).await.refused(400, "M_BAD_JSON");
    let long = json!({ "presence": "online", "status_msg": "x".repeat(2_000) });
    alice.put(&path(&alice), long).await.refused(400, "M_INVALID_PARAM");
}

#[tokio::test]
async fn who_does_nothing_is_unavailable_and_who_goes_is_offline() {
    let server = TestServer::builder().manual_clock().start().await;
    let alice = server.register("alice").await;
    let room = TestRoom::public(&server, &alice).await;
    let seen = || async { alice.get(&path(&alice)).await.ok()["presence"].as_str().unwrap().to_owned() };
    sync(&alice, "offline").await;
    assert_eq!(seen().await, "offline", "she does not want to be seen");
    sync(&alice, "online").await;
    assert_eq!(seen().await, "online");
    // She polls, but does nothing else.
    for _ in 0..31 {
        server.advance(Duration::from_secs(10));
        sync(&alice, "online").await;
    }
    assert_eq!(seen().await, "unavailable");
    room.say(&alice, "1", "back").await;
    assert_eq!(seen().await, "online");
    sync(&alice, "unavailable").await;
    assert_eq!(seen().await, "unavailable");
    let since = server.app().store.live().moment();
    server.advance(Duration::from_secs(29));
    assert_eq!(seen().await, "unavailable");
    server.advance(Duration::from_secs(2));
    // Nobody asks: the timer finds out, and tells those who wait.
    let told = async {
        while changed(&server, since).is_empty() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), told).await.expect("the timer runs");
    assert_eq!(changed(&server, since)[0].1, PresenceState::Offline);
    assert_eq!(seen().await, "offline");
}

#[tokio::test]
async fn it_can_be_switched_off() {
    let server = TestServer::builder().config(|config| config.presence.enabled = false).start().await;
    let alice = server.register("alice").await;
    alice.put(&path(&alice), json!({ "presence": "online" })).await.ok();
    assert_eq!(alice.get(&path(&alice)).await.ok(), json!({ "presence": "offline" }));
    assert_eq!(changed(&server, 0), []);
}

#[tokio::test]
async fn a_sync_tells_of_it_to_those_who_share_a_room() {
    let server = TestServer::start().await;
    let (alice, bob, carol) =
        (server.register("alice").await, server.register("bob").await, server.register("carol").await);
    let room = TestRoom::public(&server, &alice).await;
    room.join(&server, &bob).await;
    let told = |sync: &Value| {
        let events = sync["presence"]["events"].as_array().cloned().unwrap_or_default();
        let of_alice = events.into_iter().find(|event| event["sender"] == json!(alice.user_id));
        of_alice.map(|event| event["content"]["presence"].as_str().unwrap().to_owned())
    };
    let path = |sync: &Value| {
        format!("/v3/sync?set_presence=offline&timeout=20000&since={}", sync["next_batch"].as_str().unwrap())
    };
    let first = bob.get("/v3/sync?set_presence=offline").await.ok();
    let hers = carol.get("/v3/sync?set_presence=offline").await.ok();
    let waits = tokio::spawn({
        let (bob, path) = (bob.clone(), path(&first));
        async move { bob.get(&path).await.ok() }
    });
    tokio::time::sleep(Duration::from_millis(100)).await;
    sync(&alice, "online").await;
    assert_eq!(told(&waits.await.unwrap()).as_deref(), Some("online"));
    assert_eq!(told(&bob.get("/v3/sync?set_presence=offline").await.ok()).as_deref(), Some("online"));
    let filter = encode(&json!({ "presence": { "not_senders": [alice.user_id] } }).to_string());
    let filtered = bob.get(&format!("/v3/sync?set_presence=offline&filter={filter}")).await.ok();
    assert_eq!(told(&filtered), None);
    let hers = carol.get(&path(&hers).replace("timeout=20000", "timeout=0")).await.ok();
    assert_eq!(told(&hers), None, "she shares no room with Alice");
}

#[tokio::test]
async fn who_comes_into_a_room_and_who_is_there_learn_of_each_other() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let room = TestRoom::public(&server, &alice).await;
    let (hers, his) = (sync(&alice, "online").await, sync(&bob, "unavailable").await);
    // What each client knows already is past.
    let (hers, his) = (later(&alice, &hers).await, later(&bob, &his).await);
    room.join(&server, &bob).await;
    for (client, token, other, presence) in
        [(&alice, &hers, &bob.user_id, "unavailable"), (&bob, &his, &alice.user_id, "online")]
    {
        let news = later(client, token).await;
        let events = news["presence"]["events"].as_array().cloned().unwrap_or_default();
        let of_other: Vec<_> = events.iter().filter(|event| event["sender"] == json!(other)).collect();
        assert_eq!(of_other.len(), 1, "{news}");
        assert_eq!(of_other[0]["content"]["presence"], presence);
        let quiet = later(client, &news).await;
        assert!(quiet.get("presence").is_none(), "it is told once: {quiet}");
    }
}

/// The sync after another, which changes nobody's presence.
async fn later(client: &TestClient, before: &Value) -> Value {
    let since = before["next_batch"].as_str().expect("a token");
    client.get(&format!("/v3/sync?set_presence=offline&timeout=0&since={since}")).await.ok()
}
