//! Tokens that prove to another service who one is (client-server API, "OpenID").

use std::sync::Arc;

use axum::{Json, extract::State};
use ruma::OwnedUserId;
use serde::Serialize;
use serde_json::{Map, Value};

use super::session::require_self;
use crate::{
    app::App,
    error::Result,
    http::extract::{OptionalJson, Params},
    users::{Session, openid::LIFETIME_S},
};

/// What the other service needs to ask this server.
#[derive(Serialize)]
pub struct OpenIdToken {
    access_token: String,
    token_type: &'static str,
    matrix_server_name: String,
    expires_in: u64,
}

/// `POST /_matrix/client/v3/user/{userId}/openid/request_token`
pub async fn request_token(
    State(app): State<Arc<App>>,
    session: Session,
    Params(user_id): Params<OwnedUserId>,
    // Reserved by the specification.
    OptionalJson(_): OptionalJson<Map<String, Value>>,
) -> Result<Json<OpenIdToken>> {
    require_self(&session, &user_id)?;
    Ok(Json(OpenIdToken {
        access_token: app.users.new_openid_token(session.user),
        token_type: "Bearer",
        matrix_server_name: app.config.server_name.to_string(),
        expires_in: LIFETIME_S,
    }))
}
