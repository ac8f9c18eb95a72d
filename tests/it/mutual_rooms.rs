//! Rooms that two users share.

use std::collections::BTreeSet;

use serde_json::json;

use crate::common::{TestRoom, TestServer, encode};

#[tokio::test]
async fn rooms_where_both_are_joined_are_shared() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let path = format!("/v1/mutual_rooms?user_id={}", encode(&bob.user_id));
    assert_eq!(alice.get(&path).await.ok(), json!({ "joined": [], "count": 0 }));
    let shared = TestRoom::public(&server, &alice).await;
    shared.join(&server, &bob).await;
    // Alone, by invitation, and left.
    TestRoom::public(&server, &alice).await;
    let invited = TestRoom::public(&server, &alice).await;
    invited.member(&server, &alice, &bob, "invite").await;
    let left = TestRoom::public(&server, &bob).await;
    left.join(&server, &alice).await;
    assert_eq!(alice.get(&path).await.ok()["count"], 2);
    left.leave(&server, &bob).await;
    let expected = json!({ "joined": [shared.id], "count": 1 });
    assert_eq!(alice.get(&path).await.ok(), expected);
    let other = format!("/v1/mutual_rooms?user_id={}", encode(&alice.user_id));
    assert_eq!(bob.get(&other).await.ok(), expected);
}

#[tokio::test]
async fn many_shared_rooms_come_in_pages() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let mut rooms = BTreeSet::new();
    for _ in 0..101 {
        let room = TestRoom::public(&server, &alice).await;
        room.join(&server, &bob).await;
        rooms.insert(room.id.to_string());
    }
    let path = format!("/v1/mutual_rooms?user_id={}", encode(&bob.user_id));
    let first = alice.get(&path).await.ok();
    assert_eq!((first["count"].as_u64(), first["joined"].as_array().unwrap().len()), (Some(101), 100));
    let next = first["next_batch"].as_str().expect("more");
    let second = alice.get(&format!("{path}&from={next}")).await.ok();
    assert_eq!((second["count"].as_u64(), second.get("next_batch")), (Some(101), None));
    let both = [&first, &second].into_iter().flat_map(|page| page["joined"].as_array().unwrap());
    let both: Vec<_> = both.map(|id| id.as_str().unwrap().to_owned()).collect();
    assert_eq!((both.len(), both.into_iter().collect::<BTreeSet<_>>()), (101, rooms));
}

#[tokio::test]
async fn whom_nobody_knows_shares_nothing_and_what_is_no_user_is_refused() {
    let server = TestServer::start().await;
    let alice = server.register("alice").await;
    TestRoom::public(&server, &alice).await;
    let nobody = alice.get("/v1/mutual_rooms?user_id=@nobody:localhost").await.ok();
    assert_eq!(nobody, json!({ "joined": [], "count": 0 }));
    alice.get("/v1/mutual_rooms").await.refused(400, "M_MISSING_PARAM");
    for query in
        ["user_id=@alice:localhost", "user_id=alice", "user_id=@Historical:localhost", "user_id=@bob:localhost&from=x"]
    {
        alice.get(&format!("/v1/mutual_rooms?{query}")).await.refused(400, "M_INVALID_PARAM");
    }
}
