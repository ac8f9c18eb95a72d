//! Rooms of a test: made and changed from within, so that a test of one endpoint doesn't hang on another's.

use ruma::{OwnedRoomId, RoomId, UserId};
use salon::{
    app::App,
    rooms::{
        NewEvent,
        create::{NewRoom, Preset},
    },
};
use serde_json::{Value, json};

use super::{Answer, TestClient, TestServer, encode};

/// A room of a `TestServer`.
#[derive(Clone, Debug)]
pub struct TestRoom {
    pub id: OwnedRoomId,
}

impl TestRoom {
    /// A public room of version 12.
    pub async fn public(server: &TestServer, creator: &TestClient) -> Self {
        Self::with(server, creator, |_| {}).await
    }

    /// A room that may be any; public and of version 12 unless `change` says otherwise.
    pub async fn with(server: &TestServer, creator: &TestClient, change: impl FnOnce(&mut NewRoom)) -> Self {
        let version = "12".try_into().expect("a version");
        let mut new = NewRoom::new(user_id(creator).to_owned(), version, Preset::PublicChat);
        change(&mut new);
        Self { id: server.app().rooms.create(new).await.expect("a room") }
    }

    /// The room's path: `/v3/rooms/{roomId}` and what follows.
    pub fn path(&self, rest: &str) -> String {
        format!("/v3/rooms/{}{rest}", encode(self.id.as_str()))
    }

    /// A text message; returns its event ID.
    pub async fn say(&self, client: &TestClient, transaction: &str, body: &str) -> String {
        let content = json!({ "msgtype": "m.text", "body": body });
        let answer = self.send(client, "m.room.message", transaction, content).await.ok();
        answer["event_id"].as_str().expect("an event ID").to_owned()
    }

    pub async fn send(&self, client: &TestClient, event_type: &str, transaction: &str, content: Value) -> Answer {
        client.put(&self.path(&format!("/send/{}/{}", encode(event_type), encode(transaction))), content).await
    }

    /// A state event; returns its event ID.
    pub async fn set(&self, server: &TestServer, by: &TestClient, kind: &str, key: &str, content: Value) -> String {
        set_state(server.app(), &self.id, user_id(by), kind, key, content).await
    }

    /// A membership that `by` gives to `target`; returns the event's ID.
    pub async fn member(&self, server: &TestServer, by: &TestClient, target: &TestClient, membership: &str) -> String {
        self.set(server, by, "m.room.member", &target.user_id, json!({ "membership": membership })).await
    }

    pub async fn join(&self, server: &TestServer, user: &TestClient) -> String {
        self.member(server, user, user, "join").await
    }

    pub async fn leave(&self, server: &TestServer, user: &TestClient) -> String {
        self.member(server, user, user, "leave").await
    }
}

async fn set_state(app: &App, room: &RoomId, by: &UserId, kind: &str, key: &str, content: Value) -> String {
    let content = content.to_string();
    let content = salon::event::check_content(&content).expect("content");
    let number = app.rooms.number(room).expect("a room");
    let event = NewEvent::state(by, kind, key, content);
    app.rooms.send(number, event).await.expect("an event").to_string()
}

fn user_id(client: &TestClient) -> &UserId {
    client.user_id.as_str().try_into().expect("a user ID")
}
