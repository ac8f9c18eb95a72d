//! How a server is found: at its own name, or where its `.well-known` says.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use axum::{
    Json, Router,
    http::HeaderMap,
    response::{IntoResponse, Redirect},
    routing::get,
};
use ruma::OwnedServerName;
use salon::event::SigningKey;
use serde_json::json;

use crate::common::{
    Federation, TestServer,
    federation::{serve, signed_keys},
};

/// Keys of `b.test` for who asks by a `Host`.
fn keys_for(host: &'static str) -> Router {
    let key = Arc::new(SigningKey::generate(&rand::random()));
    let answer = move |headers: HeaderMap| {
        let right = headers.get("host").is_some_and(|asked| asked == host);
        let keys = signed_keys("b.test".try_into().unwrap(), &key, 1 << 50);
        async move { if right { Json(keys).into_response() } else { "no".into_response() } }
    };
    Router::new().route("/_matrix/key/v2/server", get(answer))
}

async fn finds_b(a: &TestServer) -> bool {
    let answer = a.anonymous().get("/_matrix/key/v2/query/b.test").await.ok();
    answer["server_keys"].as_array().unwrap().len() == 1
}

#[tokio::test]
async fn a_name_alone_leads_to_its_port_8448() {
    let mut federation = Federation::of(&["a.test", "b.test"]).await;
    let a = federation.server("a.test").await;
    serve(federation.listener("b.test", 8448), keys_for("b.test"));
    assert!(finds_b(&a).await);
}

#[tokio::test]
async fn a_well_known_leads_elsewhere_also_by_redirects_and_is_remembered() {
    let mut federation = Federation::of(&["a.test"]).await;
    federation.place("b.test", 443).await;
    federation.place("matrix.b.test", 4443).await;
    let a = federation.server("a.test").await;
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = asked.clone();
    let file = move || {
        counter.fetch_add(1, Ordering::SeqCst);
        async { Json(json!({ "m.server": "matrix.b.test:4443" })) }
    };
    let well_known = Router::new()
        .route("/.well-known/matrix/server", get(|| async { Redirect::to("/elsewhere") }))
        .route("/elsewhere", get(file));
    serve(federation.listener("b.test", 443), well_known);
    serve(federation.listener("matrix.b.test", 4443), keys_for("matrix.b.test:4443"));
    assert!(finds_b(&a).await);
    assert!(finds_b(&a).await);
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_well_known_that_is_none_is_passed_over() {
    let endless: Router =
        Router::new().route("/.well-known/matrix/server", get(|| async { Redirect::to("/.well-known/matrix/server") }));
    let huge = Router::new().route("/.well-known/matrix/server", get(|| async { " ".repeat(1 << 20) }));
    let odd = Router::new().route("/.well-known/matrix/server", get(|| async { r#"{"m.server":"no such name!"}"# }));
    for well_known in [endless, huge, odd, Router::new()] {
        let mut federation = Federation::of(&["a.test", "b.test"]).await;
        federation.place("b.test", 443).await;
        let a = federation.server("a.test").await;
        serve(federation.listener("b.test", 443), well_known);
        serve(federation.listener("b.test", 8448), keys_for("b.test"));
        assert!(finds_b(&a).await);
    }
}

#[tokio::test]
async fn who_shows_anothers_certificate_is_not_believed() {
    // The certificate of the tests doesn't name x.test.
    let mut federation = Federation::of(&["a.test", "x.test"]).await;
    let a = federation.server("a.test").await;
    let key = SigningKey::generate(&rand::random());
    let name: OwnedServerName = "x.test".try_into().unwrap();
    let keys = signed_keys(&name, &key, 1 << 50);
    let routes = Router::new().route("/_matrix/key/v2/server", get(move || async { Json(keys) }));
    serve(federation.listener("x.test", 8448), routes);
    let answer = a.anonymous().get("/_matrix/key/v2/query/x.test").await.ok();
    assert_eq!(answer["server_keys"], json!([]));
}

#[tokio::test]
async fn servers_in_private_networks_are_not_asked() {
    let server = TestServer::start().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let name = format!("127.0.0.1:{}", listener.local_addr().unwrap().port());
    let connected = Arc::new(AtomicUsize::new(0));
    let counter = connected.clone();
    tokio::spawn(async move {
        while listener.accept().await.is_ok() {
            counter.fetch_add(1, Ordering::SeqCst);
        }
    });
    let answer = server.anonymous().get(&format!("/_matrix/key/v2/query/{name}")).await.ok();
    assert_eq!(answer["server_keys"], json!([]));
    assert_eq!(connected.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn an_operator_sees_how_a_server_is_found_and_what_is_wrong_with_it() {
    let mut federation = Federation::of(&["a.test"]).await;
    federation.place("b.test", 443).await;
    federation.place("matrix.b.test", 4443).await;
    let _a = federation.server("a.test").await;
    let (well, said) = federation.survey("a.test").await;
    assert!(well, "{said}");
    for step in ["certificate for a.test", "as Salon 0.", "keys are its own and valid: ed25519:"] {
        assert!(said.contains(step), "{step}: {said}");
    }

    // Its .well-known leads to a server that has another name.
    let file = || async { Json(json!({ "m.server": "matrix.b.test:4443" })) };
    serve(federation.listener("b.test", 443), Router::new().route("/.well-known/matrix/server", get(file)));
    let other = Arc::new(SigningKey::generate(&rand::random()));
    let keys = move || async move { Json(signed_keys("c.test".try_into().unwrap(), &other, 1 << 50)) };
    let routes = Router::new().route("/_matrix/key/v2/server", get(keys));
    serve(federation.listener("matrix.b.test", 4443), routes);
    let (well, said) = federation.survey("b.test").await;
    assert!(!well, "{said}");
    for step in ["gives its federation to matrix.b.test:4443", "the keys are those of c.test", "server_name is b.test"]
    {
        assert!(said.contains(step), "{step}: {said}");
    }

    let (well, said) = federation.survey("nowhere.test").await;
    assert!(!well && said.contains("nowhere.test:8448 has no address that may be asked"), "{said}");
}
