//! What a browser gets, and what a client asks before it starts.

use crate::common::TestServer;

#[tokio::test]
async fn the_page_and_what_it_asks_are_served() {
    let server = TestServer::start().await;
    let client = server.anonymous();
    let about = client.get("/_salon/about").await.ok();
    assert_eq!(about["server_name"], "localhost");
    assert_eq!(about["registration"], "open");
    assert_eq!(about["version"], env!("CARGO_PKG_VERSION"));
    client.get("/_salon/nothing").await.refused(404, "M_UNRECOGNIZED");
}

#[tokio::test]
async fn a_browser_gets_the_page_at_each_of_its_addresses_and_programs_do_not() {
    let server = TestServer::start().await;
    let http = reqwest::Client::new();
    let get =
        |path: &str, accept: &str| http.get(format!("{}{path}", server.base_url())).header("Accept", accept).send();
    for path in ["/", "/login", "/room/!abc:localhost/$event", "/user/@alice:example.org"] {
        let page = get(path, "text/html,application/xhtml+xml,*/*;q=0.8").await.unwrap();
        assert_eq!(page.status(), 200, "{path}: `make web` builds the web client");
        assert_eq!(page.headers()["content-type"], "text/html; charset=utf-8");
        assert_eq!(page.headers()["cache-control"], "no-cache");
    }
    for (path, accept) in
        [("/login", "application/json"), ("/assets/gone.js", "text/html"), ("/_matrix/x", "text/html")]
    {
        let answer = get(path, accept).await.unwrap();
        assert_eq!(answer.status(), 404, "{path}");
        assert_eq!(answer.headers()["content-type"], "application/json", "{path}");
    }
}

#[tokio::test]
async fn everybody_has_the_predefined_push_rules() {
    let server = TestServer::start().await;
    let alice = server.register("alice").await;
    let rules = alice.get("/v3/pushrules/").await.ok();
    let ids = |kind: &str| -> Vec<String> {
        let rules = rules["global"][kind].as_array().unwrap().iter();
        rules.map(|rule| rule["rule_id"].as_str().unwrap().to_owned()).collect()
    };
    assert!(ids("override").contains(&".m.rule.is_user_mention".to_owned()), "{rules}");
    assert!(ids("underride").contains(&".m.rule.message".to_owned()), "{rules}");
    assert_eq!(alice.get("/v3/pushrules/global/").await.ok(), rules["global"]);
    server.anonymous().get("/v3/pushrules/").await.refused(401, "M_MISSING_TOKEN");
}
