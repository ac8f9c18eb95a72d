//! Long answers come in gzip, to those who take it; short ones, tokens and media come as they are.

use std::io::Read;

use reqwest::{Method, header};
use serde_json::{Value, json};

use crate::common::{PASSWORD, TestClient, TestServer, encode};

/// The answer's encoding and its body as it was sent.
async fn sent(request: reqwest::RequestBuilder, accepted: &str) -> (String, Vec<u8>) {
    let answer = request.header(header::ACCEPT_ENCODING, accepted).send().await.unwrap();
    assert!(answer.status().is_success(), "{}", answer.status());
    let encoding =
        answer.headers().get(header::CONTENT_ENCODING).map_or("", |value| value.to_str().unwrap()).to_owned();
    (encoding, answer.bytes().await.unwrap().into())
}

fn unpacked(gzip: &[u8]) -> Value {
    let mut text = Vec::new();
    flate2::read::GzDecoder::new(gzip).read_to_end(&mut text).unwrap();
    serde_json::from_slice(&text).unwrap()
}

async fn talkative_room(client: &TestClient) -> String {
    let room = client.post("/v3/createRoom", json!({ "name": "Long evenings" })).await.ok();
    let room = room["room_id"].as_str().unwrap().to_owned();
    for number in 0..20 {
        let path = format!("/v3/rooms/{}/send/m.room.message/{number}", encode(&room));
        client.put(&path, json!({ "msgtype": "m.text", "body": "and then we talked about it again" })).await.ok();
    }
    room
}

#[tokio::test]
async fn a_long_answer_is_compressed_for_those_who_take_it_and_says_the_same() {
    let server = TestServer::start().await;
    let alice = server.register("alice").await;
    let room = talkative_room(&alice).await;
    let path = format!("/v3/rooms/{}/messages?dir=b&limit=20", encode(&room));
    let ask = |accepted| sent(alice.request(Method::GET, &path), accepted);

    let (encoding, plain) = ask("identity").await;
    assert_eq!(encoding, "");
    for accepted in ["gzip", "gzip, deflate, br, zstd", "br;q=1.0, gzip;q=0.5, *;q=0"] {
        let (encoding, packed) = ask(accepted).await;
        assert_eq!(encoding, "gzip", "{accepted}");
        assert!(packed.len() * 3 < plain.len(), "{} of {} bytes", packed.len(), plain.len());
        let mut said = unpacked(&packed);
        let mut plain: Value = serde_json::from_slice(&plain).unwrap();
        // The only thing that may differ is how old an event is by now.
        for event in said["chunk"].as_array_mut().unwrap().iter_mut().chain(plain["chunk"].as_array_mut().unwrap()) {
            event["unsigned"]["age"].take();
        }
        assert_eq!(said, plain);
    }
    for accepted in ["gzip;q=0", "br"] {
        assert_eq!(ask(accepted).await.0, "", "{accepted}");
    }
    let answer = alice.request(Method::GET, &path).send().await.unwrap();
    assert!(answer.headers().get_all(header::VARY).iter().any(|value| value == "accept-encoding"), "caches must know");
}

#[tokio::test]
async fn short_answers_and_those_with_tokens_come_as_they_are() {
    let server = TestServer::start().await;
    let alice = server.register("alice").await;
    talkative_room(&alice).await;
    let sync = alice.get("/v3/sync").await.ok();
    let since = sync["next_batch"].as_str().unwrap();
    let idle = alice.request(Method::GET, &format!("/v3/sync?since={since}&timeout=0"));
    assert_eq!(sent(idle, "gzip").await.0, "");
    assert_eq!(sent(alice.request(Method::GET, "/v3/sync"), "gzip").await.0, "gzip");

    let anonymous = server.anonymous();
    let login = json!({
        "type": "m.login.password",
        "identifier": { "type": "m.id.user", "user": "alice" },
        "password": PASSWORD,
        "refresh_token": true,
        "initial_device_display_name": "x".repeat(100),
    });
    let (encoding, body) = sent(anonymous.request(Method::POST, "/v3/login").json(&login), "gzip").await;
    assert_eq!(encoding, "");
    let session: Value = serde_json::from_slice(&body).unwrap();
    let refresh = json!({ "refresh_token": session["refresh_token"] });
    assert_eq!(sent(anonymous.request(Method::POST, "/v3/refresh").json(&refresh), "gzip").await.0, "");
    let name = "n".repeat(200);
    let register =
        json!({ "username": name, "password": PASSWORD, "auth": { "type": "m.login.dummy" }, "refresh_token": true });
    assert_eq!(sent(anonymous.request(Method::POST, "/v3/register").json(&register), "gzip").await.0, "");
    let openid = format!("/v3/user/{}/openid/request_token", encode(&alice.user_id));
    assert_eq!(sent(alice.request(Method::POST, &openid).json(&json!({})), "gzip").await.0, "");
}

#[tokio::test]
async fn a_file_comes_as_it_was_uploaded_even_if_it_is_json() {
    let server = TestServer::start().await;
    let alice = server.register("alice").await;
    let file = format!("[{}0]", "1,".repeat(5_000));
    let upload =
        alice.request(Method::POST, "/_matrix/media/v3/upload").header(header::CONTENT_TYPE, "application/json");
    let (_, answer) = sent(upload.body(file.clone()), "gzip").await;
    let answer: Value = serde_json::from_slice(&answer).unwrap();
    let uri = answer["content_uri"].as_str().unwrap().strip_prefix("mxc://").unwrap();
    let (encoding, body) = sent(alice.request(Method::GET, &format!("/v1/media/download/{uri}")), "gzip").await;
    assert_eq!((encoding.as_str(), body), ("", file.into_bytes()));
}
