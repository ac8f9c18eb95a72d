//! Who is typing.

use std::time::Duration;

use serde_json::{Value, json};

use crate::common::{TestClient, TestRoom, TestServer, encode};

async fn set(room: &TestRoom, client: &TestClient, body: Value) {
    client.put(&room.path(&format!("/typing/{}", encode(&client.user_id))), body).await.ok();
}

fn typing(server: &TestServer, room: &TestRoom, since: u64) -> Option<Vec<String>> {
    let rooms = &server.app().rooms;
    let users = rooms.typing.changed(rooms.number(&room.id).unwrap(), since);
    users.map(|users| users.iter().map(ToString::to_string).collect())
}

#[tokio::test]
async fn the_list_changes_only_when_somebody_starts_or_stops() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let room = TestRoom::public(&server, &alice).await;
    room.join(&server, &bob).await;
    let live = server.app().store.live();
    assert_eq!(typing(&server, &room, 0), None);

    set(&room, &alice, json!({ "typing": true, "timeout": 30_000 })).await;
    assert_eq!(typing(&server, &room, 0), Some(vec![alice.user_id.clone()]));
    let since = live.moment();
    assert_eq!(typing(&server, &room, since), None);
    set(&room, &alice, json!({ "typing": true, "timeout": 30_000 })).await;
    assert_eq!(typing(&server, &room, since), None, "she went on, which is no news");
    set(&room, &bob, json!({ "typing": true })).await;
    assert_eq!(typing(&server, &room, since), Some(vec![alice.user_id.clone(), bob.user_id.clone()]));
    let number = server.app().rooms.number(&room.id).unwrap();
    assert_eq!(server.app().rooms.typing.rooms_since(since), [number]);

    let since = live.moment();
    set(&room, &alice, json!({ "typing": false })).await;
    set(&room, &bob, json!({ "typing": false })).await;
    assert_eq!(typing(&server, &room, since), Some(vec![]));
    assert_eq!(typing(&server, &room, 0), None, "an empty list is no news to who knows of none");
}

#[tokio::test]
async fn it_ends_by_itself_and_wakes_who_waits() {
    let server = TestServer::start().await;
    let alice = server.register("alice").await;
    let room = TestRoom::public(&server, &alice).await;
    set(&room, &alice, json!({ "typing": true, "timeout": 60_000 })).await;
    set(&room, &alice, json!({ "typing": true, "timeout": 100 })).await;
    let since = server.app().store.live().moment();
    let ended = async {
        while typing(&server, &room, since).is_none() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), ended).await.expect("it ends");
    assert_eq!(typing(&server, &room, since), Some(vec![]));
}

#[tokio::test]
async fn only_members_type_and_only_for_themselves() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let room = TestRoom::public(&server, &alice).await;
    let path = |user: &TestClient| room.path(&format!("/typing/{}", encode(&user.user_id)));
    bob.put(&path(&bob), json!({ "typing": true })).await.refused(403, "M_FORBIDDEN");
    alice.put(&path(&bob), json!({ "typing": true })).await.refused(403, "M_FORBIDDEN");
    alice.put(&path(&alice), json!({ "typing": 1 })).await.refused(400, "M_BAD_JSON");
    alice.put(&path(&alice), json!({})).await.refused(400, "M_BAD_JSON");
    assert_eq!(typing(&server, &room, 0), None);
}

#[tokio::test]
async fn a_sync_tells_of_it_and_wakes_for_it() {
    let mut server = TestServer::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let room = TestRoom::public(&server, &alice).await;
    room.join(&server, &bob).await;
    let told = |sync: &Value| {
        let events = sync["rooms"]["join"][room.id.as_str()]["ephemeral"]["events"].as_array().cloned();
        let typing = events.unwrap_or_default().into_iter().find(|event| event["type"] == "m.typing");
        typing.map(|event| event["content"]["user_ids"].clone())
    };
    let path = |sync: &Value| {
        format!("/v3/sync?set_presence=offline&timeout=20000&since={}", sync["next_batch"].as_str().unwrap())
    };
    let first = alice.get("/v3/sync?set_presence=offline").await.ok();
    assert_eq!(told(&first), None);
    let waits = tokio::spawn({
        let (alice, path) = (alice.clone(), path(&first));
        async move { alice.get(&path).await.ok() }
    });
    tokio::time::sleep(Duration::from_millis(100)).await;
    set(&room, &bob, json!({ "typing": true, "timeout": 30_000 })).await;
    let started = waits.await.unwrap();
    assert_eq!(told(&started), Some(json!([bob.user_id])));
    assert_eq!(
        told(&alice.get("/v3/sync?set_presence=offline").await.ok()),
        Some(json!([bob.user_id])),
        "a first sync tells it too"
    );

    server.restart().await;
    let alice = alice.at(server.base_url());
    let after = alice.get(&path(&started)).await.ok();
    assert_eq!(told(&after), Some(json!([])), "the server has forgotten it, and says so");
}

#[tokio::test]
async fn who_leaves_types_no_more() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let room = TestRoom::public(&server, &alice).await;
    for how in ["leave", "ban"] {
        room.join(&server, &bob).await;
        set(&room, &bob, json!({ "typing": true, "timeout": 30_000 })).await;
        let before = alice.get("/v3/sync").await.ok();
        room.member(&server, if how == "ban" { &alice } else { &bob }, &bob, how).await;
        let path = format!("/v3/sync?since={}", before["next_batch"].as_str().unwrap());
        let told = alice.get(&path).await.ok()["rooms"]["join"][room.id.as_str()]["ephemeral"]["events"].clone();
        assert_eq!(told[0]["content"]["user_ids"], json!([]), "{how}: {told}");
    }
}
