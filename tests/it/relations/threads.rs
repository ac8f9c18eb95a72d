//! Threads: what is told of them, and the threads of a room.

use serde_json::{Value, json};

use super::*;
use crate::common::TestServer;

#[tokio::test]
async fn a_thread_is_told_by_its_latest_message_its_length_and_who_took_part() {
    let server = TestServer::start().await;
    let (room, alice, bob) = pair(&server).await;
    let carol = server.register("carol").await;
    room.join(&server, &carol).await;
    let root = room.say(&alice, "t", "root").await;
    relate(&room, &bob, "m.thread", &root, "one").await;
    let last = relate(&room, &bob, "m.thread", &root, "two").await;
    let told = bundled(&room, &carol, &root).await;
    assert_eq!(told["m.thread"]["count"], 2);
    assert_eq!(told["m.thread"]["current_user_participated"], false);
    assert_eq!(told["m.thread"]["latest_event"]["content"]["body"], "two");
    for who in [&alice, &bob] {
        assert_eq!(bundled(&room, who, &root).await["m.thread"]["current_user_participated"], true);
    }
    // The latest message comes with what relates to it.
    let edited = edit(&room, &bob, &last, "too").await;
    let latest = bundled(&room, &carol, &root).await["m.thread"]["latest_event"].clone();
    assert_eq!(latest["unsigned"]["m.relations"]["m.replace"]["event_id"], json!(edited));
    // Without it the thread is shorter, and ends before.
    redact(&room, &bob, &last).await;
    let told = bundled(&room, &carol, &root).await;
    assert_eq!(
        (&told["m.thread"]["count"], &told["m.thread"]["latest_event"]["content"]["body"]),
        (&json!(1), &json!("one"))
    );
}

#[tokio::test]
async fn no_thread_starts_within_another_relation() {
    let server = TestServer::start().await;
    let (room, alice, bob) = pair(&server).await;
    let root = room.say(&alice, "t", "root").await;
    let reply = relate(&room, &bob, "m.thread", &root, "reply").await;
    let nested = json!({ "body": "x", "m.relates_to": { "rel_type": "m.thread", "event_id": reply } });
    room.send(&bob, "m.room.message", "1", nested).await.refused(400, "M_UNKNOWN");
    // A rich reply has no type of relation: a thread may start there.
    let rich = json!({ "body": "x", "m.relates_to": { "m.in_reply_to": { "event_id": root } } });
    let rich = sent(room.send(&bob, "m.room.message", "2", rich).await.ok());
    assert_eq!(bundled(&room, &bob, &root).await["m.thread"]["count"], 1, "a rich reply is no relation");
    relate(&room, &bob, "m.thread", &rich, "3").await;
    assert_eq!(bundled(&room, &bob, &rich).await["m.thread"]["count"], 1);
    // An event that isn't here may be a root as well as any.
    relate(&room, &bob, "m.thread", "$elsewhere", "4").await;
}

#[tokio::test]
async fn threads_are_listed_by_their_latest_message() {
    let server = TestServer::start().await;
    let (room, alice, bob) = pair(&server).await;
    let mut roots = Vec::new();
    for number in 0..5 {
        roots.push(room.say(&alice, &format!("root {number}"), "root").await);
        relate(&room, &bob, "m.thread", &roots[number], &format!("first {number}")).await;
    }
    relate(&room, &bob, "m.thread", &roots[1], "again").await;
    let last = relate(&room, &alice, "m.thread", &roots[3], "again").await;
    let order = [3, 1, 4, 2, 0].map(|number| roots[number].clone());
    let all = threads(&room, &bob, "").await;
    assert_eq!(ids(&all["chunk"]), order);
    assert_eq!(all.get("next_batch"), None);
    assert_eq!(all["chunk"][0]["unsigned"]["m.relations"]["m.thread"]["count"], 2);
    for limit in 1..5 {
        let (mut from, mut seen) = (String::new(), Vec::new());
        loop {
            let page = threads(&room, &bob, &format!("limit={limit}{from}")).await;
            assert!(page["chunk"].as_array().unwrap().len() <= limit);
            seen.extend(ids(&page["chunk"]).into_iter().map(str::to_owned));
            let Some(next) = page["next_batch"].as_str() else { break };
            from = format!("&from={next}");
        }
        assert_eq!(seen, order, "{limit}");
    }
    // A redacted message moves its thread back to where it was.
    redact(&room, &alice, &last).await;
    assert_eq!(ids(&threads(&room, &bob, "").await["chunk"]), [1, 4, 3, 2, 0].map(|number| roots[number].clone()));
    for query in ["limit=0", "limit=x", "from=x", "include=none"] {
        bob.get(&v1(&room, &format!("/threads?{query}"))).await.refused(400, "M_INVALID_PARAM");
    }
    bob.get("/v1/rooms/!nowhere:localhost/threads").await.refused(403, "M_FORBIDDEN");
}

#[tokio::test]
async fn threads_with_ones_own_words_can_be_asked_for() {
    let server = TestServer::start().await;
    let (room, alice, bob) = pair(&server).await;
    let carol = server.register("carol").await;
    room.join(&server, &carol).await;
    let hers = room.say(&alice, "1", "root").await;
    relate(&room, &bob, "m.thread", &hers, "bob").await;
    let his = room.say(&bob, "2", "root").await;
    relate(&room, &alice, "m.thread", &his, "alice").await;
    let other = room.say(&alice, "3", "root").await;
    relate(&room, &carol, "m.thread", &other, "carol").await;
    let own = |answer: Value| ids(&answer["chunk"]).into_iter().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(own(threads(&room, &bob, "include=participated").await), [his.clone(), hers.clone()]);
    assert_eq!(own(threads(&room, &carol, "include=participated").await), std::slice::from_ref(&other));
    assert_eq!(own(threads(&room, &alice, "include=participated").await), [other.clone(), his.clone(), hers.clone()]);
    assert_eq!(own(threads(&room, &carol, "include=all").await), [other, his, hers]);
}
