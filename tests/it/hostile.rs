//! What hostile or broken clients send: each gets the spec's errcode or a closed connection, none a 500, and none
//! harms another.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::common::{Answer, TestClient, TestServer, encode};

/// Asks with a body as it is.
async fn ask(client: &TestClient, method: Method, path: &str, body: impl Into<reqwest::Body>) -> Answer {
    Answer::to(client.request(method, path).body(body)).await
}

async fn room(client: &TestClient) -> String {
    let room = client.post("/v3/createRoom", json!({})).await.ok();
    encode(room["room_id"].as_str().unwrap())
}

#[tokio::test]
async fn bodies_that_do_not_fit_are_refused_by_name() {
    let server = TestServer::start().await;
    let alice = server.register("alice").await;
    let room = room(&alice).await;
    let send = |n: usize| format!("/v3/rooms/{room}/send/m.room.message/t{n}");
    let nested = |depth: usize| format!(r#"{{"a":{}{}}}"#, "[".repeat(depth), "]".repeat(depth));
    let bodies: Vec<(Vec<u8>, u16, &[&str])> = vec![
        (b"".to_vec(), 400, &["M_NOT_JSON"]),
        (b"{".to_vec(), 400, &["M_NOT_JSON"]),
        (b"{\"a\":\"\xff\xfe\"}".to_vec(), 400, &["M_NOT_JSON", "M_BAD_JSON"]),
        (br#"{"a":"\ud800"}"#.to_vec(), 400, &["M_NOT_JSON", "M_BAD_JSON"]),
        (b"[]".to_vec(), 400, &["M_BAD_JSON", "M_NOT_JSON"]),
        (b"null".to_vec(), 400, &["M_BAD_JSON", "M_NOT_JSON"]),
        (br#"{"a":1.5}"#.to_vec(), 400, &["M_BAD_JSON"]),
        (br#"{"a":9007199254740992}"#.to_vec(), 400, &["M_BAD_JSON"]),
        (br#"{"a":1e400}"#.to_vec(), 400, &["M_BAD_JSON", "M_NOT_JSON"]),
        (nested(200).into_bytes(), 400, &["M_BAD_JSON", "M_NOT_JSON"]),
        (nested(100_000).into_bytes(), 413, &["M_TOO_LARGE"]),
        (format!(r#"{{"body":"{}"}}"#, "x".repeat(65_536)).into_bytes(), 413, &["M_TOO_LARGE"]),
        (vec![b' '; 3 << 20], 413, &["M_TOO_LARGE"]),
    ];
    for (n, (body, status, errcodes)) in bodies.into_iter().enumerate() {
        let shown = String::from_utf8_lossy(&body[..body.len().min(60)]).into_owned();
        let answer = ask(&alice, Method::PUT, &send(n), body).await;
        let errcode = answer.body["errcode"].as_str().unwrap_or_default();
        assert!(answer.status == status && errcodes.contains(&errcode), "{shown}: {} {}", answer.status, answer.body);
    }
    // After all that the room works.
    alice.put(&send(99), json!({ "body": "still here" })).await.ok();
}

#[tokio::test]
async fn no_endpoint_answers_nonsense_with_an_error_of_its_own() {
    let server = TestServer::start().await;
    let alice = server.register("alice").await;
    let room = room(&alice).await;
    let paths = [
        "/v3/register".to_owned(),
        "/v3/login".to_owned(),
        "/v3/refresh".to_owned(),
        "/v3/createRoom".to_owned(),
        "/v3/delete_devices".to_owned(),
        "/v3/account/password".to_owned(),
        "/v3/publicRooms".to_owned(),
        format!("/v3/rooms/{room}/join"),
        format!("/v3/rooms/{room}/invite"),
        format!("/v3/rooms/{room}/kick"),
        format!("/v3/rooms/{room}/receipt/m.read/$x"),
        format!("/v3/rooms/{room}/read_markers"),
        "/v3/user/@alice:localhost/filter".to_owned(),
    ];
    let puts = [
        format!("/v3/rooms/{room}/state/m.room.power_levels/"),
        format!("/v3/rooms/{room}/state/m.room.member/@alice:localhost"),
        format!("/v3/rooms/{room}/redact/$x/t"),
        format!("/v3/rooms/{room}/typing/@alice:localhost"),
        "/v3/profile/@alice:localhost/displayname".to_owned(),
        "/v3/presence/@alice:localhost/status".to_owned(),
        "/v3/user/@alice:localhost/account_data/m.x".to_owned(),
        "/v3/directory/room/%23x:localhost".to_owned(),
    ];
    let bodies = [
        json!({ "username": 5, "password": [], "auth": "x", "type": {}, "identifier": 7, "refresh_token": {} }),
        json!({ "preset": 1, "invite": "x", "initial_state": [1], "room_version": 12, "power_level_content_override": [] }),
        json!({ "user_id": "alice", "reason": 5, "users": 5, "membership": {}, "timeout": "x", "typing": 1 }),
        json!({ "devices": 5, "new_password": 5, "limit": -1, "since": 5, "filter": 1, "room_id": 5, "displayname": 5 }),
        json!({ "users": { "x": "y" }, "events": [], "ban": "50", "room": { "timeline": 5 }, "m.fully_read": 5 }),
    ];
    let posts = paths.iter().map(|path| (Method::POST, path));
    for (method, path) in posts.chain(puts.iter().map(|path| (Method::PUT, path))) {
        for body in &bodies {
            let answer = ask(&alice, method.clone(), path, body.to_string()).await;
            assert!(answer.status < 500, "{method} {path} {body}: {} {}", answer.status, answer.body);
            if answer.status >= 400 && answer.status != 401 {
                assert!(answer.body["errcode"].is_string(), "{method} {path} {body}: {}", answer.body);
            }
        }
    }
}

#[tokio::test]
async fn odd_paths_and_queries_are_refused() {
    let server = TestServer::start().await;
    let alice = server.register("alice").await;
    let room = room(&alice).await;
    for path in [
        "/v3/rooms/%FF%FE/state".to_owned(),
        "/v3/profile/%FF".to_owned(),
        "/v3/profile/nobody".to_owned(),
        "/v3/rooms/x/members".to_owned(),
        format!("/v3/rooms/{room}/event/x"),
        format!("/v3/rooms/{room}/messages?dir=x"),
        format!("/v3/rooms/{room}/messages?dir=b&limit=-5"),
        format!("/v3/rooms/{room}/messages?dir=b&from=x"),
        format!("/v3/rooms/{room}/messages?dir=b&from=t99999999999999999999.1"),
        format!("/v3/rooms/{room}/messages?dir=b&filter=x"),
        format!("/v3/rooms/{}/state", "x".repeat(5_000)),
        "/v3/sync?since=x".to_owned(),
        "/v3/sync?timeout=x".to_owned(),
        "/v3/sync?filter=%7B".to_owned(),
        "/v3/sync?since=s99999999999999999999999".to_owned(),
    ] {
        let answer = alice.get(&path).await;
        assert!((400..500).contains(&answer.status), "{path}: {} {}", answer.status, answer.body);
        assert!(answer.body["errcode"].is_string(), "{path}: {}", answer.body);
    }
}

#[tokio::test]
async fn unknown_paths_and_methods_and_tokens_have_their_codes() {
    let server = TestServer::start().await;
    let nobody = server.anonymous();
    for path in ["/v3/nothing", "/_matrix/nothing", "/_matrix/client/v9/login"] {
        nobody.get(path).await.refused(404, "M_UNRECOGNIZED");
    }
    nobody.delete("/v3/login", json!({})).await.refused(405, "M_UNRECOGNIZED");
    nobody.get("/v3/createRoom").await.refused(405, "M_UNRECOGNIZED");
    nobody.get("/v3/account/whoami").await.refused(401, "M_MISSING_TOKEN");
    for token in ["x", &"x".repeat(5_000)] {
        let request = nobody.request(Method::GET, "/v3/account/whoami").bearer_auth(token);
        Answer::to(request).await.refused(401, "M_UNKNOWN_TOKEN");
    }
}

#[tokio::test]
async fn web_clients_of_any_origin_may_ask_and_may_read_errors() {
    let server = TestServer::start().await;
    let nobody = server.anonymous();
    let preflight = nobody
        .request(Method::OPTIONS, "/v3/rooms/!x:localhost/send/m.room.message/t")
        .header("origin", "https://chat.example")
        .header("access-control-request-method", "PUT")
        .header("access-control-request-headers", "authorization,content-type")
        .send()
        .await
        .unwrap();
    assert!(preflight.status().is_success());
    let header = |response: &reqwest::Response, name: &str| {
        response.headers().get(name).map(|value| value.to_str().unwrap().to_lowercase()).unwrap_or_default()
    };
    assert_eq!(header(&preflight, "access-control-allow-origin"), "*");
    assert!(header(&preflight, "access-control-allow-methods").contains("put"));
    for name in ["authorization", "content-type", "x-requested-with"] {
        assert!(header(&preflight, "access-control-allow-headers").contains(name), "{name}");
    }
    for path in ["/v3/nothing", "/v3/account/whoami"] {
        let request = nobody.request(Method::GET, path).header("origin", "https://chat.example");
        let refused = request.send().await.unwrap();
        assert!(refused.status().is_client_error());
        assert_eq!(header(&refused, "access-control-allow-origin"), "*", "{path}");
        assert!(header(&refused, "access-control-allow-methods").contains("delete"), "{path}");
        assert!(header(&refused, "access-control-allow-headers").contains("authorization"), "{path}");
    }
}

#[tokio::test]
async fn broken_connections_harm_nobody() {
    let server = TestServer::start().await;
    let alice = server.register("alice").await;
    let address = server.base_url().trim_start_matches("http://").to_owned();
    let beginnings: [&[u8]; 5] = [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET",
        b"GET / HTTP/9.9\r\n\r\n",
        b"PUT /_matrix/client/v3/login HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n",
        b"POST /_matrix/client/v3/login HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ];
    let mut open = vec![];
    for beginning in beginnings.iter().cycle().take(50) {
        let mut stream = TcpStream::connect(&address).await.unwrap();
        stream.write_all(beginning).await.unwrap();
        open.push(stream);
    }
    // A body that ends too early: the connection is closed from our side in the middle.
    let mut half = TcpStream::connect(&address).await.unwrap();
    half.write_all(b"POST /_matrix/client/v3/login HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{").await.unwrap();
    half.shutdown().await.unwrap();
    let mut answer = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(5), half.read_to_end(&mut answer)).await;
    assert!(read.is_ok(), "the server neither answers nor closes");
    assert!(!String::from_utf8_lossy(&answer).starts_with("HTTP/1.1 5"), "{}", String::from_utf8_lossy(&answer));
    let me: Value = alice.get("/v3/account/whoami").await.ok();
    assert_eq!(me["user_id"], "@alice:localhost");
}
