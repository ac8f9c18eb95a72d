//! Finding users by name.

use serde_json::{Value, json};

use crate::common::{PASSWORD, TestClient, TestServer};

async fn search(client: &TestClient, body: Value) -> (Vec<String>, bool) {
    let found = client.post("/v3/user_directory/search", body).await.ok();
    let ids = found["results"].as_array().unwrap().iter().map(|user| user["user_id"].as_str().unwrap().to_owned());
    (ids.collect(), found["limited"].as_bool().unwrap())
}

#[tokio::test]
async fn users_are_found_whatever_the_case_and_the_accents() {
    let mut server = TestServer::start().await;
    let alice = server.register("alice").await;
    let name = |name: &str| json!({ "displayname": name });
    alice.put("/v3/profile/@alice:localhost/displayname", name("Élodie Ångström")).await.ok();
    let bob = server.register("bob").await;
    for term in ["ELODIE", "angstr", "@alice", "lic", "angstrom élodie"] {
        let found = search(&bob, json!({ "search_term": term })).await;
        assert_eq!(found, (vec!["@alice:localhost".to_owned()], false), "{term}");
    }
    for term in ["elodie bob", "nobody", "", "  "] {
        assert_eq!(search(&bob, json!({ "search_term": term })).await, (vec![], false), "{term}");
    }
    let found = bob.post("/v3/user_directory/search", json!({ "search_term": "elodie" })).await.ok();
    let expected = json!({ "user_id": "@alice:localhost", "display_name": "Élodie Ångström" });
    assert_eq!(found["results"], json!([expected]));

    alice.put("/v3/profile/@alice:localhost/displayname", name("Alix")).await.ok();
    assert_eq!(search(&bob, json!({ "search_term": "elodie" })).await.0.len(), 0);
    assert_eq!(search(&bob, json!({ "search_term": "alix" })).await.0.len(), 1);
    server.restart().await;
    let bob = server.log_in("bob").await;
    assert_eq!(search(&bob, json!({ "search_term": "alix" })).await.0.len(), 1);
    bob.post("/v3/user_directory/search", json!({})).await.refused(400, "M_BAD_JSON");
}

#[tokio::test]
async fn the_closest_come_first_and_no_more_than_wanted() {
    let server = TestServer::start().await;
    let me = server.register("xann").await;
    for user in ["anna", "ann", "annex"] {
        server.register(user).await;
    }
    let (all, limited) = search(&me, json!({ "search_term": "ann" })).await;
    assert_eq!((all, limited), (["ann", "anna", "annex", "xann"].map(|u| format!("@{u}:localhost")).to_vec(), false));
    let (two, limited) = search(&me, json!({ "search_term": "ann", "limit": 2 })).await;
    assert_eq!((two.len(), limited), (2, true));
}

#[tokio::test]
async fn guests_and_the_deactivated_are_not_listed() {
    let server = TestServer::start().await;
    let alice = server.register("alice").await;
    let guest = server.anonymous().post("/v3/register?kind=guest", json!({})).await.ok();
    let guest = guest["user_id"].as_str().unwrap().to_owned();
    assert_eq!(search(&alice, json!({ "search_term": guest })).await.0.len(), 0);
    let bob = server.register("bob").await;
    assert_eq!(search(&alice, json!({ "search_term": "bob" })).await.0.len(), 1);
    let auth = json!({ "type": "m.login.password", "password": PASSWORD,
        "identifier": { "type": "m.id.user", "user": "bob" } });
    bob.post("/v3/account/deactivate", json!({ "auth": auth })).await.ok();
    assert_eq!(search(&alice, json!({ "search_term": "bob" })).await.0.len(), 0);
}
