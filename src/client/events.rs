//! The stream of events of old clients, a room's also for those who only look into it (client-server API, "/events",
//! and "Room Previews").

use std::{sync::Arc, time::Duration};

use axum::extract::State;
use ruma::{OwnedEventId, OwnedRoomId};
use serde::Deserialize;

use super::history;
use crate::{
    app::App,
    error::{Error, Result},
    http::{
        answer::RawJson,
        extract::{Params, QueryParams},
    },
    sync::{StreamRequest, SyncToken, joined_rooms, stream as next_events},
    users::{Session, presence::PresenceState},
};

/// The parameters of `/events`.
#[derive(Deserialize)]
pub struct StreamQuery {
    from: Option<String>,
    room_id: Option<OwnedRoomId>,
    timeout: Option<u64>,
}

/// `GET /_matrix/client/v3/events`
pub async fn stream(
    State(app): State<Arc<App>>,
    session: Session,
    QueryParams(query): QueryParams<StreamQuery>,
) -> Result<RawJson> {
    let request = StreamRequest {
        from: query.from.as_deref().map(token).transpose()?,
        room: query.room_id,
        timeout: Duration::from_millis(query.timeout.unwrap_or(0)),
    };
    // With the user's rooms in memory, it is known who is to be told that they are there.
    joined_rooms(&app, session.user)?;
    let _syncing = app.users.presence.sync(&session, PresenceState::default());
    next_events(&app, &session, &request).await.map(RawJson)
}

/// A token of the stream, or the end of a page of a room's history.
fn token(from: &str) -> Result<SyncToken> {
    match from.parse() {
        Ok(token) => Ok(token),
        Err(_) => {
            let point = history::point(Some(from))?;
            let point = point.ok_or_else(|| Error::invalid_param("`from` is no token."))?;
            Ok(SyncToken::behind(point))
        }
    }
}

/// `GET /_matrix/client/v3/events/{eventId}`
pub async fn one(
    State(app): State<Arc<App>>,
    session: Session,
    Params(event_id): Params<OwnedEventId>,
) -> Result<RawJson> {
    let snapshot = app.store.snapshot();
    let not_found = || Error::not_found("There is no such event, or you may not see it.");
    let room = app.rooms.room_of(&snapshot, &event_id)?.ok_or_else(not_found)?;
    let mut history = app.rooms.past(&snapshot, &app.users, &session, room)?;
    let seen = history.event(&event_id)?;
    let mut out = Vec::with_capacity(seen.event.pdu_json().len());
    history.render(&mut out, &seen)?;
    Ok(RawJson(out))
}
