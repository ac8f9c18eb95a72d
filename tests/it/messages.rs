//! Sending messages and redacting them.

use serde_json::json;

use crate::common::{TestRoom, TestServer, encode};

#[tokio::test]
async fn members_send_and_others_do_not() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let room = TestRoom::public(&server, &alice).await;
    let content = json!({ "msgtype": "m.text", "body": "hello" });
    room.send(&bob, "m.room.message", "1", content.clone()).await.refused(403, "M_FORBIDDEN");
    room.join(&server, &bob).await;
    let sent = room.send(&bob, "m.room.message", "1", content.clone()).await.ok();
    assert!(sent["event_id"].as_str().unwrap().starts_with('$'));
    room.leave(&server, &bob).await;
    room.send(&bob, "m.room.message", "2", content.clone()).await.refused(403, "M_FORBIDDEN");

    let nowhere = "/v3/rooms/!nowhere:localhost/send/m.room.message/1";
    alice.put(nowhere, content.clone()).await.refused(403, "M_FORBIDDEN");
    alice.put("/v3/rooms/nonsense/send/m.room.message/1", content.clone()).await.refused(400, "M_INVALID_PARAM");
    let nobody = server.anonymous();
    room.send(&nobody, "m.room.message", "1", content).await.refused(401, "M_MISSING_TOKEN");
}

#[tokio::test]
async fn content_that_is_no_event_is_refused_with_the_reason() {
    let server = TestServer::start().await;
    let alice = server.register("alice").await;
    let room = TestRoom::public(&server, &alice).await;
    let deep = format!(r#"{{"a":{}{}}}"#, "[".repeat(5_000), "]".repeat(5_000));
    let large = json!({ "body": "x".repeat(65_000) }).to_string();
    let path = room.path("/send/m.room.message/1");
    for (body, status, errcode) in [
        ("{", 400, "M_NOT_JSON"),
        ("", 400, "M_NOT_JSON"),
        ("[]", 400, "M_BAD_JSON"),
        (r#"{"a":1.5}"#, 400, "M_BAD_JSON"),
        (r#"{"a":9007199254740992}"#, 400, "M_BAD_JSON"),
        (&deep, 400, "M_BAD_JSON"),
        (&large, 413, "M_TOO_LARGE"),
    ] {
        let request = alice.request(reqwest::Method::PUT, &path).body(body.to_owned());
        crate::common::Answer::to(request).await.refused(status, errcode);
    }
    let not_utf8 = alice.request(reqwest::Method::PUT, &path).body(b"{\"a\":\"\xff\"}".to_vec());
    crate::common::Answer::to(not_utf8).await.refused(400, "M_NOT_JSON");
    let long_type = "t".repeat(256);
    room.send(&alice, &long_type, "1", json!({})).await.refused(413, "M_TOO_LARGE");
    room.send(&alice, "m.room.message", &"t".repeat(256), json!({})).await.refused(400, "M_INVALID_PARAM");
    room.send(&alice, "m.room.create", "1", json!({})).await.refused(403, "M_FORBIDDEN");
}

#[tokio::test]
async fn people_redact_their_own_and_the_powerful_what_others_sent() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    for version in ["10", "12"] {
        let room = TestRoom::with(&server, &alice, |new| new.version = version.try_into().unwrap()).await;
        room.join(&server, &bob).await;
        let hers = room.say(&alice, "1", "by Alice").await;
        let his = room.say(&bob, "1", "by Bob").await;
        let path = |event: &str, transaction: &str| room.path(&format!("/redact/{}/{transaction}", encode(event)));

        bob.put(&path(&hers, "1"), json!({})).await.refused(403, "M_FORBIDDEN");
        bob.put(&path("$unknown", "2"), json!({})).await.refused(404, "M_NOT_FOUND");
        let other = TestRoom::public(&server, &bob).await;
        let elsewhere = other.say(&bob, "1", "elsewhere").await;
        bob.put(&path(&elsewhere, "3"), json!({})).await.refused(404, "M_NOT_FOUND");
        let own = bob.put(&path(&his, "4"), json!({ "reason": "typo" })).await.ok();
        let seen = alice.get(&room.path(&format!("/event/{}", encode(&his)))).await.ok();
        assert_eq!(seen["content"], json!({}));
        assert_eq!(seen["unsigned"]["redacted_because"]["event_id"], own["event_id"]);
        assert_eq!(seen["unsigned"]["redacted_because"]["content"]["reason"], "typo");
        assert_eq!(seen["unsigned"]["redacted_because"]["redacts"], json!(his));

        let again = room.say(&bob, "2", "by Bob again").await;
        let content = json!({ "redacts": again });
        room.send(&bob, "m.room.redaction", "3", json!({})).await.refused(400, "M_BAD_JSON");
        room.send(&alice, "m.room.redaction", "2", content).await.ok();
        let seen = bob.get(&room.path(&format!("/event/{}", encode(&again)))).await.ok();
        assert_eq!(seen["content"], json!({}), "version {version}");

        room.leave(&server, &bob).await;
        bob.put(&path(&his, "5"), json!({})).await.refused(403, "M_FORBIDDEN");
    }
}

#[tokio::test]
async fn nobody_reacts_twice_in_the_same_way() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let room = TestRoom::public(&server, &alice).await;
    room.join(&server, &bob).await;
    let event = room.say(&alice, "1", "hello").await;
    let other = room.say(&alice, "2", "hello again").await;
    let reaction = |event: &str, key: &str| json!({ "m.relates_to": { "rel_type": "m.annotation", "event_id": event, "key": key } });
    let sent = room.send(&bob, "m.reaction", "1", reaction(&event, "+")).await.ok();
    room.send(&bob, "m.reaction", "2", reaction(&event, "+")).await.refused(400, "M_DUPLICATE_ANNOTATION");
    assert_eq!(room.send(&bob, "m.reaction", "1", reaction(&event, "+")).await.ok(), sent, "the same transaction");
    room.send(&bob, "m.reaction", "3", reaction(&event, "-")).await.ok();
    room.send(&bob, "m.reaction", "4", reaction(&other, "+")).await.ok();
    room.send(&alice, "m.reaction", "5", reaction(&event, "+")).await.ok();
    let path = room.path(&format!("/redact/{}/1", encode(sent["event_id"].as_str().unwrap())));
    bob.put(&path, json!({})).await.ok();
    room.send(&bob, "m.reaction", "6", reaction(&event, "+")).await.ok();
}
