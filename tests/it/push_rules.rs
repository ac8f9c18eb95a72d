//! Push rules: read, made, moved, switched and deleted, and told to the user's other devices.

use serde_json::{Value, json};

use crate::common::{TestClient, TestServer, encode};

/// A rule's path.
fn path(kind: &str, rule_id: &str) -> String {
    format!("/v3/pushrules/global/{kind}/{}", encode(rule_id))
}

async fn names(client: &TestClient, kind: &str) -> Vec<String> {
    let rules = client.get("/v3/pushrules/global/").await.ok();
    rules[kind].as_array().unwrap().iter().map(|rule| rule["rule_id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_rule_lives_from_put_to_delete() {
    let mut server = TestServer::start().await;
    let alice = server.register("alice").await;
    let actions = json!(["notify", { "set_tweak": "sound", "value": "cake.wav" }, { "set_tweak": "highlight" }]);
    let cake = path("content", "cake");
    alice.put(&cake, json!({ "pattern": "cake*lie", "actions": actions })).await.ok();
    let rule = json!({
        "rule_id": "cake", "default": false, "enabled": true, "pattern": "cake*lie", "actions": actions
    });
    assert_eq!(alice.get(&cake).await.ok(), rule);
    assert_eq!(alice.get("/v3/pushrules/").await.ok()["global"]["content"], json!([rule]));

    alice.put(&format!("{cake}/enabled"), json!({ "enabled": false })).await.ok();
    alice.put(&format!("{cake}/actions"), json!({ "actions": ["dont_notify", "org.example.blink"] })).await.ok();
    assert_eq!(alice.get(&format!("{cake}/enabled")).await.ok(), json!({ "enabled": false }));
    let actions = json!({ "actions": ["org.example.blink"] });
    assert_eq!(alice.get(&format!("{cake}/actions")).await.ok(), actions, "what is historical is ignored");
    alice.put(&cake, json!({ "pattern": "pie", "actions": [] })).await.ok();
    let changed = json!({ "rule_id": "cake", "default": false, "enabled": false, "pattern": "pie", "actions": [] });
    assert_eq!(alice.get(&cake).await.ok(), changed, "a change doesn't switch it on");

    server.restart().await;
    let alice = alice.at(server.base_url());
    assert_eq!(alice.get(&cake).await.ok(), changed);
    alice.delete(&cake, json!({})).await.ok();
    alice.get(&cake).await.refused(404, "M_NOT_FOUND");
    alice.delete(&cake, json!({})).await.refused(404, "M_NOT_FOUND");
}

#[tokio::test]
async fn rules_of_every_kind_stand_where_they_are_put() {
    let server = TestServer::start().await;
    let alice = server.register("alice").await;
    let condition = json!([{ "kind": "event_match", "key": "room_id", "pattern": "!a:localhost" }]);
    for kind in ["override", "underride"] {
        for name in ["one", "two"] {
            alice.put(&path(kind, name), json!({ "conditions": condition, "actions": [] })).await.ok();
        }
        alice.put(&format!("{}?after=two", path(kind, "three")), json!({ "actions": [] })).await.ok();
        alice.put(&format!("{}?before=two", path(kind, "one")), json!({ "actions": [] })).await.ok();
        let first = usize::from(kind == "override");
        assert_eq!(names(&alice, kind).await[first..first + 3], ["one", "two", "three"]);
        let answer = alice.put(&format!("{}?before=four", path(kind, "one")), json!({ "actions": [] })).await;
        assert_eq!(answer.refused(400, "M_UNKNOWN")["error"], "before/after rule not found: four");
        let answer = alice.put(&format!("{}?after=.m.rule.message", path(kind, "one")), json!({ "actions": [] })).await;
        answer.refused(400, "M_UNKNOWN");
    }
    assert_eq!(names(&alice, "override").await[0], ".m.rule.master");
    alice.put(&path("room", "!a:localhost"), json!({ "actions": ["notify"] })).await.ok();
    alice.put(&path("sender", "@bob:localhost"), json!({ "actions": [] })).await.ok();
    let rule = json!({ "rule_id": "!a:localhost", "default": false, "enabled": true, "actions": ["notify"] });
    assert_eq!(alice.get(&path("room", "!a:localhost")).await.ok(), rule);
    assert_eq!(names(&alice, "sender").await, ["@bob:localhost"]);
}

#[tokio::test]
async fn predefined_rules_are_switched_and_changed_but_stay() {
    let server = TestServer::start().await;
    let alice = server.register("alice").await;
    let bob = server.register("bob").await;
    let message = path("underride", ".m.rule.message");
    alice.put(&format!("{message}/enabled"), json!({ "enabled": false })).await.ok();
    alice.put(&format!("{message}/actions"), json!({ "actions": [] })).await.ok();
    let rule = alice.get(&message).await.ok();
    assert_eq!((&rule["enabled"], &rule["actions"], &rule["default"]), (&json!(false), &json!([]), &json!(true)));
    assert_eq!(bob.get(&format!("{message}/enabled")).await.ok(), json!({ "enabled": true }), "each has their own");
    alice.delete(&message, json!({})).await.refused(400, "M_INVALID_PARAM");
    alice.put(&message, json!({ "actions": [] })).await.refused(400, "M_INVALID_PARAM");
    assert_eq!(names(&alice, "underride").await.len(), 5);
}

#[tokio::test]
async fn what_is_no_rule_is_refused() {
    let server = TestServer::start().await;
    let alice = server.register("alice").await;
    let put = |kind: &str, name: &str, body: Value| {
        let (alice, path) = (alice.clone(), path(kind, name));
        async move { alice.put(&path, body).await }
    };
    let actions = json!({ "actions": [] });
    put("postcontent", "x", actions.clone()).await.refused(400, "M_INVALID_PARAM");
    put("override", ".x", actions.clone()).await.refused(400, "M_INVALID_PARAM");
    put("override", "a/b", actions.clone()).await.refused(400, "M_INVALID_PARAM");
    put("override", "a\\b", actions.clone()).await.refused(400, "M_INVALID_PARAM");
    put("override", &"x".repeat(256), actions.clone()).await.refused(400, "M_INVALID_PARAM");
    put("room", "#a:localhost", actions.clone()).await.refused(400, "M_INVALID_PARAM");
    put("sender", "bob", actions.clone()).await.refused(400, "M_INVALID_PARAM");
    put("content", "x", actions.clone()).await.refused(400, "M_MISSING_PARAM");
    put("override", "x", json!({})).await.refused(400, "M_BAD_JSON");
    put("override", "x", json!({ "actions": [7] })).await.refused(400, "M_BAD_JSON");
    let without_pattern = json!([{ "kind": "event_match", "key": "type" }]);
    put("override", "x", json!({ "conditions": without_pattern, "actions": [] })).await.refused(400, "M_BAD_JSON");
    let long = json!({ "pattern": "?".repeat(256), "actions": [] });
    put("content", "x", long).await.refused(400, "M_INVALID_PARAM");
    let many = vec![json!({ "kind": "contains_display_name" }); 17];
    put("override", "x", json!({ "conditions": many, "actions": [] })).await.refused(400, "M_INVALID_PARAM");
    let large = json!({ "actions": [{ "set_tweak": "org.example.x", "value": "x".repeat(5_000) }] });
    put("override", "x", large).await.refused(400, "M_INVALID_PARAM");
    let nothing = path("room", "!nowhere:localhost");
    alice.get(&nothing).await.refused(404, "M_NOT_FOUND");
    alice.get(&path("rooms", "!nowhere:localhost")).await.refused(400, "M_INVALID_PARAM");
    for (part, body) in [("enabled", json!({ "enabled": true })), ("actions", json!({ "actions": [] }))] {
        alice.get(&format!("{nothing}/{part}")).await.refused(404, "M_NOT_FOUND");
        alice.put(&format!("{nothing}/{part}"), body).await.refused(404, "M_NOT_FOUND");
        alice.put(&format!("{nothing}/{part}"), json!({})).await.refused(400, "M_BAD_JSON");
    }
    server.anonymous().get("/v3/pushrules/").await.refused(401, "M_MISSING_TOKEN");
}

#[tokio::test]
async fn there_is_an_end_to_the_number_of_rules() {
    let server = TestServer::start().await;
    let alice = server.register("alice").await;
    for n in 0..1_000 {
        alice.put(&path("content", &n.to_string()), json!({ "pattern": "x", "actions": [] })).await.ok();
    }
    let more = path("content", "more");
    alice.put(&more, json!({ "pattern": "x", "actions": [] })).await.refused(413, "M_TOO_LARGE");
    alice.put(&path("content", "7"), json!({ "pattern": "y", "actions": [] })).await.ok();
    alice.delete(&path("content", "8"), json!({})).await.ok();
    alice.put(&more, json!({ "pattern": "x", "actions": [] })).await.ok();
}

/// The rules that a sync tells of, if it does.
fn told(sync: &Value) -> Option<&Value> {
    let events = sync["account_data"]["events"].as_array()?;
    let rules: Vec<_> = events.iter().filter(|event| event["type"] == "m.push_rules").collect();
    assert!(rules.len() <= 1, "told once: {sync}");
    rules.first().map(|event| &event["content"])
}

#[tokio::test]
async fn a_sync_tells_the_rules_at_first_and_whenever_they_change() {
    let server = TestServer::start().await;
    let alice = server.register("alice").await;
    let all = |client: TestClient| async move { client.get("/v3/pushrules/").await.ok() };
    let first = alice.get("/v3/sync").await.ok();
    assert_eq!(told(&first), Some(&all(alice.clone()).await));
    let stored = "/v3/user/@alice:localhost/account_data/m.push_rules";
    assert_eq!(alice.get(stored).await.ok(), all(alice.clone()).await);

    let since = first["next_batch"].as_str().unwrap().to_owned();
    let quiet = alice.get(&format!("/v3/sync?timeout=0&since={since}")).await.ok();
    assert_eq!(told(&quiet), None);
    let waits = tokio::spawn({
        let alice = alice.clone();
        async move { alice.get(&format!("/v3/sync?timeout=20000&since={since}")).await.ok() }
    });
    alice.put(&path("room", "!a:localhost"), json!({ "actions": [] })).await.ok();
    let woken = waits.await.unwrap();
    assert_eq!(told(&woken), Some(&all(alice.clone()).await));
    assert_eq!(told(&woken).unwrap()["global"]["room"][0]["rule_id"], "!a:localhost");

    let since = woken["next_batch"].as_str().unwrap();
    alice.delete(&path("room", "!a:localhost"), json!({})).await.ok();
    let last = alice.get(&format!("/v3/sync?timeout=0&since={since}")).await.ok();
    assert_eq!(told(&last), Some(&all(alice.clone()).await), "the predefined ones again, not nothing");
    alice.put(stored, json!({ "global": {} })).await.refused(405, "M_BAD_JSON");
}
