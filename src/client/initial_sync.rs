//! Everything at once: of one room (client-server API, "Room Previews"), and of all as old clients begin ("/initialSync").

use std::sync::Arc;

use axum::extract::State;
use ruma::OwnedRoomId;
use serde::Deserialize;

use super::history::page_limit;
use crate::{
    app::App,
    error::Result,
    http::{
        answer::RawJson,
        extract::{Params, QueryParams},
    },
    sync::{initial_sync, room_initial_sync},
    users::Session,
};

/// How much of it.
#[derive(Deserialize)]
pub struct InitialSyncQuery {
    limit: Option<u64>,
    #[serde(default)]
    archived: bool,
}

/// `GET /_matrix/client/v3/initialSync`
pub async fn all(
    State(app): State<Arc<App>>,
    session: Session,
    QueryParams(query): QueryParams<InitialSyncQuery>,
) -> Result<RawJson> {
    initial_sync(&app, &session, page_limit(query.limit), query.archived).map(RawJson)
}

/// `GET /_matrix/client/v3/rooms/{roomId}/initialSync`
pub async fn room(
    State(app): State<Arc<App>>,
    session: Session,
    Params(room_id): Params<OwnedRoomId>,
    QueryParams(query): QueryParams<InitialSyncQuery>,
) -> Result<RawJson> {
    room_initial_sync(&app, &session, &room_id, page_limit(query.limit)).map(RawJson)
}
