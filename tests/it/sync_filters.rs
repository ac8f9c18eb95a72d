//! What of a sync a filter lets pass, part by part.

use serde_json::{Value, json};

use crate::common::{TestClient, TestRoom, TestServer, encode};

async fn sync(client: &TestClient, filter: Value) -> Value {
    client.get(&format!("/v3/sync?filter={}", encode(&filter.to_string()))).await.ok()
}

fn types(events: &Value) -> Vec<&str> {
    let events = events["events"].as_array().map(Vec::as_slice).unwrap_or_default();
    events.iter().map(|event| event["type"].as_str().expect("a type")).collect()
}

/// A room of Alice's in which somebody types and has read something, with account data of three types.
async fn lively_room(server: &TestServer, alice: &TestClient) -> TestRoom {
    let room = TestRoom::public(server, alice).await;
    let event = room.say(alice, "1", "hello").await;
    alice.put(&room.path(&format!("/typing/{}", alice.user_id)), json!({ "typing": true })).await.ok();
    alice.post(&room.path(&format!("/receipt/m.read/{}", encode(&event))), json!({})).await.ok();
    for (kind, content) in [("org.example.a", json!({ "a": 1 })), ("org.example.b", json!({ "url": "mxc://a/b" }))] {
        let of_room = format!("rooms/{}/account_data/{kind}", encode(room.id.as_str()));
        alice.put(&format!("/v3/user/{}/{of_room}", alice.user_id), content.clone()).await.ok();
        alice.put(&format!("/v3/user/{}/account_data/{kind}", alice.user_id), content).await.ok();
    }
    room
}

#[tokio::test]
async fn each_part_of_a_room_has_a_filter_of_its_own() {
    let server = TestServer::start().await;
    let alice = server.register("alice").await;
    let room = lively_room(&server, &alice).await;
    let of_room = |filter: Value| {
        let (alice, id) = (&alice, room.id.as_str());
        async move { sync(alice, json!({ "room": filter })).await["rooms"]["join"][id].clone() }
    };
    let all = of_room(json!({ "timeline": { "limit": 1 } })).await;
    assert_eq!(types(&all["ephemeral"]), ["m.typing", "m.receipt"]);
    assert_eq!(types(&all["account_data"]), ["org.example.a", "org.example.b"]);
    assert_eq!((types(&all["timeline"]).len(), types(&all["state"]).len()), (1, 6));

    for nothing in [
        json!({ "not_rooms": [room.id] }),
        json!({ "rooms": [] }),
        json!({ "rooms": ["!other:localhost"] }),
        json!({ "rooms": [room.id], "not_rooms": [room.id] }),
    ] {
        for part in ["ephemeral", "account_data", "timeline", "state"] {
            let mut filter = json!({ "timeline": { "limit": 1 } });
            filter[part] = nothing.clone();
            let told = of_room(filter).await;
            assert_eq!(types(&told[part]), Vec::<&str>::new(), "{part} {nothing}");
            let other = if part == "ephemeral" { "account_data" } else { "ephemeral" };
            assert_eq!(types(&told[other]).len(), 2, "{part} {nothing}");
        }
    }
    // Without a timeline, the state is that of now.
    let told = of_room(json!({ "timeline": { "not_rooms": [room.id] } })).await;
    assert_eq!((&told["timeline"]["limited"], types(&told["state"]).len()), (&json!(false), 6));

    for (filter, ephemeral, account_data) in [
        (json!({ "types": ["m.typing", "*.a"] }), vec!["m.typing"], vec!["org.example.a"]),
        (json!({ "not_types": ["m.typing", "*.a"] }), vec!["m.receipt"], vec!["org.example.b"]),
        // Nobody is named as who sent it.
        (json!({ "senders": [alice.user_id] }), vec![], vec![]),
        (
            json!({ "not_senders": [alice.user_id] }),
            vec!["m.typing", "m.receipt"],
            vec!["org.example.a", "org.example.b"],
        ),
        (json!({ "limit": 1 }), vec!["m.typing"], vec!["org.example.a"]),
        (json!({ "contains_url": true }), vec![], vec!["org.example.b"]),
        (json!({ "contains_url": false }), vec!["m.typing", "m.receipt"], vec!["org.example.a"]),
    ] {
        let told = of_room(json!({ "ephemeral": filter, "account_data": filter })).await;
        assert_eq!(types(&told["ephemeral"]), ephemeral, "{filter}");
        assert_eq!(types(&told["account_data"]), account_data, "{filter}");
    }
}

#[tokio::test]
async fn global_account_data_and_presence_have_filters_too() {
    let server = TestServer::start().await;
    let alice = server.register("alice").await;
    lively_room(&server, &alice).await;
    let own = |told: &Value| -> Vec<String> {
        let types = types(&told["account_data"]).into_iter().filter(|kind| kind.starts_with("org"));
        types.map(str::to_owned).collect()
    };
    for (filter, wanted) in [
        (json!({}), vec!["org.example.a", "org.example.b"]),
        (json!({ "types": ["org.example.b"] }), vec!["org.example.b"]),
        (json!({ "types": ["org.*"], "limit": 1 }), vec!["org.example.a"]),
        (json!({ "senders": [alice.user_id] }), vec![]),
    ] {
        assert_eq!(own(&sync(&alice, json!({ "account_data": filter })).await), wanted, "{filter}");
    }
    for (filter, told) in [
        (json!({}), 1),
        (json!({ "senders": [alice.user_id] }), 1),
        (json!({ "not_senders": [alice.user_id] }), 0),
        (json!({ "types": ["m.typing"] }), 0),
        (json!({ "limit": 1 }), 1),
    ] {
        assert_eq!(types(&sync(&alice, json!({ "presence": filter })).await["presence"]).len(), told, "{filter}");
    }
}

#[tokio::test]
async fn who_blocks_invites_hears_of_none() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let room = TestRoom::public(&server, &alice).await;
    room.member(&server, &alice, &bob, "invite").await;
    let invites = |told: Value| told["rooms"]["invite"].as_object().map_or(0, serde_json::Map::len);
    assert_eq!(invites(sync(&bob, json!({})).await), 1);
    let config = "/v3/user/@bob:localhost/account_data/m.invite_permission_config";
    bob.put(config, json!({ "default_action": "block" })).await.ok();
    assert_eq!(invites(sync(&bob, json!({})).await), 0, "also of one that was there before");
    bob.put(config, json!({ "default_action": "org.example.other" })).await.ok();
    assert_eq!(invites(sync(&bob, json!({})).await), 1, "it comes back");
    bob.put(config, json!({})).await.ok();
    assert_eq!(invites(sync(&bob, json!({})).await), 1);
}
