//! What the configuration lets clients find: the server, help, calls; and that there is no other network here.

use salon::config::Contact;
use serde_json::json;

use crate::common::TestServer;

#[tokio::test]
async fn the_server_is_found_by_its_name() {
    let server = TestServer::start().await;
    let anybody = server.anonymous();
    let client = anybody.get("/.well-known/matrix/client").await.ok();
    assert_eq!(client, json!({ "m.homeserver": { "base_url": "http://localhost:6167" } }));
    anybody.get("/.well-known/matrix/support").await.refused(404, "M_NOT_FOUND");
    anybody.get("/.well-known/matrix/policy_server").await.refused(404, "M_NOT_FOUND");
    anybody.get("/.well-known/matrix/nothing").await.refused(404, "M_UNRECOGNIZED");
}

#[tokio::test]
async fn what_the_operator_says_of_themselves_is_told_to_everybody() {
    let server = TestServer::builder()
        .config(|config| {
            config.well_known.support_page = Some("https://example.org/help".to_owned());
            config.well_known.contacts = vec![Contact {
                role: "m.role.admin".to_owned(),
                matrix_id: Some("@carol:elsewhere.org".try_into().unwrap()),
                email_address: None,
            }];
            config.well_known.policy_server_key = Some("a key".to_owned());
        })
        .start()
        .await;
    let anybody = server.anonymous();
    assert_eq!(
        anybody.get("/.well-known/matrix/support").await.ok(),
        json!({
            "contacts": [{ "role": "m.role.admin", "matrix_id": "@carol:elsewhere.org" }],
            "support_page": "https://example.org/help",
        })
    );
    assert_eq!(
        anybody.get("/.well-known/matrix/policy_server").await.ok(),
        json!({ "public_keys": { "ed25519": "a key" } })
    );
}

#[tokio::test]
async fn there_is_no_bridge_to_find() {
    let server = TestServer::start().await;
    let alice = server.register("alice").await;
    alice.post("/v3/createRoom", json!({ "room_alias_name": "tea" })).await.ok();
    assert_eq!(alice.get("/v3/thirdparty/protocols").await.ok(), json!({}));
    for path in ["protocol/irc", "location/irc?channel=tea", "user/irc?nickname=alice"] {
        alice.get(&format!("/v3/thirdparty/{path}")).await.refused(404, "M_NOT_FOUND");
    }
    assert_eq!(alice.get("/v3/thirdparty/location?alias=%23tea:localhost").await.ok(), json!([]));
    alice.get("/v3/thirdparty/location?alias=%23coffee:localhost").await.refused(404, "M_NOT_FOUND");
    alice.get("/v3/thirdparty/location").await.refused(400, "M_MISSING_PARAM");
    assert_eq!(alice.get("/v3/thirdparty/user?userid=@alice:localhost").await.ok(), json!([]));
    alice.get("/v3/thirdparty/user?userid=@nobody:localhost").await.refused(404, "M_NOT_FOUND");
    server.anonymous().get("/v3/thirdparty/protocols").await.refused(401, "M_MISSING_TOKEN");
}
