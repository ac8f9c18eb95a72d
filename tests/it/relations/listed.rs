//! What relates to an event, page by page.

use serde_json::json;

use super::*;
use crate::common::{TestServer, encode};

#[tokio::test]
async fn relations_come_page_by_page_both_ways() {
    let server = TestServer::start().await;
    let (room, alice, bob) = pair(&server).await;
    let parent = room.say(&alice, "t", "parent").await;
    let mut children = Vec::new();
    for number in 0..7 {
        children.push(relate(&room, &bob, "m.thread", &parent, &format!("{number}")).await);
        room.say(&alice, &format!("between {number}"), "between").await;
    }
    for dir in ["b", "f"] {
        let (mut from, mut seen, mut pages) = (String::new(), Vec::new(), 0);
        loop {
            let page = relations(&room, &bob, &parent, &format!("/m.thread?limit=3&dir={dir}{from}")).await;
            seen.extend(ids(&page["chunk"]).into_iter().map(str::to_owned));
            pages += 1;
            assert_eq!(page.get("prev_batch").is_some(), pages > 1, "{page}");
            assert_eq!(page.get("recursion_depth"), None);
            let Some(next) = page["next_batch"].as_str() else { break };
            from = format!("&from={next}");
        }
        if dir == "b" {
            seen.reverse();
        }
        assert_eq!((seen, pages), (children.clone(), 3), "{dir}");
    }
    // Newest first is how they come if nothing else is said.
    let first = relations(&room, &bob, &parent, "?limit=2").await;
    assert_eq!(ids(&first["chunk"]), [&children[6], &children[5]]);
    let next = first["next_batch"].as_str().unwrap();
    let between = relations(&room, &bob, &parent, &format!("?dir=f&from={next}")).await;
    assert_eq!(ids(&between["chunk"]), [&children[5], &children[6]]);
    let second = relations(&room, &bob, &parent, &format!("?limit=2&from={next}")).await;
    let to = second["next_batch"].as_str().unwrap();
    assert_eq!(
        ids(&relations(&room, &bob, &parent, &format!("?to={next}")).await["chunk"]),
        [&children[6], &children[5]]
    );
    let middle = relations(&room, &bob, &parent, &format!("?from={next}&to={to}")).await;
    assert_eq!(ids(&middle["chunk"]), [&children[4], &children[3]]);
    // Tokens of /messages and /sync are of the same kind.
    let page = bob.get(&room.path("/messages?dir=b&limit=3")).await.ok();
    let older = relations(&room, &bob, &parent, &format!("?limit=1&from={}", page["end"].as_str().unwrap())).await;
    assert_eq!(ids(&older["chunk"]), [&children[5]]);
    let token = bob.get("/v3/sync").await.ok()["next_batch"].as_str().unwrap().to_owned();
    let newer = relate(&room, &bob, "m.thread", &parent, "newer").await;
    assert_eq!(ids(&relations(&room, &bob, &parent, &format!("?limit=1&from={token}")).await["chunk"]), [&children[6]]);
    assert_eq!(ids(&relations(&room, &bob, &parent, &format!("?dir=f&from={token}")).await["chunk"]), [&newer]);
}

#[tokio::test]
async fn relations_are_picked_by_type() {
    let server = TestServer::start().await;
    let (room, alice, bob) = pair(&server).await;
    let parent = room.say(&alice, "t", "parent").await;
    let thread = relate(&room, &bob, "m.thread", &parent, "thread").await;
    let newest = edit(&room, &alice, &parent, "edit").await;
    let content = json!({ "m.relates_to": { "rel_type": "m.thread", "event_id": parent } });
    let sticker = sent(room.send(&bob, "m.sticker", "1", content).await.ok());
    let other = relate(&room, &bob, "org.example.a/b", &parent, "other").await;
    for (rest, found) in [
        ("", vec![&other, &sticker, &newest, &thread]),
        ("/m.thread", vec![&sticker, &thread]),
        ("/m.thread/m.sticker", vec![&sticker]),
        ("/m.thread/m.room.message", vec![&thread]),
        ("/m.replace", vec![&newest]),
        ("/org.example.a%2Fb", vec![&other]),
        ("/m.reference", vec![]),
        ("?limit=0", vec![]),
    ] {
        assert_eq!(ids(&relations(&room, &alice, &parent, rest).await["chunk"]), found, "{rest}");
    }
    // Each comes with what relates to it.
    let reply = edit(&room, &bob, &thread, "thread, edited").await;
    let page = relations(&room, &alice, &parent, "/m.thread?dir=f").await;
    assert_eq!(page["chunk"][0]["unsigned"]["m.relations"]["m.replace"]["event_id"], json!(reply));
    assert_eq!(page["chunk"][0]["room_id"], json!(room.id));
    for (rest, errcode) in
        [("?dir=x", "M_INVALID_PARAM"), ("?from=x", "M_INVALID_PARAM"), ("?recurse=x", "M_INVALID_PARAM")]
    {
        alice.get(&v1(&room, &format!("/relations/{}{rest}", encode(&parent)))).await.refused(400, errcode);
    }
    alice.get(&v1(&room, "/relations/$nothing")).await.refused(404, "M_NOT_FOUND");
    server.anonymous().get(&v1(&room, "/relations/$nothing")).await.refused(401, "M_MISSING_TOKEN");
}

#[tokio::test]
async fn relations_of_relations_are_followed_on_request() {
    let server = TestServer::start().await;
    let (room, alice, bob) = pair(&server).await;
    let root = room.say(&alice, "t", "root").await;
    let reply = relate(&room, &bob, "m.thread", &root, "reply").await;
    let edited = edit(&room, &bob, &reply, "edited").await;
    let deep = relate(&room, &alice, "m.reference", &edited, "deep").await;
    relate(&room, &alice, "m.reference", &deep, "too deep").await;
    let second = relate(&room, &bob, "m.thread", &root, "second").await;
    let answer = relations(&room, &alice, &root, "?recurse=true").await;
    assert_eq!(ids(&answer["chunk"]), [&second, &deep, &edited, &reply]);
    assert_eq!(answer["recursion_depth"], 3);
    assert_eq!(ids(&relations(&room, &alice, &root, "?recurse=false").await["chunk"]), [&second, &reply]);
    // A filter holds for all that lies between.
    assert_eq!(ids(&relations(&room, &alice, &root, "/m.thread?recurse=true").await["chunk"]), [&second, &reply]);
    assert_eq!(ids(&relations(&room, &alice, &root, "/m.reference?recurse=true").await["chunk"]), Vec::<&str>::new());
    // And there are pages.
    let (mut from, mut seen) = (String::new(), Vec::new());
    loop {
        let page = relations(&room, &alice, &root, &format!("?recurse=true&dir=f&limit=3{from}")).await;
        seen.extend(ids(&page["chunk"]).into_iter().map(str::to_owned));
        let Some(next) = page["next_batch"].as_str() else { break };
        from = format!("&from={next}");
    }
    assert_eq!(seen, [reply, edited, deep, second]);
}

#[tokio::test]
async fn a_filter_may_want_events_by_what_relates_to_them() {
    let server = TestServer::start().await;
    let (room, alice, bob) = pair(&server).await;
    let threaded = room.say(&alice, "1", "threaded").await;
    let reacted = room.say(&alice, "2", "reacted").await;
    room.say(&alice, "3", "alone").await;
    relate(&room, &bob, "m.thread", &threaded, "reply").await;
    let content = json!({ "m.relates_to": { "rel_type": "m.annotation", "event_id": reacted, "key": "x" } });
    room.send(&alice, "m.reaction", "4", content).await.ok();
    for (filter, found) in [
        (json!({ "related_by_rel_types": ["m.thread"] }), vec![&threaded]),
        (json!({ "related_by_rel_types": ["m.thread", "m.annotation"] }), vec![&reacted, &threaded]),
        (json!({ "related_by_senders": [bob.user_id] }), vec![&threaded]),
        (json!({ "related_by_senders": [bob.user_id], "related_by_rel_types": ["m.annotation"] }), vec![]),
        (json!({ "related_by_senders": ["@nobody:localhost"] }), vec![]),
    ] {
        let page = alice.get(&room.path(&format!("/messages?dir=b&filter={}", encode(&filter.to_string())))).await.ok();
        assert_eq!(ids(&page["chunk"]), found, "{filter}");
    }
}
