//! Spaces whose rooms are elsewhere, and moments that other servers remember.

use std::sync::atomic::{AtomicUsize, Ordering};

use axum::{Router, extract::Path, routing::get};
use salon::net::{Ask, segment};
use serde_json::{Value, json};

use super::rooms::{join_via, reads};
use crate::common::{Federation, Peer, TestClient, TestRoom, encode};

async fn create(client: &TestClient, body: Value) -> String {
    client.post("/v3/createRoom", body).await.ok()["room_id"].as_str().unwrap().to_owned()
}

async fn room(client: &TestClient, name: &str, preset: &str) -> String {
    create(client, json!({ "name": name, "preset": preset })).await
}

/// Of a version whose room IDs name a server.
async fn space(client: &TestClient, name: &str) -> String {
    let body = json!({
        "name": name, "preset": "public_chat", "room_version": "11", "creation_content": { "type": "m.space" },
    });
    create(client, body).await
}

/// Adds a child behind those that are there: what comes in the same millisecond would be ordered by chance.
async fn add(client: &TestClient, space: &str, child: &str, via: &str) {
    static ADDED: AtomicUsize = AtomicUsize::new(0);
    let order = format!("{:08}", ADDED.fetch_add(1, Ordering::Relaxed));
    let path = format!("/v3/rooms/{}/state/m.space.child/{}", encode(space), encode(child));
    client.put(&path, json!({ "via": [via], "order": order })).await.ok();
}

async fn tree(client: &TestClient, space: &str) -> Vec<String> {
    let page = client.get(&format!("/v1/rooms/{}/hierarchy", encode(space))).await.ok();
    page["rooms"].as_array().unwrap().iter().map(|room| room["name"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_tree_reaches_over_servers() {
    let mut federation = Federation::of(&["a.test", "b.test", "c.test", "evil.test"]).await;
    let (a, b, c) =
        (federation.server("a.test").await, federation.server("b.test").await, federation.server("c.test").await);
    let (alice, bob, carol) = (a.register("alice").await, b.register("bob").await, c.register("carol").await);
    let top = space(&alice, "top").await;
    let inner = space(&bob, "inner").await;
    let deep = room(&bob, "deep", "public_chat").await;
    let (open, closed) = (room(&alice, "open", "public_chat").await, room(&alice, "closed", "private_chat").await);
    add(&alice, &top, &open, "a.test").await;
    add(&alice, &top, &closed, "a.test").await;
    add(&alice, &top, &inner, "b.test").await;
    add(&alice, &top, "!nowhere:gone.test", "gone.test").await;
    add(&bob, &inner, &deep, "b.test").await;
    let club = json!([{ "type": "m.room.join_rules", "content": { "join_rule": "restricted", "allow": [
        { "type": "m.room_membership", "room_id": open }
    ] } }]);
    let club = create(&alice, json!({ "name": "club", "initial_state": club })).await;
    add(&alice, &top, &club, "a.test").await;

    assert_eq!(tree(&alice, &top).await, ["top", "open", "closed", "inner", "deep", "club"]);
    assert_eq!(tree(&bob, &top).await, ["top", "open", "inner", "deep"]);
    assert_eq!(tree(&carol, &top).await, ["top", "open", "inner", "deep"]);
    // Who is in the room whose members may join sees that they may.
    let open = TestRoom { id: open.as_str().try_into().unwrap() };
    join_via(&carol, &open, "a.test").await;
    let peer = federation.peer("evil.test", Router::new());
    let path = format!("/_matrix/federation/v1/hierarchy/{}", segment(&top));
    let told = peer.ask("a.test", Ask::get(path)).await.unwrap();
    assert_eq!(told["room"]["name"], "top");
    assert_eq!(told["room"]["children_state"].as_array().unwrap().len(), 5);
    assert_eq!(told["children"].as_array().unwrap().len(), 1);
    assert_eq!(told["inaccessible_children"], json!([closed, club]));
    let path = format!("/_matrix/federation/v1/hierarchy/{}", segment(&closed));
    Peer::refused(peer.ask("a.test", Ask::get(path)).await, 404, "M_NOT_FOUND");
    carol.get(&format!("/v1/rooms/{}/hierarchy", encode(&closed))).await.refused(403, "M_FORBIDDEN");

    // A single room is summed up the same way.
    let summary = carol.get(&format!("/v1/room_summary/{}?via=b.test", encode(&deep))).await.ok();
    assert_eq!((&summary["name"], &summary["membership"]), (&json!("deep"), &json!("leave")));
    let summary = async |client: &TestClient, room: &str, via: &str| {
        client.get(&format!("/v1/room_summary/{}{via}", encode(room))).await
    };
    summary(&carol, &closed, "?via=a.test").await.refused(404, "M_NOT_FOUND");
    assert_eq!(summary(&carol, &club, "?via=a.test").await.ok()["name"], "club");
    summary(&bob, &club, "?via=a.test").await.refused(404, "M_NOT_FOUND");
    summary(&c.anonymous(), open.id.as_str(), "").await.ok();
    summary(&b.anonymous(), &top, "?via=a.test").await.refused(404, "M_NOT_FOUND");
}

#[tokio::test]
async fn a_server_speaks_of_the_room_that_it_was_asked_about_and_its_children_only() {
    let mut federation = Federation::of(&["a.test", "evil.test"]).await;
    let a = federation.server("a.test").await;
    let alice = a.register("alice").await;
    let summary = |room: &str, name: &str| {
        json!({
            "room_id": room, "name": name, "num_joined_members": 1, "world_readable": true, "guest_can_join": false,
            "join_rule": "public", "room_type": "m.space",
        })
    };
    let child = |room: &str| {
        json!({ "type": "m.space.child", "state_key": room, "content": { "via": ["evil.test"] },
                "sender": "@eva:evil.test", "origin_server_ts": 1 })
    };
    let mut parent = summary("!asked:evil.test", "asked");
    parent["children_state"] =
        json!([child("!child:evil.test"), 5, { "type": "m.space.child" }, child("!asked:evil.test")]);
    let children = json!([summary("!child:evil.test", "child"), summary("!other:evil.test", "other")]);
    let told = json!({ "room": parent, "children": children, "inaccessible_children": [] });
    let tell = move |Path(room): Path<String>| async move {
        if room == "!deep:evil.test" { "[".repeat(100_000) } else { told.to_string() }
    };
    federation.peer("evil.test", Router::new().route("/_matrix/federation/v1/hierarchy/{room}", get(tell)));
    assert_eq!(tree(&alice, "!asked:evil.test").await, ["asked"]);
    for room in ["!other:evil.test", "!deep:evil.test"] {
        alice.get(&format!("/v1/rooms/{}/hierarchy", encode(room))).await.refused(403, "M_FORBIDDEN");
    }
    let shallow = alice.get(&format!("/v1/rooms/{}/hierarchy?max_depth=1", encode("!asked:evil.test"))).await.ok();
    assert_eq!(shallow["rooms"].as_array().unwrap().len(), 2, "{shallow}");
}

#[tokio::test]
async fn a_moment_before_the_join_is_found_elsewhere() {
    let mut federation = Federation::of(&["a.test", "b.test", "evil.test"]).await;
    let (mut a, mut b) = (federation.server("a.test").await, federation.server("b.test").await);
    let (alice, bob) = (a.register("alice").await, b.register("bob").await);
    let room = TestRoom::public(&a, &alice).await;
    let mut said = Vec::new();
    for n in 0..6 {
        let id = room.say(&alice, &format!("{n}"), &format!("line {n}")).await;
        let event = alice.get(&room.path(&format!("/event/{}", encode(&id)))).await.ok();
        said.push((id, event["origin_server_ts"].as_u64().unwrap()));
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    join_via(&bob, &room, "a.test").await;
    let at = async |client: &TestClient, ts: u64, dir: &str| {
        let path = format!("/v1/rooms/{}/timestamp_to_event?ts={ts}&dir={dir}", encode(room.id.as_str()));
        client.get(&path).await
    };
    let moment = |n: usize| json!({ "event_id": said[n].0, "origin_server_ts": said[n].1 });
    for (ts, dir, found) in [
        (said[3].1, "f", 3),
        (said[3].1 + 5, "b", 3),
        (said[4].1 - 5, "f", 4),
        (said[1].1 + 5, "b", 1),
        (said[1].1, "f", 1),
        (said[2].1, "b", 2),
    ] {
        assert_eq!(at(&bob, ts, dir).await.ok(), moment(found), "{ts} {dir}");
        assert_eq!(at(&alice, ts, dir).await.ok(), moment(found), "{ts} {dir}");
    }
    at(&bob, 1, "b").await.refused(404, "M_NOT_FOUND");
    at(&bob, 9_000_000_000_000, "f").await.refused(404, "M_NOT_FOUND");
    // What was fetched can be looked at, and all that lies between comes in its order.
    let context = bob.get(&room.path(&format!("/context/{}?limit=0", encode(&said[3].0)))).await.ok();
    assert_eq!(context["event"]["content"]["body"], "line 3");
    let mut from = String::new();
    let mut found: Vec<String> = Vec::new();
    for _ in 0..20 {
        let page = bob.get(&room.path(&format!("/messages?dir=b&limit=50{from}"))).await.ok();
        let bodies = page["chunk"].as_array().unwrap().iter().filter_map(|event| event["content"]["body"].as_str());
        found.extend(bodies.map(ToOwned::to_owned));
        let Some(end) = page["end"].as_str() else { break };
        from = format!("&from={end}");
    }
    assert_eq!(found, (0..6).rev().map(|n| format!("line {n}")).collect::<Vec<_>>());
    room.say(&bob, "end", "go on").await;
    reads(&alice, &room, "go on").await;

    let peer = federation.peer("evil.test", Router::new());
    let path = format!("/_matrix/federation/v1/timestamp_to_event/{}?ts=1&dir=f", segment(room.id.as_str()));
    Peer::refused(peer.ask("a.test", Ask::get(path)).await, 403, "M_FORBIDDEN");
    a.stop_whole().await;
    b.stop_whole().await;
}
