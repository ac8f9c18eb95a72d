//! Reporting what is out of place (client-server API, "Reporting Content").

use std::sync::Arc;

use axum::extract::State;
use ruma::{OwnedEventId, OwnedRoomId, OwnedUserId};
use serde::Deserialize;

use crate::{
    app::App,
    error::Result,
    http::{
        answer::{RawJson, empty},
        extract::{self, OptionalJson, Params},
    },
    users::Session,
};

/// Why a room or a user is reported; the reason may be blank.
#[derive(Deserialize)]
pub struct ReportRequest {
    reason: String,
}

/// Why an event is reported.
#[derive(Deserialize)]
pub struct EventReportRequest {
    reason: Option<String>,
}

/// `POST /_matrix/client/v3/rooms/{roomId}/report/{eventId}`
pub async fn event(
    State(app): State<Arc<App>>,
    session: Session,
    Params((room_id, event_id)): Params<(OwnedRoomId, OwnedEventId)>,
    OptionalJson(request): OptionalJson<EventReportRequest>,
) -> Result<RawJson> {
    app.rooms.report_event(&session, (room_id, event_id), request.reason.unwrap_or_default()).await?;
    Ok(empty())
}

/// `POST /_matrix/client/v3/rooms/{roomId}/report`
pub async fn room(
    State(app): State<Arc<App>>,
    session: Session,
    Params(room_id): Params<OwnedRoomId>,
    extract::Json(request): extract::Json<ReportRequest>,
) -> Result<RawJson> {
    app.rooms.report_room(&session, room_id, request.reason).await?;
    Ok(empty())
}

/// `POST /_matrix/client/v3/users/{userId}/report`
pub async fn user(
    State(app): State<Arc<App>>,
    session: Session,
    Params(user_id): Params<OwnedUserId>,
    extract::Json(request): extract::Json<ReportRequest>,
) -> Result<RawJson> {
    app.rooms.report_user(&session, user_id, request.reason).await?;
    Ok(empty())
}
