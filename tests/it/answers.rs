//! What answers look like, to the letter. A change here is seen by every client: it has to be meant.

use std::{collections::HashMap, time::Duration};

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    common::{Answer, PASSWORD, TestClient, TestServer, encode},
    rooms_create::create,
};

/// Gives a name to what differs from run to run: IDs by the order in which they come, times, tokens, secrets.
#[derive(Default)]
struct Masks(HashMap<String, String>);

impl Masks {
    fn mask(&mut self, value: Value) -> Value {
        self.masked("", value)
    }

    fn masked(&mut self, key: &str, value: Value) -> Value {
        match (key, value) {
            (
                "age" | "origin_server_ts" | "ts" | "last_seen_ts" | "last_active_ago" | "expires_in_ms",
                Value::Number(_),
            ) => {
                json!("[time]")
            }
            ("next_batch" | "prev_batch" | "start" | "end" | "from", Value::String(_)) => json!("[place]"),
            ("access_token" | "refresh_token" | "session" | "org.salon.nonce", Value::String(_)) => json!("[secret]"),
            ("device_id", Value::String(_)) => json!("[device]"),
            (_, Value::String(text)) => Value::String(self.id(text)),
            (key, Value::Array(items)) => items.into_iter().map(|item| self.masked(key, item)).collect(),
            (_, Value::Object(object)) => {
                object.into_iter().map(|(key, value)| (self.id(key.clone()), self.masked(&key, value))).collect()
            }
            (_, other) => other,
        }
    }

    fn id(&mut self, text: String) -> String {
        let kind = match text.chars().next() {
            Some('$') => "event",
            Some('!') => "room",
            _ => return text,
        };
        let number = self.0.len() + 1;
        self.0.entry(text).or_insert_with(|| format!("[{kind} {number}]")).clone()
    }
}

/// A server whose clock stands still, with a room of Alice's that has a name, a topic and a message.
async fn server_with_a_room(version: &str) -> (TestServer, TestClient, String) {
    let server = TestServer::builder().manual_clock().start().await;
    let alice = server.register("alice").await;
    let body = json!({
        "preset": "public_chat", "visibility": "public", "room_alias_name": "salon", "room_version": version,
        "name": "Salon", "topic": "What is said here",
    });
    let room = create(&alice, body).await;
    let message = json!({ "msgtype": "m.text", "body": "Hello" });
    alice.put(&format!("/v3/rooms/{room}/send/m.room.message/1"), message).await.ok();
    server.advance(Duration::from_millis(5));
    (server, alice, room)
}

#[tokio::test]
async fn a_first_sync() {
    let (server, alice, room) = server_with_a_room("12").await;
    let bob = server.register("bob").await;
    let direct = json!({ "preset": "private_chat", "is_direct": true, "invite": [bob.user_id] });
    create(&alice, direct).await;
    bob.post(&format!("/v3/join/{room}"), json!({})).await.ok();
    bob.put("/v3/user/@bob:localhost/account_data/org.example", json!({ "a": [1] })).await.ok();
    bob.put(&format!("/v3/user/@bob:localhost/rooms/{room}/tags/m.favourite"), json!({ "order": 1 })).await.ok();
    let filter = json!({ "presence": { "not_types": ["*"] }, "room": { "timeline": { "limit": 4 } } }).to_string();
    let mut sync = bob.get(&format!("/v3/sync?filter={}", encode(&filter))).await.ok();
    // State comes in an order of each database's own.
    let state = sync["rooms"]["join"][&room]["state"]["events"].as_array_mut().unwrap();
    state.sort_by_key(|event| event["type"].to_string());
    insta::assert_json_snapshot!(Masks::default().mask(sync));
}

#[tokio::test]
async fn a_later_sync() {
    let (server, alice, room) = server_with_a_room("12").await;
    let bob = server.register("bob").await;
    bob.post(&format!("/v3/join/{room}"), json!({})).await.ok();
    let filter = encode(&json!({ "presence": { "not_types": ["*"] } }).to_string());
    let first = alice.get(&format!("/v3/sync?filter={filter}")).await.ok();
    let message = json!({ "msgtype": "m.text", "body": "Yes?" });
    let said = alice.put(&format!("/v3/rooms/{room}/send/m.room.message/2"), message).await.ok();
    alice.put(&format!("/v3/rooms/{room}/state/m.room.topic/"), json!({ "topic": "Other things" })).await.ok();
    let event = encode(said["event_id"].as_str().unwrap());
    bob.post(&format!("/v3/rooms/{room}/receipt/m.read/{event}"), json!({})).await.ok();
    bob.put(&format!("/v3/rooms/{room}/typing/@bob:localhost"), json!({ "typing": true, "timeout": 30_000 }))
        .await
        .ok();
    alice.put(&format!("/v3/rooms/{room}/redact/{event}/3"), json!({ "reason": "a slip" })).await.ok();
    let since = first["next_batch"].as_str().unwrap();
    let sync = alice.get(&format!("/v3/sync?filter={filter}&since={since}")).await.ok();
    insta::assert_json_snapshot!(Masks::default().mask(sync));
}

#[tokio::test]
async fn pages_and_single_events() {
    let (_server, alice, room) = server_with_a_room("11").await;
    let mut masks = Masks::default();
    let page = alice.get(&format!("/v3/rooms/{room}/messages?dir=b&limit=2")).await.ok();
    let event = encode(page["chunk"][0]["event_id"].as_str().unwrap());
    let context = alice.get(&format!("/v3/rooms/{room}/context/{event}?limit=1")).await.ok();
    let event = alice.get(&format!("/v3/rooms/{room}/event/{event}")).await.ok();
    let members = alice.get(&format!("/v3/rooms/{room}/members")).await.ok();
    let joined = alice.get(&format!("/v3/rooms/{room}/joined_members")).await.ok();
    // The context brings all state; that has a picture of its own.
    let mut context = context;
    context["state"] = json!(context["state"].as_array().unwrap().len());
    let all = json!({
        "messages": page, "context": context, "event": event, "members": members, "joined_members": joined,
    });
    insta::assert_json_snapshot!(masks.mask(all));
}

/// How a public room begins in each version that differs.
#[tokio::test]
async fn the_first_events_of_a_public_room() {
    for version in ["6", "10", "11", "12"] {
        let (_server, alice, room) = server_with_a_room(version).await;
        let page = alice.get(&format!("/v3/rooms/{room}/messages?dir=f&limit=100")).await.ok();
        let shown = |event: &Value| json!({ "type": event["type"], "state_key": event["state_key"], "content": event["content"] });
        let events: Vec<Value> = page["chunk"].as_array().unwrap().iter().map(shown).collect();
        insta::assert_json_snapshot!(format!("public_room_of_version_{version}"), Masks::default().mask(json!(events)));
    }
}

#[tokio::test]
async fn accounts_and_sessions() {
    let server = TestServer::builder().manual_clock().start().await;
    let nobody = server.anonymous();
    let account = json!({ "username": "alice", "password": PASSWORD });
    let challenge = nobody.post("/v3/register", account.clone()).await;
    let mut with_auth = account.clone();
    with_auth["auth"] = json!({ "type": "m.login.dummy", "session": challenge.body["session"] });
    with_auth["refresh_token"] = json!(true);
    let registered = nobody.post("/v3/register", with_auth).await.ok();
    let alice = nobody.with_session(&registered);
    let login = json!({ "type": "m.login.password", "user": "alice", "password": PASSWORD });
    let all = json!({
        "register without auth": challenge.body,
        "register": registered,
        "refresh": nobody.post("/v3/refresh", json!({ "refresh_token": registered["refresh_token"] })).await.ok(),
        "login flows": nobody.get("/v3/login").await.ok(),
        "login": nobody.post("/v3/login", login).await.ok(),
        "whoami": alice.get("/v3/account/whoami").await.ok(),
        "profile": nobody.get("/v3/profile/@alice:localhost").await.ok(),
        "devices": alice.get("/v3/devices").await.ok(),
        "capabilities": alice.get("/v3/capabilities").await.ok(),
        "versions": nobody.get("/versions").await.ok(),
        "delete device without auth": alice.delete("/v3/devices/X", json!({})).await.body,
        "3pid": alice.get("/v3/account/3pid").await.ok(),
    });
    insta::assert_json_snapshot!(Masks::default().mask(all));
}

#[tokio::test]
async fn the_directory() {
    let (_server, alice, room) = server_with_a_room("12").await;
    let alias = encode("#salon:localhost");
    let all = json!({
        "public rooms": alice.get("/v3/publicRooms").await.ok(),
        "alias": alice.get(&format!("/v3/directory/room/{alias}")).await.ok(),
        "aliases": alice.get(&format!("/v3/rooms/{room}/aliases")).await.ok(),
        "visibility": alice.get(&format!("/v3/directory/list/room/{room}")).await.ok(),
        "summary": alice.get(&format!("/v1/room_summary/{room}")).await.ok(),
        "users": alice.post("/v3/user_directory/search", json!({ "search_term": "alice" })).await.ok(),
    });
    insta::assert_json_snapshot!(Masks::default().mask(all));
}

/// What clients are told when something is wrong: status, errcode and sentence.
#[tokio::test]
async fn errors() {
    let (server, alice, room) = server_with_a_room("12").await;
    let (bob, nobody) = (server.register("bob").await, server.anonymous());
    let room = encode(&room);
    let mut told = Vec::new();
    let mut ask = async |who: &TestClient, request: &str, body: &str| {
        let (method, path) = request.split_once(' ').unwrap();
        let path = path.replace("ROOM", &room);
        let answer = who.request(method.parse::<Method>().unwrap(), &path).body(body.to_owned());
        let answer = Answer::to(answer).await;
        told.push(json!({ "request": request, "body": body, "status": answer.status, "answer": answer.body }));
    };
    ask(&nobody, "GET /v3/nothing", "").await;
    ask(&nobody, "DELETE /v3/login", "").await;
    ask(&nobody, "GET /v3/account/whoami", "").await;
    ask(&nobody, "GET /v3/account/whoami?access_token=odd", "").await;
    ask(&nobody, "POST /v3/login", "{").await;
    ask(&nobody, "POST /v3/login", "{}").await;
    ask(&nobody, "POST /v3/login", r#"{"type":"m.login.token"}"#).await;
    ask(&nobody, "POST /v3/login", r#"{"type":"m.login.password","user":"alice","password":"guess"}"#).await;
    ask(&nobody, "GET /v3/register/available?username=alice", "").await;
    ask(&nobody, "GET /v3/register/available?username=Alice", "").await;
    ask(&nobody, "GET /v3/register/available", "").await;
    ask(&nobody, "POST /v3/refresh", r#"{"refresh_token":"odd"}"#).await;
    ask(&alice, "GET /v3/profile/alice", "").await;
    ask(&alice, "GET /v3/profile/@nobody:localhost", "").await;
    ask(&alice, "PUT /v3/profile/@bob:localhost/displayname", r#"{"displayname":"x"}"#).await;
    ask(&alice, "PUT /v3/rooms/ROOM/send/m.room.message/9", r#"{"body":1.5}"#).await;
    ask(&alice, "PUT /v3/rooms/ROOM/send/m.room.message/9", "[]").await;
    ask(&alice, "PUT /v3/rooms/ROOM/state/m.room.create", r#"{"a":1}"#).await;
    ask(&alice, "PUT /v3/rooms/ROOM/state/m.room.member/alice", "{}").await;
    ask(&alice, "GET /v3/rooms/ROOM/event/$none", "").await;
    ask(&alice, "GET /v3/rooms/ROOM/state/m.room.avatar", "").await;
    ask(&alice, "GET /v3/rooms/ROOM/messages", "").await;
    ask(&alice, "GET /v3/rooms/ROOM/messages?dir=b&from=odd", "").await;
    ask(&alice, "GET /v3/sync?since=odd", "").await;
    ask(&alice, "GET /v3/directory/room/%23none:localhost", "").await;
    ask(&alice, "POST /v3/createRoom", r#"{"room_version":"99"}"#).await;
    ask(&alice, "POST /v3/createRoom", r#"{"room_alias_name":"salon"}"#).await;
    ask(&bob, "PUT /v3/rooms/ROOM/send/m.room.message/9", "{}").await;
    ask(&bob, "GET /v3/rooms/ROOM/state", "").await;
    ask(&bob, "GET /v3/rooms/ROOM/messages?dir=b", "").await;
    ask(&bob, "POST /v3/rooms/ROOM/leave", "").await;
    ask(&bob, "POST /v3/rooms/ROOM/kick", r#"{"user_id":"@alice:localhost"}"#).await;
    ask(&bob, "POST /v3/join/!none:localhost", "").await;
    insta::assert_json_snapshot!(Masks::default().mask(json!(told)));
}
