//! Who is in a room: joins, invites, leaves, kicks, bans, knocks.

use serde_json::{Value, json};

use crate::{
    common::{TestClient, TestServer, encode},
    rooms_create::create,
};

async fn act(client: &TestClient, room: &str, what: &str, body: Value) -> crate::common::Answer {
    client.post(&format!("/v3/rooms/{room}/{what}"), body).await
}

async fn member(client: &TestClient, room: &str, user: &str) -> Value {
    client.get(&format!("/v3/rooms/{room}/state/m.room.member/@{user}:localhost")).await.ok()
}

#[tokio::test]
async fn an_invited_user_joins_talks_and_leaves() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let room = create(&alice, json!({})).await;
    act(&bob, &room, "join", json!({})).await.refused(403, "M_FORBIDDEN");
    let bob_named = json!({ "user_id": "@bob:localhost", "reason": "come" });
    act(&bob, &room, "invite", bob_named.clone()).await.refused(403, "M_FORBIDDEN");
    act(&alice, &room, "invite", bob_named.clone()).await.ok();
    act(&alice, &room, "invite", bob_named.clone()).await.ok();
    let invite = member(&alice, &room, "bob").await;
    assert_eq!(invite, json!({ "membership": "invite", "displayname": "bob", "reason": "come" }));
    bob.get(&format!("/v3/rooms/{room}/state")).await.refused(403, "M_FORBIDDEN");

    let joined = act(&bob, &room, "join", json!({ "reason": "thanks" })).await.ok();
    assert_eq!(joined, json!({ "room_id": room }));
    act(&bob, &room, "join", json!({})).await.ok();
    assert_eq!(member(&bob, &room, "bob").await["reason"], "thanks", "a second join changes nothing");
    act(&alice, &room, "invite", bob_named).await.refused(403, "M_FORBIDDEN");
    act(&bob, &room, "forget", json!({})).await.refused(400, "M_UNKNOWN");

    act(&bob, &room, "leave", json!({ "reason": "bye" })).await.ok();
    act(&bob, &room, "leave", json!({})).await.ok();
    assert_eq!(member(&alice, &room, "bob").await, json!({ "membership": "leave", "reason": "bye" }));
    act(&bob, &room, "join", json!({})).await.refused(403, "M_FORBIDDEN");
    let stranger = server.register("carol").await;
    act(&stranger, &room, "leave", json!({})).await.refused(403, "M_FORBIDDEN");
    act(&stranger, "!unknown", "leave", json!({})).await.refused(404, "M_NOT_FOUND");
    act(&stranger, "unknown", "leave", json!({})).await.refused(400, "M_INVALID_PARAM");
}

#[tokio::test]
async fn who_left_reads_the_state_of_their_leaving_until_they_forget_it() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let room = create(&alice, json!({ "preset": "public_chat", "name": "old" })).await;
    bob.post(&format!("/v3/join/{room}"), json!({})).await.ok();
    act(&bob, &room, "leave", json!({})).await.ok();
    alice.put(&format!("/v3/rooms/{room}/state/m.room.name"), json!({ "name": "new" })).await.ok();
    act(&server.register("carol").await, &room, "join", json!({})).await.ok();
    let name = format!("/v3/rooms/{room}/state/m.room.name");
    assert_eq!(bob.get(&name).await.ok()["name"], "old");
    assert_eq!(alice.get(&name).await.ok()["name"], "new");
    let members = bob.get(&format!("/v3/rooms/{room}/members")).await.ok();
    assert_eq!(members["chunk"].as_array().unwrap().len(), 2);
    bob.get(&format!("/v3/rooms/{room}/joined_members")).await.refused(403, "M_FORBIDDEN");
    assert_eq!(bob.get("/v3/joined_rooms").await.ok(), json!({ "joined_rooms": [] }));

    act(&bob, &room, "forget", json!({})).await.ok();
    act(&bob, &room, "forget", json!({})).await.ok();
    bob.get(&name).await.refused(403, "M_FORBIDDEN");
    act(&bob, &room, "join", json!({})).await.ok();
    assert_eq!(bob.get(&name).await.ok()["name"], "new");
}

#[tokio::test]
async fn who_has_the_power_kicks_bans_and_unbans() {
    let server = TestServer::start().await;
    let (alice, bob, carol) =
        (server.register("alice").await, server.register("bob").await, server.register("carol").await);
    let room = create(&alice, json!({ "preset": "public_chat" })).await;
    for user in [&bob, &carol] {
        act(user, &room, "join", json!({})).await.ok();
    }
    let target = json!({ "user_id": "@carol:localhost", "reason": "noise" });
    act(&bob, &room, "kick", target.clone()).await.refused(403, "M_FORBIDDEN");
    act(&alice, &room, "kick", target.clone()).await.ok();
    assert_eq!(member(&alice, &room, "carol").await, json!({ "membership": "leave", "reason": "noise" }));
    act(&alice, &room, "kick", target.clone()).await.refused(403, "M_FORBIDDEN");
    act(&alice, &room, "unban", target.clone()).await.refused(403, "M_BAD_STATE");
    act(&carol, &room, "join", json!({})).await.ok();

    act(&bob, &room, "ban", target.clone()).await.refused(403, "M_FORBIDDEN");
    act(&alice, &room, "ban", target.clone()).await.ok();
    assert_eq!(member(&alice, &room, "carol").await["membership"], "ban");
    for (user, what) in [(&carol, "join"), (&carol, "leave")] {
        act(user, &room, what, json!({})).await.refused(403, "M_FORBIDDEN");
    }
    act(&alice, &room, "kick", target.clone()).await.refused(403, "M_FORBIDDEN");
    act(&alice, &room, "invite", target.clone()).await.refused(403, "M_FORBIDDEN");
    act(&bob, &room, "unban", target.clone()).await.refused(403, "M_FORBIDDEN");
    act(&alice, &room, "unban", target).await.ok();
    act(&carol, &room, "join", json!({})).await.ok();
    act(&alice, &room, "ban", json!({ "user_id": "@nobody:localhost" })).await.ok();
    act(&alice, &room, "ban", json!({})).await.refused(400, "M_BAD_JSON");
}

#[tokio::test]
async fn a_member_event_goes_through_the_same_checks_when_it_is_put() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let room = create(&alice, json!({})).await;
    let path = |user: &str| format!("/v3/rooms/{room}/state/m.room.member/@{user}:localhost");
    alice.put(&path("bob"), json!({ "membership": "invite", "is_direct": true })).await.ok();
    let invite = member(&alice, &room, "bob").await;
    assert_eq!(invite, json!({ "membership": "invite", "is_direct": true, "displayname": "bob" }));
    alice.put(&path("bob"), json!({ "membership": "join" })).await.refused(403, "M_FORBIDDEN");
    bob.put(&path("bob"), json!({ "membership": "join", "displayname": "Bobby here" })).await.ok();
    assert_eq!(member(&bob, &room, "bob").await, json!({ "membership": "join", "displayname": "Bobby here" }));
    bob.put(&path("bob"), json!({ "membership": "dance" })).await.refused(400, "M_BAD_JSON");
    bob.put(&path("alice"), json!({ "membership": "leave" })).await.refused(403, "M_FORBIDDEN");
    alice.put(&path("bob"), json!({ "membership": "leave" })).await.ok();
    alice.put(&path("bob"), json!({ "membership": "leave" })).await.refused(403, "M_FORBIDDEN");
    let odd = format!("/v3/rooms/{room}/state/m.room.member/bob");
    alice.put(&odd, json!({ "membership": "invite" })).await.refused(400, "M_INVALID_PARAM");
    alice.put(&path("bob"), json!({ "membership": "ban" })).await.ok();
    alice.put(&path("bob"), json!({ "membership": "leave" })).await.ok();
}

#[tokio::test]
async fn who_wants_no_invites_gets_none() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let config = "/v3/user/@bob:localhost/account_data/m.invite_permission_config";
    bob.put(config, json!({ "default_action": "block" })).await.ok();
    let room = create(&alice, json!({})).await;
    let target = json!({ "user_id": "@bob:localhost" });
    act(&alice, &room, "invite", target.clone()).await.refused(403, "M_INVITE_BLOCKED");
    let path = format!("/v3/rooms/{room}/state/m.room.member/@bob:localhost");
    alice.put(&path, json!({ "membership": "invite" })).await.refused(403, "M_INVITE_BLOCKED");
    alice.post("/v3/createRoom", json!({ "invite": ["@bob:localhost"] })).await.refused(403, "M_INVITE_BLOCKED");
    bob.put(config, json!({})).await.ok();
    act(&alice, &room, "invite", target).await.ok();
    act(&alice, &room, "invite", json!({ "user_id": "@x:elsewhere" })).await.refused(403, "M_FORBIDDEN");
    act(&alice, &room, "invite", json!({ "user_id": "@unborn:localhost" })).await.ok();
    let by_mail = json!({ "medium": "email", "address": "a@b", "id_server": "c", "id_access_token": "d" });
    act(&alice, &room, "invite", by_mail).await.refused(403, "M_SERVER_NOT_TRUSTED");
}

#[tokio::test]
async fn a_knock_is_answered_by_an_invite_or_taken_back() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let join_rules = json!([{ "type": "m.room.join_rules", "content": { "join_rule": "knock" } }]);
    let room = create(&alice, json!({ "initial_state": join_rules, "room_alias_name": "door" })).await;
    act(&bob, &room, "join", json!({})).await.refused(403, "M_FORBIDDEN");
    let door = format!("/v3/knock/{}", encode("#door:localhost"));
    let knocked = bob.post(&door, json!({ "reason": "let me in" })).await.ok();
    assert_eq!(knocked, json!({ "room_id": room }));
    let knock = member(&alice, &room, "bob").await;
    assert_eq!(knock, json!({ "membership": "knock", "displayname": "bob", "reason": "let me in" }));
    act(&bob, &room, "leave", json!({})).await.ok();
    bob.post(&door, json!({})).await.ok();
    act(&alice, &room, "invite", json!({ "user_id": "@bob:localhost" })).await.ok();
    bob.post(&door, json!({})).await.refused(403, "M_FORBIDDEN");
    act(&bob, &room, "join", json!({})).await.ok();

    let closed = create(&alice, json!({})).await;
    bob.post(&format!("/v3/knock/{closed}"), json!({})).await.refused(403, "M_FORBIDDEN");
    bob.post(&format!("/v3/knock/{}", encode("#no:localhost")), json!({})).await.refused(404, "M_NOT_FOUND");
    bob.post(&format!("/v3/join/{}", encode("#no:elsewhere")), json!({})).await.refused(404, "M_NOT_FOUND");
}

#[tokio::test]
async fn members_of_a_room_get_into_the_rooms_that_trust_it() {
    let server = TestServer::start().await;
    let (alice, bob, carol) =
        (server.register("alice").await, server.register("bob").await, server.register("carol").await);
    for (version, rule) in [("8", "restricted"), ("10", "knock_restricted"), ("12", "restricted")] {
        let club = create(&alice, json!({ "preset": "public_chat" })).await;
        let allow = json!([{ "type": "m.room_membership", "room_id": club }, { "type": "org.example" }]);
        let content = json!({ "join_rule": rule, "allow": allow });
        let initial_state = json!([{ "type": "m.room.join_rules", "content": content }]);
        let room = create(&alice, json!({ "room_version": version, "initial_state": initial_state })).await;
        act(&bob, &room, "join", json!({})).await.refused(403, "M_FORBIDDEN");
        act(&bob, &club, "join", json!({})).await.ok();
        act(&bob, &room, "join", json!({})).await.ok();
        assert_eq!(member(&alice, &room, "bob").await["join_authorised_via_users_server"], "@alice:localhost");
        bob.put(
            &format!("/v3/rooms/{room}/state/m.room.member/@bob:localhost"),
            json!({ "membership": "join", "displayname": "B" }),
        )
        .await
        .ok();
        act(&alice, &room, "invite", json!({ "user_id": "@carol:localhost" })).await.ok();
        act(&carol, &room, "join", json!({})).await.ok();
        // The only one who may invite leaves: nobody can vouch any more.
        let levels = json!({ "invite": 50, "users": if version == "12" { json!({}) } else { json!({ "@alice:localhost": 100 }) } });
        alice.put(&format!("/v3/rooms/{room}/state/m.room.power_levels"), levels).await.ok();
        act(&bob, &room, "leave", json!({})).await.ok();
        act(&alice, &room, "leave", json!({})).await.ok();
        act(&bob, &room, "join", json!({})).await.refused(403, "M_FORBIDDEN");
    }
}

#[tokio::test]
async fn who_was_told_that_they_joined_can_act_from_any_connection() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let phone = server.log_in("bob").await;
    let levels = json!({ "state_default": 0 });
    for _ in 0..30 {
        let room = create(&alice, json!({ "preset": "public_chat", "power_level_content_override": levels })).await;
        act(&bob, &room, "join", json!({})).await.ok();
        phone.put(&format!("/v3/rooms/{room}/state/org.example"), json!({ "n": 1 })).await.ok();
        assert_eq!(phone.get("/v3/joined_rooms").await.ok()["joined_rooms"].as_array().unwrap().last().unwrap(), &room);
    }
}

#[tokio::test]
async fn guests_come_in_where_the_room_lets_them() {
    let server = TestServer::start().await;
    let alice = server.register("alice").await;
    let guest = server.anonymous();
    let guest = guest.with_session(&guest.post("/v3/register?kind=guest", json!({})).await.ok());
    let room = create(&alice, json!({ "preset": "public_chat" })).await;
    act(&guest, &room, "join", json!({})).await.refused(403, "M_GUEST_ACCESS_FORBIDDEN");
    let access = format!("/v3/rooms/{room}/state/m.room.guest_access");
    alice.put(&access, json!({ "guest_access": "can_join" })).await.ok();
    act(&guest, &room, "join", json!({})).await.ok();

    alice.put(&access, json!({ "guest_access": "forbidden" })).await.ok();
    let members = alice.get(&format!("/v3/rooms/{room}/joined_members")).await.ok();
    let left: Vec<_> = members["joined"].as_object().unwrap().keys().collect();
    assert_eq!(left, [&alice.user_id], "guests leave a room that closes to them");
}
