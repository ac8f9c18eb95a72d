//! Pages that a browser shows for clients that don't know a stage of authentication, or no way to log in.

use reqwest::{Method, header::HeaderMap};
use salon::config::RegistrationMode;
use serde_json::{Value, json};

use crate::common::{PASSWORD, TestClient, TestServer};

/// A page: its status, headers and text. With `form` it is what the page's form is answered with.
async fn page(client: &TestClient, path: &str, form: Option<&str>) -> (u16, HeaderMap, String) {
    let request = match form {
        Some(form) => {
            let request = client.request(Method::POST, path);
            request.header("content-type", "application/x-www-form-urlencoded").body(form.to_owned())
        }
        None => client.request(Method::GET, path),
    };
    let answer = request.send().await.unwrap();
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    let text = answer.text().await.unwrap();
    assert_eq!(headers["content-type"], "text/html; charset=utf-8", "{text}");
    (status, headers, text)
}

/// The page of a stage, for the session of a challenge.
fn stage(challenge: &Value, stage: &str) -> String {
    assert_eq!(challenge["flows"], json!([{ "stages": [stage] }]));
    format!("/v3/auth/{stage}/fallback/web?session={}", challenge["session"].as_str().unwrap())
}

#[tokio::test]
async fn a_newcomer_shows_their_token_in_a_browser() {
    let token = |config: &mut salon::config::Config| {
        config.registration.mode = RegistrationMode::Token;
        config.registration.token = Some("open sesame".to_owned());
    };
    let server = TestServer::builder().config(token).start().await;
    let nobody = server.anonymous();
    let challenge = nobody.post("/v3/register", json!({})).await;
    assert_eq!(challenge.status, 401);
    let path = stage(&challenge.body, "m.login.registration_token");
    let (status, headers, html) = page(&nobody, &path, None).await;
    assert_eq!(status, 200);
    assert!(html.contains("name=\"token\"") && html.contains("<form method=\"post\">"), "{html}");
    let policy = headers["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");

    let (status, _, html) = page(&nobody, &path, Some("token=close+sesame")).await;
    assert!(
        status == 401 && html.contains("This registration token is not valid.") && !html.contains("onAuthDone"),
        "{html}"
    );
    let body = json!({ "username": "alice", "password": PASSWORD, "auth": { "session": challenge.body["session"] } });
    assert_eq!(nobody.post("/v3/register", body.clone()).await.status, 401, "nothing was shown yet");
    let (status, headers, html) = page(&nobody, &path, Some("token=open+sesame")).await;
    assert!(status == 200 && html.contains("window.onAuthDone()") && html.contains("\"authDone\""), "{html}");
    let nonce = html.split("<script nonce=\"").nth(1).unwrap().split('"').next().unwrap();
    assert!(headers["content-security-policy"].to_str().unwrap().contains(&format!("script-src 'nonce-{nonce}'")));
    assert_eq!(nobody.post("/v3/register", body).await.ok()["user_id"], "@alice:localhost");
    // With that it is over.
    let (status, _, html) = page(&nobody, &path, None).await;
    assert!(status == 400 && !html.contains("<form"), "{html}");
}

#[tokio::test]
async fn a_device_goes_by_the_password_that_a_browser_asked_for() {
    let server = TestServer::start().await;
    let alice = server.register("alice").await;
    let other = server.log_in("alice").await;
    let device = format!("/v3/devices/{}", other.device_id);
    let challenge = alice.delete(&device, json!({})).await.body;
    let (path, nobody) = (stage(&challenge, "m.login.password"), server.anonymous());
    let (_, _, html) = page(&nobody, &path, None).await;
    assert!(html.contains("type=\"password\""), "{html}");
    let (status, _, html) = page(&nobody, &path, Some("password=wrong")).await;
    assert!(status == 401 && html.contains("Wrong password."), "{html}");
    let (status, _, _) = page(&nobody, &path, Some(&format!("password={}", PASSWORD.replace(' ', "+")))).await;
    assert_eq!(status, 200);
    alice.delete(&device, json!({ "auth": { "session": challenge["session"] } })).await.ok();
    other.get("/v3/account/whoami").await.refused(401, "M_UNKNOWN_TOKEN");

    let other_stage = path.replace("m.login.password", "m.login.dummy");
    for path in [other_stage.as_str(), "/v3/auth/m.login.password/fallback/web?session=none"] {
        assert_eq!(page(&nobody, path, None).await.0, 400);
        assert_eq!(page(&nobody, path, Some("password=x")).await.0, 400);
    }
    nobody.get("/v3/auth/m.login.password/fallback/web").await.refused(400, "M_MISSING_PARAM");
}

#[tokio::test]
async fn what_needs_no_proof_needs_a_click() {
    let server = TestServer::start().await;
    let nobody = server.anonymous();
    let challenge = nobody.post("/v3/register", json!({})).await.body;
    let path = stage(&challenge, "m.login.dummy");
    assert!(page(&nobody, &path, None).await.2.contains("<button>"));
    assert_eq!(page(&nobody, &path, Some("")).await.0, 200);
    let body = json!({ "username": "alice", "password": PASSWORD, "auth": { "session": challenge["session"] } });
    nobody.post("/v3/register", body).await.ok();
}

#[tokio::test]
async fn a_browser_logs_in_for_its_client() {
    let server = TestServer::start().await;
    for path in ["/_matrix/static/client/login/", "/_matrix/static/client/login?device_id=GHTYAJCE"] {
        let (status, headers, html) = page(&server.anonymous(), path, None).await;
        assert_eq!(status, 200);
        assert!(html.contains("window.matrixLogin?.onLogin?.(response)") && html.contains("/_matrix/client/v3/login"));
        assert!(headers["content-security-policy"].to_str().unwrap().contains("connect-src 'self'"));
    }
}
