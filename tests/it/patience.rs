//! Clients that take their time, or too much of the server: each gets an answer or a closed connection.

use std::time::{Duration, Instant};

use reqwest::Method;
use salon::{http::limits::Patience, sync::MAX_WAITING};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::common::{Answer, TestClient, TestServer};

/// A server that waits 300 ms where the usual one waits half a minute.
async fn impatient() -> TestServer {
    let short = Duration::from_millis(300);
    TestServer::builder().patience(Patience { head: short, body: short, answer: short }).start().await
}

async fn connect(server: &TestServer) -> TcpStream {
    TcpStream::connect(server.base_url().trim_start_matches("http://")).await.unwrap()
}

/// Sends `beginning`, then a byte each 50 ms until the server closes; what it said, and after how long.
async fn dribble(server: &TestServer, beginning: &str) -> (String, Duration) {
    let started = Instant::now();
    let (mut reading, mut writing) = connect(server).await.into_split();
    writing.write_all(beginning.as_bytes()).await.unwrap();
    let dribbling = tokio::spawn(async move {
        while writing.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    let mut said = Vec::new();
    // A reset is a closed connection too.
    let read = tokio::time::timeout(Duration::from_secs(5), reading.read_to_end(&mut said)).await;
    assert!(read.is_ok(), "the server waits for more of {beginning:?}");
    dribbling.abort();
    (String::from_utf8(said).unwrap(), started.elapsed())
}

#[tokio::test]
async fn a_head_that_dribbles_closes_the_connection() {
    let server = impatient().await;
    for beginning in ["GET /_matrix/client/versions HTTP/1.1\r\nHost: a\r\nX-Slow: ", "G", "PRI * HTTP/2.0\r\n"] {
        let (said, took) = dribble(&server, beginning).await;
        assert!(said.is_empty() || said.starts_with("HTTP/1.1 4"), "{beginning:?}: {said}");
        assert!(took < Duration::from_secs(2), "{beginning:?}: {took:?}");
    }
}

#[tokio::test]
async fn a_connection_that_asks_nothing_is_closed() {
    let server = impatient().await;
    for beginning in ["", "PRI * HTTP/2.0", "GET /_matrix/client/versions HTTP/1.1\r\nHost: a\r\n\r\n"] {
        let mut stream = connect(&server).await;
        stream.write_all(beginning.as_bytes()).await.unwrap();
        let mut said = Vec::new();
        let read = tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut said)).await;
        assert!(read.is_ok(), "{beginning:?} is left open");
        assert_eq!(said.starts_with(b"HTTP/1.1 200"), beginning.ends_with("\r\n\r\n"), "{beginning:?}");
    }
}

#[tokio::test]
async fn a_body_that_dribbles_is_answered_and_the_connection_closed() {
    let server = impatient().await;
    let head = "POST /_matrix/client/v3/login HTTP/1.1\r\nHost: a\r\nContent-Length: 10000\r\n\r\n{";
    let (said, took) = dribble(&server, head).await;
    assert!(said.starts_with("HTTP/1.1 408") && said.contains("M_UNKNOWN"), "{said}");
    assert!((Duration::from_millis(300)..Duration::from_secs(2)).contains(&took), "{took:?}");
}

#[tokio::test]
async fn who_does_not_take_the_answer_is_left() {
    let server = impatient().await;
    let alice = server.register("alice").await;
    let large = json!({ "text": "x".repeat(60_000) });
    for n in 0..100 {
        alice.put(&format!("/v3/user/@alice:localhost/account_data/org.example.{n}"), large.clone()).await.ok();
    }
    let mut stream = connect(&server).await;
    let token = &alice.access_token;
    let ask = format!("GET /_matrix/client/v3/sync HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\n\r\n");
    stream.write_all(ask.as_bytes()).await.unwrap();
    // What lies in the sockets' buffers comes, the rest of six megabytes never does.
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let mut said = Vec::new();
    let _ = tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut said)).await.expect("an end");
    assert!(said.len() < 6_000_000, "{}", said.len());
}

#[tokio::test]
async fn who_waits_for_news_is_not_taken_for_slow() {
    let server = impatient().await;
    let alice = server.register("alice").await;
    let token = alice.get("/v3/sync").await.ok()["next_batch"].as_str().unwrap().to_owned();
    let started = Instant::now();
    alice.get(&format!("/v3/sync?timeout=1200&since={token}")).await.ok();
    assert!(started.elapsed() >= Duration::from_millis(1200));
}

#[tokio::test]
async fn one_user_may_wait_only_so_often_at_once() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let path = |client: &TestClient, token: &str| {
        client.request(Method::GET, &format!("/v3/sync?timeout=60000&since={token}"))
    };
    let token = alice.get("/v3/sync").await.ok()["next_batch"].as_str().unwrap().to_owned();
    let polls: Vec<_> = (0..MAX_WAITING).map(|_| tokio::spawn(path(&alice, &token).send())).collect();
    tokio::time::sleep(Duration::from_millis(500)).await;
    let refused = Answer::to(path(&alice, &token)).await.refused(429, "M_LIMIT_EXCEEDED");
    assert!(refused["retry_after_ms"].as_u64().unwrap() > 0);
    // Neither a look without waiting is refused, nor anybody else.
    alice.get(&format!("/v3/sync?since={token}")).await.ok();
    let mine = bob.get("/v3/sync").await.ok()["next_batch"].as_str().unwrap().to_owned();
    bob.get(&format!("/v3/sync?timeout=100&since={mine}")).await.ok();

    // Who goes away leaves nothing behind.
    polls.iter().for_each(|poll| poll.abort());
    tokio::time::sleep(Duration::from_millis(500)).await;
    alice.get(&format!("/v3/sync?timeout=100&since={token}")).await.ok();
}
