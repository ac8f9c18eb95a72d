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
        extract::{self, Address, OptionalJson},
        rate_limit::{Class, RateLimits},
    },
    ids::UserNum,
    users::{AuthData, Identifier, NewSession, Operation, Session, Stage, login_tokens::LIFETIME_MS},
};

/// `GET /_matrix/client/v3/login`
pub async fn flows() -> Json<Value> {
    Json(json!({ "flows": [{ "type": "m.login.password" }, { "type": "m.login.token", "get_login_token": true }] }))
}

/// The body of `POST /_matrix/client/v3/login`.
#[derive(Deserialize)]
pub struct LoginRequest {
    #[serde(rename = "type")]
    kind: String,
    identifier: Option<Identifier>,
    user: Option<String>,
    password: Option<String>,
    token: Option<String>,
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
    let user = match request.kind.as_str() {
        "m.login.password" => by_password(&app, limits.as_deref(), &request).await?,
        "m.login.token" => app.users.redeem_login_token(request.token.as_deref().ok_or_else(|| missing("token"))?)?,
        _ => return Err(Error::bad_request("M_UNKNOWN", "One logs in here by m.login.password or m.login.token.")),
    };
    let new = NewSession {
        device_id: request.device_id,
        display_name: request.initial_device_display_name,
        refreshable: request.refresh_token.unwrap_or_default(),
        address,
    };
    Ok(Json(app.users.start_session(user, new).await?.into()))
}

async fn by_password(app: &App, limits: Option<&Arc<RateLimits>>, request: &LoginRequest) -> Result<UserNum> {
    let password = request.password.as_deref().ok_or_else(|| missing("password"))?;
    match (&request.identifier, &request.user) {
        (Some(identifier), _) if !identifier.is_known() => {
            return Err(Error::bad_request("M_UNKNOWN", "An identifier is of type m.id.user here."));
        }
        (None, None) => return Err(missing("identifier")),
        _ => {}
    }
    let named = app.users.named_at_login(request.identifier.as_ref(), request.user.as_deref());
    if let (Some(limits), Some(user_id)) = (limits, &named) {
        // Whoever guesses from many addresses.
        limits.check(Class::Account, user_id)?;
    }
    app.users.log_in(named.as_deref(), password).await
}

fn missing(field: &str) -> Error {
    Error::bad_request("M_MISSING_PARAM", format!("The {field} is missing."))
}

/// The body of `POST /_matrix/client/v1/login/get_token`.
#[derive(Deserialize)]
pub struct GetTokenRequest {
    auth: Option<AuthData>,
}

/// `POST /_matrix/client/v1/login/get_token`
pub async fn get_token(
    State(app): State<Arc<App>>,
    session: Session,
    OptionalJson(request): OptionalJson<GetTokenRequest>,
) -> Result<Json<Value>> {
    let operation = Operation { name: "login_token".to_owned(), stage: Stage::Password(session.user) };
    let passed = app.users.authenticate_interactively(operation, request.auth).await?;
    let token = app.users.new_login_token(session.user);
    app.users.finish(passed);
    Ok(Json(json!({ "login_token": token, "expires_in_ms": LIFETIME_MS })))
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
