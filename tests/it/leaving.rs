//! What people hear of rooms that they left, and of rooms that they were never in.

use serde_json::{Value, json};

use crate::common::{TestClient, TestServer, encode};

struct Room {
    id: String,
    owner: TestClient,
}

impl Room {
    async fn new(owner: TestClient, preset: &str) -> Self {
        let body = owner.post("/v3/createRoom", json!({ "preset": preset })).await.ok();
        Self { id: body["room_id"].as_str().expect("a room ID").to_owned(), owner }
    }

    async fn treat(&self, how: &str, whom: &TestClient) {
        let body = json!({ "user_id": whom.user_id });
        self.owner.post(&format!("/v3/rooms/{}/{how}", self.id), body).await.ok();
    }

    async fn name_it(&self, name: &str) {
        self.owner.put(&format!("/v3/rooms/{}/state/m.room.name", self.id), json!({ "name": name })).await.ok();
    }

    async fn walk(&self, who: &TestClient, verb: &str) {
        who.post(&format!("/v3/rooms/{}/{verb}", self.id), json!({})).await.ok();
    }

    /// What a sync tells of the room as of one that was left, and the token behind it.
    async fn left(&self, who: &TestClient, since: &str, more: &str) -> (Value, String) {
        let body = who.get(&format!("/v3/sync?timeout=0&since={since}{more}")).await.ok();
        (body["rooms"]["leave"][&self.id].clone(), body["next_batch"].as_str().expect("a token").to_owned())
    }
}

async fn token(client: &TestClient) -> String {
    client.get("/v3/sync?timeout=0").await.ok()["next_batch"].as_str().expect("a token").to_owned()
}

/// The memberships and other types of some events, in order.
fn told(events: &Value) -> Vec<&str> {
    let events = events["events"].as_array().expect("events");
    events.iter().map(|it| it["content"]["membership"].as_str().or(it["type"].as_str()).expect("a type")).collect()
}

#[tokio::test]
async fn who_turns_down_an_invitation_learns_nothing_of_the_room() {
    let server = TestServer::start().await;
    let bob = server.register("bob").await;
    let room = Room::new(server.register("alice").await, "private_chat").await;
    for more in ["", "&full_state=true", "&use_state_after=true", "&full_state=true&use_state_after=true"] {
        room.treat("invite", &bob).await;
        let since = token(&bob).await;
        room.name_it("Secret").await;
        room.walk(&bob, "leave").await;
        let (left, next) = room.left(&bob, &since, more).await;
        assert_eq!(told(&left["timeline"]), ["leave"], "{more}: {left}");
        let state = if more.contains("after") { "state_after" } else { "state" };
        let expected: &[&str] = if more.contains("after") { &["leave"] } else { &[] };
        assert_eq!(told(&left[state]), expected, "{more}: {left}");
        assert_eq!(room.left(&bob, &next, "").await.0, Value::Null, "it is told once");
    }
}

#[tokio::test]
async fn who_was_banned_without_having_come_learns_of_the_ban_alone() {
    let server = TestServer::start().await;
    let bob = server.register("bob").await;
    let room = Room::new(server.register("alice").await, "private_chat").await;
    let since = token(&bob).await;
    room.treat("ban", &bob).await;
    room.name_it("Secret").await;
    let (banned, since) = room.left(&bob, &since, "&full_state=true").await;
    assert_eq!((told(&banned["timeline"]), told(&banned["state"])), (vec!["ban"], vec![]), "{banned}");
    room.name_it("More of it").await;
    room.treat("unban", &bob).await;
    let (unbanned, _) = room.left(&bob, &since, "").await;
    assert_eq!((told(&unbanned["timeline"]), told(&unbanned["state"])), (vec!["leave"], vec![]), "{unbanned}");
}

#[tokio::test]
async fn who_left_and_is_banned_then_hears_of_both_and_of_nothing_between() {
    let server = TestServer::start().await;
    let bob = server.register("bob").await;
    let room = Room::new(server.register("alice").await, "public_chat").await;
    room.walk(&bob, "join").await;
    let since = token(&bob).await;
    room.name_it("Known").await;
    room.walk(&bob, "leave").await;
    room.name_it("Secret").await;
    room.treat("ban", &bob).await;

    let (left, _) = room.left(&bob, &since, "").await;
    assert_eq!(told(&left["timeline"]), ["m.room.name", "leave", "ban"], "{left}");
    assert_eq!(told(&left["state"]), Vec::<&str>::new(), "{left}");

    let filter = |filter: Value| format!("&filter={}", encode(&filter.to_string()));
    let brief = filter(json!({ "room": { "timeline": { "limit": 1 } } }));
    let (left, _) = room.left(&bob, &since, &brief).await;
    assert_eq!((told(&left["timeline"]), &left["timeline"]["limited"]), (vec!["ban"], &json!(true)), "{left}");
    let messages = filter(json!({ "room": { "timeline": { "types": ["m.room.message"] } } }));
    let (left, _) = room.left(&bob, &since, &messages).await;
    assert_eq!((told(&left["timeline"]), left["timeline"]["limited"].clone()), (vec![], json!(false)), "{left}");
    let state = told(&left["state"]);
    assert_eq!((state.len(), state.last()), (2, Some(&"ban")), "{left}");
    assert!(!left.to_string().contains("Secret"), "{left}");

    let everything = filter(json!({ "room": { "include_leave": true } }));
    for more in ["", "&use_state_after=true"] {
        let body = bob.get(&format!("/v3/sync?timeout=0{everything}{more}")).await.ok();
        let left = &body["rooms"]["leave"][&room.id];
        assert_eq!(told(&left["timeline"]).last(), Some(&"ban"), "{left}");
        assert!(!left.to_string().contains("Secret"), "{left}");
    }
}

#[tokio::test]
async fn one_client_forgets_and_the_others_learn_that_the_room_was_left() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let telephone = server.log_in("bob").await;
    let room = crate::common::TestRoom::public(&server, &alice).await;
    room.join(&server, &bob).await;
    let before = token(&telephone).await;
    room.say(&alice, "1", "which nobody remembers").await;
    bob.post(&room.path("/leave"), json!({})).await.ok();
    bob.post(&room.path("/forget"), json!({})).await.ok();
    let told = telephone.get(&format!("/v3/sync?since={before}")).await.ok();
    let left = &told["rooms"]["leave"][room.id.as_str()];
    let [event] = left["timeline"]["events"].as_array().unwrap().as_slice() else { panic!("{told}") };
    assert_eq!((&event["state_key"], &event["content"]["membership"]), (&json!(bob.user_id), &json!("leave")));
    assert_eq!(left["state"]["events"], json!([]));
    let whole = telephone.get(&format!("/v3/sync?filter={}", encode(r#"{"room":{"include_leave":true}}"#))).await.ok();
    assert!(whole["rooms"].get("leave").is_none(), "{whole}");
}
