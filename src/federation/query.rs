//! What other servers look up: profiles and aliases (server-server API, "Querying for information").

use std::sync::Arc;

use axum::{Json, extract::State};
use ruma::{OwnedRoomAliasId, OwnedUserId};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::{
    app::App,
    error::{Error, Result},
    http::{extract::QueryParams, x_matrix::Signed},
};

/// Servers that are named as being in a room.
const MAX_SERVERS: usize = 100;

/// The query of `GET /_matrix/federation/v1/query/profile`.
#[derive(Deserialize)]
pub struct ProfileQuery {
    user_id: OwnedUserId,
    field: Option<String>,
}

/// `GET /_matrix/federation/v1/query/profile`
pub async fn profile(
    State(app): State<Arc<App>>,
    QueryParams(query): QueryParams<ProfileQuery>,
    _: Signed,
) -> Result<Json<Map<String, Value>>> {
    let not_found = || Error::not_found("There is no such user here.");
    if !app.users.is_local(&query.user_id) {
        return Err(not_found());
    }
    let user = app.store.user_num(&query.user_id)?.ok_or_else(not_found)?;
    let mut fields = app.users.profile_fields(user)?;
    if let Some(field) = query.field {
        fields.retain(|name, _| *name == field);
    }
    Ok(Json(fields))
}

/// The query of `GET /_matrix/federation/v1/query/directory`.
#[derive(Deserialize)]
pub struct DirectoryQuery {
    room_alias: OwnedRoomAliasId,
}

/// `GET /_matrix/federation/v1/query/directory`
pub async fn directory(
    State(app): State<Arc<App>>,
    QueryParams(query): QueryParams<DirectoryQuery>,
    _: Signed,
) -> Result<Json<Value>> {
    if query.room_alias.server_name() != app.config.server_name {
        return Err(Error::not_found("The alias is not of this server."));
    }
    let (room_id, mut servers) = app.rooms.look_up_alias(&query.room_alias).await?;
    servers.truncate(MAX_SERVERS);
    Ok(Json(json!({ "room_id": room_id, "servers": servers })))
}
