//! Files of other servers: fetched once, passed on as they come, kept within bounds.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use axum::{
    Json, Router,
    extract::RawQuery,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use bytes::Bytes;
use reqwest::Method;
use salon::{http::pieces::received, net::Ask};
use serde_json::json;
use tokio::sync::mpsc;

use super::rooms::until;
use crate::{
    common::{Answer, Federation, TestClient, TestServer, encode},
    media::{download, files, header as text},
};

/// Uploads, and returns `server/id`.
async fn upload(client: &TestClient, content_type: &str, name: &str, body: Vec<u8>) -> String {
    let request = client.request(Method::POST, &format!("/_matrix/media/v3/upload?filename={}", encode(name)));
    let answer = Answer::to(request.header("content-type", content_type).body(body)).await.ok();
    answer["content_uri"].as_str().unwrap().strip_prefix("mxc://").unwrap().to_owned()
}

fn picture(width: u32, height: u32) -> Vec<u8> {
    let mut png = std::io::Cursor::new(Vec::new());
    image::RgbImage::from_fn(width, height, |x, y| image::Rgb([x as u8, y as u8, (x ^ y) as u8]))
        .write_to(&mut png, image::ImageFormat::Png)
        .unwrap();
    png.into_inner()
}

#[tokio::test]
async fn a_file_of_another_server_comes_as_it_was_and_stays() {
    let mut federation = Federation::of(&["a.test", "b.test", "evil.test"]).await;
    let (mut a, mut b) = (federation.server("a.test").await, federation.server("b.test").await);
    let (alice, bob) = (a.register("alice").await, b.register("bob").await);
    let body: Vec<u8> = (0..=255).cycle().take(700_001).collect();
    let address = upload(&alice, "image/png", "my \"é\" cat.png", body.clone()).await;
    let small = upload(&alice, "text/html", "x", b"\r\n--".to_vec()).await;
    let image = upload(&alice, "image/png", "i.png", picture(400, 300)).await;

    for again in [false, true] {
        let answer = download(&bob, &address).await;
        assert_eq!(answer.status(), 200);
        assert_eq!(text(answer.headers(), "content-type"), "image/png");
        let disposition = text(answer.headers(), "content-disposition");
        assert_eq!(disposition, "inline; filename*=utf-8''my%20%22%C3%A9%22%20cat.png");
        assert!(text(answer.headers(), "content-security-policy").starts_with("sandbox"));
        assert_eq!(answer.bytes().await.unwrap(), body, "{again}");
        until("it is kept", async || (!files(&b, "content").is_empty()).then_some(())).await;
    }
    let named = bob.request(Method::GET, &format!("/v1/media/download/{small}/other.html")).send().await.unwrap();
    assert_eq!(text(named.headers(), "content-disposition"), "attachment; filename=\"other.html\"");
    assert_eq!(named.bytes().await.unwrap(), &b"\r\n--"[..]);
    let path = format!("/v1/media/thumbnail/{image}?width=96&height=96&method=crop");
    let thumbnail = bob.request(Method::GET, &path).send().await.unwrap();
    assert_eq!(thumbnail.status(), 200);
    let thumbnail = image::load_from_memory(&thumbnail.bytes().await.unwrap()).unwrap();
    assert_eq!((thumbnail.width(), thumbnail.height()), (96, 96));

    // What other servers get has two parts.
    let peer = federation.peer("evil.test", Router::new());
    let id = small.split_once('/').unwrap().1;
    let ask = Ask::get(format!("/_matrix/federation/v1/media/download/{id}"));
    let parts = peer.peers.ask_raw("a.test".try_into().unwrap(), ask).await.unwrap();
    let parts = String::from_utf8(parts.to_vec()).unwrap();
    let boundary = parts.split("\r\n").next().unwrap().to_owned();
    assert_eq!(
        parts,
        format!(
            "{boundary}\r\nContent-Type: application/json\r\n\r\n{{}}\r\n{boundary}\r\nContent-Type: text/html\r\n\
             Content-Disposition: attachment; filename=\"x\"\r\n\r\n\r\n--\r\n{boundary}--\r\n"
        )
    );
    let missing = peer.ask("a.test", Ask::get("/_matrix/federation/v1/media/download/nothing")).await;
    crate::common::Peer::refused(missing, 404, "M_NOT_FOUND");
    let unsigned = a.anonymous().get(&format!("/_matrix/federation/v1/media/download/{id}")).await;
    unsigned.refused(401, "M_UNAUTHORIZED");

    // It is here now, whatever becomes of its server.
    let nothing = async |path: &str| bob.get(&format!("/v1/media/download/{path}")).await;
    nothing("a.test/nothing").await.refused(404, "M_NOT_FOUND");
    nothing("a.test/..%2F..%2Fsecret").await.refused(404, "M_NOT_FOUND");
    a.stop().await;
    let request = bob.request(Method::GET, &format!("/v1/media/download/{address}")).header("range", "bytes=1-3");
    let part = request.send().await.unwrap();
    assert_eq!((part.status(), &part.bytes().await.unwrap()[..]), (StatusCode::PARTIAL_CONTENT, &[1, 2, 3][..]));
    nothing("a.test/other").await.refused(502, "M_UNKNOWN");
    nothing("nowhere.test/other").await.refused(502, "M_UNKNOWN");
    b.stop_whole().await;
}

#[tokio::test]
async fn a_file_that_is_announced_elsewhere_is_waited_for() {
    let mut federation = Federation::of(&["a.test", "b.test"]).await;
    let (a, b) = (federation.server("a.test").await, federation.server("b.test").await);
    let (alice, bob) = (a.register("alice").await, b.register("bob").await);
    let created = alice.post("/_matrix/media/v1/create", json!({})).await.ok();
    let address = created["content_uri"].as_str().unwrap().strip_prefix("mxc://").unwrap().to_owned();
    let impatient = bob.get(&format!("/v1/media/download/{address}?timeout_ms=200")).await;
    impatient.refused(504, "M_NOT_YET_UPLOADED");
    let waiting = download(&bob, &address);
    let uploading = async {
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        let request = alice.request(Method::PUT, &format!("/_matrix/media/v3/upload/{address}"));
        Answer::to(request.body("at last")).await.ok();
    };
    let (answer, ()) = tokio::join!(waiting, uploading);
    assert_eq!(answer.bytes().await.unwrap(), "at last");
}

/// A server with one user, among peers that serve the routes.
async fn with_peer(routes: Router) -> (TestServer, TestClient) {
    let mut federation = Federation::of(&["a.test", "evil.test"]).await;
    let builder = federation.builder("a.test").config(|config| {
        (config.media.max_remote_size, config.media.remote_cache) = (1_000_000, 2_000_000);
    });
    let a = builder.start().await;
    let alice = a.register("alice").await;
    federation.peer("evil.test", routes);
    (a, alice)
}

fn multipart(body: axum::body::Body) -> Response {
    ([(header::CONTENT_TYPE, "multipart/mixed; boundary=b")], body).into_response()
}

const HEAD: &[u8] = b"--b\r\nContent-Type: application/json\r\n\r\n{}\r\n--b\r\nContent-Type: text/plain\r\n\r\n";
const TAIL: &[u8] = b"\r\n--b--";

#[tokio::test]
async fn many_askers_of_one_file_get_it_as_it_comes_by_one_fetch() {
    let asked = Arc::new(AtomicUsize::new(0));
    let bodies: Arc<Mutex<Option<mpsc::Receiver<_>>>> = Arc::default();
    let (counter, given) = (asked.clone(), bodies.clone());
    let give = move || {
        counter.fetch_add(1, Ordering::SeqCst);
        let body = given.lock().unwrap().take().unwrap();
        async move { multipart(received(body)) }
    };
    let routes = Router::new().route("/_matrix/federation/v1/media/download/{id}", get(give));
    let (mut a, alice) = with_peer(routes).await;
    let (sender, body) = mpsc::channel(4);
    *bodies.lock().unwrap() = Some(body);
    sender.send(Ok(Bytes::from([HEAD, b"first"].concat()))).await.unwrap();
    // What may be the start of the end is held back until more is there.
    sender.send(Ok(Bytes::from_static(b" half, "))).await.unwrap();
    let (mut one, mut two) = tokio::join!(download(&alice, "evil.test/x"), download(&alice, "evil.test/x"));
    for answer in [&mut one, &mut two] {
        let mut come = Vec::new();
        while come.len() < 5 {
            come.extend(answer.chunk().await.unwrap().unwrap());
        }
        assert!(come.starts_with(b"first"));
    }
    sender.send(Ok(Bytes::from([&b"second half"[..], TAIL].concat()))).await.unwrap();
    drop(sender);
    for answer in [one, two] {
        assert!(answer.text().await.unwrap().ends_with("second half"));
    }
    until("it is kept", async || (!files(&a, "content").is_empty()).then_some(())).await;
    assert_eq!(download(&alice, "evil.test/x").await.text().await.unwrap(), "first half, second half");
    assert_eq!(asked.load(Ordering::SeqCst), 1);

    // What breaks off is told to be broken, and is not kept.
    let (sender, body) = mpsc::channel(4);
    *bodies.lock().unwrap() = Some(body);
    sender.send(Ok(Bytes::from([HEAD, &[b'x'; 1000]].concat()))).await.unwrap();
    let broken = download(&alice, "evil.test/y").await;
    drop(sender);
    assert_eq!(broken.status(), 200);
    assert!(broken.bytes().await.is_err());
    assert_eq!(files(&a, "content").len(), 1);
    a.stop_whole().await;
}

#[tokio::test]
async fn files_are_found_where_their_server_says_and_by_the_old_road() {
    let old_query = Arc::new(Mutex::new(String::new()));
    let seen = old_query.clone();
    let elsewhere = || async {
        multipart("--b\r\n\r\n{}\r\n--b\r\nLocation: https://evil.test:8448/cdn?key=1\r\n\r\n\r\n--b--".into())
    };
    let inside =
        || async { multipart("--b\r\n\r\n{}\r\n--b\r\nLocation: https://127.0.0.1:8448/cdn\r\n\r\n\r\n--b--".into()) };
    let cdn = || async { ([(header::CONTENT_DISPOSITION, "inline; filename=cdn.txt")], "from the cdn") };
    let unknown = || async {
        (StatusCode::NOT_FOUND, Json(json!({ "errcode": "M_UNRECOGNIZED", "error": "?" }))).into_response()
    };
    let old = move |RawQuery(query): RawQuery| {
        *seen.lock().unwrap() = query.unwrap_or_default();
        async { ([(header::CONTENT_TYPE, "text/plain")], "from old times") }
    };
    let no =
        || async { (StatusCode::NOT_FOUND, Json(json!({ "errcode": "M_NOT_FOUND", "error": "?" }))).into_response() };
    let routes = Router::new()
        .route("/_matrix/federation/v1/media/download/elsewhere", get(elsewhere))
        .route("/_matrix/federation/v1/media/download/inside", get(inside))
        .route("/_matrix/federation/v1/media/download/old", get(unknown))
        .route("/_matrix/federation/v1/media/download/no", get(no))
        .route("/_matrix/media/v3/download/evil.test/old", get(old.clone()))
        .route("/_matrix/media/v3/download/evil.test/no", get(old))
        .route("/cdn", get(cdn));
    let (mut a, alice) = with_peer(routes).await;
    let moved = download(&alice, "evil.test/elsewhere").await;
    assert_eq!(text(moved.headers(), "content-disposition"), "inline; filename=\"cdn.txt\"");
    assert_eq!(moved.text().await.unwrap(), "from the cdn");
    alice.get("/v1/media/download/evil.test/inside").await.refused(502, "M_UNKNOWN");
    assert_eq!(download(&alice, "evil.test/old").await.text().await.unwrap(), "from old times");
    assert!(old_query.lock().unwrap().contains("allow_remote=false"), "{:?}", old_query.lock());
    old_query.lock().unwrap().clear();
    alice.get("/v1/media/download/evil.test/no").await.refused(404, "M_NOT_FOUND");
    assert_eq!(*old_query.lock().unwrap(), "");
    a.stop_whole().await;
}

#[tokio::test]
async fn files_of_other_servers_take_no_more_room_than_they_may() {
    let large = || async { multipart([HEAD, &[b'x'; 1_100_000], TAIL].concat().into()) };
    let endless = || async {
        let (sender, body) = mpsc::channel(4);
        tokio::spawn(async move {
            let mut next = Bytes::from_static(HEAD);
            while sender.send(Ok(next)).await.is_ok() {
                next = Bytes::from_static(&[b'x'; 50_000]);
            }
        });
        multipart(received(body))
    };
    let some = |axum::extract::Path(id): axum::extract::Path<String>| async move {
        multipart([HEAD, id.as_bytes(), &[b'x'; 300_000], TAIL].concat().into())
    };
    let routes = Router::new()
        .route("/_matrix/federation/v1/media/download/large", get(large))
        .route("/_matrix/federation/v1/media/download/endless", get(endless))
        .route("/_matrix/federation/v1/media/download/{id}", get(some));
    let (mut a, alice) = with_peer(routes).await;
    alice.get("/v1/media/download/evil.test/large").await.refused(502, "M_TOO_LARGE");
    let endless = download(&alice, "evil.test/endless").await;
    assert!(endless.bytes().await.is_err());
    for n in 0..12 {
        let answer = download(&alice, &format!("evil.test/{n}")).await;
        assert_eq!(answer.bytes().await.unwrap().len(), 300_000 + n.to_string().len());
    }
    let kept = || files(&a, "content").into_iter().map(|path| path.metadata().unwrap().len()).sum::<u64>();
    until("the last is kept", async || files(&a, "incoming").is_empty().then_some(())).await;
    assert!((300_000..=2_000_000).contains(&kept()), "{}", kept());
    // What went is fetched again.
    assert_eq!(download(&alice, "evil.test/0").await.bytes().await.unwrap().len(), 300_001);
    a.stop_whole().await;
}
