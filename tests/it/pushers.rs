//! Pushers, and gateways that take what they are sent, fail, hang and reject.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{Router, extract::State, http::StatusCode, response::IntoResponse, routing::post};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::common::{TestClient, TestRoom, TestServer, encode};

/// How a gateway answers once.
#[derive(Clone, Debug)]
enum Mood {
    Fails,
    Hangs,
    Rejects(&'static str),
}

/// A push gateway that notes what it is sent.
#[derive(Clone, Default)]
pub struct Gateway {
    port: u16,
    moods: Arc<Mutex<VecDeque<Mood>>>,
    heard: Arc<Mutex<Vec<Value>>>,
}

impl Gateway {
    pub async fn start() -> Self {
        Self::on(0).await
    }

    async fn on(port: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        let gateway = Self { port: listener.local_addr().unwrap().port(), ..Self::default() };
        let routes = Router::new().route("/_matrix/push/v1/notify", post(notify)).with_state(gateway.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        gateway
    }

    fn feels(&self, moods: impl IntoIterator<Item = Mood>) {
        self.moods.lock().unwrap().extend(moods);
    }

    /// The first notification of an event that says `body`, once it is there, and how many were heard before it.
    pub async fn hears(&self, fits: impl Fn(&Value) -> bool) -> Value {
        for _ in 0..1_000 {
            if let Some(found) = self.heard.lock().unwrap().iter().find(|heard| fits(heard)) {
                return found.clone();
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("it was not pushed; but {:?}", self.heard.lock().unwrap());
    }

    async fn hears_words(&self, body: &str) -> Value {
        self.hears(|heard| heard["content"]["body"] == body).await
    }

    fn words(&self) -> Vec<String> {
        let heard = self.heard.lock().unwrap();
        heard.iter().filter_map(|heard| heard["content"]["body"].as_str().map(str::to_owned)).collect()
    }

    pub fn pusher(&self, pushkey: &str, data: Value) -> Value {
        let mut pusher = json!({
            "app_id": "org.example.app", "pushkey": pushkey, "kind": "http", "app_display_name": "App",
            "device_display_name": "Phone", "lang": "fr", "data": data,
        });
        pusher["data"]["url"] = format!("http://127.0.0.1:{}/_matrix/push/v1/notify", self.port).into();
        pusher
    }
}

async fn notify(State(gateway): State<Gateway>, axum::Json(body): axum::Json<Value>) -> axum::response::Response {
    let mood = gateway.moods.lock().unwrap().pop_front();
    match mood {
        Some(Mood::Fails) => return StatusCode::BAD_GATEWAY.into_response(),
        Some(Mood::Hangs) => std::future::pending().await,
        Some(Mood::Rejects(key)) => return axum::Json(json!({ "rejected": [key] })).into_response(),
        None => {}
    }
    gateway.heard.lock().unwrap().push(body["notification"].clone());
    axum::Json(json!({ "rejected": [] })).into_response()
}

/// A server that speaks to gateways on this machine; Alice and Bob in a room of hers.
async fn two() -> (TestServer, TestClient, TestClient, TestRoom) {
    let server = TestServer::builder().config(|config| config.push.allow_private_addresses = true).start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let room = TestRoom::with(&server, &alice, |new| new.name = Some("Salon".to_owned())).await;
    room.join(&server, &bob).await;
    (server, alice, bob, room)
}

async fn pushers(client: &TestClient) -> Vec<Value> {
    client.get("/v3/pushers").await.ok()["pushers"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_pusher_is_set_listed_changed_and_deleted() {
    let (mut server, alice, bob, _) = two().await;
    let gateway = Gateway { port: 1, ..Gateway::default() };
    let mut pusher = gateway.pusher("key", json!({ "format": "event_id_only", "org.example": { "x": 1.5 } }));
    pusher["profile_tag"] = "tag".into();
    alice.post("/v3/pushers/set", pusher.clone()).await.ok();
    assert_eq!(pushers(&alice).await, [pusher.clone()]);
    pusher["lang"] = "en".into();
    alice.post("/v3/pushers/set", pusher.clone()).await.ok();
    alice.post("/v3/pushers/set", gateway.pusher("other", json!({}))).await.ok();
    server.restart().await;
    let (alice, bob) = (alice.at(server.base_url()), bob.at(server.base_url()));
    assert_eq!(pushers(&alice).await, [pusher.clone(), gateway.pusher("other", json!({}))]);

    let mut second = gateway.pusher("other", json!({}));
    second["append"] = true.into();
    bob.post("/v3/pushers/set", second).await.ok();
    assert_eq!((pushers(&alice).await.len(), pushers(&bob).await.len()), (2, 1), "both have it");
    bob.post("/v3/pushers/set", gateway.pusher("other", json!({}))).await.ok();
    assert_eq!(pushers(&alice).await, [pusher], "Bob alone has it now");
    let delete = json!({ "app_id": "org.example.app", "pushkey": "key", "kind": null });
    alice.post("/v3/pushers/set", delete.clone()).await.ok();
    alice.post("/v3/pushers/set", delete).await.ok();
    assert_eq!(pushers(&alice).await, Vec::<Value>::new());
}

#[tokio::test]
async fn pushers_that_are_none_are_refused() {
    let server = TestServer::start().await;
    let alice = server.register("alice").await;
    let gateway = |url: &str| {
        json!({
            "app_id": "a", "pushkey": "k", "kind": "http", "app_display_name": "A", "device_display_name": "D",
            "lang": "en", "data": { "url": url },
        })
    };
    let good = gateway("https://push.example.org/_matrix/push/v1/notify");
    let with = |field: &str, value: Value| {
        let mut pusher = good.clone();
        pusher[field] = value;
        let alice = alice.clone();
        async move { alice.post("/v3/pushers/set", pusher).await }
    };
    with("kind", json!("email")).await.refused(400, "M_INVALID_PARAM");
    with("app_id", json!("x".repeat(65))).await.refused(400, "M_INVALID_PARAM");
    with("pushkey", json!("x".repeat(513))).await.refused(400, "M_INVALID_PARAM");
    with("lang", Value::Null).await.refused(400, "M_MISSING_PARAM");
    with("data", json!({})).await.refused(400, "M_MISSING_PARAM");
    with("pushkey", Value::Null).await.refused(400, "M_BAD_JSON");
    let mut large = good["data"].clone();
    large["x"] = "x".repeat(3_000).into();
    with("data", large).await.refused(400, "M_INVALID_PARAM");
    for url in [
        "http://push.example.org/_matrix/push/v1/notify",
        "http://127.0.0.1/_matrix/push/v1/notify",
        "https://push.example.org/notify",
        "https://user@push.example.org/_matrix/push/v1/notify",
        "push.example.org",
    ] {
        with("data", json!({ "url": url })).await.refused(400, "M_INVALID_PARAM");
    }
    for n in 0..30 {
        with("pushkey", json!(n.to_string())).await.ok();
    }
    with("pushkey", json!("more")).await.refused(413, "M_TOO_LARGE");
    with("pushkey", json!("7")).await.ok();
    server.anonymous().get("/v3/pushers").await.refused(401, "M_MISSING_TOKEN");
}

#[tokio::test]
async fn a_pusher_goes_with_the_session_that_set_it() {
    let (server, alice, ..) = two().await;
    let gateway = Gateway { port: 1, ..Gateway::default() };
    alice.post("/v3/pushers/set", gateway.pusher("laptop", json!({}))).await.ok();
    for end in ["/v3/logout", "/v3/logout/all"] {
        let phone = server.log_in("alice").await;
        phone.post("/v3/pushers/set", gateway.pusher("phone", json!({}))).await.ok();
        assert_eq!(pushers(&phone).await.len(), 2);
        if end == "/v3/logout" {
            phone.post(end, json!({})).await.ok();
            assert_eq!(pushers(&alice).await.len(), 1, "that of the laptop");
        } else {
            phone.post(end, json!({})).await.ok();
            assert_eq!(pushers(&server.log_in("alice").await).await, Vec::<Value>::new());
        }
    }
}

#[tokio::test]
async fn a_gateway_is_told_of_what_notifies_and_of_what_is_read() {
    let (server, alice, bob, room) = two().await;
    let gateway = Gateway::start().await;
    bob.post("/v3/pushers/set", gateway.pusher("full", json!({ "custom": 1 }))).await.ok();
    let text = json!({
        "msgtype": "m.text", "body": "hello", "m.mentions": { "user_ids": [bob.user_id] },
    });
    let sent = room.send(&alice, "m.room.message", "1", text.clone()).await.ok();
    let event_id = sent["event_id"].as_str().unwrap();
    let mut heard = gateway.hears_words("hello").await;
    let since = heard["devices"][0]["pushkey_ts"].take();
    assert!(since.as_u64().is_some_and(|seconds| seconds > 1_600_000_000 && seconds < 100_000_000_000), "{since}");
    let expected = json!({
        "event_id": event_id, "room_id": room.id, "type": "m.room.message", "sender": alice.user_id,
        "sender_display_name": "alice", "room_name": "Salon", "prio": "high", "content": text, "counts": { "unread": 1 },
        "devices": [{
            "app_id": "org.example.app", "pushkey": "full", "pushkey_ts": null, "data": { "custom": 1 },
            "tweaks": { "sound": "default", "highlight": true },
        }],
    });
    // She is alone with Bob, but a mention goes before that.
    assert_eq!(heard, expected);

    let path = room.path(&format!("/receipt/m.read/{}", encode(event_id)));
    bob.post(&path, json!({})).await.ok();
    let read = gateway.hears(|heard| heard.get("event_id").is_none()).await;
    assert_eq!((&read["counts"], &read["devices"][0]["pushkey"]), (&json!({}), &json!("full")));

    room.say(&bob, "2", "his own").await;
    room.send(&alice, "m.reaction", "3", json!({})).await.ok();
    room.say(&alice, "4", "the next").await;
    gateway.hears_words("the next").await;
    assert_eq!(gateway.words(), ["hello", "the next"], "his own messages and reactions are none of it");
    drop(server);
}

#[tokio::test]
async fn a_gateway_that_wants_no_content_gets_none_and_invites_say_whom_they_are_for() {
    let (server, alice, bob, room) = two().await;
    let (brief, full) = (Gateway::start().await, Gateway::start().await);
    bob.post("/v3/pushers/set", brief.pusher("brief", json!({ "format": "event_id_only" }))).await.ok();
    bob.post("/v3/pushers/set", full.pusher("full", json!({}))).await.ok();
    let event_id = room.say(&alice, "1", "secret").await;
    let heard = brief.hears(|heard| heard["event_id"] == event_id.as_str()).await;
    for absent in ["content", "type", "sender", "sender_display_name", "room_name"] {
        assert_eq!(heard.get(absent), None, "{heard}");
    }
    assert_eq!((&heard["room_id"], &heard["counts"]["unread"]), (&json!(room.id), &json!(1)));
    assert_eq!(heard["devices"][0]["data"], json!({ "format": "event_id_only" }));
    full.hears_words("secret").await;

    let other = TestRoom::public(&server, &alice).await;
    other.member(&server, &alice, &bob, "invite").await;
    let invited = full.hears(|heard| heard["type"] == "m.room.member").await;
    assert_eq!((&invited["user_is_target"], &invited["content"]["membership"]), (&json!(true), &json!("invite")));
    assert_eq!(invited["room_id"], json!(other.id));
}

#[tokio::test]
async fn failures_are_tried_again_and_a_gateway_that_hangs_holds_up_nobody_else() {
    let (_server, alice, bob, room) = two().await;
    let (good, bad) = (Gateway::start().await, Gateway::start().await);
    bad.feels([Mood::Fails, Mood::Hangs]);
    bob.post("/v3/pushers/set", bad.pusher("bad", json!({}))).await.ok();
    bob.post("/v3/pushers/set", good.pusher("good", json!({}))).await.ok();
    for n in 0..5 {
        room.say(&alice, &n.to_string(), &format!("word {n}")).await;
    }
    good.hears_words("word 4").await;
    assert_eq!(bad.words(), Vec::<String>::new());
    // After the first failure comes a wait of about a second, and then the gateway hangs.
    tokio::time::sleep(Duration::from_secs(2)).await;
    room.say(&alice, "more", "more").await;
    good.hears_words("more").await;
    assert_eq!(bad.words(), Vec::<String>::new());
    let failing = Gateway::start().await;
    failing.feels([Mood::Fails]);
    bob.post("/v3/pushers/set", failing.pusher("failing", json!({}))).await.ok();
    room.say(&alice, "a", "once more").await;
    room.say(&alice, "b", "and again").await;
    failing.hears_words("and again").await;
    assert_eq!(failing.words(), ["once more", "and again"], "in order, each once");
}

#[tokio::test]
async fn a_push_key_that_is_rejected_is_forgotten() {
    let (_server, alice, bob, room) = two().await;
    let gateway = Gateway::start().await;
    gateway.feels([Mood::Rejects("another"), Mood::Rejects("gone")]);
    bob.post("/v3/pushers/set", gateway.pusher("gone", json!({}))).await.ok();
    room.say(&alice, "1", "one").await;
    room.say(&alice, "2", "two").await;
    for _ in 0..500 {
        if pushers(&bob).await.is_empty() {
            room.say(&alice, "3", "three").await;
            bob.post("/v3/pushers/set", gateway.pusher("new", json!({}))).await.ok();
            room.say(&alice, "4", "four").await;
            gateway.hears_words("four").await;
            assert_eq!(gateway.words(), ["four"]);
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the pusher is still there");
}

#[tokio::test]
async fn what_could_not_be_pushed_is_pushed_after_a_restart_unless_it_was_read() {
    let (mut server, alice, bob, room) = two().await;
    let other = TestRoom::public(&server, &alice).await;
    other.join(&server, &bob).await;
    let port = {
        // A port that was free a moment ago.
        TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port()
    };
    let away = Gateway { port, ..Gateway::default() };
    bob.post("/v3/pushers/set", away.pusher("key", json!({}))).await.ok();
    let read = other.say(&alice, "1", "soon read").await;
    room.say(&alice, "1", "while it was away").await;
    bob.post(&other.path(&format!("/receipt/m.read.private/{}", encode(&read))), json!({})).await.ok();
    server.restart().await;
    let gateway = Gateway::on(port).await;
    gateway.hears_words("while it was away").await;
    room.say(&alice.at(server.base_url()), "2", "afterwards").await;
    gateway.hears_words("afterwards").await;
    assert_eq!(gateway.words(), ["while it was away", "afterwards"]);
    server.stop().await;
    let store = salon::store::Store::open(&server.config().data_dir, salon::store::StoreOptions::default()).unwrap();
    let report = salon::check::check(&store).unwrap();
    assert!(report.is_clean(), "{report}");
}
