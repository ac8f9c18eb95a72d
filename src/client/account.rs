//! The account behind the access token (client-server API, "Account management").

use axum::Json;
use serde_json::{Value, json};

use crate::users::Session;

/// `GET /_matrix/client/v3/account/whoami`
pub async fn whoami(session: Session) -> Json<Value> {
    Json(json!({ "user_id": session.user_id, "device_id": session.device_id, "is_guest": session.is_guest }))
}
