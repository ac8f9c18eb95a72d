//! What clients of before `/sync` do: `/initialSync`, `/events`, a look into a room, one event by its ID.

use std::time::Duration;

use salon::rooms::create::Preset;
use serde_json::{Value, json};

use crate::common::{TestClient, TestRoom, TestServer, encode};

/// The next page behind `from`.
async fn events(client: &TestClient, from: &str, timeout: u64) -> Value {
    client.get(&format!("/v3/events?from={from}&timeout={timeout}")).await.ok()
}

/// The texts of the messages in a chunk.
fn said(page: &Value) -> Vec<&str> {
    let chunk = page["chunk"].as_array().unwrap().iter();
    chunk
        .filter(|event| event["type"] == "m.room.message")
        .map(|event| event["content"]["body"].as_str().unwrap())
        .collect()
}

fn end(page: &Value) -> &str {
    page["end"].as_str().unwrap()
}

/// The member events of a user in a chunk.
fn memberships<'a>(page: &'a Value, of: &TestClient) -> Vec<(&'a Value, &'a Value)> {
    let chunk = page["chunk"].as_array().unwrap().iter();
    let own = chunk.filter(|event| event["type"] == "m.room.member" && event["state_key"] == of.user_id.as_str());
    own.map(|event| (&event["room_id"], &event["content"]["membership"])).collect()
}

#[tokio::test]
async fn an_old_client_begins_and_goes_on() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let (one, two) = (TestRoom::public(&server, &alice).await, TestRoom::public(&server, &alice).await);
    one.join(&server, &bob).await;
    for n in 0..5 {
        one.say(&bob, &n.to_string(), &format!("before {n}")).await;
    }
    alice.put("/v3/user/@alice:localhost/account_data/org.example", json!({ "a": 1 })).await.ok();
    bob.put("/v3/presence/@bob:localhost/status", json!({ "presence": "online" })).await.ok();
    let begun = alice.get("/v3/initialSync?limit=2").await.ok();
    assert!(begun["account_data"].as_array().unwrap().iter().any(|data| data["type"] == "org.example"), "{begun}");
    let rooms = begun["rooms"].as_array().unwrap();
    assert_eq!(rooms.len(), 2);
    let room = rooms.iter().find(|room| room["room_id"] == one.id.as_str()).unwrap();
    assert_eq!((&room["membership"], &room["visibility"]), (&json!("join"), &json!("private")));
    assert_eq!(said(&room["messages"]), ["before 3", "before 4"]);
    assert!(room["state"].as_array().unwrap().iter().any(|event| event["type"] == "m.room.create"), "{room}");
    let older = one.path(&format!("/messages?dir=b&limit=2&from={}", room["messages"]["start"].as_str().unwrap()));
    assert_eq!(said(&alice.get(&older).await.ok()), ["before 2", "before 1"]);
    let presence = begun["presence"].as_array().unwrap();
    assert!(presence.iter().any(|event| event["sender"] == bob.user_id.as_str()), "{begun}");

    // Nothing new, then what was said in both rooms, in its order.
    let nothing = events(&alice, end(&begun), 0).await;
    assert_eq!((said(&nothing).len(), &nothing["start"]), (0, &begun["end"]));
    one.say(&bob, "a", "first").await;
    two.say(&alice, "b", "second").await;
    one.say(&bob, "c", "third").await;
    let page = events(&alice, end(&nothing), 0).await;
    assert_eq!(said(&page), ["first", "second", "third"]);
    assert!(
        page["chunk"]
            .as_array()
            .unwrap()
            .iter()
            .all(|event| event["room_id"].is_string() || event["type"] == "m.presence")
    );

    // Who waits is woken; the token is one of /sync as well.
    let (waits, from) = (alice.clone(), end(&page).to_owned());
    let waiting = tokio::spawn(async move { events(&waits, &from, 30_000).await });
    tokio::time::sleep(Duration::from_millis(200)).await;
    one.say(&bob, "d", "fourth").await;
    let woken = waiting.await.unwrap();
    assert_eq!(said(&woken), ["fourth"]);
    one.say(&bob, "e", "fifth").await;
    let synced = alice.get(&format!("/v3/sync?since={}", end(&woken))).await.ok();
    assert_eq!(said(&json!({ "chunk": synced["rooms"]["join"][one.id.as_str()]["timeline"]["events"] })), ["fifth"]);
    let streamed = events(&alice, synced["next_batch"].as_str().unwrap(), 0).await;
    assert_eq!(said(&streamed).len(), 0);

    bob.put(&one.path(&format!("/typing/{}", encode(&bob.user_id))), json!({ "typing": true, "timeout": 30_000 }))
        .await
        .ok();
    let typing = events(&alice, end(&streamed), 10_000).await;
    let notice = typing["chunk"].as_array().unwrap().iter().find(|event| event["type"] == "m.typing").unwrap();
    assert_eq!((&notice["room_id"], &notice["content"]["user_ids"]), (&json!(one.id), &json!([bob.user_id])));

    alice.get("/v3/events?from=rubbish").await.refused(400, "M_INVALID_PARAM");
    alice.get("/v3/events?timeout=soon").await.refused(400, "M_INVALID_PARAM");
    server.anonymous().get("/v3/events").await.refused(401, "M_MISSING_TOKEN");
    server.anonymous().get("/v3/initialSync").await.refused(401, "M_MISSING_TOKEN");
}

#[tokio::test]
async fn messages_to_a_device_wait_for_a_sync() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let begun = alice.get("/v3/initialSync").await.ok();
    let body = json!({ "messages": { alice.user_id.as_str(): { "*": { "body": "psst" } } } });
    bob.put("/v3/sendToDevice/org.example/1", body).await.ok();
    let page = events(&alice, end(&begun), 0).await;
    let synced = alice.get(&format!("/v3/sync?since={}", end(&page))).await.ok();
    assert_eq!(synced["to_device"]["events"][0]["content"]["body"], "psst");
}

#[tokio::test]
async fn much_at_once_comes_in_pages_that_leave_nothing_out() {
    let server = TestServer::start().await;
    let alice = server.register("alice").await;
    let rooms = [TestRoom::public(&server, &alice).await, TestRoom::public(&server, &alice).await];
    let mut page = alice.get("/v3/initialSync").await.ok();
    let mut sent = Vec::new();
    for n in 0..250 {
        // The first room is far busier than the other.
        let body = format!("{n}");
        rooms[usize::from(n % 10 == 0)].say(&alice, &body, &body).await;
        sent.push(body);
    }
    let (mut told, mut sizes) = (Vec::new(), Vec::new());
    for _ in 0..4 {
        page = events(&alice, end(&page).to_owned().as_str(), 0).await;
        sizes.push(said(&page).len());
        told.extend(said(&page).into_iter().map(str::to_owned));
    }
    assert_eq!(told, sent, "{sizes:?}");
    assert!(sizes.iter().all(|size| *size <= 100), "{sizes:?}");
}

#[tokio::test]
async fn coming_and_going_is_told() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let room = TestRoom::with(&server, &alice, |new| new.preset = Preset::PrivateChat).await;
    room.say(&alice, "1", "before").await;
    let begun = bob.get("/v3/initialSync").await.ok();
    assert_eq!(begun["rooms"], json!([]));
    room.member(&server, &alice, &bob, "invite").await;
    let page = events(&bob, end(&begun), 0).await;
    assert_eq!(memberships(&page, &bob), [(&json!(room.id), &json!("invite"))]);
    let begun = bob.get("/v3/initialSync").await.ok();
    let invite = &begun["rooms"][0];
    assert_eq!(
        (&invite["membership"], &invite["invite"]["content"]["membership"]),
        (&json!("invite"), &json!("invite"))
    );
    assert_eq!(invite.get("messages"), None);

    room.join(&server, &bob).await;
    room.say(&alice, "2", "welcome").await;
    let page = events(&bob, end(&page), 0).await;
    assert_eq!(memberships(&page, &bob), [(&json!(room.id), &json!("join"))]);
    assert_eq!(said(&page), ["welcome"], "what was before they page back to");
    room.say(&alice, "3", "out").await;
    room.member(&server, &alice, &bob, "ban").await;
    room.say(&alice, "4", "he is gone").await;
    let page = events(&bob, end(&page), 0).await;
    assert_eq!((said(&page), memberships(&page, &bob)), (vec!["out"], vec![(&json!(room.id), &json!("ban"))]));
    assert_eq!(said(&events(&bob, end(&page), 0).await).len(), 0);

    assert_eq!(bob.get("/v3/initialSync").await.ok()["rooms"], json!([]));
    let archived = bob.get("/v3/initialSync?archived=true").await.ok();
    assert_eq!(
        (&archived["rooms"][0]["membership"], said(&archived["rooms"][0]["messages"]).last()),
        (&json!("ban"), Some(&"out"))
    );
    alice.get("/v3/initialSync?archived=perhaps").await.refused(400, "M_INVALID_PARAM");
}

#[tokio::test]
async fn who_is_ignored_is_not_heard_here_either() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let room = TestRoom::public(&server, &alice).await;
    room.join(&server, &bob).await;
    let begun = alice.get("/v3/initialSync").await.ok();
    let ignored = json!({ "ignored_users": { bob.user_id.as_str(): {} } });
    alice.put("/v3/user/@alice:localhost/account_data/m.ignored_user_list", ignored).await.ok();
    room.say(&bob, "1", "you can't hear me").await;
    let other = TestRoom::public(&server, &bob).await;
    other.member(&server, &bob, &alice, "invite").await;
    room.say(&alice, "2", "alone").await;
    let page = events(&alice, end(&begun), 0).await;
    assert_eq!((said(&page), memberships(&page, &alice).len()), (vec!["alone"], 0));
}

#[tokio::test]
async fn a_room_for_everybody_can_be_looked_into() {
    let server = TestServer::start().await;
    let nobody = server.anonymous();
    let (alice, guest) = (
        server.register("alice").await,
        nobody.with_session(&nobody.post("/v3/register?kind=guest", json!({})).await.ok()),
    );
    let (open, closed) = (TestRoom::public(&server, &alice).await, TestRoom::public(&server, &alice).await);
    open.set(&server, &alice, "m.room.history_visibility", "", json!({ "history_visibility": "world_readable" })).await;
    open.say(&alice, "1", "come in").await;
    let begun = guest.get(&open.path("/initialSync")).await.ok();
    assert_eq!((said(&begun["messages"]), begun.get("membership")), (vec!["come in"], None));
    let stream = |room: &TestRoom, from: &str, timeout: u64| {
        format!("/v3/events?room_id={}&from={from}&timeout={timeout}", encode(room.id.as_str()))
    };
    let page = guest.get(&stream(&open, end(&begun["messages"]), 0)).await.ok();
    assert_eq!(said(&page).len(), 0);
    let (waits, path) = (guest.clone(), stream(&open, end(&page), 30_000));
    let waiting = tokio::spawn(async move { waits.get(&path).await.ok() });
    tokio::time::sleep(Duration::from_millis(200)).await;
    closed.say(&alice, "2", "not for you").await;
    open.say(&alice, "3", "hello").await;
    let page = waiting.await.unwrap();
    assert_eq!(said(&page), ["hello"]);
    assert_eq!(guest.get(&stream(&open, end(&page), 0)).await.ok()["chunk"], json!([]));
    assert_eq!(said(&events(&guest, end(&page), 0).await).len(), 0);

    guest.get(&stream(&closed, end(&page), 0)).await.refused(403, "M_FORBIDDEN");
    guest.get("/v3/events?room_id=!nowhere:localhost").await.refused(403, "M_FORBIDDEN");
    guest.get("/v3/events?room_id=nonsense").await.refused(400, "M_INVALID_PARAM");
    // Its member hears of that room alone.
    let page = alice.get(&stream(&closed, end(&begun["messages"]), 0)).await.ok();
    assert_eq!(said(&page), ["not for you"]);
    // What is said once it is closed is for members only.
    open.set(&server, &alice, "m.room.history_visibility", "", json!({ "history_visibility": "joined" })).await;
    guest.get(&stream(&open, end(&page), 0)).await.refused(403, "M_FORBIDDEN");
}

#[tokio::test]
async fn one_event_is_found_by_its_id_alone() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let room = TestRoom::with(&server, &alice, |new| new.preset = Preset::PrivateChat).await;
    let event_id = room.say(&alice, "1", "secret").await;
    let path = format!("/v3/events/{}", encode(&event_id));
    let event = alice.get(&path).await.ok();
    assert_eq!((&event["event_id"], &event["room_id"]), (&json!(event_id), &json!(room.id)));
    bob.get(&path).await.refused(404, "M_NOT_FOUND");
    alice.get("/v3/events/$nothing").await.refused(404, "M_NOT_FOUND");
    alice.get("/v3/events/nothing").await.refused(400, "M_INVALID_PARAM");
    server.anonymous().get(&path).await.refused(401, "M_MISSING_TOKEN");
}
