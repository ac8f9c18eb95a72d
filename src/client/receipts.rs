//! Up to where somebody has read (client-server API, "Receipts" and "Read and unread markers").

use std::sync::Arc;

use axum::extract::State;
use ruma::{OwnedEventId, OwnedRoomId};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::{
    app::App,
    error::{Error, Result},
    http::{
        answer::{RawJson, empty},
        extract::{Json, OptionalJson, Params},
    },
    rooms::receipts::ReceiptKind,
    users::Session,
};

const FULLY_READ: &str = "m.fully_read";

/// Several markers at once.
#[derive(Deserialize)]
pub struct MarkersBody {
    #[serde(rename = "m.fully_read")]
    fully_read: Option<OwnedEventId>,
    #[serde(rename = "m.read")]
    read: Option<OwnedEventId>,
    #[serde(rename = "m.read.private")]
    read_private: Option<OwnedEventId>,
}

/// `POST /_matrix/client/v3/rooms/{roomId}/receipt/{receiptType}/{eventId}`
pub async fn set(
    State(app): State<Arc<App>>,
    session: Session,
    Params((room_id, kind, event_id)): Params<(OwnedRoomId, String, OwnedEventId)>,
    OptionalJson(body): OptionalJson<Map<String, Value>>,
) -> Result<RawJson> {
    let thread = match body.get("thread_id") {
        None => None,
        Some(Value::String(thread)) if !thread.is_empty() => Some(thread.clone()),
        Some(_) => return Err(Error::invalid_param("\"thread_id\" is a string that is not empty.")),
    };
    let kind = match kind.as_str() {
        "m.read" => ReceiptKind::Read,
        "m.read.private" => ReceiptKind::ReadPrivate,
        FULLY_READ if thread.is_some() => {
            return Err(Error::invalid_param("The fully read marker is one for the whole room, without threads."));
        }
        FULLY_READ => {
            set_marker(&app, &session, &room_id, &event_id).await?;
            return Ok(empty());
        }
        _ => return Err(Error::invalid_param("A receipt is of m.read, m.read.private or m.fully_read.")),
    };
    app.users.presence.active(&session);
    app.rooms.set_receipt(&session, &room_id, kind, (event_id, thread)).await?;
    Ok(empty())
}

/// `POST /_matrix/client/v3/rooms/{roomId}/read_markers`
pub async fn set_markers(
    State(app): State<Arc<App>>,
    session: Session,
    Params(room_id): Params<OwnedRoomId>,
    Json(body): Json<MarkersBody>,
) -> Result<RawJson> {
    app.users.presence.active(&session);
    if let Some(event_id) = &body.fully_read {
        set_marker(&app, &session, &room_id, event_id).await?;
    }
    for (kind, event_id) in [(ReceiptKind::Read, body.read), (ReceiptKind::ReadPrivate, body.read_private)] {
        if let Some(event_id) = event_id {
            app.rooms.set_receipt(&session, &room_id, kind, (event_id, None)).await?;
        }
    }
    Ok(empty())
}

/// The fully read marker is account data of the room.
async fn set_marker(app: &App, session: &Session, room_id: &OwnedRoomId, event_id: &OwnedEventId) -> Result<()> {
    let room = app.rooms.check_marker(session, room_id, event_id).await?;
    let content = json!({ "event_id": event_id }).to_string();
    app.users.set_account_data(session.user, Some(room), FULLY_READ, &content).await
}
