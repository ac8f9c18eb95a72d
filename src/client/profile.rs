//! Profiles (client-server API, "Profiles").

use std::sync::Arc;

use axum::{Json, extract::State};
use ruma::OwnedUserId;
use serde_json::{Map, Value};

use super::session::require_self;
use crate::{
    app::App,
    error::{Error, Result},
    http::{
        answer::{RawJson, empty},
        extract::{self, Params},
    },
    users::Session,
};

/// `GET /_matrix/client/v3/profile/{userId}`
pub async fn get(
    State(app): State<Arc<App>>,
    Params(user_id): Params<OwnedUserId>,
) -> Result<Json<Map<String, Value>>> {
    Ok(Json(app.rooms.look_up_profile(&user_id).await?))
}

/// `GET /_matrix/client/v3/profile/{userId}/{keyName}`
pub async fn get_field(
    State(app): State<Arc<App>>,
    Params((user_id, field)): Params<(OwnedUserId, String)>,
) -> Result<Json<Map<String, Value>>> {
    let value = app.rooms.look_up_profile(&user_id).await?.remove(&field);
    let value = value.ok_or_else(|| Error::not_found("This user has no such field in their profile."))?;
    Ok(Json(Map::from_iter([(field, value)])))
}

/// `PUT /_matrix/client/v3/profile/{userId}/{keyName}`
pub async fn set_field(
    State(app): State<Arc<App>>,
    session: Session,
    Params((user_id, field)): Params<(OwnedUserId, String)>,
    extract::Json(mut body): extract::Json<Map<String, Value>>,
) -> Result<RawJson> {
    require_self(&session, &user_id)?;
    let value = body
        .remove(&field)
        .ok_or_else(|| Error::bad_request("M_MISSING_PARAM", "The body must hold the field that the path names."))?;
    app.users.set_profile_field(session.user, &field, value).await?;
    app.rooms.caught_up().await;
    Ok(empty())
}

/// `DELETE /_matrix/client/v3/profile/{userId}/{keyName}`
pub async fn delete_field(
    State(app): State<Arc<App>>,
    session: Session,
    Params((user_id, field)): Params<(OwnedUserId, String)>,
) -> Result<RawJson> {
    require_self(&session, &user_id)?;
    app.users.delete_profile_field(session.user, &field).await?;
    app.rooms.caught_up().await;
    Ok(empty())
}
