//! Reading back: pages, single events, their context, and who may see what.

use std::collections::BTreeMap;

use salon::rooms::room_state::NewState;
use serde_json::{Value, json};

use crate::common::{TestClient, TestRoom, TestServer, encode};

/// A page of history.
async fn page(room: &TestRoom, client: &TestClient, query: &str) -> Value {
    client.get(&room.path(&format!("/messages?{query}"))).await.ok()
}

fn bodies(events: &Value) -> Vec<&str> {
    events.as_array().unwrap().iter().filter_map(|event| event["content"]["body"].as_str()).collect()
}

fn filter(filter: Value) -> String {
    encode(&filter.to_string())
}

/// A room of Alice's with so many messages, named by their number.
async fn chat(server: &TestServer, alice: &TestClient, messages: usize) -> (TestRoom, Vec<String>) {
    let room = TestRoom::public(server, alice).await;
    let mut events = Vec::new();
    for number in 0..messages {
        events.push(room.say(alice, &format!("t{number}"), &number.to_string()).await);
    }
    (room, events)
}

#[tokio::test]
async fn pages_follow_each_other_without_gap_or_overlap() {
    let server = TestServer::start().await;
    let alice = server.register("alice").await;
    let (room, _) = chat(&server, &alice, 25).await;
    for (dir, wanted) in [
        ("b", (0..25).rev().map(|n| n.to_string()).collect::<Vec<_>>()),
        ("f", (0..25).map(|n| n.to_string()).collect()),
    ] {
        let (mut from, mut seen, mut pages) = (String::new(), Vec::new(), 0);
        loop {
            let answer = page(&room, &alice, &format!("dir={dir}&limit=4{from}")).await;
            pages += 1;
            assert!(answer["chunk"].as_array().unwrap().len() <= 4);
            seen.extend(bodies(&answer["chunk"]).into_iter().map(ToOwned::to_owned));
            let Some(end) = answer["end"].as_str() else { break };
            from = format!("&from={end}");
        }
        assert_eq!(seen, wanted, "{dir}");
        // The creation takes 6 events: create, member, power levels, join rules, visibility, guest access.
        assert_eq!(pages, 31_usize.div_ceil(4), "{dir}");
    }
}

#[tokio::test]
async fn a_page_ends_where_it_is_told_to() {
    let server = TestServer::start().await;
    let alice = server.register("alice").await;
    let (room, _) = chat(&server, &alice, 10).await;
    let newest = page(&room, &alice, "dir=b&limit=3").await;
    assert_eq!(bodies(&newest["chunk"]), ["9", "8", "7"]);
    let end = newest["end"].as_str().unwrap();
    let before = page(&room, &alice, &format!("dir=b&limit=3&from={end}")).await;
    assert_eq!(before["start"], newest["end"]);
    assert_eq!(bodies(&before["chunk"]), ["6", "5", "4"]);
    // Forward from there come the three that were newer.
    let after = page(&room, &alice, &format!("dir=f&limit=100&from={end}")).await;
    assert_eq!(bodies(&after["chunk"]), ["7", "8", "9"]);
    assert_eq!(after.get("end"), None);
    let to = before["end"].as_str().unwrap();
    let between = page(&room, &alice, &format!("dir=b&limit=100&from={end}&to={to}")).await;
    assert_eq!(bodies(&between["chunk"]), ["6", "5", "4"]);
    // A token of /sync stands behind what was published up to it.
    let token = alice.get("/v3/sync").await.ok()["next_batch"].as_str().unwrap().to_owned();
    room.say(&alice, "later", "later").await;
    let back = page(&room, &alice, &format!("dir=b&limit=1&from={token}")).await;
    assert_eq!(bodies(&back["chunk"]), ["9"]);
    let on = page(&room, &alice, &format!("dir=f&from={token}")).await;
    assert_eq!(bodies(&on["chunk"]), ["later"]);
}

#[tokio::test]
async fn what_is_no_query_is_refused() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let (room, events) = chat(&server, &alice, 1).await;
    for (query, errcode) in [
        ("", "M_MISSING_PARAM"),
        ("dir=x", "M_INVALID_PARAM"),
        ("dir=b&from=x", "M_INVALID_PARAM"),
        ("dir=b&to=t1", "M_INVALID_PARAM"),
        ("dir=b&limit=-1", "M_INVALID_PARAM"),
        ("dir=b&filter=%7B", "M_NOT_JSON"),
        ("dir=b&filter=%7B%22types%22:1%7D", "M_BAD_JSON"),
    ] {
        alice.get(&room.path(&format!("/messages?{query}"))).await.refused(400, errcode);
    }
    bob.get(&room.path("/messages?dir=b")).await.refused(403, "M_FORBIDDEN");
    bob.get("/v3/rooms/!nowhere:localhost/messages?dir=b").await.refused(403, "M_FORBIDDEN");
    bob.get(&room.path(&format!("/event/{}", encode(&events[0])))).await.refused(404, "M_NOT_FOUND");
    bob.get(&room.path(&format!("/context/{}", encode(&events[0])))).await.refused(404, "M_NOT_FOUND");
    alice.get(&room.path("/event/$nothing")).await.refused(404, "M_NOT_FOUND");
}

#[tokio::test]
async fn filters_pick_by_type_sender_and_url() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let room = TestRoom::public(&server, &alice).await;
    room.join(&server, &bob).await;
    room.say(&alice, "1", "hers").await;
    room.say(&bob, "1", "his").await;
    let image = json!({ "msgtype": "m.image", "body": "image", "url": "mxc://localhost/a" });
    room.send(&bob, "m.room.message", "2", image).await.ok();
    room.send(&alice, "m.sticker", "2", json!({ "body": "sticker", "url": "mxc://localhost/b" })).await.ok();
    for (wanted, found) in [
        (json!({ "types": ["m.room.message"] }), vec!["image", "his", "hers"]),
        (json!({ "types": ["m.*"], "not_types": ["m.room.*"] }), vec!["sticker"]),
        (json!({ "senders": [bob.user_id] }), vec!["image", "his"]),
        (json!({ "not_senders": [bob.user_id] }), vec!["sticker", "hers"]),
        (json!({ "contains_url": true }), vec!["sticker", "image"]),
        (json!({ "contains_url": false, "types": ["m.room.message"] }), vec!["his", "hers"]),
        (json!({ "limit": 1, "types": ["m.room.message"] }), vec!["image"]),
        (json!({ "not_rooms": [room.id] }), vec![]),
        (json!({ "rooms": [] }), vec![]),
    ] {
        let answer = page(&room, &alice, &format!("dir=b&limit=100&filter={}", filter(wanted.clone()))).await;
        assert_eq!(bodies(&answer["chunk"]), found, "{wanted}");
    }
}

#[tokio::test]
async fn lazy_members_are_those_who_sent_what_is_shown() {
    let server = TestServer::start().await;
    let (alice, bob, carol) =
        (server.register("alice").await, server.register("bob").await, server.register("carol").await);
    let room = TestRoom::public(&server, &alice).await;
    room.join(&server, &bob).await;
    room.join(&server, &carol).await;
    room.say(&carol, "1", "hers").await;
    let event = room.say(&bob, "1", "his").await;
    let lazy = filter(json!({ "lazy_load_members": true }));
    let members = |state: &Value| -> Vec<String> {
        let keys = state.as_array().unwrap().iter().filter(|event| event["type"] == "m.room.member");
        keys.map(|event| event["state_key"].as_str().unwrap().to_owned()).collect()
    };
    let answer = page(&room, &alice, &format!("dir=b&limit=1&filter={lazy}")).await;
    assert_eq!(members(&answer["state"]), std::slice::from_ref(&bob.user_id));
    let answer = page(&room, &alice, "dir=b&limit=1").await;
    assert_eq!(answer.get("state"), None);

    let path = |query: &str| room.path(&format!("/context/{}?limit=0{query}", encode(&event)));
    let answer = alice.get(&path(&format!("&filter={lazy}"))).await.ok();
    assert_eq!(members(&answer["state"]), std::slice::from_ref(&bob.user_id));
    let answer = alice.get(&path("")).await.ok();
    assert_eq!(members(&answer["state"]).len(), 3);
    let types: Vec<_> = answer["state"].as_array().unwrap().iter().map(|event| event["type"].clone()).collect();
    assert!(types.contains(&json!("m.room.create")) && types.contains(&json!("m.room.power_levels")));
}

#[tokio::test]
async fn an_event_stands_in_its_context() {
    let server = TestServer::start().await;
    let alice = server.register("alice").await;
    let (room, events) = chat(&server, &alice, 11).await;
    let path = |query: &str| room.path(&format!("/context/{}{query}", encode(&events[5])));
    let context = alice.get(&path("?limit=5")).await.ok();
    assert_eq!(context["event"]["event_id"], json!(events[5]));
    assert_eq!(context["event"]["room_id"], json!(room.id));
    assert_eq!(bodies(&context["events_before"]), ["4", "3"]);
    assert_eq!(bodies(&context["events_after"]), ["6", "7", "8"]);
    let (start, end) = (context["start"].as_str().unwrap(), context["end"].as_str().unwrap());
    assert_eq!(bodies(&page(&room, &alice, &format!("dir=b&limit=2&from={start}")).await["chunk"]), ["2", "1"]);
    assert_eq!(bodies(&page(&room, &alice, &format!("dir=f&from={end}")).await["chunk"]), ["9", "10"]);
    let alone = alice.get(&path("?limit=0")).await.ok();
    assert_eq!((&alone["events_before"], &alone["events_after"]), (&json!([]), &json!([])));
    let (start, end) = (alone["start"].as_str().unwrap(), alone["end"].as_str().unwrap());
    assert_eq!(bodies(&page(&room, &alice, &format!("dir=b&limit=1&from={start}")).await["chunk"]), ["4"]);
    assert_eq!(bodies(&page(&room, &alice, &format!("dir=f&limit=1&from={end}")).await["chunk"]), ["6"]);
    let last = alice.get(&room.path(&format!("/context/{}", encode(&events[10])))).await.ok();
    let end = last["end"].as_str().unwrap();
    room.say(&alice, "later", "later").await;
    assert_eq!(bodies(&page(&room, &alice, &format!("dir=f&from={end}")).await["chunk"]), ["later"]);
}

#[tokio::test]
async fn a_moment_leads_to_the_closest_event() {
    let server = TestServer::builder().manual_clock().start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let room = TestRoom::public(&server, &alice).await;
    let start = server.app().clock.now_ms();
    server.advance(std::time::Duration::from_secs(10));
    let first = room.say(&alice, "1", "first").await;
    server.advance(std::time::Duration::from_secs(10));
    let second = room.say(&alice, "2", "second").await;
    let path = |seconds: u64, dir: &str| {
        let ts = start + seconds * 1000;
        format!("/v1/rooms/{}/timestamp_to_event?ts={ts}&dir={dir}", encode(room.id.as_str()))
    };
    for (seconds, dir, event, at) in [
        (5, "f", &first, 10),
        (10, "f", &first, 10),
        (10, "b", &first, 10),
        (19, "b", &first, 10),
        (11, "f", &second, 20),
    ] {
        let found = alice.get(&path(seconds, dir)).await.ok();
        assert_eq!(found, json!({ "event_id": event, "origin_server_ts": start + at * 1000 }), "{seconds} {dir}");
    }
    alice.get(&path(21, "f")).await.refused(404, "M_NOT_FOUND");
    bob.get(&path(5, "f")).await.refused(403, "M_FORBIDDEN");
    alice.get(&path(5, "x")).await.refused(400, "M_INVALID_PARAM");
}

#[tokio::test]
async fn who_is_ignored_is_not_heard_but_their_state_is() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let room = TestRoom::public(&server, &alice).await;
    let joined = room.join(&server, &bob).await;
    let said = room.say(&bob, "1", "his").await;
    let path = format!("/v3/user/{}/account_data/m.ignored_user_list", encode(&alice.user_id));
    alice.put(&path, json!({ "ignored_users": { bob.user_id.as_str(): {} } })).await.ok();
    let answer = page(&room, &alice, "dir=b&limit=100").await;
    assert_eq!(bodies(&answer["chunk"]), Vec::<&str>::new());
    assert_eq!(answer["chunk"][0]["event_id"], json!(joined));
    alice.get(&room.path(&format!("/event/{}", encode(&said)))).await.refused(404, "M_NOT_FOUND");
    alice.get(&room.path(&format!("/event/{}", encode(&joined)))).await.ok();
    assert_eq!(bodies(&page(&room, &bob, "dir=b").await["chunk"]), ["his"]);
}

/// What six people in different relations to a room see of nine moments in its life, under each visibility.
#[tokio::test]
async fn history_is_seen_by_whom_it_is_for() {
    let server = TestServer::start().await;
    let mut people = BTreeMap::new();
    for name in ["alice", "early", "late", "left", "again", "guest", "never"] {
        people.insert(name, server.register(name).await);
    }
    // `early` joins before the first message; `late` before the fifth; `left` is there for the second and third;
    // `again` for the second and for the fifth; `guest` is invited before the third and never joins.
    for (visibility, wanted) in [
        (
            "world_readable",
            [
                ("early", "12345"),
                ("late", "12345"),
                ("left", "12345"),
                ("again", "12345"),
                ("guest", "12345"),
                ("never", "12345"),
            ],
        ),
        (
            "shared",
            [("early", "12345"), ("late", "12345"), ("left", "123"), ("again", "12345"), ("guest", ""), ("never", "")],
        ),
        (
            "invited",
            [("early", "12345"), ("late", "45"), ("left", "23"), ("again", "25"), ("guest", "345"), ("never", "")],
        ),
        ("joined", [("early", "12345"), ("late", "5"), ("left", "23"), ("again", "25"), ("guest", ""), ("never", "")]),
    ] {
        let alice = &people["alice"];
        let room = TestRoom::with(&server, alice, |new| {
            let content =
                salon::event::check_content(&json!({ "history_visibility": visibility }).to_string()).unwrap();
            let event_type = "m.room.history_visibility".to_owned();
            new.initial_state = vec![NewState { event_type, state_key: String::new(), content }];
        })
        .await;
        let mut said = Vec::new();
        for number in 1..=5 {
            match number {
                1 => drop(room.join(&server, &people["early"]).await),
                2 => {
                    room.join(&server, &people["left"]).await;
                    room.join(&server, &people["again"]).await;
                }
                3 => {
                    room.leave(&server, &people["again"]).await;
                    room.member(&server, alice, &people["guest"], "invite").await;
                }
                4 => {
                    room.leave(&server, &people["left"]).await;
                    room.member(&server, alice, &people["late"], "invite").await;
                }
                _ => {
                    room.join(&server, &people["late"]).await;
                    room.join(&server, &people["again"]).await;
                }
            }
            said.push(room.say(alice, &number.to_string(), &number.to_string()).await);
        }
        for (name, wanted) in wanted {
            let person = &people[name];
            let place = format!("{visibility}: {name}");
            let messages = person.get(&room.path("/messages?dir=f&limit=100")).await;
            let paged = if messages.status == 403 { String::new() } else { bodies(&messages.ok()["chunk"]).concat() };
            assert_eq!(paged, wanted, "{place} pages forward");
            let messages = person.get(&room.path("/messages?dir=b&limit=100")).await;
            if messages.status == 200 {
                let reversed: String = bodies(&messages.ok()["chunk"]).into_iter().rev().collect();
                assert_eq!(reversed, wanted, "{place} pages back");
            }
            for (number, event) in said.iter().enumerate() {
                let may = wanted.contains(&(number + 1).to_string());
                let status = if may { 200 } else { 404 };
                let single = person.get(&room.path(&format!("/event/{}", encode(event)))).await;
                assert_eq!(single.status, status, "{place} reads {}: {}", number + 1, single.body);
                let context = person.get(&room.path(&format!("/context/{}?limit=100", encode(event)))).await;
                assert_eq!(context.status, status, "{place} asks around {}", number + 1);
                if may {
                    let around = context.ok();
                    let mut shown = bodies(&around["events_before"]);
                    shown.reverse();
                    shown.push(around["event"]["content"]["body"].as_str().unwrap());
                    shown.extend(bodies(&around["events_after"]));
                    assert_eq!(shown.concat(), wanted, "{place} sees around {}", number + 1);
                }
            }
        }
    }
}

#[tokio::test]
async fn the_visibility_at_the_event_counts_and_not_the_one_now() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let room = TestRoom::public(&server, &alice).await;
    let set = |visibility: &'static str| {
        let (room, server, alice) = (&room, &server, &alice);
        async move {
            let content = json!({ "history_visibility": visibility });
            room.set(server, alice, "m.room.history_visibility", "", content).await
        }
    };
    let opened = set("world_readable").await;
    let open = room.say(&alice, "1", "open").await;
    let closed = set("joined").await;
    let secret = room.say(&alice, "2", "secret").await;
    let single = |event: &str| room.path(&format!("/event/{}", encode(event)));
    for (event, status) in [(&opened, 200), (&open, 200), (&closed, 200), (&secret, 404)] {
        assert_eq!(bob.get(&single(event)).await.status, status);
    }
    room.join(&server, &bob).await;
    set("shared").await;
    for (event, status) in [(&open, 200), (&secret, 404)] {
        assert_eq!(bob.get(&single(event)).await.status, status, "after joining");
    }
}

#[tokio::test]
async fn a_room_can_be_looked_into() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let (closed, _) = chat(&server, &alice, 1).await;
    bob.get(&closed.path("/initialSync")).await.refused(403, "M_FORBIDDEN");
    let room = TestRoom::with(&server, &alice, |new| {
        let content = salon::event::check_content(r#"{"history_visibility":"world_readable"}"#).unwrap();
        let event_type = "m.room.history_visibility".to_owned();
        new.initial_state = vec![NewState { event_type, state_key: String::new(), content }];
    })
    .await;
    for number in 0..12 {
        room.say(&alice, &number.to_string(), &number.to_string()).await;
    }
    let path = room.path("/initialSync");

    let seen = bob.get(&path).await.ok();
    assert_eq!((&seen["room_id"], &seen["visibility"]), (&json!(room.id), &json!("private")));
    assert_eq!(seen.get("membership"), None);
    assert_eq!(seen["state"].as_array().unwrap().len(), 6);
    assert_eq!(bodies(&seen["messages"]["chunk"]), ["2", "3", "4", "5", "6", "7", "8", "9", "10", "11"]);
    let start = seen["messages"]["start"].as_str().unwrap();
    assert_eq!(bodies(&page(&room, &bob, &format!("dir=b&limit=1&from={start}")).await["chunk"]), ["1"]);
    let end = seen["messages"]["end"].as_str().unwrap();
    room.say(&alice, "later", "later").await;
    assert_eq!(bodies(&page(&room, &bob, &format!("dir=f&from={end}")).await["chunk"]), ["later"]);

    // A member sees what is theirs, and a former one what was.
    let tags = format!("/v3/user/{}/rooms/{}/tags/work", alice.user_id, encode(room.id.as_str()));
    alice.put(&tags, json!({ "order": 0.5 })).await.ok();
    let seen = alice.get(&path).await.ok();
    assert_eq!(seen["membership"], "join");
    assert_eq!(seen["account_data"], json!([{ "type": "m.tag", "content": { "tags": { "work": { "order": 0.5 } } } }]));
    room.join(&server, &bob).await;
    room.set(&server, &alice, "m.room.history_visibility", "", json!({ "history_visibility": "joined" })).await;
    room.leave(&server, &bob).await;
    room.say(&alice, "secret", "secret").await;
    room.set(&server, &alice, "m.room.topic", "", json!({ "topic": "secret" })).await;
    let seen = bob.get(&format!("{path}?limit=3")).await.ok();
    assert_eq!(seen["membership"], "leave");
    assert_eq!(seen["messages"]["chunk"].as_array().unwrap().len(), 3);
    assert!(!seen.to_string().contains("secret"), "{seen}");
    bob.get("/v3/rooms/!nowhere:localhost/initialSync").await.refused(403, "M_FORBIDDEN");
}
