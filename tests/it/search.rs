//! Full-text search: what is found, in which order, and by whom.

use serde_json::{Value, json};

use crate::common::{TestClient, TestRoom, TestServer, encode};

/// Searches with more than a term.
async fn search_with(client: &TestClient, term: &str, more: Value) -> Value {
    page(client, "/v3/search", term, more).await
}

async fn page(client: &TestClient, path: &str, term: &str, more: Value) -> Value {
    let mut criteria = more;
    criteria["search_term"] = term.into();
    let answer = client.post(path, json!({ "search_categories": { "room_events": criteria } })).await.ok();
    answer["search_categories"]["room_events"].clone()
}

/// The IDs of what is found, newest first.
async fn found(client: &TestClient, term: &str) -> Vec<String> {
    ids(&search_with(client, term, json!({ "order_by": "recent" })).await)
}

fn ids(answer: &Value) -> Vec<String> {
    let results = answer["results"].as_array().unwrap().iter();
    results.map(|result| result["result"]["event_id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn words_are_found_without_case_and_accents() {
    let mut server = TestServer::start().await;
    let alice = server.register("alice").await;
    let room = TestRoom::public(&server, &alice).await;
    let summer = room.say(&alice, "1", "L'Été sera beau à Œuvre-sur-Mer").await;
    let winter = room.say(&alice, "2", "l'hiver aussi, ete compris").await;
    room.say(&alice, "3", "étés").await;
    let name = room.set(&server, &alice, "m.room.name", "", json!({ "name": "Été" })).await;
    let topic = json!({ "topic": "x", "m.topic": { "m.text": [
        { "mimetype": "text/html", "body": "<b>hidden</b>" }, { "body": "what we do in été" },
    ] } });
    let topic = room.set(&server, &alice, "m.room.topic", "", topic).await;
    room.set(&server, &alice, "org.example", "", json!({ "body": "été" })).await;
    for term in ["ete", "ÉTÉ", "e\u{301}te", "  ete!"] {
        assert_eq!(found(&alice, term).await, [&*topic, &*name, &*winter, &*summer], "{term}");
    }
    assert_eq!(found(&alice, "beau œuvre").await, [&*summer]);
    assert_eq!(found(&alice, "beau hiver").await, [""; 0]);
    assert_eq!(found(&alice, "hidden").await, [""; 0]);
    for (keys, expected) in [
        (json!(["content.body"]), vec![&*winter, &*summer]),
        (json!(["content.name"]), vec![&*name]),
        (json!(["content.topic", "content.name"]), vec![&*topic, &*name]),
    ] {
        assert_eq!(ids(&search_with(&alice, "ete", json!({ "keys": keys, "order_by": "recent" })).await), expected);
    }
    // Words that stand far apart.
    for n in 0..30 {
        room.say(&alice, &format!("m{n}"), if n % 10 == 0 { "even odd" } else { ["even", "odd"][n % 2] }).await;
    }
    assert_eq!(found(&alice, "odd even").await.len(), 3);
    let answer = search_with(&alice, "ete", json!({})).await;
    assert_eq!((answer["count"].as_u64(), &answer["highlights"]), (Some(4), &json!(["ete", "été"])));
    for (term, errcode) in [("", "M_INVALID_PARAM"), ("…!", "M_INVALID_PARAM")] {
        let body = json!({ "search_categories": { "room_events": { "search_term": term } } });
        alice.post("/v3/search", body).await.refused(400, errcode);
    }
    let many: String = (0..21).map(|n| format!("w{n} ")).collect();
    let body = json!({ "search_categories": { "room_events": { "search_term": many } } });
    alice.post("/v3/search", body).await.refused(400, "M_INVALID_PARAM");
    alice.post("/v3/search", json!({})).await.refused(400, "M_BAD_JSON");
    assert_eq!(alice.post("/v3/search", json!({ "search_categories": {} })).await.ok()["search_categories"], json!({}));
    server.stop_whole().await;
}

#[tokio::test]
async fn edits_and_redactions_are_followed() {
    let mut server = TestServer::start().await;
    let alice = server.register("alice").await;
    let room = TestRoom::public(&server, &alice).await;
    let said = room.say(&alice, "1", "apples and pears").await;
    let edit = |body: &str| {
        json!({
            "msgtype": "m.text", "body": format!("* {body}"), "m.new_content": { "msgtype": "m.text", "body": body },
            "m.relates_to": { "rel_type": "m.replace", "event_id": said },
        })
    };
    let id = |answer: Value| answer["event_id"].as_str().unwrap().to_owned();
    let first = id(room.send(&alice, "m.room.message", "2", edit("apples and plums")).await.ok());
    let second = id(room.send(&alice, "m.room.message", "3", edit("cherries")).await.ok());
    let nothing: [String; 0] = [];
    assert_eq!(found(&alice, "cherries").await, [&*said]);
    assert_eq!((found(&alice, "pears").await, found(&alice, "plums").await), (nothing.to_vec(), nothing.to_vec()));
    // Redacted, an edit gives way to the one before it.
    redact(&room, &alice, &second).await;
    assert_eq!((found(&alice, "cherries").await, found(&alice, "plums").await), (nothing.to_vec(), vec![said.clone()]));
    redact(&room, &alice, &first).await;
    assert_eq!((found(&alice, "plums").await, found(&alice, "pears").await), (nothing.to_vec(), vec![said.clone()]));
    redact(&room, &alice, &said).await;
    assert_eq!(found(&alice, "apples").await, nothing);

    // Nobody's words are changed by somebody else's edit.
    let bob = server.register("bob").await;
    room.join(&server, &bob).await;
    let own = room.say(&alice, "4", "quinces").await;
    let forged = json!({
        "msgtype": "m.text", "body": "* medlars", "m.new_content": { "msgtype": "m.text", "body": "medlars" },
        "m.relates_to": { "rel_type": "m.replace", "event_id": own },
    });
    room.send(&bob, "m.room.message", "5", forged).await.ok();
    assert_eq!(found(&alice, "quinces").await, [&*own]);
    server.stop_whole().await;
}

async fn redact(room: &TestRoom, client: &TestClient, target: &str) {
    let path = room.path(&format!("/redact/{}/r{}", encode(target), encode(target)));
    client.put(&path, json!({})).await.ok();
}

#[tokio::test]
async fn only_what_one_may_see_is_found() {
    let server = TestServer::start().await;
    let (alice, bob, carol) =
        (server.register("alice").await, server.register("bob").await, server.register("carol").await);
    let room = TestRoom::public(&server, &alice).await;
    let joined = json!({ "history_visibility": "joined" });
    room.set(&server, &alice, "m.room.history_visibility", "", joined).await;
    room.say(&alice, "1", "secret before").await;
    room.join(&server, &bob).await;
    let during = room.say(&alice, "2", "secret during").await;
    let by_bob = room.say(&bob, "3", "secret of mine").await;
    room.leave(&server, &bob).await;
    room.say(&alice, "4", "secret after").await;
    let answer = search_with(&bob, "secret", json!({ "order_by": "recent" })).await;
    assert_eq!(ids(&answer), [&*by_bob, &*during]);
    assert_eq!((&answer["count"], answer.get("next_batch")), (&json!(2), None));
    let one = search_with(&bob, "secret", json!({ "order_by": "recent", "filter": { "limit": 2 } })).await;
    // Not even that there is more.
    assert_eq!(one.get("next_batch"), None, "{one}");
    assert_eq!(found(&alice, "secret").await.len(), 4);
    assert_eq!(found(&carol, "secret").await, [""; 0]);
    server.anonymous().post("/v3/search", json!({ "search_categories": {} })).await.refused(401, "M_MISSING_TOKEN");

    let ignored = json!({ "ignored_users": { "@bob:localhost": {} } });
    alice.put("/v3/user/@alice:localhost/account_data/m.ignored_user_list", ignored).await.ok();
    assert_eq!(found(&alice, "secret").await.len(), 3);
    // Forgotten is forgotten.
    bob.post(&room.path("/forget"), json!({})).await.ok();
    assert_eq!(found(&bob, "secret").await, [""; 0]);

    // An edit from after one's leaving gives nothing away.
    let shared = TestRoom::public(&server, &alice).await;
    shared.join(&server, &carol).await;
    let said = shared.say(&alice, "5", "harmless").await;
    shared.leave(&server, &carol).await;
    let edit = json!({
        "msgtype": "m.text", "body": "* revealing", "m.new_content": { "msgtype": "m.text", "body": "revealing" },
        "m.relates_to": { "rel_type": "m.replace", "event_id": said },
    });
    shared.send(&alice, "m.room.message", "6", edit).await.ok();
    assert_eq!(found(&carol, "revealing").await, [""; 0]);
    assert_eq!(found(&alice, "revealing").await, [&*said]);
}

#[tokio::test]
async fn encrypted_rooms_are_left_out_also_what_was_said_before() {
    let mut server = TestServer::start().await;
    let alice = server.register("alice").await;
    let room = TestRoom::public(&server, &alice).await;
    room.say(&alice, "1", "open words").await;
    assert_eq!(found(&alice, "words").await.len(), 1);
    let algorithm = json!({ "algorithm": "m.megolm.v1.aes-sha2" });
    room.set(&server, &alice, "m.room.encryption", "", algorithm).await;
    room.say(&alice, "2", "words by mistake").await;
    assert_eq!(found(&alice, "words").await, [""; 0]);
    server.stop_whole().await;
}

#[tokio::test]
async fn results_come_in_order_by_pages_and_in_groups() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let (tea, cake) = (TestRoom::public(&server, &alice).await, TestRoom::public(&server, &alice).await);
    cake.join(&server, &bob).await;
    let mut said = vec![tea.say(&alice, "0", "cup cup cup").await];
    for n in 1..6 {
        let (room, client) = if n % 2 == 0 { (&tea, &alice) } else { (&cake, &bob) };
        said.push(room.say(client, &n.to_string(), &format!("a cup and a lot of other words, number {n}")).await);
    }
    let ranked = search_with(&alice, "cup", json!({})).await;
    assert_eq!(ids(&ranked)[0], said[0]);
    let ranks: Vec<f64> = ranked["results"].as_array().unwrap().iter().map(|r| r["rank"].as_f64().unwrap()).collect();
    assert!(ranks.is_sorted_by(|a, b| a >= b) && ranks[0] > ranks[1], "{ranks:?}");

    for order in ["recent", "rank"] {
        let grouped = json!({ "group_by": [{ "key": "room_id" }, { "key": "sender" }] });
        let more = json!({ "order_by": order, "filter": { "limit": 2 }, "groupings": grouped });
        let mut all = Vec::new();
        let mut path = "/v3/search".to_owned();
        let mut first = None;
        loop {
            let answer = page(&alice, &path, "cup", more.clone()).await;
            all.extend(ids(&answer));
            first.get_or_insert(answer.clone());
            let Some(next) = answer["next_batch"].as_str() else { break };
            path = format!("/v3/search?next_batch={next}");
        }
        let mut expected = said.clone();
        expected.reverse();
        if order == "recent" {
            assert_eq!(all, expected);
        } else {
            all.sort();
            expected.sort();
            assert_eq!(all, expected);
        }
        let groups = &first.unwrap()["groups"];
        let by_room = groups["room_id"].as_object().unwrap();
        let shown: usize = by_room.values().map(|group| group["results"].as_array().unwrap().len()).sum();
        assert_eq!(shown, 2, "{groups}");
        // On within a group.
        if order == "recent" {
            assert_eq!(groups["room_id"][cake.id.as_str()]["order"], 1);
            let next = groups["room_id"][cake.id.as_str()]["next_batch"].as_str().unwrap();
            let rest = page(&alice, &format!("/v3/search?next_batch={next}"), "cup", more.clone()).await;
            assert_eq!(ids(&rest), [&*said[3], &*said[1]]);
            let next = groups["sender"]["@alice:localhost"]["next_batch"].as_str().unwrap();
            let rest = page(&alice, &format!("/v3/search?next_batch={next}"), "cup", more.clone()).await;
            assert_eq!(ids(&rest), [&*said[2], &*said[0]]);
        }
    }
    let body = json!({ "search_categories": { "room_events": { "search_term": "cup" } } });
    alice.post("/v3/search?next_batch=x", body).await.refused(400, "M_INVALID_PARAM");

    for (filter, expected) in [
        (json!({ "senders": ["@bob:localhost"] }), vec![&*said[5], &*said[3], &*said[1]]),
        (json!({ "rooms": [tea.id] }), vec![&*said[4], &*said[2], &*said[0]]),
        (json!({ "not_rooms": [tea.id], "not_senders": ["@alice:localhost"] }), vec![&*said[5], &*said[3], &*said[1]]),
        (json!({ "types": ["m.room.name"] }), vec![]),
    ] {
        let answer = search_with(&alice, "cup", json!({ "order_by": "recent", "filter": filter })).await;
        assert_eq!(ids(&answer), expected, "{filter}");
    }
}

#[tokio::test]
async fn what_stands_around_a_result_is_told_if_asked_for() {
    let server = TestServer::start().await;
    let alice = server.register("alice").await;
    let room = TestRoom::public(&server, &alice).await;
    let mut said = Vec::new();
    for n in 0..5 {
        said.push(room.say(&alice, &n.to_string(), if n == 2 { "needle" } else { "hay" }).await);
    }
    let context = json!({ "before_limit": 1, "after_limit": 1, "include_profile": true });
    let answer = search_with(&alice, "needle", json!({ "event_context": context, "include_state": true })).await;
    let [result] = answer["results"].as_array().unwrap().as_slice() else { panic!("{answer}") };
    let context = &result["context"];
    assert_eq!(context["events_before"][0]["event_id"], said[1]);
    assert_eq!(context["events_after"][0]["event_id"], said[3]);
    assert_eq!(context["profile_info"]["@alice:localhost"], json!({ "displayname": "alice" }));
    let back = format!("/messages?dir=b&limit=1&from={}", context["start"].as_str().unwrap());
    assert_eq!(alice.get(&room.path(&back)).await.ok()["chunk"][0]["event_id"], said[0]);
    let on = format!("/messages?dir=f&limit=1&from={}", context["end"].as_str().unwrap());
    assert_eq!(alice.get(&room.path(&on)).await.ok()["chunk"][0]["event_id"], said[4]);
    let state = answer["state"][room.id.as_str()].as_array().unwrap();
    assert!(state.iter().any(|event| event["type"] == "m.room.create"), "{state:?}");
    let plain = search_with(&alice, "needle", json!({})).await;
    assert!(plain["results"][0].get("context").is_none() && plain.get("state").is_none(), "{plain}");
}

#[tokio::test]
async fn a_room_that_was_upgraded_is_searched_with_the_one_before_it() {
    let server = TestServer::start().await;
    let alice = server.register("alice").await;
    let old = TestRoom::public(&server, &alice).await;
    let before = old.say(&alice, "1", "needle").await;
    let upgraded = alice.post(&old.path("/upgrade"), json!({ "new_version": "11" })).await.ok();
    let filter = json!({ "rooms": [upgraded["replacement_room"]] });
    assert_eq!(ids(&search_with(&alice, "needle", json!({ "filter": filter })).await), [before]);
}

#[tokio::test]
async fn a_database_that_was_never_searched_is_read_whole() {
    let mut server = TestServer::start().await;
    let alice = server.register("alice").await;
    let room = TestRoom::public(&server, &alice).await;
    let said = room.say(&alice, "1", "needle").await;
    let gone = room.say(&alice, "2", "needle too").await;
    redact(&room, &alice, &gone).await;
    server.stop().await;
    // As one that was written before there was a search, and whose log was cut since; with a row that is damaged.
    {
        use salon::store::{Commit, Family, LogEntry, Store, StoreOptions, keys};
        let store = Store::open(&server.config().data_dir, StoreOptions::default()).unwrap();
        let position = store.published();
        let number = store.room_num(&room.id).unwrap().unwrap();
        let ticket = store.commit(|_| {
            let mut commit = Commit::new(LogEntry::Housekeeping);
            commit.delete(Family::Meta, keys::meta("follower/search"));
            commit.put(Family::Index, salon::rooms::search::posting_key(number, "needle", position), vec![0xff]);
            commit.delete_range(Family::Log, keys::log(salon::ids::Position(1)), keys::log(position));
            commit.put_row(Family::Meta, keys::meta("log_start"), &position);
            for name in salon::store::FOLLOWERS.iter().filter(|name| **name != "search") {
                commit.put_row(Family::Meta, keys::meta(&format!("follower/{name}")), &position);
            }
            commit
        });
        ticket.durable().await.unwrap();
        store.close();
    }
    server.restart().await;
    let alice = alice.at(server.base_url());
    for _ in 0..1_000 {
        let body = json!({ "search_categories": { "room_events": { "search_term": "needle" } } });
        let answer = alice.post("/v3/search", body).await;
        if answer.status == 200 && ids(&answer.body["search_categories"]["room_events"]) == [&*said] {
            server.stop_whole().await;
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("it was not read");
}
