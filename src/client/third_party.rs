//! Networks beside Matrix, which application services bridge to (client-server API, "Third-party Networks"). None is
//! served here, so there is nothing to find.

use std::sync::Arc;

use axum::{Json, extract::State};
use ruma::{OwnedRoomAliasId, OwnedUserId};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    app::App,
    error::{Error, Result},
    http::extract::{Params, QueryParams},
    users::Session,
};

/// `GET /_matrix/client/v3/thirdparty/protocols`
pub async fn protocols(_: Session) -> Json<Value> {
    Json(json!({}))
}

/// `GET /_matrix/client/v3/thirdparty/protocol/{protocol}`, and what leads from one to rooms and users of Matrix.
pub async fn protocol(_: Session, Params(_): Params<String>) -> Error {
    Error::not_found("There is no bridge to such a network here.")
}

/// The query of `GET /_matrix/client/v3/thirdparty/location`.
#[derive(Deserialize)]
pub struct LocationQuery {
    alias: OwnedRoomAliasId,
}

/// `GET /_matrix/client/v3/thirdparty/location`: no room stands for a place of another network.
pub async fn locations(
    State(app): State<Arc<App>>,
    _: Session,
    QueryParams(query): QueryParams<LocationQuery>,
) -> Result<Json<Value>> {
    app.rooms.resolve_alias(&query.alias)?;
    Ok(Json(json!([])))
}

/// The query of `GET /_matrix/client/v3/thirdparty/user`.
#[derive(Deserialize)]
pub struct UserQuery {
    userid: OwnedUserId,
}

/// `GET /_matrix/client/v3/thirdparty/user`: no user stands for one of another network.
pub async fn users(
    State(app): State<Arc<App>>,
    _: Session,
    QueryParams(query): QueryParams<UserQuery>,
) -> Result<Json<Value>> {
    app.users.local_user(&query.userid)?;
    Ok(Json(json!([])))
}
