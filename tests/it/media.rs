//! Uploading and downloading: what comes back, what is refused, and what lies on disk.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use reqwest::{Method, Response, StatusCode, header::HeaderMap};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::common::{Answer, PASSWORD, TestClient, TestServer, encode};

/// Uploads, and returns `localhost/…`, the part of the address behind `mxc://`.
pub async fn upload(client: &TestClient, content_type: &str, name: Option<&str>, body: Vec<u8>) -> String {
    let query = name.map(|name| format!("?filename={}", encode(name))).unwrap_or_default();
    let request = client.request(Method::POST, &format!("/_matrix/media/v3/upload{query}"));
    let answer = Answer::to(request.header("content-type", content_type).body(body)).await.ok();
    let uri = answer["content_uri"].as_str().unwrap().strip_prefix("mxc://").unwrap().to_owned();
    assert!(uri.starts_with("localhost/"), "{uri}");
    uri
}

pub async fn download(client: &TestClient, address: &str) -> Response {
    client.request(Method::GET, &format!("/v1/media/download/{address}")).send().await.unwrap()
}

/// The header's text, empty if it is not there.
pub fn header(headers: &HeaderMap, name: &str) -> String {
    headers.get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
}

/// All files below a folder of the server's media.
pub fn files(server: &TestServer, folder: &str) -> Vec<PathBuf> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { walk(&path, found) } else { found.push(path) }
        }
    }
    let mut found = Vec::new();
    walk(&server.config().data_dir.join("media").join(folder), &mut found);
    found
}

#[tokio::test]
async fn what_was_uploaded_comes_back_as_it_was() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let body: Vec<u8> = (0..=255).cycle().take(700_001).collect();
    let address = upload(&alice, "image/png", Some("my cat.png"), body.clone()).await;

    let answer = download(&bob, &address).await;
    assert_eq!(answer.status(), 200);
    let headers = answer.headers().clone();
    assert_eq!(header(&headers, "content-type"), "image/png");
    assert_eq!(header(&headers, "content-disposition"), "inline; filename=\"my cat.png\"");
    assert_eq!(header(&headers, "content-length"), "700001");
    assert_eq!(header(&headers, "accept-ranges"), "bytes");
    assert!(header(&headers, "cache-control").contains("immutable"));
    assert!(answer.bytes().await.unwrap() == body);

    // Under another name, and with none.
    let other = download(&bob, &format!("{address}/{}", encode("d\u{f6}g.png"))).await;
    assert_eq!(header(other.headers(), "content-disposition"), "inline; filename*=utf-8''d%C3%B6g.png");
    let unnamed = upload(&alice, "", None, b"any".to_vec()).await;
    let answer = download(&bob, &unnamed).await;
    assert_eq!(header(answer.headers(), "content-type"), "application/octet-stream");
    assert_eq!(header(answer.headers(), "content-disposition"), "attachment");

    let empty = upload(&alice, "text/plain", None, vec![]).await;
    let answer = download(&bob, &empty).await;
    assert_eq!((answer.status().as_u16(), answer.bytes().await.unwrap().len()), (200, 0));
    assert_eq!(bob.get("/v1/media/config").await.ok()["m.upload.size"], 100 << 20);
    assert_eq!(bob.get("/_matrix/media/v3/config").await.ok()["m.upload.size"], 100 << 20);
}

#[tokio::test]
async fn a_browser_shows_only_what_can_do_no_harm() {
    let server = TestServer::start().await;
    let alice = server.register("alice").await;
    let script = b"<script>alert(1)</script>".to_vec();
    for (content_type, disposition) in [
        ("text/html", "attachment"),
        ("image/svg+xml", "attachment"),
        ("application/xhtml+xml", "attachment"),
        ("application/pdf", "attachment"),
        ("text/plain", "inline"),
        ("image/png; x=text/html", "inline"),
    ] {
        let address = upload(&alice, content_type, None, script.clone()).await;
        let answer = download(&alice, &address).await;
        let headers = answer.headers();
        assert_eq!(header(headers, "content-type"), content_type);
        assert_eq!(header(headers, "content-disposition"), disposition, "{content_type}");
        assert_eq!(header(headers, "x-content-type-options"), "nosniff");
        assert_eq!(header(headers, "cross-origin-resource-policy"), "cross-origin");
        assert_eq!(
            header(headers, "content-security-policy"),
            "sandbox; default-src 'none'; script-src 'none'; plugin-types application/pdf; \
             style-src 'unsafe-inline'; object-src 'self';"
        );
        assert_eq!(header(headers, "access-control-allow-origin"), "*");
    }
}

#[tokio::test]
async fn names_of_files_stay_what_they_are_and_in_their_header() {
    let server = TestServer::start().await;
    let alice = server.register("alice").await;
    for name in [
        "a\"; filename=\"b.exe",
        "a\r\nSet-Cookie: x=y\r\n\r\n<script>",
        "\u{202e}gpj.exe",
        "写真 📷.jpg",
        "..\\..\\etc/passwd",
        "100%41.txt",
        "nul\0.txt",
    ] {
        let address = upload(&alice, "text/plain", Some(name), b"x".to_vec()).await;
        for address in [address.clone(), format!("{address}/{}", encode(name))] {
            let answer = download(&alice, &address).await;
            assert_eq!(answer.status(), 200, "{name:?}");
            assert_eq!(header(answer.headers(), "set-cookie"), "");
            let disposition = header(answer.headers(), "content-disposition");
            let encoded = disposition.strip_prefix("inline; filename*=utf-8''").expect(&disposition);
            assert_eq!(percent_decoded(encoded), name);
        }
    }
    let long = format!("/_matrix/media/v3/upload?filename={}", "x".repeat(2_000));
    Answer::to(alice.request(Method::POST, &long).body("x")).await.refused(400, "M_INVALID_PARAM");
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = text.bytes();
    let mut decoded = Vec::new();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let digits = [bytes.next().unwrap(), bytes.next().unwrap()];
            decoded.push(u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap());
        } else {
            decoded.push(byte);
        }
    }
    String::from_utf8(decoded).unwrap()
}

#[tokio::test]
async fn a_content_lies_on_disk_once_however_often_it_is_uploaded() {
    let mut server = TestServer::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let body = vec![7; 300_000];
    let uploads: Vec<_> = (0..10)
        .map(|n| {
            let (client, body) = (if n % 2 == 0 { alice.clone() } else { bob.clone() }, body.clone());
            tokio::spawn(async move { upload(&client, "audio/ogg", Some(&format!("{n}.ogg")), body).await })
        })
        .collect();
    let mut addresses = Vec::new();
    for upload in uploads {
        addresses.push(upload.await.unwrap());
    }
    assert_eq!(files(&server, "content").len(), 1);
    assert!(files(&server, "incoming").is_empty());
    server.restart().await;
    let bob = bob.at(server.base_url());
    for (n, address) in addresses.iter().enumerate() {
        let answer = download(&bob, address).await;
        assert_eq!(header(answer.headers(), "content-disposition"), format!("inline; filename=\"{n}.ogg\""));
        assert!(answer.bytes().await.unwrap() == body);
    }
}

/// Announces an upload, and returns its address behind `mxc://`.
async fn announce(client: &TestClient) -> String {
    let answer = client.post("/_matrix/media/v1/create", json!({})).await.ok();
    answer["content_uri"].as_str().unwrap().strip_prefix("mxc://").unwrap().to_owned()
}

async fn fill(client: &TestClient, address: &str, body: &'static str) -> Answer {
    Answer::to(client.request(Method::PUT, &format!("/_matrix/media/v3/upload/{address}?filename=a.txt")).body(body))
        .await
}

#[tokio::test]
async fn an_upload_may_be_announced_and_whoever_wants_it_waits() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let address = announce(&alice).await;
    let path = format!("/v1/media/download/{address}?timeout_ms=0");
    bob.get(&path).await.refused(504, "M_NOT_YET_UPLOADED");
    let thumbnail = format!("/v1/media/thumbnail/{address}?width=9&height=9&timeout_ms=50");
    bob.get(&thumbnail).await.refused(504, "M_NOT_YET_UPLOADED");

    let waiting = tokio::spawn({
        let (bob, address) = (bob.clone(), address.clone());
        async move { download(&bob, &address).await }
    });
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(!waiting.is_finished());
    fill(&bob, &address, "mine").await.refused(403, "M_FORBIDDEN");
    fill(&alice, &address, "here it is").await.ok();
    let answer = waiting.await.unwrap();
    assert_eq!(header(answer.headers(), "content-disposition"), "attachment; filename=\"a.txt\"");
    assert_eq!(answer.text().await.unwrap(), "here it is");
    fill(&alice, &address, "once more").await.refused(409, "M_CANNOT_OVERWRITE_MEDIA");
    fill(&alice, "localhost/never", "x").await.refused(404, "M_NOT_FOUND");
    fill(&alice, "elsewhere.example/never", "x").await.refused(404, "M_NOT_FOUND");
    // What came by an ordinary upload has its content as well.
    let ordinary = upload(&alice, "text/plain", None, b"x".to_vec()).await;
    fill(&alice, &ordinary, "y").await.refused(409, "M_CANNOT_OVERWRITE_MEDIA");
}

#[tokio::test]
async fn of_two_who_fill_one_announcement_one_comes_too_late() {
    let server = TestServer::start().await;
    let alice = server.register("alice").await;
    let address = announce(&alice).await;
    let (first, second) = tokio::join!(fill(&alice, &address, "one"), fill(&alice, &address, "two"));
    let mut statuses = [first.status, second.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409]);
    let content = download(&alice, &address).await.text().await.unwrap();
    assert_eq!(content, if first.status == 200 { "one" } else { "two" });
    assert_eq!(files(&server, "content").len(), 1);
}

#[tokio::test]
async fn announcements_are_few_and_expire() {
    let config = |config: &mut salon::config::Config| config.media.max_pending_uploads = 3;
    let server = TestServer::builder().config(config).manual_clock().start().await;
    let alice = server.register("alice").await;
    let answer = alice.post("/_matrix/media/v1/create", json!({})).await.ok();
    let day = 24 * 60 * 60 * 1000;
    let expires_at = answer["unused_expires_at"].as_u64().unwrap();
    assert_eq!(expires_at, server.app().clock.now_ms() + day);
    let address = answer["content_uri"].as_str().unwrap().strip_prefix("mxc://").unwrap().to_owned();
    let (second, _third) = (announce(&alice).await, announce(&alice).await);
    let refused = alice.post("/_matrix/media/v1/create", json!({})).await.refused(429, "M_LIMIT_EXCEEDED");
    assert_eq!(refused["retry_after_ms"].as_u64().unwrap(), day);
    fill(&alice, &second, "in time").await.ok();
    announce(&alice).await;

    server.advance(Duration::from_millis(day));
    alice.get(&format!("/v1/media/download/{address}")).await.refused(404, "M_NOT_FOUND");
    fill(&alice, &address, "too late").await.refused(404, "M_NOT_FOUND");
    for _ in 0..3 {
        announce(&alice).await;
    }
    assert_eq!(download(&alice, &second).await.text().await.unwrap(), "in time");
}

#[tokio::test]
async fn parts_of_a_file_can_be_had_and_what_is_known_is_not_sent_again() {
    let server = TestServer::start().await;
    let alice = server.register("alice").await;
    let body: Vec<u8> = (0..=255).cycle().take(400_000).collect();
    let path = format!("/v1/media/download/{}", upload(&alice, "video/mp4", None, body.clone()).await);
    let ask = async |method: Method, headers: &[(&'static str, &str)]| {
        let request =
            headers.iter().fold(alice.request(method, &path), |request, (name, value)| request.header(*name, *value));
        request.send().await.unwrap()
    };
    let whole = ask(Method::GET, &[]).await;
    let tag = header(whole.headers(), "etag");

    let part = ask(Method::GET, &[("range", "bytes=100000-299999")]).await;
    assert_eq!(part.status(), 206);
    assert_eq!(header(part.headers(), "content-range"), "bytes 100000-299999/400000");
    assert_eq!(header(part.headers(), "content-length"), "200000");
    assert_eq!(header(part.headers(), "x-content-type-options"), "nosniff");
    assert!(part.bytes().await.unwrap() == body[100_000..300_000]);
    let end = ask(Method::GET, &[("range", "bytes=-5"), ("if-range", &tag)]).await;
    assert!(end.status() == 206 && end.bytes().await.unwrap() == body[399_995..]);

    // Another file's tag, several ranges, nonsense: the whole.
    for headers in [
        [("range", "bytes=0-1"), ("if-range", "\"other\"")],
        [("range", "bytes=0-1,4-5"), ("accept", "*/*")],
        [("range", "bytes=9-1"), ("accept", "*/*")],
    ] {
        let answer = ask(Method::GET, &headers).await;
        assert!(answer.status() == 200 && answer.bytes().await.unwrap().len() == 400_000, "{headers:?}");
    }
    let outside = ask(Method::GET, &[("range", "bytes=400000-")]).await;
    assert_eq!(outside.status(), 416);
    assert_eq!(header(outside.headers(), "content-range"), "bytes */400000");
    assert_eq!(outside.json::<Value>().await.unwrap()["errcode"], "M_UNKNOWN");

    let known = ask(Method::GET, &[("if-none-match", &tag)]).await;
    assert!(known.status() == 304 && known.bytes().await.unwrap().is_empty());
    let head = ask(Method::HEAD, &[("range", "bytes=0-1")]).await;
    assert_eq!(head.status(), 200);
    assert_eq!(header(head.headers(), "content-length"), "400000");
    assert_eq!(header(head.headers(), "content-type"), "video/mp4");
    assert!(head.bytes().await.unwrap().is_empty());
}

#[tokio::test]
async fn files_that_are_too_large_are_refused_as_early_as_can_be() {
    let config = |config: &mut salon::config::Config| config.media.max_upload_size = 1_000_000;
    let server = TestServer::builder().config(config).start().await;
    let alice = server.register("alice").await;
    assert_eq!(alice.get("/v1/media/config").await.ok()["m.upload.size"], 1_000_000);
    let just = upload(&alice, "text/plain", None, vec![b'x'; 1_000_000]).await;
    assert_eq!(download(&alice, &just).await.bytes().await.unwrap().len(), 1_000_000);

    // It says how large it is: nothing of it has to be sent.
    let answer = raw_upload(&server, &alice, "Content-Length: 1000001\r\n\r\n", 0).await;
    assert!(answer.starts_with("HTTP/1.1 413") && answer.contains("M_TOO_LARGE"), "{answer}");
    // It doesn't say: once it is too much.
    let answer = raw_upload(&server, &alice, "Transfer-Encoding: chunked\r\n\r\n", 20).await;
    assert!(answer.starts_with("HTTP/1.1 413") && answer.contains("M_TOO_LARGE"), "{answer}");
    let address = announce(&alice).await;
    let request = alice.request(Method::PUT, &format!("/_matrix/media/v3/upload/{address}"));
    Answer::to(request.body(vec![0; 1_500_000])).await.refused(413, "M_TOO_LARGE");
    assert_eq!(files(&server, "content").len(), 1);
    assert!(files(&server, "incoming").is_empty());
    fill(&alice, &address, "smaller").await.ok();
}

/// Sends the head of an upload, then so many chunks of 100,000 bytes, and reads what is answered, without ending it.
async fn raw_upload(server: &TestServer, client: &TestClient, headers: &str, chunks: usize) -> String {
    let address = server.base_url().trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).await.unwrap();
    let token = &client.access_token;
    let head =
        format!("POST /_matrix/media/v3/upload HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n{headers}");
    stream.write_all(head.as_bytes()).await.unwrap();
    let chunk = format!("{:x}\r\n{}\r\n", 100_000, "x".repeat(100_000));
    for _ in 0..chunks {
        stream.write_all(chunk.as_bytes()).await.unwrap();
    }
    let mut answer = vec![0; 4096];
    let read = tokio::time::timeout(Duration::from_secs(10), stream.read(&mut answer)).await;
    let length = read.expect("an answer comes while the upload is open").unwrap();
    String::from_utf8_lossy(&answer[..length]).into_owned()
}

#[tokio::test]
async fn an_upload_that_breaks_off_leaves_nothing() {
    let server = TestServer::start().await;
    let alice = server.register("alice").await;
    let address = server.base_url().trim_start_matches("http://").to_owned();
    let mut stream = TcpStream::connect(&address).await.unwrap();
    let head = format!(
        "POST /_matrix/media/v3/upload HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nContent-Length: 900000\r\n\r\n",
        alice.access_token
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&vec![1; 600_000]).await.unwrap();
    let appears = async || {
        while files(&server, "incoming").is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await
        }
    };
    tokio::time::timeout(Duration::from_secs(5), appears()).await.expect("the upload is under way");
    drop(stream);
    let goes = async || {
        while !files(&server, "incoming").is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await
        }
    };
    tokio::time::timeout(Duration::from_secs(5), goes()).await.expect("what had come is removed");
    assert!(files(&server, "content").is_empty());
}

#[tokio::test]
async fn a_user_has_a_quota() {
    let config = |config: &mut salon::config::Config| config.media.user_quota = 100_000;
    let server = TestServer::builder().config(config).start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    upload(&alice, "text/plain", None, vec![1; 60_000]).await;
    let post = |client: &TestClient, body: Vec<u8>| {
        Answer::to(client.request(Method::POST, "/_matrix/media/v3/upload").body(body))
    };
    post(&alice, vec![2; 60_000]).await.refused(403, "M_FORBIDDEN");
    // The same again takes no disk, but is the user's all the same.
    post(&alice, vec![1; 60_000]).await.refused(403, "M_FORBIDDEN");
    post(&alice, vec![3; 30_000]).await.ok();
    post(&bob, vec![2; 60_000]).await.ok();
    // Tiny files are not for nothing either.
    let mut tiny = 0;
    while post(&bob, vec![tiny]).await.status == 200 {
        tiny += 1;
    }
    assert!((5..15).contains(&tiny), "{tiny}");
    assert!(files(&server, "incoming").is_empty());
}

#[tokio::test]
async fn who_may_see_and_upload_files() {
    let server = TestServer::start().await;
    let alice = server.register("alice").await;
    let nobody = server.anonymous();
    let guest = nobody.with_session(&nobody.post("/v3/register?kind=guest", json!({})).await.ok());
    let address = upload(&alice, "text/plain", None, b"x".to_vec()).await;
    let post = |client: &TestClient| Answer::to(client.request(Method::POST, "/_matrix/media/v3/upload").body("x"));

    nobody.get(&format!("/v1/media/download/{address}")).await.refused(401, "M_MISSING_TOKEN");
    nobody.get(&format!("/v1/media/thumbnail/{address}?width=1&height=1")).await.refused(401, "M_MISSING_TOKEN");
    nobody.get("/v1/media/config").await.refused(401, "M_MISSING_TOKEN");
    nobody.get("/_matrix/media/v3/config").await.refused(401, "M_MISSING_TOKEN");
    nobody.post("/_matrix/media/v1/create", json!({})).await.refused(401, "M_MISSING_TOKEN");
    post(&nobody).await.refused(401, "M_MISSING_TOKEN");
    post(&guest).await.refused(403, "M_GUEST_ACCESS_FORBIDDEN");
    assert_eq!(download(&guest, &address).await.status(), StatusCode::OK);

    // What needs no token is frozen, and nothing is older than that.
    for prefix in ["r0", "v1", "v3"] {
        for path in [
            format!("download/{address}"),
            format!("download/{address}/name.txt"),
            format!("thumbnail/{address}?width=1&height=1"),
        ] {
            alice.get(&format!("/_matrix/media/{prefix}/{path}")).await.refused(404, "M_NOT_FOUND");
        }
        Answer::to(alice.request(Method::POST, &format!("/_matrix/media/{prefix}/upload")).body("x")).await.ok();
    }
}

#[tokio::test]
async fn old_clients_are_served_without_a_token_where_the_operator_wants_it() {
    let server = TestServer::builder().config(|config| config.media.unauthenticated = true).start().await;
    let (alice, nobody) = (server.register("alice").await, server.anonymous());
    let mut png = std::io::Cursor::new(Vec::new());
    image::DynamicImage::new_rgb8(64, 64).write_to(&mut png, image::ImageFormat::Png).unwrap();
    let png = png.into_inner();
    let address = upload(&alice, "image/png", Some("cat.png"), png.clone()).await;
    for prefix in ["r0", "v1", "v3"] {
        let get = async |path: String| {
            let request = nobody.request(Method::GET, &format!("/_matrix/media/{prefix}/{path}"));
            request.send().await.unwrap()
        };
        let answer = get(format!("download/{address}?allow_remote=false&allow_redirect=true")).await;
        assert_eq!(answer.status(), 200);
        assert_eq!(header(answer.headers(), "content-disposition"), "inline; filename=\"cat.png\"");
        assert!(header(answer.headers(), "content-security-policy").starts_with("sandbox;"));
        assert_eq!(answer.bytes().await.unwrap(), png);
        let answer = get(format!("download/{address}/dog.png")).await;
        assert_eq!(header(answer.headers(), "content-disposition"), "inline; filename=\"dog.png\"");
        let answer = get(format!("thumbnail/{address}?width=32&height=32&method=crop")).await;
        assert_eq!((answer.status().as_u16(), header(answer.headers(), "content-type").as_str()), (200, "image/jpeg"));
    }
    let refused = async |path: &str, status, errcode| {
        nobody.get(&format!("/_matrix/media/v3/{path}")).await.refused(status, errcode);
    };
    refused("download/elsewhere.example/abc?allow_remote=false", 404, "M_NOT_FOUND").await;
    refused("thumbnail/elsewhere.example/abc?width=1&height=1&allow_remote=false", 404, "M_NOT_FOUND").await;
    refused("download/localhost/nothing", 404, "M_NOT_FOUND").await;
    refused(&format!("download/{address}?allow_remote=perhaps"), 400, "M_INVALID_PARAM").await;
    refused(&format!("thumbnail/{address}?width=0&height=1"), 400, "M_INVALID_PARAM").await;
    // The newer ones ask for it as before.
    nobody.get(&format!("/v1/media/download/{address}")).await.refused(401, "M_MISSING_TOKEN");
    refused("preview_url?url=http://example.org", 401, "M_MISSING_TOKEN").await;
}

#[tokio::test]
async fn addresses_that_lead_nowhere_or_astray() {
    let server = TestServer::start().await;
    let alice = server.register("alice").await;
    for address in [
        "localhost/nothing",
        "localhost/..%2F..%2Fdb%2FCURRENT",
        "localhost/%252e%252e",
        "localhost/a%00b",
        "localhost/%C3%A4",
        "localhost/a.b",
    ] {
        alice.get(&format!("/v1/media/download/{address}")).await.refused(404, "M_NOT_FOUND");
        alice.get(&format!("/v1/media/thumbnail/{address}?width=1&height=1")).await.refused(404, "M_NOT_FOUND");
    }
    alice.get("/v1/media/download/not%20a%20server/x").await.refused(400, "M_INVALID_PARAM");
}

#[tokio::test]
async fn who_wants_to_be_forgotten_takes_their_files_along() {
    let mut server = TestServer::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let shared = vec![5; 5_000];
    let own = upload(&alice, "text/plain", None, b"only Alice has this".to_vec()).await;
    let twice = upload(&alice, "text/plain", None, b"only Alice has this".to_vec()).await;
    let hers = upload(&alice, "text/plain", None, shared.clone()).await;
    let his = upload(&bob, "text/plain", None, shared.clone()).await;
    let announced = announce(&alice).await;
    for n in 0..5 {
        upload(&alice, "text/plain", None, format!("file {n}").into_bytes()).await;
    }
    let auth = json!({
        "type": "m.login.password", "password": PASSWORD,
        "identifier": { "type": "m.id.user", "user": "alice" },
    });
    alice.post("/v3/account/deactivate", json!({ "erase": true, "auth": auth })).await.ok();

    for address in [&own, &twice, &hers, &announced] {
        bob.get(&format!("/v1/media/download/{address}")).await.refused(404, "M_NOT_FOUND");
    }
    assert!(download(&bob, &his).await.bytes().await.unwrap() == shared);
    assert_eq!(files(&server, "content").len(), 1);
    server.stop().await;
    let store = salon::store::Store::open(&server.config().data_dir, Default::default()).unwrap();
    let report = salon::check::check(&store).unwrap();
    assert!(report.is_clean(), "{report}");
}

#[tokio::test]
async fn who_just_leaves_leaves_their_files() {
    let server = TestServer::start().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let address = upload(&alice, "text/plain", None, b"x".to_vec()).await;
    let auth = json!({
        "type": "m.login.password", "password": PASSWORD,
        "identifier": { "type": "m.id.user", "user": "alice" },
    });
    alice.post("/v3/account/deactivate", json!({ "auth": auth })).await.ok();
    assert_eq!(download(&bob, &address).await.status(), 200);
}
