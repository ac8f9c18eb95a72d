//! What others find out about this server by its name alone (client-server API, "Server Discovery" and "Policy
//! Servers"). A web server in front of it may answer these instead.

use std::sync::Arc;

use axum::{Json, extract::State};
use serde_json::{Value, json};

use crate::{
    app::App,
    error::{Error, Result},
};

/// `GET /.well-known/matrix/client`
pub async fn client(State(app): State<Arc<App>>) -> Json<Value> {
    let mut answer = json!({ "m.homeserver": { "base_url": app.config.public_baseurl } });
    // Where clients look for it as long as MSC4143 is a proposal.
    let transports = super::calls::transports(&app.config.calls);
    if !transports.is_empty() {
        answer["org.matrix.msc4143.rtc_foci"] = transports.into();
    }
    Json(answer)
}

/// `GET /.well-known/matrix/support`
pub async fn support(State(app): State<Arc<App>>) -> Result<Json<Value>> {
    let known = &app.config.well_known;
    let mut answer = json!({});
    if !known.contacts.is_empty() {
        answer["contacts"] = json!(known.contacts);
    }
    if let Some(page) = &known.support_page {
        answer["support_page"] = json!(page);
    }
    if answer.as_object().is_some_and(|answer| answer.is_empty()) {
        return Err(Error::not_found("Whoever runs this server has not said whom to ask."));
    }
    Ok(Json(answer))
}

/// `GET /.well-known/matrix/policy_server`
pub async fn policy_server(State(app): State<Arc<App>>) -> Result<Json<Value>> {
    let key = app.config.well_known.policy_server_key.as_ref();
    let key = key.ok_or_else(|| Error::not_found("There is no policy server here."))?;
    Ok(Json(json!({ "public_keys": { "ed25519": key } })))
}
