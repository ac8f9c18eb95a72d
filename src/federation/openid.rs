//! Whose OpenID token it is (server-server API, "OpenID"). Any service may ask: no server has to sign for it.

use std::sync::Arc;

use axum::{Json, extract::State};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    app::App,
    error::{Error, Result},
    http::extract::QueryParams,
};

/// The query of `GET /_matrix/federation/v1/openid/userinfo`.
#[derive(Deserialize)]
pub struct UserInfoQuery {
    access_token: Option<String>,
}

/// `GET /_matrix/federation/v1/openid/userinfo`
pub async fn userinfo(
    State(app): State<Arc<App>>,
    QueryParams(query): QueryParams<UserInfoQuery>,
) -> Result<Json<Value>> {
    let token = query.access_token.ok_or_else(|| Error::new(401, "M_MISSING_TOKEN", "`access_token` is missing."))?;
    Ok(Json(json!({ "sub": app.users.redeem_openid_token(&token)? })))
}
