//! What other servers may count on to the letter: who is refused with which code, and what spoils nothing else.

use axum::Router;
use reqwest::Method;
use salon::net::{Ask, segment};
use serde_json::{Value, json};

use super::{
    member::{EVA, id_of, room_with},
    rooms::{messages, reads},
};
use crate::common::{Answer, Peer, federation::object};

#[tokio::test]
async fn nothing_of_a_room_is_told_without_a_signature() {
    let (a, _, member) = room_with(Router::new()).await;
    let room = segment(member.room.id.as_str());
    let event = segment(&member.prev[0]);
    for (method, path) in [
        (Method::GET, format!("v1/event/{event}")),
        (Method::GET, format!("v1/event_auth/{room}/{event}")),
        (Method::GET, format!("v1/state/{room}?event_id={event}")),
        (Method::GET, format!("v1/state_ids/{room}?event_id={event}")),
        (Method::GET, format!("v1/backfill/{room}?v={event}&limit=1")),
        (Method::POST, format!("v1/get_missing_events/{room}")),
        (Method::GET, format!("v1/timestamp_to_event/{room}?ts=1&dir=f")),
        (Method::GET, format!("v1/hierarchy/{room}")),
        (Method::GET, format!("v1/make_join/{room}/{EVA}?ver=12")),
        (Method::GET, format!("v1/make_leave/{room}/{EVA}")),
        (Method::GET, format!("v1/make_knock/{room}/{EVA}?ver=12")),
        (Method::PUT, format!("v1/send_join/{room}/{event}")),
        (Method::PUT, format!("v2/send_join/{room}/{event}")),
        (Method::PUT, format!("v2/send_leave/{room}/{event}")),
        (Method::PUT, format!("v1/send_knock/{room}/{event}")),
        (Method::PUT, format!("v2/invite/{room}/{event}")),
        (Method::PUT, format!("v1/exchange_third_party_invite/{room}")),
        (Method::PUT, "v1/send/1".to_owned()),
        (Method::GET, "v1/publicRooms".to_owned()),
        (Method::POST, "v1/publicRooms".to_owned()),
        (Method::GET, "v1/query/profile?user_id=%40alice%3Aa.test".to_owned()),
        (Method::GET, "v1/query/directory?room_alias=%23x%3Aa.test".to_owned()),
        (Method::GET, "v1/user/devices/%40alice%3Aa.test".to_owned()),
        (Method::POST, "v1/user/keys/query".to_owned()),
        (Method::POST, "v1/user/keys/claim".to_owned()),
        (Method::GET, "v1/media/download/x".to_owned()),
        (Method::GET, "v1/media/thumbnail/x?width=1&height=1".to_owned()),
    ] {
        let unsigned = a.anonymous().request(method.clone(), &format!("/_matrix/federation/{path}"));
        let unsigned = if method == Method::GET { unsigned } else { unsigned.json(&json!({})) };
        Answer::to(unsigned).await.refused(401, "M_UNAUTHORIZED");
    }
    // Whatever the body is: nobody reads it.
    let odd = a.anonymous().request(Method::PUT, "/_matrix/federation/v1/send/1").body("no JSON");
    Answer::to(odd).await.refused(401, "M_UNAUTHORIZED");
}

#[tokio::test]
async fn a_transaction_as_large_as_they_come_is_taken_and_what_is_wrong_in_it_spoils_nothing() {
    let (mut a, alice, mut member) = room_with(Router::new()).await;
    let mut pdus = Vec::new();
    for n in 0..48 {
        let mut event = member.message(&format!("{n} {}", "x".repeat(60_000)));
        event["depth"] = json!(member.depth);
        let event = member.sign(event);
        (member.prev, member.depth) = (vec![id_of(&event)], member.depth + 1);
        pdus.push(event);
    }
    pdus.insert(0, json!(5));
    pdus.insert(0, json!({ "room_id": "!unknown:evil.test", "type": "m.room.message" }));
    let answer = member.send("large", pdus).await.unwrap();
    let outcomes = answer["pdus"].as_object().unwrap();
    assert_eq!(outcomes.len(), 48);
    assert!(outcomes.values().all(|outcome| *outcome == json!({})), "{answer}");
    assert_eq!(messages(&alice, &member.room).await.len(), 48);

    let mut unsigned = member.message("not signed");
    unsigned["signatures"] = json!({ "evil.test": { "ed25519:x": "AAAA" } });
    unsigned["hashes"] = json!({ "sha256": "AAAA" });
    let good = member.sign(member.message("signed"));
    let odd = json!([{ "edu_type": "org.example.odd", "content": {} }, { "edu_type": 5 }, null, []]);
    let body = json!({ "origin": "evil.test", "origin_server_ts": 1, "pdus": [unsigned, good], "edus": odd });
    let answer = member.transact("mixed", body).await.unwrap();
    assert_eq!(answer["pdus"].as_object().unwrap().len(), 2, "{answer}");
    assert!(answer["pdus"][id_of(&unsigned)]["error"].is_string(), "{answer}");
    assert_eq!(answer["pdus"][id_of(&good)], json!({}));
    reads(&alice, &member.room, "signed").await;
    a.stop_whole().await;
}

#[tokio::test]
async fn requests_that_are_wrong_are_refused_with_the_code_for_it() {
    let (a, alice, member) = room_with(Router::new()).await;
    a.register("bob").await;
    let (room, event) = (segment(member.room.id.as_str()), segment(&member.prev[0]));
    let get = async |path: String| member.peer.ask("a.test", Ask::get(format!("/_matrix/federation/v1/{path}"))).await;
    for (path, status, errcode) in [
        (format!("make_join/!unknown:a.test/{EVA}?ver=12"), 404, "M_NOT_FOUND"),
        (format!("make_leave/!unknown:a.test/{EVA}"), 404, "M_NOT_FOUND"),
        (format!("make_knock/!unknown:a.test/{EVA}?ver=12"), 404, "M_NOT_FOUND"),
        (format!("make_join/{room}/@stranger:evil.test"), 400, "M_INCOMPATIBLE_ROOM_VERSION"),
        (format!("make_leave/{room}/@stranger:evil.test"), 403, "M_FORBIDDEN"),
        (format!("make_knock/{room}/@stranger:evil.test?ver=12"), 403, "M_FORBIDDEN"),
        (format!("backfill/{room}?limit=1"), 400, "M_MISSING_PARAM"),
        (format!("backfill/{room}?v={event}"), 400, "M_MISSING_PARAM"),
        (format!("state/{room}"), 400, "M_MISSING_PARAM"),
        (format!("state_ids/{room}?event_id=$unknown"), 404, "M_NOT_FOUND"),
        (format!("event_auth/{room}/$unknown"), 404, "M_NOT_FOUND"),
        (format!("timestamp_to_event/{room}?ts=1"), 400, "M_MISSING_PARAM"),
        (format!("timestamp_to_event/{room}?ts=1&dir=x"), 400, "M_INVALID_PARAM"),
        ("query/directory?room_alias=%23x%3Ab.test".to_owned(), 404, "M_NOT_FOUND"),
        ("query/profile?user_id=%40nobody%3Aa.test".to_owned(), 404, "M_NOT_FOUND"),
        ("user/devices/%40nobody%3Aa.test".to_owned(), 404, "M_NOT_FOUND"),
        ("nothing".to_owned(), 404, "M_UNRECOGNIZED"),
    ] {
        Peer::refused(get(path).await, status, errcode);
    }

    let put = async |path: String, body: Value| {
        member.peer.ask("a.test", Ask::put(format!("/_matrix/federation/{path}"), object(body))).await
    };
    let mut own = member.event("m.room.member", json!({ "membership": "leave" }));
    own["state_key"] = json!(EVA);
    let own = member.sign(own);
    let id = segment(&id_of(&own));
    // A leave is no join, and has one ID; nobody leaves for another.
    Peer::refused(put(format!("v2/send_join/{room}/{id}"), own.clone()).await, 400, "M_INVALID_PARAM");
    Peer::refused(put(format!("v2/send_leave/{room}/$other"), own.clone()).await, 400, "M_INVALID_PARAM");
    let mut others = member.event("m.room.member", json!({ "membership": "leave" }));
    others["state_key"] = json!(alice.user_id);
    let others = member.sign(others);
    let path = format!("v2/send_leave/{room}/{}", segment(&id_of(&others)));
    Peer::refused(put(path, others).await, 400, "M_INVALID_PARAM");

    // Invites to rooms that this server is not in.
    let unknown = "!AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let mut invite = member.event("m.room.member", json!({ "membership": "invite" }));
    (invite["room_id"], invite["state_key"]) = (json!(unknown), json!("@bob:a.test"));
    let invite = member.sign(invite);
    let path = format!("v2/invite/{unknown}/{}", segment(&id_of(&invite)));
    let body = |version: &str| json!({ "room_version": version, "event": invite, "invite_room_state": [] });
    Peer::refused(put(path.clone(), body("org.example.unknown")).await, 400, "M_INCOMPATIBLE_ROOM_VERSION");
    Peer::refused(put(path, body("12")).await, 400, "M_MISSING_PARAM");
    // And to one whose rules keep the server out.
    let mut invite = member.event("m.room.member", json!({ "membership": "invite" }));
    invite["state_key"] = json!("@bob:a.test");
    let invite = member.sign(invite);
    let state = alice.get(&member.room.path("/state")).await.ok();
    assert!(state.as_array().unwrap().iter().any(|event| event["type"] == "m.room.create"));
    let acl = json!({ "allow": ["*"], "deny": ["evil.test"], "allow_ip_literals": false });
    member.room.set(&a, &alice, "m.room.server_acl", "", acl).await;
    let path = format!("v2/invite/{room}/{}", segment(&id_of(&invite)));
    let body = json!({ "room_version": "12", "event": invite, "invite_room_state": [] });
    Peer::refused(put(path, body).await, 403, "M_FORBIDDEN");
    let read = get(format!("state_ids/{room}?event_id={event}")).await;
    Peer::refused(read, 403, "M_FORBIDDEN");
    let late = member.sign(member.message("kept out"));
    let answer = member.send("acl", vec![late.clone()]).await.unwrap();
    assert!(answer["pdus"][id_of(&late)]["error"].is_string(), "{answer}");
}
