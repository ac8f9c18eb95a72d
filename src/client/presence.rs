//! Who is there (client-server API, "Presence").

use std::sync::Arc;

use axum::extract::State;
use ruma::OwnedUserId;
use serde::Deserialize;

use super::session::require_self;
use crate::{
    app::App,
    error::{Error, Result},
    http::{
        answer::{RawJson, empty},
        extract::{self, Params},
    },
    sync::joined_rooms,
    users::{
        Session,
        presence::{PresenceState, PresenceStatus},
    },
};

/// How a user wants to be seen.
#[derive(Deserialize)]
pub struct PresenceBody {
    presence: PresenceState,
    status_msg: Option<String>,
}

/// `PUT /_matrix/client/v3/presence/{userId}/status`
pub async fn set(
    State(app): State<Arc<App>>,
    session: Session,
    Params(user_id): Params<OwnedUserId>,
    extract::Json(body): extract::Json<PresenceBody>,
) -> Result<RawJson> {
    require_self(&session, &user_id)?;
    // With the user's rooms in memory, it is known who is to be told.
    joined_rooms(&app, session.user)?;
    app.users.presence.set(&session, body.presence, body.status_msg)?;
    Ok(empty())
}

/// `GET /_matrix/client/v3/presence/{userId}/status`
pub async fn get(
    State(app): State<Arc<App>>,
    session: Session,
    Params(user_id): Params<OwnedUserId>,
) -> Result<axum::Json<PresenceStatus>> {
    let hidden = || Error::forbidden("You share no room with that user.");
    let user = app.store.user_num(&user_id)?.ok_or_else(hidden)?;
    if user != session.user && !app.rooms.is_joined_to_any(&joined_rooms(&app, session.user)?, user)? {
        return Err(hidden());
    }
    Ok(axum::Json(app.users.presence.get(user)))
}
