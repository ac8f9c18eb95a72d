//! Push rules (client-server API, "Push Rules API"): so far everybody has those that the specification predefines.

use axum::Json;
use ruma::push::Ruleset;
use serde_json::{Value, json};

use crate::users::Session;

/// `GET /_matrix/client/v3/pushrules/`. Clients on matrix-js-sdk don't begin to sync without it.
pub async fn all(session: Session) -> Json<Value> {
    Json(json!({ "global": Ruleset::server_default(&session.user_id) }))
}

/// `GET /_matrix/client/v3/pushrules/global/`
pub async fn global(session: Session) -> Json<Value> {
    Json(json!(Ruleset::server_default(&session.user_id)))
}
