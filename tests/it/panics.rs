//! A handler that panics fails alone: whoever asks at the same moment or afterwards notices nothing.

use std::sync::Arc;

use axum::{
    Router,
    extract::{Path, State},
    routing::post,
};
use ruma::{CanonicalJsonObject, OwnedRoomId, user_id};
use salon::{app::App, rooms::NewEvent};
use serde_json::json;

use crate::common::{TestServer, encode};

/// Panics at once.
async fn plain() {
    panic!("as the test wants it");
}

/// Panics with a room in its hands, to which it has just written.
async fn in_a_room(State(app): State<Arc<App>>, Path(room): Path<OwnedRoomId>) {
    let mut guard = app.rooms.lock(app.rooms.number(&room).unwrap()).await.unwrap();
    let event = NewEvent::message(user_id!("@alice:localhost"), "org.example", CanonicalJsonObject::new());
    drop(guard.append(event).unwrap());
    panic!("as the test wants it");
}

/// Panics under the lock that all writers take.
async fn in_a_commit(State(app): State<Arc<App>>) {
    drop(app.store.commit(|_| panic!("as the test wants it")));
}

fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/_test/plain", post(plain))
        .route("/_test/room/{roomId}", post(in_a_room))
        .route("/_test/commit", post(in_a_commit))
}

#[tokio::test]
async fn a_panic_in_one_request_harms_no_other() {
    let mut server = TestServer::builder().routes(routes()).start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let room = alice.post("/v3/createRoom", json!({ "preset": "public_chat" })).await.ok();
    let room = encode(room["room_id"].as_str().unwrap());
    bob.post(&format!("/v3/join/{room}"), json!({})).await.ok();
    let token = bob.get("/v3/sync").await.ok()["next_batch"].as_str().unwrap().to_owned();
    let poll = {
        let (bob, path) = (bob.clone(), format!("/v3/sync?timeout=20000&since={token}"));
        tokio::spawn(async move { bob.get(&path).await.ok() })
    };
    for path in ["/_test/plain".to_owned(), "/_test/commit".to_owned(), format!("/_test/room/{room}")] {
        for _ in 0..3 {
            alice.post(&path, json!({})).await.refused(500, "M_UNKNOWN");
        }
    }
    // Bob's poll was open all the while, and the room takes what it took before.
    let news = poll.await.unwrap();
    assert_eq!(news["rooms"]["join"].as_object().unwrap().len(), 1);
    let message = json!({ "msgtype": "m.text", "body": "still here" });
    bob.put(&format!("/v3/rooms/{room}/send/m.room.message/1"), message).await.ok();
    let read = alice.get(&format!("/v3/rooms/{room}/messages?dir=b&limit=4")).await.ok();
    let types: Vec<_> = read["chunk"].as_array().unwrap().iter().map(|event| event["type"].as_str().unwrap()).collect();
    // What was queued before each panic is an event like any other.
    assert_eq!(types, ["m.room.message", "org.example", "org.example", "org.example"]);
    server.stop_whole().await;
}
