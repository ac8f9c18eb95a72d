//! Finding rooms: aliases, the directory, summaries.

use serde_json::{Value, json};

use crate::{
    common::{TestServer, encode},
    rooms_create::create,
};

fn alias_path(alias: &str) -> String {
    format!("/v3/directory/room/{}", encode(alias))
}

#[tokio::test]
async fn aliases_are_made_resolved_and_taken_away() {
    let server = TestServer::start().await;
    let (alice, bob, carol) =
        (server.register("alice").await, server.register("bob").await, server.register("carol").await);
    let room = create(&alice, json!({ "preset": "public_chat" })).await;
    let (one, two) = (alias_path("#one:localhost"), alias_path("#two:localhost"));
    alice.get(&one).await.refused(404, "M_NOT_FOUND");
    bob.put(&one, json!({ "room_id": room })).await.refused(403, "M_FORBIDDEN");
    bob.post(&format!("/v3/rooms/{room}/join"), json!({})).await.ok();
    alice.put(&one, json!({ "room_id": room })).await.ok();
    bob.put(&two, json!({ "room_id": room })).await.ok();
    bob.put(&one, json!({ "room_id": room })).await.refused(409, "M_UNKNOWN");
    bob.put(&alias_path("#x:elsewhere"), json!({ "room_id": room })).await.refused(400, "M_INVALID_PARAM");
    bob.put(&alias_path("x"), json!({ "room_id": room })).await.refused(400, "M_INVALID_PARAM");
    bob.put(&alias_path("#x:localhost"), json!({ "room_id": "!none" })).await.refused(404, "M_NOT_FOUND");
    let resolved = server.anonymous().get(&one).await.ok();
    assert_eq!(resolved, json!({ "room_id": room, "servers": ["localhost"] }));
    carol.post(&format!("/v3/join/{}", encode("#two:localhost")), json!({})).await.ok();

    let aliases = format!("/v3/rooms/{room}/aliases");
    assert_eq!(bob.get(&aliases).await.ok(), json!({ "aliases": ["#one:localhost", "#two:localhost"] }));
    server.register("dave").await.get(&aliases).await.refused(403, "M_FORBIDDEN");

    let canonical = format!("/v3/rooms/{room}/state/m.room.canonical_alias");
    let content = json!({ "alias": "#one:localhost", "alt_aliases": ["#two:localhost"] });
    alice.put(&canonical, content).await.ok();
    carol.delete(&two, json!({})).await.refused(403, "M_FORBIDDEN");
    bob.delete(&two, json!({})).await.ok();
    let kept = json!({ "alias": "#one:localhost", "alt_aliases": ["#two:localhost"] });
    assert_eq!(alice.get(&canonical).await.ok(), kept, "bob may not change the event");
    alice.delete(&one, json!({})).await.ok();
    assert_eq!(alice.get(&canonical).await.ok(), json!({ "alt_aliases": ["#two:localhost"] }));
    alice.delete(&one, json!({})).await.refused(404, "M_NOT_FOUND");
    assert_eq!(bob.get(&aliases).await.ok(), json!({ "aliases": [] }));
}

#[tokio::test]
async fn the_directory_is_searched_and_paged_both_ways() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let mut rooms = Vec::new();
    for n in 0..5 {
        let body = json!({ "visibility": "public", "name": format!("Room {n}"), "topic": "Überall", "room_alias_name": format!("r{n}") });
        rooms.push(create(&alice, body).await);
    }
    let space = json!({ "visibility": "public", "name": "Space", "creation_content": { "type": "m.space" } });
    rooms.push(create(&alice, space).await);
    create(&alice, json!({ "name": "hidden", "preset": "public_chat" })).await;
    bob.post(&format!("/v3/rooms/{}/join", rooms[3]), json!({})).await.ok();

    let ids = |page: &Value| -> Vec<String> {
        page["chunk"].as_array().unwrap().iter().map(|room| room["room_id"].as_str().unwrap().to_owned()).collect()
    };
    let all = server.anonymous().get("/v3/publicRooms").await.ok();
    let order: Vec<_> = [3, 0, 1, 2, 4, 5].iter().map(|n| rooms[*n].clone()).collect();
    assert_eq!((ids(&all), all["total_room_count_estimate"].as_u64()), (order.clone(), Some(6)));
    let expected = json!({
        "room_id": rooms[3], "name": "Room 3", "topic": "Überall", "canonical_alias": "#r3:localhost",
        "num_joined_members": 2, "world_readable": false, "guest_can_join": false, "join_rule": "public",
    });
    assert_eq!(all["chunk"][0], expected);

    let first = bob.get("/v3/publicRooms?limit=2").await.ok();
    assert_eq!((ids(&first), first.get("prev_batch")), (order[..2].to_vec(), None));
    let next = |page: &Value, way: &str| format!("/v3/publicRooms?limit=2&since={}", page[way].as_str().unwrap());
    let second = bob.get(&next(&first, "next_batch")).await.ok();
    assert_eq!(ids(&second), order[2..4]);
    let third = bob.get(&next(&second, "next_batch")).await.ok();
    assert_eq!((ids(&third), third.get("next_batch")), (order[4..].to_vec(), None));
    let back = bob.get(&next(&third, "prev_batch")).await.ok();
    assert_eq!(ids(&back), order[2..4]);
    let start = bob.get(&next(&back, "prev_batch")).await.ok();
    assert_eq!((ids(&start), start.get("prev_batch")), (order[..2].to_vec(), None));

    for (filter, wanted) in [
        (json!({ "generic_search_term": "room 4" }), vec![&rooms[4]]),
        (json!({ "generic_search_term": "#R2" }), vec![&rooms[2]]),
        (json!({ "generic_search_term": "ÜBER", "room_types": ["m.space"] }), vec![]),
        (json!({ "room_types": ["m.space"] }), vec![&rooms[5]]),
        (json!({ "room_types": [null], "generic_search_term": "Room 0" }), vec![&rooms[0]]),
        (json!({ "generic_search_term": "hidden" }), vec![]),
    ] {
        let found = bob.post("/v3/publicRooms", json!({ "filter": filter })).await.ok();
        assert_eq!(ids(&found).iter().collect::<Vec<_>>(), wanted, "{filter}");
    }
    bob.get("/v3/publicRooms?since=x").await.refused(400, "M_INVALID_PARAM");
    bob.get("/v3/publicRooms?server=elsewhere").await.refused(404, "M_NOT_FOUND");
    server.anonymous().post("/v3/publicRooms", json!({})).await.refused(401, "M_MISSING_TOKEN");
}

#[tokio::test]
async fn who_may_name_a_room_lists_it() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let room = create(&alice, json!({ "preset": "public_chat" })).await;
    bob.post(&format!("/v3/rooms/{room}/join"), json!({})).await.ok();
    let path = format!("/v3/directory/list/room/{room}");
    bob.put(&path, json!({ "visibility": "public" })).await.refused(403, "M_FORBIDDEN");
    alice.put(&path, json!({})).await.ok();
    assert_eq!(bob.get(&path).await.ok(), json!({ "visibility": "public" }));
    assert_eq!(bob.get("/v3/publicRooms").await.ok()["chunk"].as_array().unwrap().len(), 1);
    alice.put(&path, json!({ "visibility": "private" })).await.ok();
    assert_eq!(bob.get(&path).await.ok(), json!({ "visibility": "private" }));
    assert_eq!(bob.get("/v3/publicRooms").await.ok()["chunk"], json!([]));
    bob.get("/v3/directory/list/room/!none").await.refused(404, "M_NOT_FOUND");
    alice.put(&path, json!({ "visibility": "odd" })).await.refused(400, "M_BAD_JSON");
}

#[tokio::test]
async fn a_room_is_summed_up_for_who_could_get_in() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let encryption = json!([{ "type": "m.room.encryption", "content": { "algorithm": "m.megolm.v1.aes-sha2" } }]);
    let body = json!({ "preset": "public_chat", "name": "n", "room_alias_name": "sum", "initial_state": encryption });
    let room = create(&alice, body).await;
    let summary = bob.get(&format!("/_matrix/client/v1/room_summary/{}", encode("#sum:localhost"))).await.ok();
    let expected = json!({
        "room_id": room, "name": "n", "canonical_alias": "#sum:localhost", "num_joined_members": 1,
        "world_readable": false, "guest_can_join": false, "join_rule": "public", "room_version": "12",
        "encryption": "m.megolm.v1.aes-sha2", "membership": "leave",
    });
    assert_eq!(summary, expected);
    let anonymous = server.anonymous().get(&format!("/_matrix/client/v1/room_summary/{room}")).await.ok();
    assert_eq!((anonymous["name"].as_str(), anonymous.get("membership")), (Some("n"), None));

    let club = json!([{ "type": "m.room.join_rules", "content": { "join_rule": "restricted", "allow": [
        { "type": "m.room_membership", "room_id": room }
    ] } }]);
    let inner = create(&alice, json!({ "initial_state": club })).await;
    let path = format!("/_matrix/client/v1/room_summary/{inner}");
    bob.get(&path).await.refused(404, "M_NOT_FOUND");
    bob.post(&format!("/v3/rooms/{room}/join"), json!({})).await.ok();
    assert_eq!(bob.get(&path).await.ok()["allowed_room_ids"], json!([room]));

    let secret = create(&alice, json!({})).await;
    let path = format!("/_matrix/client/v1/room_summary/{secret}");
    bob.get(&path).await.refused(404, "M_NOT_FOUND");
    alice.post(&format!("/v3/rooms/{secret}/invite"), json!({ "user_id": "@bob:localhost" })).await.ok();
    assert_eq!(bob.get(&path).await.ok()["membership"], "invite");
}
