//! Logging in, refreshing tokens, logging out (client-server API, "Legacy API", "Login").

use std::sync::Arc;

use axum::{Extension, Json, extract::State};
use serde::Deserialize;
use serde_json::{Value, json};

use super::session::{SessionAnswer, TokensAnswer};
use crate::{
    app::App,
    error::{Error, Result},
    http::{
        answer::{RawJson, empty},
        extract::{self, Address},
        rate_limit::{Class, RateLimits},
    },
    users::{Identifier, NewSession, Session},
};

/// `GET /_matrix/client/v3/login`
pub async fn flows() -> Json<Value> {
    Json(json!({ "flows": [{ "type": "m.login.password" }] }))
}

/// The body of `POST /_matrix/client/v3/login`.
#[derive(Deserialize)]
pub struct LoginRequest {
    #[serde(rename = "type")]
    kind: String,
    identifier: Option<Identifier>,
    user: Option<String>,
    password: Option<String>,
    device_id: Option<String>,
    initial_device_display_name: Option<String>,
    refresh_token: Option<bool>,
}

/// `POST /_matrix/client/v3/login`
pub async fn login(
    State(app): State<Arc<App>>,
    Address(address): Address,
    limits: Option<Extension<Arc<RateLimits>>>,
    extract::Json(request): extract::Json<LoginRequest>,
) -> Result<Json<SessionAnswer>> {
    if request.kind != "m.login.password" {
        return Err(Error::bad_request("M_UNKNOWN", "The only way to log in here is m.login.password."));
    }
    let password = request.password.ok_or_else(|| Error::bad_request("M_MISSING_PARAM", "The password is missing."))?;
    let named = app.users.named_at_login(request.identifier.as_ref(), request.user.as_deref());
    if let (Some(limits), Some(user_id)) = (limits, &named) {
        // Whoever guesses from many addresses.
        limits.check(Class::Account, user_id)?;
    }
    let user = app.users.log_in(named.as_deref(), &password).await?;
    let new = NewSession {
        device_id: request.device_id,
        display_name: request.initial_device_display_name,
        refreshable: request.refresh_token.unwrap_or_default(),
        address,
    };
    Ok(Json(app.users.start_session(user, new).await?.into()))
}

/// The body of `POST /_matrix/client/v3/refresh`.
#[derive(Deserialize)]
pub struct RefreshRequest {
    refresh_token: String,
}

/// `POST /_matrix/client/v3/refresh`
pub async fn refresh(
    State(app): State<Arc<App>>,
    extract::Json(request): extract::Json<RefreshRequest>,
) -> Result<Json<TokensAnswer>> {
    Ok(Json(app.users.refresh_session(&request.refresh_token).await?.into()))
}

/// `POST /_matrix/client/v3/logout`
pub async fn logout(State(app): State<Arc<App>>, session: Session) -> Result<RawJson> {
    app.users.end_session(&session).await?;
    Ok(empty())
}

/// `POST /_matrix/client/v3/logout/all`
pub async fn logout_all(State(app): State<Arc<App>>, session: Session) -> Result<RawJson> {
    app.users.delete_other_devices(session.user, None).await?;
    Ok(empty())
}
