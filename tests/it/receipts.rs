//! Receipts and the fully read marker.

use reqwest::Method;
use ruma::OwnedEventId;
use salon::{
    ids::{Position, UserNum},
    rooms::receipts::{self, Receipt, ReceiptKind},
    store::StoreOptions,
};
use serde_json::{Value, json};

use crate::common::{Answer, TestClient, TestRoom, TestServer, encode};

/// Posts a receipt.
async fn post(room: &TestRoom, client: &TestClient, kind: &str, event: &str, body: Value) -> Answer {
    client.post(&room.path(&format!("/receipt/{kind}/{}", encode(event))), body).await
}

fn user_num(server: &TestServer, client: &TestClient) -> UserNum {
    let user_id = client.user_id.as_str().try_into().unwrap();
    server.app().store.user_num(user_id).unwrap().unwrap()
}

/// What a client of `reader` is told of receipts written after `since`: kind, event and thread.
fn seen(
    server: &TestServer,
    room: &TestRoom,
    reader: &TestClient,
    since: Position,
) -> Vec<(ReceiptKind, OwnedEventId, Option<String>)> {
    let app = server.app();
    let snapshot = app.store.snapshot();
    let view = app.rooms.view(&snapshot, app.rooms.number(&room.id).unwrap());
    let user = user_num(server, reader);
    let receipts = match since {
        Position(0) => view.newest_receipts(user),
        since => view.receipts_since(user, since),
    };
    receipts.unwrap().into_iter().map(|Receipt { kind, event_id, thread, .. }| (kind, event_id, thread)).collect()
}

#[tokio::test]
async fn a_newer_receipt_takes_the_place_of_the_older_and_none_moves_back() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let room = TestRoom::public(&server, &alice).await;
    room.join(&server, &bob).await;
    let first = room.say(&alice, "1", "first").await;
    let second = room.say(&alice, "2", "second").await;
    let read = |event: &str| (ReceiptKind::Read, event.try_into().unwrap(), None::<String>);

    post(&room, &bob, "m.read", &first, json!({})).await.ok();
    assert_eq!(seen(&server, &room, &alice, Position(0)), [read(&first)]);
    let since = server.app().store.published();
    post(&room, &bob, "m.read", &second, json!({})).await.ok();
    assert_eq!(seen(&server, &room, &alice, since), [read(&second)]);
    assert_eq!(seen(&server, &room, &alice, Position(0)), [read(&second)]);
    post(&room, &bob, "m.read", &first, json!({})).await.ok();
    assert_eq!(seen(&server, &room, &alice, Position(0)), [read(&second)], "it doesn't move back");
    assert_eq!(seen(&server, &room, &alice, server.app().store.published()), []);
}

#[tokio::test]
async fn private_receipts_are_for_their_user_alone() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let room = TestRoom::public(&server, &alice).await;
    room.join(&server, &bob).await;
    let event = room.say(&alice, "1", "hello").await;
    post(&room, &bob, "m.read.private", &event, json!({})).await.ok();
    assert_eq!(seen(&server, &room, &alice, Position(0)), []);
    assert_eq!(seen(&server, &room, &alice, Position(1)), []);
    assert_eq!(seen(&server, &room, &bob, Position(0)).len(), 1);
    assert_eq!(seen(&server, &room, &bob, Position(1)).len(), 1);
}

#[tokio::test]
async fn each_thread_has_its_own() {
    let server = TestServer::start().await;
    let alice = server.register("alice").await;
    let room = TestRoom::public(&server, &alice).await;
    let root = room.say(&alice, "1", "root").await;
    let in_thread = |event: &str| json!({ "m.relates_to": { "rel_type": "m.thread", "event_id": event } });
    let send = |transaction: &'static str, content: Value| {
        let (room, alice) = (room.clone(), alice.clone());
        async move {
            let sent = room.send(&alice, "m.room.message", transaction, content).await.ok();
            sent["event_id"].as_str().unwrap().to_owned()
        }
    };
    let reply = send("2", in_thread(&root)).await;
    let reaction = json!({ "m.relates_to": { "rel_type": "m.annotation", "event_id": reply, "key": "+" } });
    let reaction = send("3", reaction).await;
    let other = room.say(&alice, "4", "beside it").await;

    let thread = |id: &str| json!({ "thread_id": id });
    post(&room, &alice, "m.read", &other, json!({})).await.ok();
    post(&room, &alice, "m.read", &other, thread("main")).await.ok();
    post(&room, &alice, "m.read", &reply, thread(&root)).await.ok();
    post(&room, &alice, "m.read", &reaction, thread(&root)).await.ok();
    post(&room, &alice, "m.read", &other, thread(&root)).await.refused(400, "M_INVALID_PARAM");
    post(&room, &alice, "m.read", &reply, thread("main")).await.refused(400, "M_INVALID_PARAM");
    for bad in [json!(""), json!(1), json!(null)] {
        post(&room, &alice, "m.read", &other, json!({ "thread_id": bad })).await.refused(400, "M_INVALID_PARAM");
    }
    post(&room, &alice, "m.fully_read", &other, thread("main")).await.refused(400, "M_INVALID_PARAM");

    let app = server.app();
    let snapshot = app.store.snapshot();
    let view = app.rooms.view(&snapshot, app.rooms.number(&room.id).unwrap());
    let all = view.newest_receipts(user_num(&server, &alice)).unwrap();
    assert_eq!(all.len(), 3);
    let events: Vec<Value> = receipts::events(&app.store, &all)
        .unwrap()
        .iter()
        .map(|event| serde_json::from_slice(event).unwrap())
        .collect();
    assert_eq!(events.len(), 3, "one event for each thread");
    let of = |event: &str| {
        let mut all = events.iter().filter_map(|e| e["content"][event]["m.read"].get(&alice.user_id));
        let threads: Vec<Value> = all.by_ref().map(|data| data["thread_id"].clone()).collect();
        threads
    };
    assert_eq!(of(&other), [Value::Null, json!("main")]);
    assert_eq!(of(&reaction), [json!(root)]);
    assert_eq!(events[0]["type"], "m.receipt");
}

#[tokio::test]
async fn only_members_mark_and_only_what_is_in_the_room() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let room = TestRoom::public(&server, &alice).await;
    let event = room.say(&alice, "1", "hello").await;
    post(&room, &bob, "m.read", &event, json!({})).await.refused(403, "M_FORBIDDEN");
    post(&room, &alice, "m.read", "$unknown", json!({})).await.refused(404, "M_NOT_FOUND");
    post(&room, &alice, "m.other", &event, json!({})).await.refused(400, "M_INVALID_PARAM");
    let path = room.path(&format!("/receipt/m.read/{}", encode(&event)));
    Answer::to(alice.request(Method::POST, &path)).await.ok();
    let markers = room.path("/read_markers");
    alice.post(&markers, json!({ "m.fully_read": "$unknown" })).await.refused(404, "M_NOT_FOUND");
    bob.post(&markers, json!({ "m.fully_read": event })).await.refused(403, "M_FORBIDDEN");
}

#[tokio::test]
async fn markers_move_together_and_the_fully_read_one_is_account_data() {
    let mut server = TestServer::start().await;
    let alice = server.register("alice").await;
    let room = TestRoom::public(&server, &alice).await;
    let first = room.say(&alice, "1", "first").await;
    let second = room.say(&alice, "2", "second").await;
    let body = json!({ "m.fully_read": first, "m.read": second, "m.read.private": second });
    alice.post(&room.path("/read_markers"), body).await.ok();
    let kinds: Vec<_> = seen(&server, &room, &alice, Position(1)).into_iter().map(|(kind, ..)| kind).collect();
    assert_eq!(kinds, [ReceiptKind::Read, ReceiptKind::ReadPrivate]);
    let data =
        format!("/v3/user/{}/rooms/{}/account_data/m.fully_read", encode(&alice.user_id), encode(room.id.as_str()));
    assert_eq!(alice.get(&data).await.ok(), json!({ "event_id": first }));
    post(&room, &alice, "m.fully_read", &second, json!({})).await.ok();
    assert_eq!(alice.get(&data).await.ok(), json!({ "event_id": second }));

    server.stop().await;
    let store = salon::store::Store::open(&server.config().data_dir, StoreOptions::default()).unwrap();
    let report = salon::check::check(&store).unwrap();
    assert!(report.is_clean(), "{report}");
}

#[tokio::test]
async fn a_sync_tells_of_receipts_and_wakes_for_them() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let room = TestRoom::public(&server, &alice).await;
    room.join(&server, &bob).await;
    let event = room.say(&alice, "1", "hello").await;
    let told = |sync: &Value, kind: &str| {
        let events = sync["rooms"]["join"][room.id.as_str()]["ephemeral"]["events"].as_array().cloned();
        let receipts = events.unwrap_or_default().into_iter().filter(|event| event["type"] == "m.receipt");
        receipts.filter_map(|receipt| receipt["content"][&event][kind].get(&bob.user_id).cloned()).count()
    };
    let token = |sync: &Value| sync["next_batch"].as_str().unwrap().to_owned();
    let (hers, his) =
        (alice.get("/v3/sync?set_presence=offline").await.ok(), bob.get("/v3/sync?set_presence=offline").await.ok());
    let waits = tokio::spawn({
        let (alice, since) = (alice.clone(), token(&hers));
        async move { alice.get(&format!("/v3/sync?set_presence=offline&timeout=20000&since={since}")).await.ok() }
    });
    post(&room, &bob, "m.read.private", &event, json!({})).await.ok();
    let his = bob.get(&format!("/v3/sync?set_presence=offline&timeout=0&since={}", token(&his))).await.ok();
    assert_eq!(told(&his, "m.read.private"), 1);
    let quiet = alice.get(&format!("/v3/sync?set_presence=offline&timeout=0&since={}", token(&hers))).await.ok();
    assert_eq!(quiet.get("rooms"), None, "she learns nothing of it");
    post(&room, &bob, "m.read", &event, json!({})).await.ok();
    let woken = waits.await.unwrap();
    assert_eq!((told(&woken, "m.read"), told(&woken, "m.read.private")), (1, 0));
    let first = alice.get("/v3/sync?set_presence=offline").await.ok();
    assert_eq!((told(&first, "m.read"), told(&first, "m.read.private")), (1, 0));
    assert_eq!(told(&bob.get("/v3/sync?set_presence=offline").await.ok(), "m.read.private"), 1);
}
