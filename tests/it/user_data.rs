//! Profiles, account data, tags, filters, capabilities.

use salon::{ids::Position, users::AccountData};
use serde_json::json;

use crate::common::{TestClient, TestServer, encode};

#[tokio::test]
async fn a_profile_is_shown_to_everybody_and_changed_by_its_user() {
    let server = TestServer::start().await;
    let alice = server.register("alice").await;
    let bob = server.register("bob").await;
    let path = "/v3/profile/@alice:localhost";
    assert_eq!(bob.get(path).await.ok(), json!({ "displayname": "alice" }));

    alice.put(&format!("{path}/displayname"), json!({ "displayname": "Älice" })).await.ok();
    alice.put(&format!("{path}/avatar_url"), json!({ "avatar_url": "mxc://localhost/abc" })).await.ok();
    alice.put(&format!("{path}/m.tz"), json!({ "m.tz": "Europe/Paris" })).await.ok();
    alice.put(&format!("{path}/org.example.job"), json!({ "org.example.job": { "title": null } })).await.ok();
    let whole = json!({
        "displayname": "Älice", "avatar_url": "mxc://localhost/abc", "m.tz": "Europe/Paris",
        "org.example.job": { "title": null },
    });
    assert_eq!(server.anonymous().get(path).await.ok(), whole);
    assert_eq!(bob.get(&format!("{path}/m.tz")).await.ok(), json!({ "m.tz": "Europe/Paris" }));

    alice.delete(&format!("{path}/m.tz"), json!({})).await.ok();
    alice.delete(&format!("{path}/m.tz"), json!({})).await.ok();
    alice.put(&format!("{path}/avatar_url"), json!({ "avatar_url": "" })).await.ok();
    for gone in ["m.tz", "avatar_url"] {
        bob.get(&format!("{path}/{gone}")).await.refused(404, "M_NOT_FOUND");
    }
    bob.put(&format!("{path}/displayname"), json!({ "displayname": "x" })).await.refused(403, "M_FORBIDDEN");
    bob.delete(&format!("{path}/displayname"), json!({})).await.refused(403, "M_FORBIDDEN");
    bob.get("/v3/profile/@nobody:localhost").await.refused(404, "M_NOT_FOUND");
    bob.get("/v3/profile/nobody").await.refused(400, "M_INVALID_PARAM");
}

#[tokio::test]
async fn profiles_keep_to_their_limits() {
    let server = TestServer::start().await;
    let alice = server.register("alice").await;
    let put = |field: String, value: serde_json::Value| {
        let alice = alice.clone();
        async move { alice.put(&format!("/v3/profile/@alice:localhost/{field}"), json!({ field: value })).await }
    };
    put("displayname".to_owned(), json!(3)).await.refused(400, "M_BAD_JSON");
    put("displayname".to_owned(), json!("x".repeat(1025))).await.refused(400, "M_INVALID_PARAM");
    put("avatar_url".to_owned(), json!("https://localhost/a")).await.refused(400, "M_INVALID_PARAM");
    put("Name".to_owned(), json!(3)).await.refused(400, "M_INVALID_PARAM");
    put(format!("a.{}", "b".repeat(254)), json!(3)).await.refused(400, "M_KEY_TOO_LARGE");
    put("a.b".to_owned(), json!("x".repeat(65_520))).await.refused(400, "M_PROFILE_TOO_LARGE");
    put("a.b".to_owned(), json!("x".repeat(65_400))).await.ok();
    put("a.c".to_owned(), json!("x".repeat(200))).await.refused(400, "M_PROFILE_TOO_LARGE");
    let other = alice.put("/v3/profile/@alice:localhost/a.b", json!({ "a.c": 1 })).await;
    other.refused(400, "M_MISSING_PARAM");
}

#[tokio::test]
async fn account_data_is_kept_by_type_and_room() {
    let server = TestServer::start().await;
    let alice = server.register("alice").await;
    let bob = server.register("bob").await;
    let global = "/v3/user/@alice:localhost/account_data/org.example.a";
    let in_room = "/v3/user/@alice:localhost/rooms/!room:localhost/account_data/org.example.a";
    alice.get(global).await.refused(404, "M_NOT_FOUND");
    alice.get(in_room).await.refused(404, "M_NOT_FOUND");
    alice.put(global, json!({ "n": 1.5 })).await.ok();
    alice.put(in_room, json!({ "n": 2 })).await.ok();
    assert_eq!(alice.get(global).await.ok(), json!({ "n": 1.5 }));
    assert_eq!(alice.get(in_room).await.ok(), json!({ "n": 2 }));

    alice.put(global, json!({})).await.ok();
    alice.get(global).await.refused(404, "M_NOT_FOUND");
    bob.get(in_room).await.refused(403, "M_FORBIDDEN");
    bob.put(in_room, json!({})).await.refused(403, "M_FORBIDDEN");
    alice.put(global, json!([])).await.refused(400, "M_BAD_JSON");
    let broken = alice.request(reqwest::Method::PUT, global).body("{");
    crate::common::Answer::to(broken).await.refused(400, "M_NOT_JSON");
    alice.put(global, json!({ "x": "y".repeat(70_000) })).await.refused(413, "M_TOO_LARGE");
    alice.get("/v3/user/@alice:localhost/rooms/room/account_data/a").await.refused(400, "M_INVALID_PARAM");
    for managed in ["m.fully_read", "m.push_rules"] {
        let path = format!("/v3/user/@alice:localhost/account_data/{managed}");
        alice.put(&path, json!({ "a": 1 })).await.refused(405, "M_BAD_JSON");
        let path = format!("/v3/user/@alice:localhost/rooms/!room:localhost/account_data/{managed}");
        alice.put(&path, json!({ "a": 1 })).await.refused(405, "M_BAD_JSON");
    }
}

/// What a sync would tell of account data after `since`: type and content.
fn since(server: &TestServer, alice: &TestClient, since: Position) -> Vec<(String, String)> {
    let app = server.app();
    let user = app.users.local_user(alice.user_id.as_str().try_into().unwrap()).unwrap();
    let changed = app.users.account_data_since(&app.store.snapshot(), user, since).unwrap();
    changed.into_iter().map(|AccountData { kind, content, .. }| (kind, content)).collect()
}

#[tokio::test]
async fn each_change_of_account_data_is_told_once_in_its_last_form() {
    let server = TestServer::start().await;
    let alice = server.register("alice").await;
    let path = |kind: &str| format!("/v3/user/@alice:localhost/account_data/{kind}");
    let told = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
        pairs.iter().map(|(kind, content)| ((*kind).to_owned(), (*content).to_owned())).collect()
    };
    alice.put(&path("a"), json!({ "n": 1 })).await.ok();
    alice.put(&path("b"), json!({ "n": 1 })).await.ok();
    alice.put(&path("a"), json!({ "n": 2 })).await.ok();
    assert_eq!(since(&server, &alice, Position(0)), told(&[("b", r#"{"n":1}"#), ("a", r#"{"n":2}"#)]));

    let now = server.app().store.published();
    assert_eq!(since(&server, &alice, now), told(&[]));
    alice.put(&path("a"), json!({})).await.ok();
    assert_eq!(since(&server, &alice, now), told(&[("a", "{}")]));

    let app = server.app();
    let user = app.users.local_user("@alice:localhost".try_into().unwrap()).unwrap();
    let all = app.users.all_account_data(&app.store.snapshot(), user).unwrap();
    let all: Vec<_> = all.iter().map(|data| (data.kind.as_str(), data.room)).collect();
    assert_eq!(all, [("m.push_rules", None), ("b", None)], "what was deleted is not told to newcomers");
}

#[tokio::test]
async fn concurrent_writers_leave_one_row_in_the_feed() {
    let server = TestServer::start().await;
    let alice = server.register("alice").await;
    let writes: Vec<_> = (0..20)
        .map(|n| {
            let alice = alice.clone();
            tokio::spawn(
                async move { alice.put("/v3/user/@alice:localhost/account_data/a", json!({ "n": n })).await.ok() },
            )
        })
        .collect();
    for write in writes {
        write.await.unwrap();
    }
    assert_eq!(since(&server, &alice, Position(0)).len(), 1);
}

#[tokio::test]
async fn who_is_ignored_is_read_from_account_data() {
    let server = TestServer::start().await;
    let alice = server.register("alice").await;
    let list = json!({ "ignored_users": { "@mallory:localhost": {}, "nobody": {} } });
    alice.put("/v3/user/@alice:localhost/account_data/m.ignored_user_list", list).await.ok();
    let app = server.app();
    let user = app.users.local_user("@alice:localhost".try_into().unwrap()).unwrap();
    let (ignored, _) = app.users.ignored_users(&app.store.snapshot(), user).unwrap();
    assert_eq!(ignored.into_iter().collect::<Vec<_>>(), ["@mallory:localhost"]);
}

#[tokio::test]
async fn rooms_are_tagged() {
    let server = TestServer::start().await;
    let alice = server.register("alice").await;
    let tags = "/v3/user/@alice:localhost/rooms/!room:localhost/tags";
    assert_eq!(alice.get(tags).await.ok(), json!({ "tags": {} }));
    let work = format!("{tags}/{}", encode("u.Work & play"));
    alice.put(&work, json!({})).await.ok();
    alice.put(&format!("{tags}/m.favourite"), json!({ "order": 0.25, "org.example": "kept" })).await.ok();
    let both = json!({ "m.favourite": { "order": 0.25, "org.example": "kept" }, "u.Work & play": {} });
    assert_eq!(alice.get(tags).await.ok()["tags"], both);
    let data = alice.get("/v3/user/@alice:localhost/rooms/!room:localhost/account_data/m.tag").await.ok();
    assert_eq!(data["tags"], both);

    alice.delete(&work, json!({})).await.ok();
    alice.delete(&work, json!({})).await.ok();
    assert_eq!(alice.get(tags).await.ok()["tags"], json!({ "m.favourite": both["m.favourite"] }));
    alice.put(&work, json!({ "order": 1.5 })).await.refused(400, "M_INVALID_PARAM");
    alice.put(&work, json!({ "order": "first" })).await.refused(400, "M_BAD_JSON");
    alice.put(&format!("{tags}/{}", "x".repeat(256)), json!({})).await.refused(400, "M_INVALID_PARAM");
    server.register("bob").await.get(tags).await.refused(403, "M_FORBIDDEN");
}

#[tokio::test]
async fn filters_are_kept_and_checked() {
    let server = TestServer::start().await;
    let alice = server.register("alice").await;
    let path = "/v3/user/@alice:localhost/filter";
    let filter = json!({ "room": { "timeline": { "limit": 10, "types": ["m.room.*"] } }, "org.example": 1 });
    let id = alice.post(path, filter.clone()).await.ok()["filter_id"].as_str().unwrap().to_owned();
    assert_eq!(alice.get(&format!("{path}/{id}")).await.ok(), filter);
    assert_eq!(alice.post(path, filter).await.ok()["filter_id"], id, "the same filter is kept once");

    alice.get(&format!("{path}/other")).await.refused(404, "M_NOT_FOUND");
    alice.post(path, json!({ "room": { "rooms": ["room"] } })).await.refused(400, "M_BAD_JSON");
    alice.post(path, json!({ "presence": { "senders": ["alice"] } })).await.refused(400, "M_BAD_JSON");
    let bob = server.register("bob").await;
    bob.post(path, json!({})).await.refused(403, "M_FORBIDDEN");
    bob.get(&format!("/v3/user/@bob:localhost/filter/{id}")).await.refused(404, "M_NOT_FOUND");

    for n in 0..200 {
        alice.post(path, json!({ "n": n })).await.ok();
    }
    alice.get(&format!("{path}/{id}")).await.refused(404, "M_NOT_FOUND");
}

#[tokio::test]
async fn clients_learn_what_they_may_offer() {
    let server = TestServer::start().await;
    let alice = server.register("alice").await;
    let capabilities = alice.get("/v3/capabilities").await.ok()["capabilities"].clone();
    assert_eq!(capabilities["m.room_versions"]["default"], "12");
    let versions: Vec<_> = capabilities["m.room_versions"]["available"].as_object().unwrap().keys().collect();
    assert_eq!(versions, ["10", "11", "12", "6", "7", "8", "9"]);
    assert_eq!(capabilities["m.3pid_changes"]["enabled"], false);
    assert_eq!(alice.get("/v3/account/3pid").await.ok(), json!({ "threepids": [] }));
}
