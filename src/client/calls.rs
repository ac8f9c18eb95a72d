//! What calls need beside this server (client-server API, "Voice over IP"; MSC4143 for calls of many).

use std::sync::Arc;

use axum::{Json, extract::State};
use serde_json::{Value, json};

use crate::{app::App, config::Calls, error::Result, users::Session};

/// `GET /_matrix/client/v3/voip/turnServer`; an empty object where no TURN server is configured.
pub async fn turn_server(State(app): State<Arc<App>>, session: Session) -> Result<Json<Value>> {
    let calls = &app.config.calls;
    if calls.turn_uris.is_empty() {
        return Ok(Json(json!({})));
    }
    let (username, password) = match (&calls.turn_shared_secret, &calls.turn_username, &calls.turn_password) {
        (Some(secret), ..) => app.users.turn_credentials(secret, &session.user_id, calls.turn_lifetime)?,
        (None, username, password) => (username.clone().unwrap_or_default(), password.clone().unwrap_or_default()),
    };
    let (uris, ttl) = (&calls.turn_uris, calls.turn_lifetime);
    Ok(Json(json!({ "username": username, "password": password, "uris": uris, "ttl": ttl })))
}

/// `GET /_matrix/client/unstable/org.matrix.msc4143/rtc/transports`
pub async fn rtc_transports(State(app): State<Arc<App>>, _: Session) -> Json<Value> {
    Json(json!({ "rtc_transports": transports(&app.config.calls) }))
}

/// Through what calls of many can go.
pub(super) fn transports(calls: &Calls) -> Vec<Value> {
    let livekit = |url: &String| json!({ "type": "livekit", "livekit_service_url": url });
    calls.livekit_service_url.iter().map(livekit).collect()
}
