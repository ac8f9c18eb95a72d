//! What a server is sent that was away, and what comes meanwhile.

use std::sync::{Arc, Mutex};

use axum::{Json, Router, body::Bytes, http::StatusCode, response::IntoResponse, routing::put};
use serde_json::{Value, json};

use super::{
    member::Member,
    rooms::{join_via, reads, until},
};
use crate::common::{Federation, TestRoom};

/// What a server does with transactions, and the bodies of the messages that it took.
#[derive(Default)]
struct Inbox {
    is_away: bool,
    /// Takes no transaction with this message.
    refuses: Option<String>,
    /// Answers transactions when this is free.
    slow: Arc<tokio::sync::Mutex<()>>,
    began: usize,
    taken: Vec<String>,
}

fn inbox() -> (Router, Arc<Mutex<Inbox>>) {
    let inbox: Arc<Mutex<Inbox>> = Arc::default();
    let shared = inbox.clone();
    let take = move |body: Bytes| {
        let inbox = shared.clone();
        async move {
            let body: Value = serde_json::from_slice(&body).unwrap();
            let said = |event: &Value| event["content"]["body"].as_str().map(ToOwned::to_owned);
            let said: Vec<String> = body["pdus"].as_array().unwrap().iter().filter_map(said).collect();
            let slow = {
                let mut inbox = inbox.lock().unwrap();
                if inbox.is_away || inbox.refuses.as_ref().is_some_and(|refused| said.contains(refused)) {
                    return StatusCode::BAD_GATEWAY.into_response();
                }
                inbox.began += 1;
                inbox.slow.clone()
            };
            let _free = slow.lock().await;
            inbox.lock().unwrap().taken.extend(said);
            Json(json!({ "pdus": {} })).into_response()
        }
    };
    (Router::new().route("/_matrix/federation/v1/send/{id}", put(take)), inbox)
}

#[tokio::test]
async fn what_comes_while_a_server_catches_up_outlives_a_crash() {
    let mut federation = Federation::of(&["a.test", "b.test", "evil.test"]).await;
    let (mut a, b) = (federation.server("a.test").await, federation.server("b.test").await);
    let (alice, bob) = (a.register("alice").await, b.register("bob").await);
    let (room, other) = (TestRoom::public(&a, &alice).await, TestRoom::public(&a, &alice).await);
    let (routes, inbox) = inbox();
    let member = Member::join(federation.peer("evil.test", routes), &room).await;
    join_via(&bob, &other, "a.test").await;

    inbox.lock().unwrap().is_away = true;
    room.say(&alice, "1", "while away").await;
    tokio::time::sleep(std::time::Duration::from_secs(5)).await;
    let slow = inbox.lock().unwrap().slow.clone();
    let held = slow.lock().await;
    {
        let mut inbox = inbox.lock().unwrap();
        (inbox.is_away, inbox.refuses) = (false, Some("meanwhile".to_owned()));
    }
    // It speaks up, and so is known to be back.
    member.send("back", vec![]).await.unwrap();
    until("it is told what it missed", async || (inbox.lock().unwrap().began > 0).then_some(())).await;
    room.say(&alice, "2", "meanwhile").await;
    // Another server is served, so that it is noted how far all are.
    other.say(&alice, "3", "elsewhere").await;
    reads(&bob, &other, "elsewhere").await;
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    drop(held);
    until("it knows what it missed", async || {
        inbox.lock().unwrap().taken.contains(&"while away".to_owned()).then_some(())
    })
    .await;
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    a.restart().await;
    inbox.lock().unwrap().refuses = None;
    member.send("back-again", vec![]).await.unwrap();
    until("it has what came meanwhile", async || {
        inbox.lock().unwrap().taken.contains(&"meanwhile".to_owned()).then_some(())
    })
    .await;
    a.stop_whole().await;
}
