//! What is kept from those who ignore its sender, or may not see it.

use serde_json::{Value, json};

use super::*;
use crate::common::{TestRoom, TestServer, encode};

#[tokio::test]
async fn what_ignored_users_sent_is_told_nowhere() {
    let server = TestServer::start().await;
    let (room, alice, bob) = pair(&server).await;
    let root = room.say(&alice, "t", "root").await;
    let mine = relate(&room, &alice, "m.thread", &root, "mine").await;
    relate(&room, &bob, "m.thread", &root, "his").await;
    relate(&room, &bob, "m.reference", &root, "his reference").await;
    ignore(&alice, &bob).await;
    let told = bundled(&room, &alice, &root).await;
    assert_eq!(told["m.thread"]["count"], 1, "{told}");
    assert_eq!(told["m.thread"]["latest_event"]["event_id"], json!(mine));
    assert_eq!(told.get("m.reference"), None);
    assert_eq!(ids(&relations(&room, &alice, &root, "").await["chunk"]), [&mine]);

    // The root of a thread comes redacted if it is theirs, and its thread can be read.
    let his = room.say(&bob, "t", "his root").await;
    let reply = relate(&room, &alice, "m.thread", &his, "reply").await;
    let listed = threads(&room, &alice, "").await;
    assert_eq!(ids(&listed["chunk"]), [&his, &root]);
    assert_eq!(listed["chunk"][0]["content"], json!({}));
    assert_eq!(listed["chunk"][0]["unsigned"]["m.relations"]["m.thread"]["latest_event"]["event_id"], json!(reply));
    assert_eq!(ids(&relations(&room, &alice, &his, "/m.thread").await["chunk"]), [&reply]);
    alice.get(&room.path(&format!("/event/{}", encode(&his)))).await.refused(404, "M_NOT_FOUND");
    assert_eq!(threads(&room, &bob, "").await["chunk"][0]["content"]["body"], "his root");
}

#[tokio::test]
async fn what_somebody_may_not_see_is_told_to_them_nowhere() {
    let server = TestServer::start().await;
    let alice = server.register("alice").await;
    let room = TestRoom::public(&server, &alice).await;
    let root = room.say(&alice, "t", "root").await;
    room.set(&server, &alice, "m.room.history_visibility", "", json!({ "history_visibility": "joined" })).await;
    relate(&room, &alice, "m.thread", &root, "secret").await;
    edit(&room, &alice, &root, "secret edit").await;
    let bob = server.register("bob").await;
    alice.get(&v1(&room, &format!("/relations/{}", encode(&root)))).await.ok();
    bob.get(&v1(&room, &format!("/relations/{}", encode(&root)))).await.refused(404, "M_NOT_FOUND");
    bob.get(&v1(&room, "/threads")).await.refused(403, "M_FORBIDDEN");
    room.join(&server, &bob).await;
    // The root is of the time when members could read back, the rest is not.
    assert_eq!(bundled(&room, &bob, &root).await, Value::Null);
    assert_eq!(relations(&room, &bob, &root, "").await["chunk"], json!([]));
    assert_eq!(threads(&room, &bob, "").await["chunk"], json!([]));
    let reply = relate(&room, &alice, "m.thread", &root, "for all").await;
    let told = bundled(&room, &bob, &root).await;
    assert_eq!((&told["m.thread"]["count"], told.get("m.replace")), (&json!(1), None));
    assert_eq!(ids(&relations(&room, &bob, &root, "?recurse=true").await["chunk"]), [&reply]);
    assert_eq!(bundled(&room, &alice, &root).await["m.thread"]["count"], 2);
    // Who leaves keeps what they saw.
    room.leave(&server, &bob).await;
    relate(&room, &alice, "m.thread", &root, "later").await;
    assert_eq!(bundled(&room, &bob, &root).await["m.thread"]["count"], 1);
    assert_eq!(ids(&threads(&room, &bob, "").await["chunk"]), [&root]);
}
