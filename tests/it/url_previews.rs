//! Previews of pages, of friendly sites and of those that mean harm.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    http::{StatusCode, header},
    response::{IntoResponse, Redirect, Response},
    routing::get,
};
use bytes::Bytes;
use hyper::body::Frame;
use serde_json::json;
use tokio::net::TcpListener;

use crate::common::{Answer, TestClient, TestServer, encode};

/// A site on this machine, and how often it was asked.
struct Site {
    port: u16,
    asked: Arc<AtomicUsize>,
}

impl Site {
    async fn start(routes: Router) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (port, asked) = (listener.local_addr().unwrap().port(), Arc::new(AtomicUsize::new(0)));
        let counter = asked.clone();
        let routes = routes.layer(axum::middleware::map_request(move |request: axum::extract::Request| {
            counter.fetch_add(1, Ordering::SeqCst);
            std::future::ready(request)
        }));
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Self { port, asked }
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

async fn server() -> TestServer {
    TestServer::builder()
        .manual_clock()
        .config(|config| config.url_previews.allow_private_addresses = true)
        .start()
        .await
}

async fn preview(client: &TestClient, url: &str) -> Answer {
    client.get(&format!("/v1/media/preview_url?url={}", encode(url))).await
}

fn html(page: impl Into<Body>) -> Response {
    typed("text/html; charset=utf-8", page)
}

fn typed(content_type: &'static str, body: impl Into<Body>) -> Response {
    ([(header::CONTENT_TYPE, content_type)], body.into()).into_response()
}

/// A body without an end.
struct Endless;

impl hyper::body::Body for Endless {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&[b'x'; 8192])))))
    }
}

/// A PNG of 3×2 pixels.
fn png() -> Vec<u8> {
    let mut png = Vec::new();
    let picture = image::DynamicImage::new_rgb8(3, 2);
    picture.write_to(&mut std::io::Cursor::new(&mut png), image::ImageFormat::Png).unwrap();
    png
}

#[tokio::test]
async fn a_page_shows_its_title_words_and_picture() {
    let page = "<html><head><title>plain</title><meta property=\"og:title\" content=\"Tea &amp; cake\">\
                <meta name=description content='All about  tea'><meta property='og:image' content='../pictures/tea.png'>\
                <meta property='og:image:alt' content='A cup'></head><body>";
    let routes = Router::new()
        .route("/shop/tea", get(move || async move { html(page) }))
        .route("/pictures/tea.png", get(|| async { typed("image/png", png()) }))
        .route("/latin", get(|| async { typed("text/html; charset=iso-8859-1", &b"<title>caf\xe9</title>"[..]) }))
        .route("/text", get(|| async { typed("text/plain", "<title>no</title>") }))
        .route("/bare", get(|| async { html("nothing to see") }));
    let site = Site::start(routes).await;
    let server = server().await;
    let alice = server.register("alice").await;
    let told = preview(&alice, &site.url("/shop/tea#cups")).await.ok();
    let uri = told["og:image"].as_str().unwrap().to_owned();
    assert_eq!(
        told,
        json!({
            "og:title": "Tea & cake", "og:description": "All about tea", "og:image": uri, "og:image:alt": "A cup",
            "og:image:type": "image/png", "og:image:width": 3, "og:image:height": 2, "matrix:image:size": png().len(),
        })
    );
    let media_id = uri.strip_prefix("mxc://localhost/").unwrap();
    let picture = alice.request(reqwest::Method::GET, &format!("/v1/media/download/localhost/{media_id}"));
    assert_eq!(picture.send().await.unwrap().bytes().await.unwrap(), png());

    let direct = preview(&alice, &site.url("/pictures/tea.png")).await.ok();
    assert_eq!((&direct["og:image:width"], direct.get("og:title")), (&json!(3), None));
    assert_eq!(preview(&alice, &site.url("/latin")).await.ok(), json!({ "og:title": "café" }));
    assert_eq!(preview(&alice, &site.url("/text")).await.ok(), json!({}));
    assert_eq!(preview(&alice, &site.url("/bare")).await.ok(), json!({}));
}

#[tokio::test]
async fn a_page_is_asked_once_an_hour_however_many_want_to_know() {
    let routes = Router::new().route(
        "/",
        get(|| async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            html("<title>slow</title>")
        }),
    );
    let site = Site::start(routes).await;
    let server = server().await;
    let (alice, bob) = (server.register("alice").await, server.register("bob").await);
    let (url, fragment) = (site.url("/"), site.url("/#part"));
    let (first, second) = tokio::join!(preview(&alice, &url), preview(&bob, &fragment));
    assert_eq!((&first.ok()["og:title"], &second.ok()["og:title"]), (&json!("slow"), &json!("slow")));
    preview(&bob, &url).await.ok();
    assert_eq!(site.asked(), 1);
    // What isn't there is not asked again at once either.
    for _ in 0..2 {
        preview(&alice, &site.url("/nothing")).await.refused(404, "M_NOT_FOUND");
    }
    assert_eq!(site.asked(), 2);
    server.advance(Duration::from_secs(3600));
    preview(&alice, &url).await.ok();
    assert_eq!(site.asked(), 3);
}

#[tokio::test]
async fn redirects_are_followed_so_far_and_not_where_nobody_may_go() {
    let routes = Router::new()
        .route("/moved", get(|| async { Redirect::permanent("/here") }))
        .route("/here", get(|| async { html("<title>here</title>") }))
        .route("/circle", get(|| async { Redirect::temporary("/circle") }))
        .route("/file", get(|| async { Redirect::temporary("file:///etc/passwd") }))
        .route("/blocked", get(|| async { Redirect::temporary("http://www.blocked.example/") }))
        .route("/nowhere", get(|| async { (StatusCode::FOUND, "no location") }));
    let site = Site::start(routes).await;
    let server = TestServer::builder()
        .config(|config| {
            config.url_previews.allow_private_addresses = true;
            config.url_previews.blocked_sites = vec!["Blocked.example".to_owned()];
        })
        .start()
        .await;
    let alice = server.register("alice").await;
    assert_eq!(preview(&alice, &site.url("/moved")).await.ok()["og:title"], "here");
    let before = site.asked();
    preview(&alice, &site.url("/circle")).await.refused(404, "M_NOT_FOUND");
    assert_eq!(site.asked() - before, 6);
    for path in ["/file", "/blocked", "/nowhere"] {
        preview(&alice, &site.url(path)).await.refused(404, "M_NOT_FOUND");
    }
    for url in ["http://blocked.example/", "https://www.BLOCKED.example./x"] {
        preview(&alice, url).await.refused(403, "M_FORBIDDEN");
    }
    for url in ["file:///etc/passwd", "data:text/html,x", "javascript:alert(1)", "no address", ""] {
        preview(&alice, url).await.refused(400, "M_INVALID_PARAM");
    }
    alice.get("/v1/media/preview_url").await.refused(400, "M_MISSING_PARAM");
}

#[tokio::test]
async fn private_networks_are_asked_neither_at_first_nor_for_a_picture() {
    let site = Site::start(Router::new().route("/", get(|| async { html("<title>secret</title>") }))).await;
    let server = TestServer::start().await;
    let alice = server.register("alice").await;
    for host in ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "2130706433", "0x7f.1"] {
        preview(&alice, &format!("http://{host}:{}/", site.port)).await.refused(404, "M_NOT_FOUND");
    }
    assert_eq!(site.asked(), 0);
    server.anonymous().get("/v1/media/preview_url?url=http://example.org").await.refused(401, "M_MISSING_TOKEN");

    let without = TestServer::builder().config(|config| config.url_previews.enabled = false).start().await;
    let bob = without.register("bob").await;
    preview(&bob, "http://example.org/").await.refused(403, "M_FORBIDDEN");
}

#[tokio::test]
async fn sites_that_mean_harm_cost_little() {
    let with_picture = |address: &'static str| {
        let page = format!("<title>t</title><meta property='og:image' content='{address}'>");
        get(move || std::future::ready(html(page.clone())))
    };
    let routes = Router::new()
        .route("/endless", get(|| async { html(Body::new(Endless)) }))
        .route("/endless.png", get(|| async { typed("image/png", Body::new(Endless)) }))
        .route("/lie.png", get(|| async { typed("image/png", "<svg onload='alert(1)'>") }))
        .route("/bomb", with_picture("/endless.png"))
        .route("/script", with_picture("javascript:alert(1)"))
        .route("/lie", with_picture("/lie.png"));
    let site = Site::start(routes).await;
    let server = server().await;
    let alice = server.register("alice").await;
    assert_eq!(preview(&alice, &site.url("/endless")).await.ok(), json!({}));
    for path in ["/bomb", "/script", "/lie"] {
        assert_eq!(preview(&alice, &site.url(path)).await.ok(), json!({ "og:title": "t" }), "{path}");
    }
    assert_eq!(preview(&alice, &site.url("/endless.png")).await.ok(), json!({}));
    // The server still has none of it.
    let files = std::fs::read_dir(server.config().data_dir.join("media/content")).unwrap().count();
    assert_eq!(files, 0);
}

#[tokio::test]
async fn older_clients_ask_at_another_address() {
    let site = Site::start(Router::new().route("/", get(|| async { html("<title>t</title>") }))).await;
    let server = server().await;
    let alice = server.register("alice").await;
    for prefix in ["r0", "v1", "v3"] {
        let path = format!("/_matrix/media/{prefix}/preview_url?url={}", encode(&site.url("/")));
        assert_eq!(alice.get(&path).await.ok(), json!({ "og:title": "t" }));
        server.anonymous().get(&path).await.refused(401, "M_MISSING_TOKEN");
    }
}
