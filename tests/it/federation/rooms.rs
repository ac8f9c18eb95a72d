//! Rooms of several servers: joined, talked in, left, across them.

use std::time::Duration;

use serde_json::{Value, json};

use crate::common::{Federation, TestClient, TestRoom, TestServer, encode};

/// What a client does until something is so.
pub async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    for _ in 0..300 {
        if let Some(found) = look().await {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("it never came to that: {what}");
}

/// The bodies of the messages that a user finds in a room, oldest first.
pub async fn messages(client: &TestClient, room: &TestRoom) -> Vec<String> {
    let page = client.get(&room.path("/messages?dir=b&limit=100")).await.ok();
    let bodies = page["chunk"].as_array().unwrap().iter().rev().filter_map(|event| event["content"]["body"].as_str());
    bodies.map(ToOwned::to_owned).collect()
}

pub async fn reads(client: &TestClient, room: &TestRoom, body: &str) {
    until(body, async || messages(client, room).await.iter().any(|found| found == body).then_some(())).await;
}

pub async fn join_via(client: &TestClient, room: &TestRoom, via: &str) -> Value {
    client.post(&format!("/v3/join/{}?via={via}", encode(room.id.as_str())), json!({})).await.ok()
}

async fn membership(client: &TestClient, room: &TestRoom, user: &str) -> String {
    let answer = client.get(&room.path(&format!("/state/m.room.member/{user}"))).await;
    answer.body["membership"].as_str().unwrap_or("none").to_owned()
}

async fn two() -> (TestServer, TestServer) {
    let mut federation = Federation::of(&["a.test", "b.test"]).await;
    (federation.server("a.test").await, federation.server("b.test").await)
}

#[tokio::test]
async fn people_of_two_servers_talk_in_a_room_of_any_version() {
    for version in ["6", "10", "11", "12"] {
        let (mut a, mut b) = two().await;
        let (alice, bob) = (a.register("alice").await, b.register("bob").await);
        let room = TestRoom::with(&a, &alice, |new| new.version = version.try_into().unwrap()).await;
        room.say(&alice, "1", "before").await;
        join_via(&bob, &room, "a.test").await;
        assert_eq!(membership(&bob, &room, "@alice:a.test").await, "join");
        until("alice sees bob", async || (membership(&alice, &room, "@bob:b.test").await == "join").then_some(()))
            .await;
        room.say(&alice, "2", "hello bob").await;
        reads(&bob, &room, "hello bob").await;
        room.say(&bob, "1", "hello alice").await;
        reads(&alice, &room, "hello alice").await;

        // A kick reaches who is kicked.
        let kick = json!({ "user_id": "@bob:b.test" });
        alice.post(&room.path("/kick"), kick).await.ok();
        until("bob is out", async || {
            let joined = bob.get("/v3/joined_rooms").await.ok();
            joined["joined_rooms"].as_array().unwrap().is_empty().then_some(())
        })
        .await;
        a.stop_whole().await;
        b.stop_whole().await;
    }
}

#[tokio::test]
async fn an_invite_reaches_another_server_and_is_accepted_or_declined() {
    let (mut a, mut b) = two().await;
    let (alice, bob) = (a.register("alice").await, b.register("bob").await);
    let body = json!({ "preset": "private_chat", "is_direct": true, "invite": ["@bob:b.test"], "name": "Two" });
    let answer = alice.post("/v3/createRoom", body.clone()).await.ok();
    let room = TestRoom { id: answer["room_id"].as_str().unwrap().try_into().unwrap() };
    let sync = bob.get("/v3/sync").await.ok();
    let told = &sync["rooms"]["invite"][room.id.as_str()]["invite_state"]["events"];
    let of = |kind: &str| told.as_array().unwrap().iter().find(|event| event["type"] == kind).unwrap().clone();
    assert_eq!(of("m.room.name")["content"]["name"], "Two");
    let invite = told.as_array().unwrap().iter().find(|event| event["state_key"] == "@bob:b.test").unwrap();
    assert_eq!((&invite["sender"], &invite["content"]["is_direct"]), (&json!("@alice:a.test"), &json!(true)));

    bob.post(&room.path("/join"), json!({})).await.ok();
    room.say(&bob, "1", "here I am").await;
    reads(&alice, &room, "here I am").await;

    let answer = alice.post("/v3/createRoom", body).await.ok();
    let other = TestRoom { id: answer["room_id"].as_str().unwrap().try_into().unwrap() };
    let token = bob.get("/v3/sync?timeout=0").await.ok()["next_batch"].as_str().unwrap().to_owned();
    bob.post(&other.path("/leave"), json!({})).await.ok();
    let sync = bob.get(&format!("/v3/sync?timeout=0&since={token}")).await.ok();
    assert!(sync["rooms"]["leave"][other.id.as_str()].is_object(), "his other devices hear of it: {sync}");
    until("alice hears no", async || (membership(&alice, &other, "@bob:b.test").await == "leave").then_some(())).await;
    bob.post(&other.path("/forget"), json!({})).await.ok();
    let sync = bob.get("/v3/sync").await.ok();
    assert!(sync["rooms"]["invite"][other.id.as_str()].is_null());
    a.stop_whole().await;
    b.stop_whole().await;
}

#[tokio::test]
async fn an_invite_that_is_taken_back_is_gone() {
    let (a, b) = two().await;
    let (alice, bob) = (a.register("alice").await, b.register("bob").await);
    for (version, how) in [("10", "kick"), ("12", "kick"), ("12", "ban")] {
        let body = json!({ "preset": "private_chat", "invite": ["@bob:b.test"], "room_version": version });
        let answer = alice.post("/v3/createRoom", body).await.ok();
        let room = TestRoom { id: answer["room_id"].as_str().unwrap().try_into().unwrap() };
        let token = bob.get("/v3/sync?timeout=0").await.ok()["next_batch"].as_str().unwrap().to_owned();
        alice.post(&room.path(&format!("/{how}")), json!({ "user_id": "@bob:b.test" })).await.ok();
        until("bob hears of it", async || {
            let sync = bob.get(&format!("/v3/sync?timeout=0&since={token}")).await.ok();
            sync["rooms"]["leave"][room.id.as_str()].is_object().then_some(())
        })
        .await;
        let sync = bob.get("/v3/sync?timeout=0").await.ok();
        assert!(sync["rooms"]["invite"][room.id.as_str()].is_null(), "{how} in {version}: {sync}");
    }
}

#[tokio::test]
async fn an_invite_of_another_server_is_pushed() {
    let mut federation = Federation::of(&["a.test", "b.test"]).await;
    let a = federation.server("a.test").await;
    let builder = federation.builder("b.test").config(|config| config.push.allow_private_addresses = true);
    let mut b = builder.start().await;
    let (alice, bob) = (a.register("alice").await, b.register("bob").await);
    alice.put("/v3/profile/@alice:a.test/displayname", json!({ "displayname": "Alice" })).await.ok();
    let gateway = crate::pushers::Gateway::start().await;
    bob.post("/v3/pushers/set", gateway.pusher("key", json!({}))).await.ok();
    let body = json!({ "preset": "private_chat", "name": "Two", "invite": ["@bob:b.test"] });
    let room = alice.post("/v3/createRoom", body).await.ok()["room_id"].clone();
    let pushed = gateway.hears(|heard| heard["room_id"] == room).await;
    assert_eq!((&pushed["type"], &pushed["sender"]), (&json!("m.room.member"), &json!("@alice:a.test")));
    assert_eq!((&pushed["user_is_target"], &pushed["content"]["membership"]), (&json!(true), &json!("invite")));
    assert_eq!((&pushed["room_name"], &pushed["sender_display_name"]), (&json!("Two"), &json!("Alice")));
    assert!(pushed["event_id"].is_string(), "{pushed}");
    b.stop_whole().await;
}

#[tokio::test]
async fn an_invite_can_be_declined_when_its_server_is_gone() {
    let (mut a, b) = two().await;
    let (alice, bob) = (a.register("alice").await, b.register("bob").await);
    let body = json!({ "preset": "private_chat", "invite": ["@bob:b.test"] });
    let answer = alice.post("/v3/createRoom", body).await.ok();
    let room = TestRoom { id: answer["room_id"].as_str().unwrap().try_into().unwrap() };
    a.stop().await;
    bob.post(&room.path("/leave"), json!({})).await.ok();
    let sync = bob.get("/v3/sync").await.ok();
    assert!(sync["rooms"]["invite"].is_null(), "{sync}");
}

#[tokio::test]
async fn nobody_is_invited_in_vain() {
    let (a, b) = two().await;
    let alice = a.register("alice").await;
    b.register("bob").await;
    let room = TestRoom::public(&a, &alice).await;
    for nobody in ["@nobody:b.test", "@carol:nowhere.test"] {
        let answer = alice.post(&room.path("/invite"), json!({ "user_id": nobody })).await;
        assert!(matches!(answer.status, 403 | 404), "{nobody}: {} {}", answer.status, answer.body);
        let create = alice.post("/v3/createRoom", json!({ "invite": [nobody] })).await;
        assert!(matches!(create.status, 403 | 404), "{nobody}: {} {}", create.status, create.body);
    }
    assert_eq!(alice.get("/v3/joined_rooms").await.ok()["joined_rooms"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn rooms_that_keep_somebody_out_do_so_for_other_servers_too() {
    let (a, b) = two().await;
    let (alice, bob) = (a.register("alice").await, b.register("bob").await);
    let room = TestRoom::public(&a, &alice).await;
    room.set(&a, &alice, "m.room.member", "@bob:b.test", json!({ "membership": "ban" })).await;
    let join = format!("/v3/join/{}?via=a.test", encode(room.id.as_str()));
    bob.post(&join, json!({})).await.refused(403, "M_FORBIDDEN");

    let closed = TestRoom::public(&a, &alice).await;
    let acl = json!({ "allow": ["*"], "deny": ["b.*"], "allow_ip_literals": false });
    closed.set(&a, &alice, "m.room.server_acl", "", acl).await;
    let join = format!("/v3/join/{}?via=a.test", encode(closed.id.as_str()));
    bob.post(&join, json!({})).await.refused(403, "M_FORBIDDEN");
    let nowhere = format!("/v3/join/{}?via=nowhere.test", encode(closed.id.as_str()));
    bob.post(&nowhere, json!({})).await.refused(404, "M_NOT_FOUND");
}

#[tokio::test]
async fn three_servers_agree_and_an_alias_leads_there() {
    let mut federation = Federation::of(&["a.test", "b.test", "c.test"]).await;
    let (a, b, c) =
        (federation.server("a.test").await, federation.server("b.test").await, federation.server("c.test").await);
    let (alice, bob, carol) = (a.register("alice").await, b.register("bob").await, c.register("carol").await);
    let room = TestRoom::with(&a, &alice, |new| new.alias_localpart = Some("hall".to_owned())).await;
    let found = bob.get(&format!("/v3/directory/room/{}", encode("#hall:a.test"))).await.ok();
    assert_eq!(found, json!({ "room_id": room.id, "servers": ["a.test"] }));
    bob.post(&format!("/v3/join/{}", encode("#hall:a.test")), json!({})).await.ok();
    join_via(&carol, &room, "b.test").await;
    room.say(&carol, "1", "carol says").await;
    for client in [&alice, &bob] {
        reads(client, &room, "carol says").await;
    }
    room.say(&alice, "1", "alice says").await;
    room.say(&bob, "1", "bob says").await;
    for client in [&alice, &bob, &carol] {
        reads(client, &room, "alice says").await;
        reads(client, &room, "bob says").await;
    }
}

#[tokio::test]
async fn a_server_that_was_away_catches_up_with_all_that_was_said() {
    let mut federation = Federation::of(&["a.test", "b.test"]).await;
    let (mut a, mut b) = (federation.server("a.test").await, federation.server("b.test").await);
    let (alice, bob) = (a.register("alice").await, b.register("bob").await);
    let room = TestRoom::public(&a, &alice).await;
    join_via(&bob, &room, "a.test").await;
    room.say(&alice, "1", "before").await;
    reads(&bob, &room, "before").await;
    b.stop().await;
    for n in 0..30 {
        room.say(&alice, &format!("away{n}"), &format!("while away {n}")).await;
    }
    tokio::time::sleep(Duration::from_secs(5)).await;
    // Also if the sender was restarted in the meantime.
    a.restart().await;
    let alice = alice.at(a.base_url());
    b.restart().await;
    let bob = bob.at(b.base_url());
    room.say(&alice, "back", "welcome back").await;
    for n in 0..30 {
        reads(&bob, &room, &format!("while away {n}")).await;
    }
    reads(&bob, &room, "welcome back").await;
    a.stop_whole().await;
    b.stop_whole().await;
}

#[tokio::test]
async fn who_joins_pages_back_to_what_was_said_before() {
    let (mut a, mut b) = two().await;
    let (alice, bob) = (a.register("alice").await, b.register("bob").await);
    let room = TestRoom::public(&a, &alice).await;
    for n in 0..130 {
        room.say(&alice, &format!("{n}"), &format!("line {n}")).await;
    }
    join_via(&bob, &room, "a.test").await;
    let sync = bob.get("/v3/sync").await.ok();
    let joined = &sync["rooms"]["join"][room.id.as_str()];
    assert_eq!(joined["timeline"]["limited"], true);
    let state = joined["state"]["events"].as_array().unwrap();
    assert!(state.iter().any(|event| event["type"] == "m.room.create"), "{joined}");
    let mut from = joined["timeline"]["prev_batch"].as_str().unwrap().to_owned();
    let mut found = Vec::new();
    for _ in 0..20 {
        let page = bob.get(&room.path(&format!("/messages?dir=b&limit=50&from={from}"))).await.ok();
        let bodies = page["chunk"].as_array().unwrap().iter().filter_map(|event| event["content"]["body"].as_str());
        found.extend(bodies.map(ToOwned::to_owned));
        match page["end"].as_str() {
            Some(end) => from = end.to_owned(),
            None => break,
        }
    }
    let wanted: Vec<_> = (0..130).rev().map(|n| format!("line {n}")).collect();
    assert_eq!(found, wanted);
    a.stop_whole().await;
    b.stop_whole().await;
}

#[tokio::test]
async fn typing_and_receipts_cross_servers() {
    let (mut a, mut b) = two().await;
    let (alice, bob) = (a.register("alice").await, b.register("bob").await);
    let room = TestRoom::public(&a, &alice).await;
    join_via(&bob, &room, "a.test").await;
    let said = room.say(&alice, "1", "read this").await;
    reads(&bob, &room, "read this").await;
    bob.put(&room.path("/typing/@bob:b.test"), json!({ "typing": true, "timeout": 20000 })).await.ok();
    bob.post(&room.path(&format!("/receipt/m.read/{}", encode(&said))), json!({})).await.ok();
    let ephemeral = async |kind: &str| {
        let sync = alice.get("/v3/sync").await.ok();
        let events = sync["rooms"]["join"][room.id.as_str()]["ephemeral"]["events"].as_array().cloned();
        events.unwrap_or_default().into_iter().find(|event| event["type"] == kind).map(|event| event["content"].clone())
    };
    let typing = until("bob types", async || ephemeral("m.typing").await).await;
    assert_eq!(typing["user_ids"], json!(["@bob:b.test"]));
    let read = until("bob has read", async || ephemeral("m.receipt").await.filter(|read| !read[&said].is_null())).await;
    assert!(read[&said]["m.read"]["@bob:b.test"]["ts"].is_u64(), "{read}");
    a.stop_whole().await;
    b.stop_whole().await;
}

#[tokio::test]
async fn profiles_and_directories_of_other_servers_are_looked_up() {
    let (a, b) = two().await;
    let (alice, bob) = (a.register("alice").await, b.register("bob").await);
    alice.put("/v3/profile/@alice:a.test/displayname", json!({ "displayname": "Alice" })).await.ok();
    let profile = bob.get("/v3/profile/@alice:a.test").await.ok();
    assert_eq!(profile["displayname"], "Alice");
    let name = bob.get("/v3/profile/@alice:a.test/displayname").await.ok();
    assert_eq!(name, json!({ "displayname": "Alice" }));
    bob.get("/v3/profile/@nobody:a.test").await.refused(404, "M_NOT_FOUND");
    bob.get("/v3/profile/@alice:nowhere.test").await.refused(404, "M_NOT_FOUND");

    let room = TestRoom::with(&a, &alice, |new| (new.listed, new.name) = (true, Some("Hall".to_owned()))).await;
    TestRoom::with(&a, &alice, |new| (new.listed, new.name) = (true, Some("Kitchen".to_owned()))).await;
    let all = bob.get("/v3/publicRooms?server=a.test").await.ok();
    assert_eq!(all["chunk"].as_array().unwrap().len(), 2);
    let search = json!({ "filter": { "generic_search_term": "hall" } });
    let found = bob.post("/v3/publicRooms?server=a.test", search).await.ok();
    assert_eq!(found["chunk"].as_array().unwrap().len(), 1);
    assert_eq!(found["chunk"][0]["room_id"], room.id.as_str());
    bob.get("/v3/publicRooms?server=nowhere.test").await.refused(404, "M_NOT_FOUND");
}
