//! Invitations of people whom somebody knows by an e-mail address only: who shows the signature comes in.

use ruma::{CanonicalJsonValue, signatures::sign_json};
use salon::event::SigningKey;
use serde_json::{Value, json};

use crate::{
    common::{TestClient, TestServer, encode},
    rooms_create::create,
};

/// As an identity server signs that an invitation is meant for a user.
fn signed(key: &SigningKey, sender: &str, mxid: &str) -> Value {
    let object = json!({ "sender": sender, "mxid": mxid, "token": "abc" });
    let CanonicalJsonValue::Object(mut object) = object.try_into().unwrap() else { unreachable!() };
    sign_json("identity.test", key, &mut object).unwrap();
    serde_json::to_value(object).unwrap()
}

/// The state event of an invitation that `key` may hand out.
fn invitation(key: &SigningKey) -> Value {
    json!({ "display_name": "b...@e...", "key_validity_url": "", "public_key": key.public_base64() })
}

async fn invite(client: &TestClient, room: &str, content: Value) {
    client.put(&format!("/v3/rooms/{room}/state/m.room.third_party_invite/abc"), content).await.ok();
}

async fn join(client: &TestClient, room: &str, signed: &Value) -> crate::common::Answer {
    client.post(&format!("/v3/rooms/{room}/join"), json!({ "third_party_signed": signed })).await
}

#[tokio::test]
async fn who_shows_the_signature_comes_in() {
    let mut server = TestServer::start().await;
    let (alice, bob, carol) =
        (server.register("alice").await, server.register("bob").await, server.register("carol").await);
    let key = SigningKey::generate(&[1; 32]);
    let for_bob = signed(&key, &alice.user_id, &bob.user_id);
    for version in ["6", "11", "12"] {
        let room = create(&alice, json!({ "room_version": version })).await;
        join(&bob, &room, &for_bob).await.refused(403, "M_FORBIDDEN");
        invite(&alice, &room, invitation(&key)).await;
        join(&carol, &room, &for_bob).await.refused(403, "M_FORBIDDEN");
        join(&bob, &room, &for_bob).await.ok();
        join(&bob, &room, &for_bob).await.ok();

        let members = alice.get(&format!("/v3/rooms/{room}/messages?dir=b&limit=2")).await.ok();
        let [joined, invited] = [&members["chunk"][0], &members["chunk"][1]];
        assert_eq!((&joined["sender"], &joined["content"]["membership"]), (&json!(bob.user_id), &json!("join")));
        assert_eq!((&invited["sender"], &invited["state_key"]), (&json!(alice.user_id), &json!(bob.user_id)));
        let third_party = json!({ "display_name": "b...@e...", "signed": for_bob });
        let content = json!({ "membership": "invite", "displayname": "bob", "third_party_invite": third_party });
        assert_eq!(invited["content"], content);

        // Who was banned stays out, whatever they can show.
        let target = json!({ "user_id": bob.user_id });
        alice.post(&format!("/v3/rooms/{room}/ban"), target).await.ok();
        join(&bob, &room, &for_bob).await.refused(403, "M_FORBIDDEN");
    }
    server.stop_whole().await;
}

#[tokio::test]
async fn proofs_that_prove_nothing_are_refused() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let (key, other) = (SigningKey::generate(&[1; 32]), SigningKey::generate(&[2; 32]));
    let good = signed(&key, &alice.user_id, &bob.user_id);
    let room = create(&alice, json!({})).await;
    let with = |change: &dyn Fn(&mut Value)| {
        let mut changed = good.clone();
        change(&mut changed);
        changed
    };
    let many: serde_json::Map<String, Value> = (0..20).map(|n| (format!("ed25519:{n}"), json!("AAAA"))).collect();
    invite(&alice, &room, invitation(&key)).await;
    for (proof, status, errcode) in [
        (json!("odd"), 400, "M_BAD_JSON"),
        (json!({ "token": 5 }), 400, "M_BAD_JSON"),
        (with(&|proof| proof["token"] = json!("unknown")), 403, "M_FORBIDDEN"),
        (with(&|proof| proof["sender"] = json!(bob.user_id)), 403, "M_FORBIDDEN"),
        (with(&|proof| proof["more"] = json!(true)), 403, "M_FORBIDDEN"),
        (with(&|proof| proof["signatures"] = json!({})), 403, "M_FORBIDDEN"),
        (with(&|proof| proof["signatures"] = json!([])), 403, "M_FORBIDDEN"),
        (with(&|proof| proof["signatures"]["identity.test"] = json!(many)), 400, "M_BAD_JSON"),
        (signed(&other, &alice.user_id, &bob.user_id), 403, "M_FORBIDDEN"),
        (signed(&key, &alice.user_id, &alice.user_id), 403, "M_FORBIDDEN"),
    ] {
        join(&bob, &room, &proof).await.refused(status, errcode);
    }
    // A key that somebody can revoke would have to be asked about.
    let url = "https://identity.test/isvalid";
    let revocable = json!({ "public_key": key.public_base64(), "key_validity_url": url });
    let lasting = json!({ "public_key": other.public_base64() });
    let mut content = json!({ "display_name": "b", "public_key": key.public_base64(), "key_validity_url": url });
    content["public_keys"] = json!([revocable, lasting]);
    invite(&alice, &room, content).await;
    join(&bob, &room, &good).await.refused(403, "M_FORBIDDEN");
    let by_lasting = signed(&other, &alice.user_id, &bob.user_id);
    bob.post(&format!("/v3/join/{}", encode(&room)), json!({ "third_party_signed": by_lasting })).await.ok();
}

#[tokio::test]
async fn whoever_invites_by_mail_is_told_that_nobody_is_asked() {
    let server = TestServer::start().await;
    let alice = server.register("alice").await;
    let room = create(&alice, json!({})).await;
    let by_mail = json!({ "medium": "email", "address": "a@b", "id_server": "c", "id_access_token": "d" });
    alice.post(&format!("/v3/rooms/{room}/invite"), by_mail.clone()).await.refused(403, "M_SERVER_NOT_TRUSTED");
    alice.post("/v3/createRoom", json!({ "invite_3pid": [by_mail] })).await.refused(403, "M_SERVER_NOT_TRUSTED");
}
