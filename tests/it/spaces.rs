//! Spaces and what is below them.

use std::time::Duration;

use serde_json::{Value, json};

use crate::common::{TestClient, TestServer, encode};

async fn create(client: &TestClient, body: Value) -> String {
    client.post("/v3/createRoom", body).await.ok()["room_id"].as_str().unwrap().to_owned()
}

async fn space(client: &TestClient, name: &str) -> String {
    let body = json!({ "name": name, "preset": "public_chat", "creation_content": { "type": "m.space" } });
    create(client, body).await
}

async fn room(client: &TestClient, name: &str) -> String {
    create(client, json!({ "name": name, "preset": "public_chat" })).await
}

async fn add(client: &TestClient, space: &str, child: &str, content: Value) {
    let path = format!("/v3/rooms/{}/state/m.space.child/{}", encode(space), encode(child));
    client.put(&path, content).await.ok();
}

fn via() -> Value {
    json!({ "via": ["localhost"] })
}

fn path(space: &str, query: &str) -> String {
    format!("/v1/rooms/{}/hierarchy?{query}", encode(space))
}

fn names(page: &Value) -> Vec<&str> {
    page["rooms"].as_array().unwrap().iter().map(|room| room["name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_tree_is_told_depth_first_in_the_order_of_its_children() {
    let server = TestServer::builder().manual_clock().start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let top = space(&alice, "top").await;
    let (inner, deep) = (space(&alice, "inner").await, room(&alice, "deep").await);
    let (early, late, first, second) =
        (room(&alice, "early").await, room(&alice, "late").await, room(&alice, "first").await, room(&alice, "b").await);
    add(&alice, &top, &early, via()).await;
    server.advance(Duration::from_millis(1));
    add(&alice, &top, &late, json!({ "via": ["localhost"], "order": "" })).await;
    add(&alice, &top, &second, json!({ "via": ["localhost"], "order": "b" })).await;
    add(&alice, &top, &inner, json!({ "via": ["localhost"], "order": "a" })).await;
    add(&alice, &top, &first, json!({ "via": ["localhost"], "order": " " })).await;
    add(&alice, &inner, &deep, via()).await;
    server.advance(Duration::from_millis(1));
    // It has a parent already, and that is its own parent's parent too.
    add(&alice, &inner, &top, via()).await;
    add(&alice, &inner, &early, via()).await;
    // Not a child, not a room, not of a space.
    add(&alice, &top, "!gone:localhost", json!({})).await;
    add(&alice, &top, "no room", via()).await;
    add(&alice, &deep, &late, via()).await;

    let tree = bob.get(&path(&top, "")).await.ok();
    assert_eq!(names(&tree), ["top", "first", "inner", "deep", "early", "b", "late"]);
    assert!(tree.get("next_batch").is_none(), "{tree}");
    let root = &tree["rooms"][0];
    assert_eq!((&root["room_type"], &root["room_id"]), (&json!("m.space"), &json!(top)));
    let children: Vec<_> = root["children_state"].as_array().unwrap().iter().map(|child| &child["state_key"]).collect();
    assert_eq!(children, [&first, &inner, &second, &early, &late]);
    let child = &root["children_state"][0];
    assert_eq!(child["content"], json!({ "via": ["localhost"], "order": " " }));
    assert!(child["origin_server_ts"].is_u64() && child.get("event_id").is_none(), "{child}");
    // Not a space, whatever it has in its state.
    assert_eq!(tree["rooms"][3]["children_state"], json!([]));

    assert_eq!(names(&bob.get(&path(&top, "max_depth=0")).await.ok()), ["top"]);
    let flat = bob.get(&path(&top, "max_depth=1")).await.ok();
    assert_eq!(names(&flat), ["top", "first", "inner", "b", "early", "late"]);
    // What the server does not know, it can't tell of.
    add(&alice, &top, "!elsewhere:example.org", via()).await;
    assert_eq!(names(&bob.get(&path(&top, "")).await.ok()).len(), 7);
}

#[tokio::test]
async fn trees_are_paged_through() {
    let server = TestServer::start().await;
    let alice = server.register("alice").await;
    let top = space(&alice, "top").await;
    for n in 0..5 {
        let suggested = n % 2 == 0;
        let child = room(&alice, &n.to_string()).await;
        add(&alice, &top, &child, json!({ "via": ["localhost"], "suggested": suggested })).await;
    }
    let mut told = Vec::new();
    let mut query = "limit=2".to_owned();
    loop {
        let page = alice.get(&path(&top, &query)).await.ok();
        told.extend(names(&page).into_iter().map(ToOwned::to_owned));
        let Some(next) = page["next_batch"].as_str() else { break };
        query = format!("limit=2&from={next}");
    }
    assert_eq!(told, ["top", "0", "1", "2", "3", "4"]);
    let suggested = alice.get(&path(&top, "suggested_only=true&limit=3")).await.ok();
    assert_eq!(names(&suggested), ["top", "0", "2"]);
    assert_eq!(suggested["rooms"][0]["children_state"].as_array().unwrap().len(), 3);
    let next = suggested["next_batch"].as_str().unwrap();
    assert_eq!(names(&alice.get(&path(&top, &format!("suggested_only=true&from={next}"))).await.ok()), ["4"]);
    for query in [&format!("from={next}"), &format!("suggested_only=true&max_depth=1&from={next}"), "from=x", "limit=0"]
    {
        alice.get(&path(&top, query)).await.refused(400, "M_INVALID_PARAM");
    }
}

#[tokio::test]
async fn rooms_that_one_may_not_see_stay_hidden_with_what_is_below_them() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let top = space(&alice, "top").await;
    let closed = json!({ "name": "closed", "creation_content": { "type": "m.space" } });
    let closed = create(&alice, closed).await;
    let below = room(&alice, "below").await;
    add(&alice, &top, &closed, via()).await;
    add(&alice, &closed, &below, via()).await;
    let rule = |rule: Value| json!([{ "type": "m.room.join_rules", "state_key": "", "content": rule }]);
    let members = json!({ "join_rule": "restricted", "allow": [{ "type": "m.room_membership", "room_id": top }] });
    for (name, initial_state) in [
        ("knock", rule(json!({ "join_rule": "knock" }))),
        ("for members", rule(members)),
        (
            "readable",
            json!([{ "type": "m.room.history_visibility", "content": { "history_visibility": "world_readable" } }]),
        ),
    ] {
        let child = create(&alice, json!({ "name": name, "initial_state": initial_state })).await;
        add(&alice, &top, &child, via()).await;
    }
    assert_eq!(names(&bob.get(&path(&top, "")).await.ok()), ["top", "knock", "readable"]);
    bob.post(&format!("/v3/join/{}", encode(&top)), json!({})).await.ok();
    assert_eq!(names(&bob.get(&path(&top, "")).await.ok()), ["top", "knock", "for members", "readable"]);
    alice.post(&format!("/v3/rooms/{}/invite", encode(&closed)), json!({ "user_id": "@bob:localhost" })).await.ok();
    let tree = bob.get(&path(&top, "")).await.ok();
    assert_eq!(names(&tree), ["top", "closed", "below", "knock", "for members", "readable"]);

    let ban = json!({ "user_id": "@bob:localhost" });
    alice.post(&format!("/v3/rooms/{}/ban", encode(&top)), ban).await.ok();
    bob.get(&path(&top, "")).await.refused(403, "M_FORBIDDEN");
    bob.get(&path("!nowhere:localhost", "")).await.refused(403, "M_FORBIDDEN");
    server.anonymous().get(&path(&top, "")).await.refused(401, "M_MISSING_TOKEN");
}
