//! Upgrading rooms (client-server API, "Room Upgrades").

use std::sync::Arc;

use axum::{Json, extract::State};
use ruma::{OwnedRoomId, OwnedUserId};
use serde::Deserialize;
use serde_json::{Value, json};

use super::create_room::offered_version;
use crate::{
    app::App,
    error::Result,
    http::extract::{self, Params},
    rooms::upgrade::Upgrade,
    users::Session,
};

/// The body of `POST /_matrix/client/v3/rooms/{roomId}/upgrade`.
#[derive(Deserialize)]
pub struct UpgradeRequest {
    new_version: String,
    additional_creators: Option<Vec<OwnedUserId>>,
}

/// `POST /_matrix/client/v3/rooms/{roomId}/upgrade`
pub async fn upgrade(
    State(app): State<Arc<App>>,
    session: Session,
    Params(room_id): Params<OwnedRoomId>,
    extract::Json(request): extract::Json<UpgradeRequest>,
) -> Result<Json<Value>> {
    let version = offered_version(&request.new_version)?;
    let upgrade = Upgrade { version, additional_creators: request.additional_creators.unwrap_or_default() };
    let room_id = app.rooms.upgrade(&session, &room_id, upgrade).await?;
    Ok(Json(json!({ "replacement_room": room_id })))
}
