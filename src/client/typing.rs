//! Typing notices (client-server API, "Typing Notifications").

use std::{sync::Arc, time::Duration};

use axum::extract::State;
use ruma::{OwnedRoomId, OwnedUserId};
use serde::Deserialize;

use super::session::require_self;
use crate::{
    app::App,
    error::Result,
    http::{
        answer::{RawJson, empty},
        extract::{Json, Params},
    },
    users::Session,
};

/// Whether somebody types, and for how many ms from now on.
#[derive(Deserialize)]
pub struct TypingBody {
    typing: bool,
    timeout: Option<u64>,
}

/// `PUT /_matrix/client/v3/rooms/{roomId}/typing/{userId}`
pub async fn set(
    State(app): State<Arc<App>>,
    session: Session,
    Params((room_id, user_id)): Params<(OwnedRoomId, OwnedUserId)>,
    Json(body): Json<TypingBody>,
) -> Result<RawJson> {
    require_self(&session, &user_id)?;
    app.users.presence.active(&session);
    app.rooms.set_typing(&session, &room_id, body.typing, body.timeout.map(Duration::from_millis))?;
    Ok(empty())
}
