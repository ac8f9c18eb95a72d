//! `/sync`: what changed, when, and for whom.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::common::{TestClient, TestServer, encode};

/// A sync from `since` on, and the token behind it.
async fn sync(client: &TestClient, since: Option<&str>, more: &str) -> (Value, String) {
    let since = since.map(|token| format!("&since={token}")).unwrap_or_default();
    let body = client.get(&format!("/v3/sync?timeout=0{since}{more}")).await.ok();
    let next = body["next_batch"].as_str().expect("a token").to_owned();
    (body, next)
}

async fn create_room(client: &TestClient, body: Value) -> String {
    let body = client.post("/v3/createRoom", body).await.ok();
    body["room_id"].as_str().expect("a room ID").to_owned()
}

fn types(events: &Value) -> Vec<&str> {
    events["events"]
        .as_array()
        .map_or(Vec::new(), |events| events.iter().map(|event| event["type"].as_str().expect("a type")).collect())
}

#[tokio::test]
async fn a_new_room_comes_whole_and_then_only_what_changed() {
    let server = TestServer::start().await;
    let alice = server.register("alice").await;
    let room = create_room(&alice, json!({ "name": "Salon", "preset": "private_chat" })).await;

    let (first, token) = sync(&alice, None, "").await;
    let joined = &first["rooms"]["join"][&room];
    assert_eq!(
        types(&joined["timeline"]),
        [
            "m.room.create",
            "m.room.member",
            "m.room.power_levels",
            "m.room.join_rules",
            "m.room.history_visibility",
            "m.room.guest_access",
            "m.room.name",
        ]
    );
    assert_eq!(joined["timeline"]["limited"], false);
    assert_eq!(joined["state"]["events"], json!([]));
    assert_eq!(joined["summary"]["m.joined_member_count"], 1);

    let (idle, _) = sync(&alice, Some(&token), "").await;
    assert!(idle.get("rooms").is_none(), "nothing changed: {idle}");
}

#[tokio::test]
async fn a_short_timeline_is_limited_and_the_state_before_it_comes_with_it() {
    let server = TestServer::start().await;
    let alice = server.register("alice").await;
    let room = create_room(&alice, json!({ "name": "Salon" })).await;
    let filter = encode(r#"{"room":{"timeline":{"limit":1}}}"#);
    let (first, _) = sync(&alice, None, &format!("&filter={filter}")).await;
    let joined = &first["rooms"]["join"][&room];
    assert_eq!(types(&joined["timeline"]), ["m.room.name"]);
    assert_eq!(joined["timeline"]["limited"], true);
    let mut state = types(&joined["state"]);
    state.sort_unstable();
    assert_eq!(
        state,
        [
            "m.room.create",
            "m.room.guest_access",
            "m.room.history_visibility",
            "m.room.join_rules",
            "m.room.member",
            "m.room.power_levels",
        ]
    );
}

#[tokio::test]
async fn an_invite_is_seen_live_and_accepting_it_shows_the_room() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let room = create_room(&alice, json!({ "name": "Salon" })).await;
    let (_, before) = sync(&bob, None, "").await;
    let (_, alices) = sync(&alice, None, "").await;

    let waiting = tokio::spawn({
        let (bob, before) = (bob.clone(), before.clone());
        async move {
            let started = Instant::now();
            let body = bob.get(&format!("/v3/sync?timeout=20000&since={before}")).await.ok();
            (body, started.elapsed())
        }
    });
    tokio::time::sleep(Duration::from_millis(100)).await;
    alice.post(&format!("/v3/rooms/{room}/invite"), json!({ "user_id": bob.user_id })).await.ok();
    let (invited, waited) = waiting.await.expect("the sync ends");
    assert!(waited < Duration::from_secs(15), "it woke up, and did not time out");
    let state = &invited["rooms"]["invite"][&room]["invite_state"];
    assert!(types(state).contains(&"m.room.name"), "{invited}");

    let token = invited["next_batch"].as_str().expect("a token").to_owned();
    bob.post(&format!("/v3/rooms/{room}/join"), json!({})).await.ok();
    let (joined, token) = sync(&bob, Some(&token), "").await;
    let seen = &joined["rooms"]["join"][&room];
    assert_eq!(types(&seen["timeline"]).last(), Some(&"m.room.member"));
    assert_eq!(seen["summary"]["m.joined_member_count"], 2);

    let (news, alices) = sync(&alice, Some(&alices), "").await;
    let members = &news["rooms"]["join"][&room]["timeline"]["events"];
    let memberships: Vec<_> =
        members.as_array().expect("events").iter().map(|it| &it["content"]["membership"]).collect();
    assert_eq!(memberships, ["invite", "join"]);

    alice.post(&format!("/v3/rooms/{room}/kick"), json!({ "user_id": bob.user_id, "reason": "noise" })).await.ok();
    let (kicked, token) = sync(&bob, Some(&token), "").await;
    let left = &kicked["rooms"]["leave"][&room]["timeline"]["events"];
    assert_eq!(left[0]["content"], json!({ "membership": "leave", "reason": "noise" }));
    assert_eq!(left[0]["unsigned"]["prev_content"]["membership"], "join");
    let (after, _) = sync(&bob, Some(&token), "").await;
    assert!(after.get("rooms").is_none(), "the room is gone: {after}");
    let (seen, _) = sync(&alice, Some(&alices), "").await;
    assert_eq!(seen["rooms"]["join"][&room]["summary"]["m.joined_member_count"], 1);
}

#[tokio::test]
async fn a_sync_without_news_waits_no_longer_than_it_was_told() {
    let server = TestServer::start().await;
    let alice = server.register("alice").await;
    let (_, token) = sync(&alice, None, "").await;
    let started = Instant::now();
    let body = alice.get(&format!("/v3/sync?timeout=300&since={token}")).await.ok();
    assert!(started.elapsed() >= Duration::from_millis(300));
    assert!(body["next_batch"].is_string());
    alice.get("/v3/sync?since=rubbish").await.refused(400, "M_INVALID_PARAM");
}

#[tokio::test]
async fn tokens_from_before_a_restart_go_on() {
    let mut server = TestServer::start().await;
    let alice = server.register("alice").await;
    let room = create_room(&alice, json!({})).await;
    let (_, token) = sync(&alice, None, "").await;
    server.restart().await;
    let alice = server.log_in("alice").await;
    let (idle, token) = sync(&alice, Some(&token), "").await;
    assert!(idle.get("rooms").is_none_or(|rooms| rooms["join"][&room]["timeline"]["events"] == json!([])), "{idle}");
    alice.post(&format!("/v3/rooms/{room}/leave"), json!({})).await.ok();
    let (left, _) = sync(&alice, Some(&token), "").await;
    assert_eq!(left["rooms"]["leave"][&room]["timeline"]["events"][0]["content"]["membership"], "leave");
}

#[tokio::test]
async fn lazily_loaded_members_come_with_what_they_sent_and_once() {
    let server = TestServer::start().await;
    let alice = server.register("alice").await;
    let room = create_room(&alice, json!({ "preset": "public_chat", "name": "Salon" })).await;
    let mut others = Vec::new();
    for name in ["bob", "carol", "dora"] {
        let other = server.register(name).await;
        other.post(&format!("/v3/rooms/{room}/join"), json!({})).await.ok();
        others.push(other);
    }
    let say = |transaction: &'static str| format!("/v3/rooms/{room}/send/m.room.message/{transaction}");
    others[0].put(&say("1"), json!({ "body": "hello" })).await.ok();
    let filter = encode(r#"{"room":{"state":{"lazy_load_members":true},"timeline":{"limit":1}}}"#);
    let lazily = format!("&filter={filter}");

    let (first, token) = sync(&alice, None, &lazily).await;
    let members = |body: &Value| -> Vec<String> {
        let state = body["rooms"]["join"][&room]["state"]["events"].as_array().cloned().unwrap_or_default();
        let members = state.iter().filter(|event| event["type"] == "m.room.member");
        members.map(|event| event["state_key"].as_str().expect("a user").to_owned()).collect()
    };
    let mut told = members(&first);
    told.sort_unstable();
    assert_eq!(told, ["@alice:localhost", "@bob:localhost"], "herself and who spoke");

    others[0].put(&say("2"), json!({ "body": "again" })).await.ok();
    let (second, token) = sync(&alice, Some(&token), &lazily).await;
    assert_eq!(members(&second), Vec::<String>::new(), "she knows him by now");

    others[1].put(&say("3"), json!({ "body": "and I" })).await.ok();
    let (third, _) = sync(&alice, Some(&token), &lazily).await;
    assert_eq!(members(&third), ["@carol:localhost"]);
}

#[tokio::test]
async fn state_after_the_timeline_comes_to_who_asks_for_it() {
    let server = TestServer::start().await;
    let alice = server.register("alice").await;
    let room = create_room(&alice, json!({ "name": "One" })).await;
    let (_, token) = sync(&alice, None, "").await;
    alice.put(&format!("/v3/rooms/{room}/state/m.room.name"), json!({ "name": "Two" })).await.ok();
    let (body, _) = sync(&alice, Some(&token), "&use_state_after=true").await;
    let joined = &body["rooms"]["join"][&room];
    assert!(joined.get("state").is_none());
    assert_eq!(joined["state_after"]["events"][0]["content"]["name"], "Two");
    assert_eq!(types(&joined["timeline"]), ["m.room.name"]);
    let (body, _) = sync(&alice, Some(&token), "").await;
    assert_eq!(body["rooms"]["join"][&room]["state"]["events"], json!([]));
}

#[tokio::test]
async fn left_rooms_come_with_a_first_sync_only_if_asked_for() {
    let server = TestServer::start().await;
    let alice = server.register("alice").await;
    let room = create_room(&alice, json!({})).await;
    alice.post(&format!("/v3/rooms/{room}/leave"), json!({})).await.ok();
    let (without, _) = sync(&alice, None, "").await;
    assert!(without["rooms"]["leave"].get(&room).is_none());
    let filter = encode(r#"{"room":{"include_leave":true}}"#);
    let (with, _) = sync(&alice, None, &format!("&filter={filter}")).await;
    assert_eq!(types(&with["rooms"]["leave"][&room]["timeline"]).last(), Some(&"m.room.member"));
    alice.post(&format!("/v3/rooms/{room}/forget"), json!({})).await.ok();
    let (forgotten, _) = sync(&alice, None, &format!("&filter={filter}")).await;
    assert!(forgotten["rooms"]["leave"].get(&room).is_none());
}

#[tokio::test]
async fn events_come_cut_down_or_as_servers_exchange_them() {
    let server = TestServer::start().await;
    let alice = server.register("alice").await;
    let room = create_room(&alice, json!({ "name": "Salon" })).await;
    let last = |body: &Value| body["rooms"]["join"][&room]["timeline"]["events"].as_array().unwrap().last().cloned();
    let fields = encode(r#"{"event_fields":["content.name"]}"#);
    let (cut, _) = sync(&alice, None, &format!("&filter={fields}")).await;
    assert_eq!(last(&cut), Some(json!({ "content": { "name": "Salon" } })));
    let format = encode(r#"{"event_format":"federation"}"#);
    let (pdus, _) = sync(&alice, None, &format!("&filter={format}")).await;
    let pdu = last(&pdus).expect("an event");
    assert!(pdu["hashes"]["sha256"].is_string() && pdu["signatures"]["localhost"].is_object(), "{pdu}");
}
