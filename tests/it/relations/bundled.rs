//! What is told with an event: its edits and references.

use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::common::{TestServer, encode};

#[tokio::test]
async fn an_edited_message_is_told_with_its_newest_edit_on_every_road() {
    let server = TestServer::builder().manual_clock().start().await;
    let (room, alice, bob) = pair(&server).await;
    let original = room.say(&alice, "t", "frist").await;
    assert_eq!(event(&room, &bob, &original).await["unsigned"].get("m.relations"), None);
    edit(&room, &alice, &original, "firts").await;
    server.advance(Duration::from_millis(1));
    let newest = edit(&room, &alice, &original, "first").await;

    let seen = event(&room, &bob, &original).await;
    assert_eq!(seen["content"]["body"], "frist", "the content stays as it was sent");
    let replace = &seen["unsigned"]["m.relations"]["m.replace"];
    assert_eq!((&replace["event_id"], &replace["type"]), (&json!(newest), &json!("m.room.message")));
    assert_eq!(replace["content"]["m.new_content"]["body"], "first");
    assert_eq!((&replace["sender"], &replace["room_id"]), (&json!(alice.user_id), &json!(room.id)));
    assert!(replace["origin_server_ts"].is_u64() && replace["unsigned"]["age"].is_i64());

    let page = bob.get(&room.path("/messages?dir=b&limit=100")).await.ok();
    let told = |event: &Value| event["unsigned"]["m.relations"]["m.replace"]["event_id"].clone();
    let on_page = page["chunk"].as_array().unwrap().iter().find(|event| event["event_id"] == json!(original)).unwrap();
    assert_eq!(told(on_page), json!(newest));
    let edits: Vec<_> = page["chunk"].as_array().unwrap().iter().filter(|event| told(event).is_string()).collect();
    assert_eq!(edits.len(), 1, "an edit itself has none");
    let context = bob.get(&room.path(&format!("/context/{}?limit=4", encode(&newest)))).await.ok();
    let before = &context["events_before"];
    assert_eq!(told(&before.as_array().unwrap()[1]), json!(newest));
    let around = bob.get(&room.path(&format!("/context/{}?limit=0", encode(&original)))).await.ok();
    assert_eq!(told(&around["event"]), json!(newest));
}

#[tokio::test]
async fn a_sync_tells_relations_where_its_timeline_has_a_gap() {
    let server = TestServer::start().await;
    let (room, alice, bob) = pair(&server).await;
    let original = room.say(&alice, "t", "frist").await;
    let newest = edit(&room, &alice, &original, "first").await;
    let joined = |body: &Value| body["rooms"]["join"][room.id.as_str()]["timeline"].clone();
    let filter = |limit: usize| encode(&json!({ "room": { "timeline": { "limit": limit } } }).to_string());

    let short = joined(&bob.get(&format!("/v3/sync?filter={}", filter(2))).await.ok());
    assert_eq!(short["limited"], true);
    let replace = &short["events"][0]["unsigned"]["m.relations"]["m.replace"];
    assert_eq!(replace["event_id"], json!(newest));
    assert_eq!(replace.get("room_id"), None, "in the form of the events around it");

    let whole = joined(&bob.get(&format!("/v3/sync?filter={}", filter(100))).await.ok());
    assert_eq!(whole["limited"], false);
    let message =
        whole["events"].as_array().unwrap().iter().find(|event| event["event_id"] == json!(original)).unwrap();
    assert_eq!(message["unsigned"].get("m.relations"), None, "the client got all that relates");
}

#[tokio::test]
async fn only_valid_edits_count() {
    let server = TestServer::start().await;
    let (room, alice, bob) = pair(&server).await;
    let original = room.say(&alice, "t", "mine").await;
    // By somebody else, of another type, without new content, as state, of an edit.
    edit(&room, &bob, &original, "his").await;
    room.send(&alice, "m.sticker", "1", edit_content(&original, "sticker")).await.ok();
    relate(&room, &alice, "m.replace", &original, "nothing new").await;
    let mut broken = edit_content(&original, "text");
    broken["m.new_content"] = json!("text");
    room.send(&alice, "m.room.message", "2", broken).await.ok();
    room.set(&server, &alice, "m.room.message", "", edit_content(&original, "state")).await;
    assert_eq!(bundled(&room, &alice, &original).await, Value::Null);
    let good = edit(&room, &alice, &original, "good").await;
    edit(&room, &alice, &good, "edit of an edit").await;
    assert_eq!(bundled(&room, &alice, &good).await, Value::Null);
    assert_eq!(bundled(&room, &alice, &original).await["m.replace"]["event_id"], json!(good));

    // State can't be edited, and is told nothing of.
    let topic = room.set(&server, &alice, "m.room.topic", "", json!({ "topic": "a" })).await;
    room.send(&alice, "m.room.topic", "3", edit_content(&topic, "topic")).await.ok();
    relate(&room, &alice, "m.reference", &topic, "reference").await;
    assert_eq!(bundled(&room, &alice, &topic).await, Value::Null);

    // What an encrypted edit holds only its readers know.
    let encrypted = |relates_to: Value| json!({ "algorithm": "m.megolm.v1.aes-sha2", "ciphertext": "x", "m.relates_to": relates_to });
    let secret = sent(room.send(&alice, "m.room.encrypted", "4", encrypted(json!({}))).await.ok());
    let relates_to = json!({ "rel_type": "m.replace", "event_id": secret });
    let edited = sent(room.send(&alice, "m.room.encrypted", "5", encrypted(relates_to)).await.ok());
    edit(&room, &alice, &secret, "plain").await;
    assert_eq!(bundled(&room, &bob, &secret).await["m.replace"]["event_id"], json!(edited));
}

#[tokio::test]
async fn the_newest_edit_is_the_one_that_says_so() {
    let server = TestServer::builder().manual_clock().start().await;
    let (room, alice, _) = pair(&server).await;
    let original = room.say(&alice, "t", "text").await;
    // Two of one moment: the greater event ID counts.
    let first = edit(&room, &alice, &original, "one").await;
    let second = edit(&room, &alice, &original, "two").await;
    let greater = if first > second { &first } else { &second };
    assert_eq!(bundled(&room, &alice, &original).await["m.replace"]["event_id"], json!(greater));
    server.advance(Duration::from_secs(1));
    let third = edit(&room, &alice, &original, "three").await;
    assert_eq!(bundled(&room, &alice, &original).await["m.replace"]["event_id"], json!(third));
}

#[tokio::test]
async fn a_redacted_edit_falls_back_and_a_redacted_message_has_none() {
    let server = TestServer::start().await;
    let (room, alice, bob) = pair(&server).await;
    let original = room.say(&alice, "t", "text").await;
    let first = edit(&room, &alice, &original, "one").await;
    let second = edit(&room, &alice, &original, "two").await;
    redact(&room, &alice, &second).await;
    assert_eq!(bundled(&room, &bob, &original).await["m.replace"]["event_id"], json!(first));
    redact(&room, &alice, &first).await;
    assert_eq!(bundled(&room, &bob, &original).await, Value::Null);
    assert_eq!(relations(&room, &bob, &original, "").await["chunk"], json!([]));

    let third = edit(&room, &alice, &original, "three").await;
    let reply = relate(&room, &bob, "m.thread", &original, "reply").await;
    redact(&room, &alice, &original).await;
    let told = bundled(&room, &bob, &original).await;
    assert_eq!(told.get("m.replace"), None, "{told}");
    assert_eq!(told["m.thread"]["latest_event"]["event_id"], json!(reply), "the thread stays");
    assert_eq!(ids(&relations(&room, &bob, &original, "").await["chunk"]), [&reply, &third]);
}

#[tokio::test]
async fn references_are_listed_and_reactions_are_not() {
    let server = TestServer::start().await;
    let (room, alice, bob) = pair(&server).await;
    let parent = room.say(&alice, "t", "parent").await;
    let reaction = json!({ "m.relates_to": { "rel_type": "m.annotation", "event_id": parent, "key": "👍" } });
    let reaction = sent(room.send(&bob, "m.reaction", "r", reaction).await.ok());
    assert_eq!(bundled(&room, &bob, &parent).await, Value::Null);
    let one = relate(&room, &bob, "m.reference", &parent, "one").await;
    let two = relate(&room, &alice, "m.reference", &parent, "two").await;
    relate(&room, &alice, "org.example.other", &parent, "three").await;
    let chunk = json!({ "chunk": [{ "event_id": one }, { "event_id": two }] });
    assert_eq!(bundled(&room, &bob, &parent).await, json!({ "m.reference": chunk }));
    assert_eq!(ids(&relations(&room, &bob, &parent, "/m.annotation").await["chunk"]), [&reaction]);
    assert_eq!(relations(&room, &bob, &parent, "").await["chunk"].as_array().unwrap().len(), 4);
}
