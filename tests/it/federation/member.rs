//! A member of a room who is on a server of the test's own: it signs what the test wants.

use axum::Router;
use ruma::{CanonicalJsonObject, RoomVersionId, signatures::hash_and_sign_event};
use salon::{
    event::{Pdu, rules},
    net::{Ask, PeerError, segment},
};
use serde_json::{Value, json};

use crate::common::{Federation, Peer, TestClient, TestRoom, TestServer, federation::object};

/// A user of a server of the test's own, joined to a room of a real one.
pub struct Member {
    pub peer: Peer,
    pub room: TestRoom,
    /// The last template: what events of this user build on.
    pub prev: Vec<String>,
    pub auth: Vec<String>,
    pub depth: u64,
}

pub const EVA: &str = "@eva:evil.test";

impl Member {
    pub async fn join(peer: Peer, room: &TestRoom) -> Self {
        let mut member = Self { peer, room: room.clone(), prev: vec![], auth: vec![], depth: 0 };
        let path = format!("/_matrix/federation/v1/make_join/{}/{EVA}?ver=12", segment(room.id.as_str()));
        let template = member.peer.ask("a.test", Ask::get(path)).await.unwrap();
        assert_eq!(template["room_version"], "12");
        let event = member.sign(template["event"].clone());
        let id = id_of(&event);
        let path = format!("/_matrix/federation/v2/send_join/{}/{}", segment(room.id.as_str()), segment(&id));
        let answer = member.peer.ask("a.test", Ask::put(path, object(event.clone()))).await.unwrap();
        let of = |kind: &str| {
            let found = answer["state"].as_array().unwrap().iter().find(|event| event["type"] == kind);
            id_of(found.unwrap())
        };
        member.auth = vec![of("m.room.power_levels"), id.clone()];
        member.prev = vec![id];
        member.depth = event["depth"].as_u64().unwrap() + 1;
        member
    }

    /// An event of the user that stands behind the last one.
    pub fn event(&self, kind: &str, content: Value) -> Value {
        json!({
            "type": kind,
            "room_id": self.room.id,
            "sender": EVA,
            "content": content,
            "origin_server_ts": now(),
            "depth": self.depth,
            "prev_events": self.prev,
            "auth_events": self.auth,
        })
    }

    pub fn message(&self, body: &str) -> Value {
        self.event("m.room.message", json!({ "msgtype": "m.text", "body": body }))
    }

    pub fn sign(&self, event: Value) -> Value {
        let mut event = object(event);
        event.remove("origin");
        let rules = rules(&RoomVersionId::V12).unwrap();
        hash_and_sign_event(self.peer.name.as_str(), &*self.peer.key, &mut event, &rules.redaction).unwrap();
        json!(event)
    }

    /// What came of a transaction's PDUs.
    pub async fn send(&self, id: &str, pdus: Vec<Value>) -> Result<Value, PeerError> {
        self.transact(id, json!({ "origin": "evil.test", "origin_server_ts": 1, "pdus": pdus })).await
    }

    pub async fn transact(&self, id: &str, body: Value) -> Result<Value, PeerError> {
        let path = format!("/_matrix/federation/v1/send/{id}");
        self.peer.ask("a.test", Ask::put(path, object(body))).await
    }

    /// Sends an event and expects it to be refused, or to be nothing at all.
    pub async fn refused(&self, id: &str, event: Value) {
        let answer = self.send(id, vec![event]).await.unwrap();
        for (event, outcome) in answer["pdus"].as_object().unwrap() {
            assert!(outcome["error"].is_string(), "{id}: {event} was taken: {answer}");
        }
    }
}

pub fn now() -> u64 {
    salon::clock::Clock::System.now_ms()
}

pub fn id_of(event: &Value) -> String {
    let event: CanonicalJsonObject = object(event.clone());
    Pdu::from_object(event, rules(&RoomVersionId::V12).unwrap()).unwrap().event_id().to_string()
}

/// A server with a room that a member of an evil one is in, who serves `routes`.
pub async fn room_with(routes: Router) -> (TestServer, TestClient, Member) {
    let mut federation = Federation::of(&["a.test", "evil.test"]).await;
    let a = federation.server("a.test").await;
    let alice = a.register("alice").await;
    let room = TestRoom::public(&a, &alice).await;
    let member = Member::join(federation.peer("evil.test", routes), &room).await;
    (a, alice, member)
}
