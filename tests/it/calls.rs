//! What calls need beside the server: TURN servers, and services for calls of many.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::json;

use crate::common::TestServer;

const TURN: &str = "/v3/voip/turnServer";
const TRANSPORTS: &str = "/unstable/org.matrix.msc4143/rtc/transports";

#[tokio::test]
async fn without_a_turn_server_nothing_is_told_of_one() {
    let server = TestServer::start().await;
    let alice = server.register("alice").await;
    assert_eq!(alice.get(TURN).await.ok(), json!({}));
    assert_eq!(alice.get(TRANSPORTS).await.ok(), json!({ "rtc_transports": [] }));
    for path in [TURN, TRANSPORTS] {
        server.anonymous().get(path).await.refused(401, "M_MISSING_TOKEN");
    }
}

#[tokio::test]
async fn each_user_gets_a_name_and_password_of_their_own() {
    let server = TestServer::builder()
        .manual_clock()
        .config(|config| {
            config.calls.turn_uris = vec!["turn:turn.example.org:3478?transport=udp".to_owned()];
            config.calls.turn_shared_secret = Some("between us".to_owned());
            config.calls.turn_lifetime = 600;
        })
        .start()
        .await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let first = alice.get(TURN).await.ok();
    assert_eq!(first["uris"], json!(["turn:turn.example.org:3478?transport=udp"]));
    assert_eq!(first["ttl"], 600);
    let username = first["username"].as_str().unwrap();
    let (end, user) = username.split_once(':').unwrap();
    assert_eq!(user, "@alice:localhost");
    assert_eq!(end.parse::<u64>().unwrap(), server.app().clock.now_ms() / 1000 + 600);
    // As the TURN server checks it.
    let mut mac = Hmac::<sha1::Sha1>::new_from_slice(b"between us").unwrap();
    mac.update(username.as_bytes());
    assert_eq!(first["password"], STANDARD.encode(mac.finalize().into_bytes()));

    assert_ne!(bob.get(TURN).await.ok()["password"], first["password"]);
    server.advance(Duration::from_secs(60));
    assert_ne!(alice.get(TURN).await.ok()["username"], first["username"]);
}

#[tokio::test]
async fn a_name_that_all_share_is_told_as_it_is() {
    let server = TestServer::builder()
        .config(|config| {
            config.calls.turn_uris = vec!["turns:turn.example.org".to_owned()];
            config.calls.turn_username = Some("everybody".to_owned());
            config.calls.turn_password = Some("secret".to_owned());
            config.calls.livekit_service_url = Some("https://livekit.example.org".to_owned());
        })
        .start()
        .await;
    let alice = server.register("alice").await;
    let expected = json!({
        "uris": ["turns:turn.example.org"], "username": "everybody", "password": "secret", "ttl": 86_400,
    });
    assert_eq!(alice.get(TURN).await.ok(), expected);
    let transports = json!([{ "type": "livekit", "livekit_service_url": "https://livekit.example.org" }]);
    assert_eq!(alice.get(TRANSPORTS).await.ok()["rtc_transports"], transports);
    // And where clients look that don't know the endpoint.
    let client = server.anonymous().get("/.well-known/matrix/client").await.ok();
    assert_eq!(client["org.matrix.msc4143.rtc_foci"], transports);
}
