//! `/_synapse/admin/v1/register`: not in the specification, but what many tools make accounts with.

use std::sync::Arc;

use axum::{Json, extract::State};
use serde::Deserialize;
use serde_json::{Value, json};

use super::session::SessionAnswer;
use crate::{
    app::App,
    error::{Error, Result},
    http::extract::{self, Address},
    users::{NewAccount, NewSession, SharedSecretRequest},
};

/// `GET /_synapse/admin/v1/register`
pub async fn nonce(State(app): State<Arc<App>>) -> Result<Json<Value>> {
    secret(&app)?;
    Ok(Json(json!({ "nonce": app.users.new_nonce() })))
}

/// The body of `POST /_synapse/admin/v1/register`.
#[derive(Deserialize)]
pub struct RegisterRequest {
    nonce: String,
    username: String,
    password: String,
    displayname: Option<String>,
    admin: Option<bool>,
    user_type: Option<String>,
    mac: String,
}

/// `POST /_synapse/admin/v1/register`
pub async fn register(
    State(app): State<Arc<App>>,
    Address(address): Address,
    extract::Json(request): extract::Json<RegisterRequest>,
) -> Result<Json<SessionAnswer>> {
    let admin = request.admin.unwrap_or_default();
    let proof = SharedSecretRequest {
        nonce: &request.nonce,
        username: &request.username,
        password: &request.password,
        admin,
        user_type: request.user_type.as_deref(),
        mac: &request.mac,
    };
    app.users.check_shared_secret(secret(&app)?, &proof)?;
    let user_id = app.users.new_user_id(&request.username)?;
    let user = app
        .users
        .create_account(NewAccount { user_id, password: Some(&request.password), admin, guest: false, token: None })
        .await?;
    if let Some(name) = request.displayname {
        app.users.set_profile_field(user, "displayname", name.into()).await?;
    }
    Ok(Json(app.users.start_session(user, NewSession { address, ..NewSession::default() }).await?.into()))
}

fn secret(app: &App) -> Result<&str> {
    let secret = app.config.registration.shared_secret.as_deref();
    secret.ok_or_else(|| Error::bad_request("M_UNKNOWN", "Registration by a shared secret is not switched on here."))
}
