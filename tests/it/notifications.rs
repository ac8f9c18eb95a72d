//! `GET /notifications`: what somebody was notified of, over all of their rooms.

use serde_json::{Value, json};

use crate::common::{TestClient, TestRoom, TestServer, encode};

async fn page(client: &TestClient, query: &str) -> Value {
    client.get(&format!("/v3/notifications?{query}")).await.ok()
}

fn bodies(page: &Value) -> Vec<&str> {
    let notifications = page["notifications"].as_array().unwrap().iter();
    notifications.map(|one| one["event"]["content"]["body"].as_str().unwrap_or("-")).collect()
}

#[tokio::test]
async fn notifications_of_all_rooms_come_newest_first_and_in_pages() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let (one, two) = (TestRoom::public(&server, &alice).await, TestRoom::public(&server, &alice).await);
    one.say(&alice, "before", "before he came").await;
    one.join(&server, &bob).await;
    two.join(&server, &bob).await;
    for n in 0..6 {
        let room = if n % 2 == 0 { &one } else { &two };
        room.say(&alice, &n.to_string(), &format!("m{n}")).await;
        room.say(&bob, &n.to_string(), "his own").await;
    }
    let all = page(&bob, "").await;
    assert_eq!(bodies(&all), ["m5", "m4", "m3", "m2", "m1", "m0"]);
    assert_eq!(all.get("next_token"), None);
    let first = &all["notifications"][0];
    assert_eq!((&first["room_id"], &first["read"]), (&json!(two.id), &json!(false)));
    assert_eq!(
        first["actions"],
        json!(["notify", { "set_tweak": "sound", "value": "default" }]),
        "there are two of them"
    );
    assert_eq!((&first["event"]["sender"], first["event"].get("room_id")), (&json!(alice.user_id), None));
    assert_eq!(first["ts"], first["event"]["origin_server_ts"]);

    let (mut token, mut seen) = (String::new(), Vec::new());
    for _ in 0..10 {
        let page = page(&bob, &format!("limit=2{token}")).await;
        seen.extend(bodies(&page).into_iter().map(str::to_owned));
        assert!(bodies(&page).len() <= 2);
        let Some(next) = page["next_token"].as_str() else { break };
        token = format!("&from={next}");
    }
    assert_eq!(seen, ["m5", "m4", "m3", "m2", "m1", "m0"]);
    bob.get("/v3/notifications?from=x").await.refused(400, "M_INVALID_PARAM");
    assert_eq!(bodies(&page(&alice, "").await).len(), 6, "she was notified of his");
}

#[tokio::test]
async fn highlights_invites_and_what_is_read() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let room = TestRoom::public(&server, &alice).await;
    room.join(&server, &bob).await;
    let read = room.say(&alice, "1", "read").await;
    let mention = json!({ "msgtype": "m.text", "body": "bob!", "m.mentions": { "user_ids": [bob.user_id] } });
    room.send(&alice, "m.room.message", "2", mention).await.ok();
    room.say(&alice, "3", "unread").await;
    let gone = room.say(&alice, "4", "gone").await;
    alice.put(&room.path(&format!("/redact/{}/5", encode(&gone))), json!({})).await.ok();
    bob.post(&room.path(&format!("/receipt/m.read/{}", encode(&read))), json!({})).await.ok();
    let other = TestRoom::public(&server, &alice).await;
    other.member(&server, &alice, &bob, "invite").await;

    let all = page(&bob, "").await;
    assert_eq!(bodies(&all), ["-", "unread", "bob!", "read"]);
    let told: Vec<_> = all["notifications"].as_array().unwrap().iter().map(|one| one["read"] == true).collect();
    assert_eq!(told, [false, false, false, true]);
    assert_eq!(all["notifications"][0]["event"]["content"]["membership"], "invite");
    assert_eq!(bodies(&page(&bob, "only=highlight").await), ["bob!"]);
    let muted = format!("/v3/pushrules/global/room/{}", encode(room.id.as_str()));
    bob.put(&muted, json!({ "actions": [] })).await.ok();
    assert_eq!(bodies(&page(&bob, "").await), ["-", "bob!"]);
}
