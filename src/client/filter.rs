//! Filters (client-server API, "Filtering").

use std::sync::Arc;

use axum::{Json, extract::State};
use ruma::OwnedUserId;
use serde_json::{Value, json};

use super::session::require_self;
use crate::{
    app::App,
    error::Result,
    http::{
        answer::RawJson,
        extract::{self, Params, RawBody},
    },
    users::Session,
};

/// `POST /_matrix/client/v3/user/{userId}/filter`
pub async fn define(
    State(app): State<Arc<App>>,
    session: Session,
    Params(user_id): Params<OwnedUserId>,
    RawBody(body): RawBody,
) -> Result<Json<Value>> {
    require_self(&session, &user_id)?;
    let id = app.users.store_filter(session.user, extract::text(&body)?).await?;
    Ok(Json(json!({ "filter_id": id })))
}

/// `GET /_matrix/client/v3/user/{userId}/filter/{filterId}`
pub async fn get(
    State(app): State<Arc<App>>,
    session: Session,
    Params((user_id, id)): Params<(OwnedUserId, String)>,
) -> Result<RawJson> {
    require_self(&session, &user_id)?;
    Ok(RawJson(app.users.filter_json(session.user, &id)?.into_bytes()))
}
