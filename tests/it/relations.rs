//! Relations: what is told with an event, what relates to it, and the threads of a room.

mod bundled;
mod listed;
mod seen;
mod threads;

use serde_json::{Value, json};

use crate::common::{TestClient, TestRoom, TestServer, encode};

/// A room of Alice's and Bob's.
async fn pair(server: &TestServer) -> (TestRoom, TestClient, TestClient) {
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let room = TestRoom::public(server, &alice).await;
    room.join(server, &bob).await;
    (room, alice, bob)
}

/// Sends an event that relates to another, and returns its ID. Its body is the transaction's ID.
async fn relate(room: &TestRoom, by: &TestClient, rel_type: &str, to: &str, transaction: &str) -> String {
    let content = json!({ "body": transaction, "m.relates_to": { "rel_type": rel_type, "event_id": to } });
    sent(room.send(by, "m.room.message", transaction, content).await.ok())
}

fn sent(answer: Value) -> String {
    answer["event_id"].as_str().expect("an event ID").to_owned()
}

fn edit_content(of: &str, body: &str) -> Value {
    json!({
        "body": format!("* {body}"),
        "m.new_content": { "body": body },
        "m.relates_to": { "rel_type": "m.replace", "event_id": of },
    })
}

/// Edits a message, and returns the edit's ID. The new body is the transaction's ID.
async fn edit(room: &TestRoom, by: &TestClient, of: &str, body: &str) -> String {
    sent(room.send(by, "m.room.message", body, edit_content(of, body)).await.ok())
}

async fn redact(room: &TestRoom, by: &TestClient, event: &str) {
    by.put(&room.path(&format!("/redact/{}/{}", encode(event), encode(event))), json!({})).await.ok();
}

async fn event(room: &TestRoom, client: &TestClient, id: &str) -> Value {
    client.get(&room.path(&format!("/event/{}", encode(id)))).await.ok()
}

/// What is told of an event's relations.
async fn bundled(room: &TestRoom, client: &TestClient, id: &str) -> Value {
    event(room, client, id).await["unsigned"]["m.relations"].clone()
}

fn v1(room: &TestRoom, rest: &str) -> String {
    format!("/v1/rooms/{}{rest}", encode(room.id.as_str()))
}

/// What relates to an event: `rest` is `/{relType}` or a query.
async fn relations(room: &TestRoom, client: &TestClient, id: &str, rest: &str) -> Value {
    client.get(&v1(room, &format!("/relations/{}{rest}", encode(id)))).await.ok()
}

async fn threads(room: &TestRoom, client: &TestClient, query: &str) -> Value {
    client.get(&v1(room, &format!("/threads?{query}"))).await.ok()
}

fn ids(events: &Value) -> Vec<&str> {
    events.as_array().expect("events").iter().map(|event| event["event_id"].as_str().expect("an ID")).collect()
}

async fn ignore(by: &TestClient, whom: &TestClient) {
    let path = format!("/v3/user/{}/account_data/m.ignored_user_list", by.user_id);
    by.put(&path, json!({ "ignored_users": { whom.user_id.clone(): {} } })).await.ok();
}
