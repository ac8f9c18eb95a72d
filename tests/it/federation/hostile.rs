//! Servers that lie: what they send is refused, or costs nobody but them.

use std::{
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use axum::{
    Json, Router,
    body::Body,
    routing::{get, post},
};
use bytes::Bytes;
use salon::net::{Ask, segment};
use serde_json::{Value, json};

use super::{
    member::{EVA, id_of, room_with},
    rooms::{messages, reads, until},
};
use crate::common::{Federation, Peer, TestRoom, federation::object};

#[tokio::test]
async fn only_what_is_rightly_made_becomes_part_of_a_room() {
    let (mut a, alice, member) = room_with(Router::new()).await;
    let good = member.sign(member.message("a good one"));
    let answer = member.send("1", vec![good.clone()]).await.unwrap();
    assert_eq!(answer["pdus"][id_of(&good)], json!({}));
    reads(&alice, &member.room, "a good one").await;

    let mut forged = good.clone();
    forged["content"]["body"] = json!("changed words");
    forged["origin_server_ts"] = json!(5);
    member.refused("signature", forged).await;
    let mut others = member.message("in alice's name");
    others["sender"] = json!(alice.user_id);
    member.refused("sender", member.sign(others)).await;
    let mut late = member.message("from the year 9999");
    late["origin_server_ts"] = json!(253_370_764_800_000_u64);
    member.refused("late", member.sign(late)).await;
    let mut elsewhere = member.message("for another room");
    elsewhere["room_id"] = json!("!elsewhere:evil.test");
    member.refused("elsewhere", member.sign(elsewhere)).await;
    let power = member.event("m.room.power_levels", json!({ "users": { EVA: 100 } }));
    let mut power = power;
    power["state_key"] = json!("");
    member.refused("power", member.sign(power)).await;
    let mut create = member.event("m.room.create", json!({ "room_version": "12" }));
    create["state_key"] = json!("");
    member.refused("create", member.sign(create)).await;
    let mut unsigned = member.message("unsigned");
    unsigned["signatures"] = json!({});
    unsigned["hashes"] = json!({ "sha256": "" });
    member.refused("unsigned", unsigned).await;
    for (id, odd) in [("float", json!({ "depth": "x" })), ("type", json!({ "type": 5 })), ("empty", json!({}))] {
        member.refused(id, odd).await;
    }
    let mut long = member.message("x");
    long["type"] = json!("t".repeat(300));
    member.refused("long", long).await;

    // What lost its content on the way comes as redaction leaves it.
    let mut stripped = member.sign(member.message("secret words"));
    stripped["content"] = json!({});
    let answer = member.send("stripped", vec![stripped.clone()]).await.unwrap();
    assert_eq!(answer["pdus"][id_of(&stripped)], json!({}), "{answer}");
    // Depth has an end, and the room goes on there.
    let mut deep = member.message("as deep as can be");
    deep["depth"] = json!((1_u64 << 53) - 1);
    member.send("deep", vec![member.sign(deep)]).await.unwrap();
    reads(&alice, &member.room, "as deep as can be").await;
    member.room.say(&alice, "1", "still here").await;

    let found = messages(&alice, &member.room).await;
    assert_eq!(found, ["a good one", "as deep as can be", "still here"]);
    a.stop_whole().await;
}

#[tokio::test]
async fn transactions_are_bounded_and_answered_once() {
    let (mut a, alice, member) = room_with(Router::new()).await;
    let many = vec![member.sign(member.message("x")); 51];
    Peer::refused(member.send("many", many).await, 400, "M_INVALID_PARAM");
    let edus = vec![json!({ "edu_type": "x", "content": {} }); 101];
    let body = json!({ "origin": "evil.test", "origin_server_ts": 1, "pdus": [], "edus": edus });
    Peer::refused(member.transact("edus", body).await, 400, "M_INVALID_PARAM");

    let once = member.sign(member.message("once"));
    let first = member.send("same", vec![once]).await.unwrap();
    let again = member.send("same", vec![member.sign(member.message("twice"))]).await.unwrap();
    assert_eq!(first, again);
    a.restart().await;
    let alice = alice.at(a.base_url());
    let again = member.send("same", vec![member.sign(member.message("thrice"))]).await.unwrap();
    assert_eq!(first, again);
    assert_eq!(messages(&alice, &member.room).await, ["once"]);
}

#[tokio::test]
async fn nobody_types_or_reads_in_anothers_name() {
    let (_a, alice, member) = room_with(Router::new()).await;
    let typing = |room: &str, user: &str| json!({ "edu_type": "m.typing", "content": { "room_id": room, "user_id": user, "typing": true } });
    let room = member.room.id.as_str();
    let edus =
        json!([typing(room, &alice.user_id), typing(room, "@stranger:evil.test"), typing("!no:where", EVA), 5, {}]);
    let body = json!({ "origin": "evil.test", "origin_server_ts": 1, "pdus": [], "edus": edus });
    member.transact("1", body).await.unwrap();
    let sync = alice.get("/v3/sync").await.ok();
    let ephemeral = &sync["rooms"]["join"][room]["ephemeral"]["events"];
    assert!(ephemeral.as_array().is_none_or(Vec::is_empty), "{sync}");
    let body = json!({ "origin": "evil.test", "origin_server_ts": 1, "pdus": [], "edus": [typing(room, EVA)] });
    member.transact("2", body).await.unwrap();
    until("eva types", async || {
        let sync = alice.get("/v3/sync").await.ok();
        let events = sync["rooms"]["join"][room]["ephemeral"]["events"].as_array().cloned().unwrap_or_default();
        events.iter().any(|event| event["content"]["user_ids"] == json!([EVA])).then_some(())
    })
    .await;
}

/// An endless answer.
struct Flood;

impl hyper::body::Body for Flood {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<hyper::body::Frame<Bytes>, Self::Error>>> {
        static BLANKS: [u8; 1 << 16] = [b' '; 1 << 16];
        Poll::Ready(Some(Ok(hyper::body::Frame::data(Bytes::from_static(&BLANKS)))))
    }
}

#[tokio::test]
async fn a_past_that_is_not_to_be_had_holds_up_nobody() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = asked.clone();
    let count = move || {
        counter.fetch_add(1, Ordering::SeqCst);
        async { Body::new(Flood) }
    };
    let deep = || async { format!("{{\"events\":{}1{}}}", "[".repeat(100_000), "]".repeat(100_000)) };
    let routes = Router::new()
        .route("/_matrix/federation/v1/get_missing_events/{room}", post(deep))
        .route("/_matrix/federation/v1/state_ids/{room}", get(count));
    let (mut a, alice, mut member) = room_with(routes).await;
    member.prev = vec!["$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".to_owned()];
    member.refused("1", member.sign(member.message("from nowhere"))).await;
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    member.room.say(&alice, "1", "still here").await;
    assert_eq!(messages(&alice, &member.room).await, ["still here"]);
    a.stop_whole().await;
}

#[tokio::test]
async fn a_server_can_not_replace_the_state_of_a_room_by_telling_another() {
    // It leaves out everything but what makes the room and lets its own user in.
    let told: Arc<Mutex<Value>> = Arc::default();
    let answer = told.clone();
    let state_ids = move || {
        let answer = answer.lock().unwrap().clone();
        async move { Json(answer) }
    };
    let routes = Router::new()
        .route("/_matrix/federation/v1/get_missing_events/{room}", post(|| async { Json(json!({ "events": [] })) }))
        .route("/_matrix/federation/v1/state_ids/{room}", get(state_ids));
    let (mut a, alice, mut member) = room_with(routes).await;
    member.room.set(&a, &alice, "m.room.topic", "", json!({ "topic": "ours" })).await;
    let join = member.auth[1].clone();
    *told.lock().unwrap() = json!({ "pdu_ids": [join], "auth_chain_ids": member.auth });
    member.prev = vec!["$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".to_owned(), join];
    member.depth += 10;
    let _ = member.send("1", vec![member.sign(member.message("a new order"))]).await.unwrap();
    let topic = alice.get(&member.room.path("/state/m.room.topic")).await.ok();
    assert_eq!(topic["topic"], "ours");
    let levels = alice.get(&member.room.path("/state/m.room.power_levels")).await.ok();
    assert!(levels["users"][EVA].is_null(), "{levels}");
    member.room.say(&alice, "1", "still here").await;
    a.stop_whole().await;
}

#[tokio::test]
async fn servers_that_are_not_in_a_room_learn_nothing_of_it() {
    let mut federation = Federation::of(&["a.test", "evil.test"]).await;
    let a = federation.server("a.test").await;
    let alice = a.register("alice").await;
    let room = TestRoom::public(&a, &alice).await;
    let said = room.say(&alice, "1", "among us").await;
    let peer = federation.peer("evil.test", Router::new());
    let (id, event) = (segment(room.id.as_str()), segment(&said));
    for path in [
        format!("state/{id}?event_id={event}"),
        format!("state_ids/{id}?event_id={event}"),
        format!("event_auth/{id}/{event}"),
        format!("backfill/{id}?v={event}&limit=10"),
    ] {
        let answer = peer.ask("a.test", Ask::get(format!("/_matrix/federation/v1/{path}"))).await;
        Peer::refused(answer, 403, "M_FORBIDDEN");
    }
    let answer = peer.ask("a.test", Ask::get(format!("/_matrix/federation/v1/event/{event}"))).await;
    Peer::refused(answer, 404, "M_NOT_FOUND");
    let body = object(json!({ "earliest_events": [], "latest_events": [said], "limit": 10 }));
    let path = format!("/_matrix/federation/v1/get_missing_events/{id}");
    Peer::refused(peer.ask("a.test", Ask::post(path, body)).await, 403, "M_FORBIDDEN");
    // A user of another server can't be let in by it.
    let path = format!("/_matrix/federation/v1/make_join/{id}/@alice:b.test?ver=12");
    Peer::refused(peer.ask("a.test", Ask::get(path)).await, 403, "M_FORBIDDEN");
    let path = format!("/_matrix/federation/v1/make_join/{id}/{EVA}?ver=1");
    Peer::refused(peer.ask("a.test", Ask::get(path)).await, 400, "M_INCOMPATIBLE_ROOM_VERSION");
}
