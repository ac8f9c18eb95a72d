//! Rooms that let in the members of others, and who shows that an invitation is theirs, across servers.

use axum::Router;
use ruma::{CanonicalJsonValue, signatures::sign_json};
use salon::{
    event::SigningKey,
    net::{Ask, segment},
};
use serde_json::{Value, json};

use super::{
    member::{EVA, Member},
    rooms::{join_via, reads, until},
};
use crate::common::{Answer, Federation, Peer, TestClient, TestRoom, TestServer, encode, federation::object};

async fn membership(client: &TestClient, room: &TestRoom, user: &str, is: &str) {
    until(is, async || {
        let answer = client.get(&room.path(&format!("/state/m.room.member/{user}"))).await;
        (answer.body["membership"] == is).then_some(())
    })
    .await;
}

async fn join(client: &TestClient, room: &TestRoom, body: Value) -> Answer {
    client.post(&format!("/v3/join/{}?via=a.test", encode(room.id.as_str())), body).await
}

/// A room that lets in the members of another one.
async fn inner(a: &TestServer, alice: &TestClient, club: &TestRoom) -> TestRoom {
    let room = TestRoom::public(a, alice).await;
    let allow = json!([{ "type": "m.room_membership", "room_id": club.id }]);
    room.set(a, alice, "m.room.join_rules", "", json!({ "join_rule": "restricted", "allow": allow })).await;
    room
}

#[tokio::test]
async fn members_of_the_right_room_come_in_by_who_can_vouch() {
    let mut federation = Federation::of(&["a.test", "b.test", "c.test", "evil.test"]).await;
    let (mut a, mut b, c) =
        (federation.server("a.test").await, federation.server("b.test").await, federation.server("c.test").await);
    let (alice, bob, carol, dora) =
        (a.register("alice").await, b.register("bob").await, b.register("carol").await, c.register("dora").await);
    let club = TestRoom::public(&a, &alice).await;
    let room = inner(&a, &alice, &club).await;
    join(&bob, &room, json!({})).await.refused(403, "M_FORBIDDEN");
    join_via(&bob, &club, "a.test").await;
    join(&bob, &room, json!({})).await.ok();
    membership(&alice, &room, "@bob:b.test", "join").await;
    // On a server that is in the room, of which nobody may vouch.
    join(&carol, &room, json!({})).await.refused(403, "M_FORBIDDEN");
    join_via(&carol, &club, "a.test").await;
    join(&carol, &room, json!({})).await.ok();
    room.say(&carol, "1", "let in").await;
    reads(&alice, &room, "let in").await;
    reads(&bob, &room, "let in").await;

    // What servers are told that can't help.
    alice.post(&room.path("/invite"), json!({ "user_id": "@dora:c.test" })).await.ok();
    join(&dora, &room, json!({})).await.ok();
    let peer = federation.peer("evil.test", Router::new());
    let path = format!("/_matrix/federation/v1/make_join/{}/{EVA}?ver=12", segment(room.id.as_str()));
    Peer::refused(peer.ask("a.test", Ask::get(path.clone())).await, 403, "M_FORBIDDEN");
    Peer::refused(peer.ask("c.test", Ask::get(path.clone())).await, 400, "M_UNABLE_TO_AUTHORISE_JOIN");
    let member = Member::join(peer, &club).await;
    membership(&bob, &club, EVA, "join").await;
    Peer::refused(member.peer.ask("b.test", Ask::get(path.clone())).await, 400, "M_UNABLE_TO_GRANT_JOIN");
    let template = member.peer.ask("a.test", Ask::get(path)).await.unwrap();
    assert_eq!(template["event"]["content"]["join_authorised_via_users_server"], "@alice:a.test");
    a.stop_whole().await;
    b.stop_whole().await;
}

/// As an identity server signs that an invitation is meant for a user.
fn signed(key: &SigningKey, mxid: &str) -> Value {
    let object = json!({ "sender": "@alice:a.test", "mxid": mxid, "token": "abc" });
    let CanonicalJsonValue::Object(mut object) = object.try_into().unwrap() else { unreachable!() };
    sign_json("identity.test", key, &mut object).unwrap();
    json!(object)
}

/// A room to which somebody is invited whom only an identity server knows.
async fn invitation(alice: &TestClient, key: &SigningKey) -> TestRoom {
    let answer = alice.post("/v3/createRoom", json!({ "preset": "private_chat" })).await.ok();
    let room = TestRoom { id: answer["room_id"].as_str().unwrap().try_into().unwrap() };
    let content = json!({ "display_name": "b...", "key_validity_url": "", "public_key": key.public_base64() });
    alice.put(&room.path("/state/m.room.third_party_invite/abc"), content).await.ok();
    room
}

#[tokio::test]
async fn who_shows_that_an_invitation_of_another_server_is_theirs_comes_in() {
    let mut federation = Federation::of(&["a.test", "b.test", "evil.test"]).await;
    let (mut a, mut b) = (federation.server("a.test").await, federation.server("b.test").await);
    let (alice, bob, carol) = (a.register("alice").await, b.register("bob").await, b.register("carol").await);
    let key = SigningKey::generate(&[1; 32]);
    let room = invitation(&alice, &key).await;
    let for_bob = json!({ "third_party_signed": signed(&key, "@bob:b.test") });
    join(&carol, &room, for_bob.clone()).await.refused(403, "M_FORBIDDEN");
    let other = json!({ "third_party_signed": signed(&SigningKey::generate(&[2; 32]), "@bob:b.test") });
    join(&bob, &room, other).await.refused(403, "M_FORBIDDEN");
    join(&bob, &room, for_bob).await.ok();
    membership(&alice, &room, "@bob:b.test", "join").await;
    // On a server that is in the room already.
    let for_carol = json!({ "third_party_signed": signed(&key, "@carol:b.test") });
    join(&carol, &room, for_carol).await.ok();
    membership(&alice, &room, "@carol:b.test", "join").await;

    // An identity server tells whose invitations wait.
    let other = invitation(&alice, &key).await;
    let invite = json!({
        "medium": "email", "address": "b@c", "mxid": "@bob:b.test", "room_id": other.id, "sender": "@alice:a.test",
        "signed": signed(&key, "@bob:b.test"),
    });
    let told = json!({ "medium": "email", "address": "b@c", "mxid": "@bob:b.test", "invites": [invite] });
    let told = b.anonymous().put("/_matrix/federation/v1/3pid/onbind", told).await.ok();
    assert_eq!(told, json!({}));
    let sync = bob.get("/v3/sync").await.ok();
    assert!(sync["rooms"]["invite"][other.id.as_str()].is_object(), "{sync}");

    // Another server exchanges for its own users only.
    let peer = federation.peer("evil.test", Router::new());
    let path = format!("/_matrix/federation/v1/exchange_third_party_invite/{}", segment(other.id.as_str()));
    let exchange = async |room: &str, sender: &str, target: &str, proof: Value| {
        let content = json!({ "membership": "invite", "third_party_invite": { "display_name": "", "signed": proof } });
        let event = json!({
            "type": "m.room.member", "room_id": room, "sender": sender, "state_key": target, "content": content,
        });
        peer.ask("a.test", Ask::put(path.clone(), object(event))).await
    };
    let (id, proof) = (other.id.as_str(), signed(&key, EVA));
    let foreign = exchange(id, "@alice:a.test", "@bob:b.test", signed(&key, "@bob:b.test")).await;
    Peer::refused(foreign, 403, "M_FORBIDDEN");
    Peer::refused(exchange(id, "@mallory:a.test", EVA, proof.clone()).await, 403, "M_FORBIDDEN");
    Peer::refused(exchange("!other:a.test", "@alice:a.test", EVA, proof).await, 400, "M_INVALID_PARAM");
    Peer::refused(exchange(id, "@alice:a.test", EVA, signed(&key, "@x:evil.test")).await, 403, "M_FORBIDDEN");
    a.stop_whole().await;
    b.stop_whole().await;
}
