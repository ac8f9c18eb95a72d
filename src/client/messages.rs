//! Sending events (client-server API, "Sending events to a room" and "Redactions").

use std::sync::Arc;

use axum::extract::State;
use ruma::{OwnedEventId, OwnedRoomId};
use serde_json::{Map, Value};

use super::delayed::{DelayQuery, delay};
use crate::{
    app::App,
    error::Result,
    http::{
        answer::RawJson,
        extract::{Params, QueryParams, RawBody, parse_json, text},
    },
    json::ObjectWriter,
    rooms::{
        delayed::{DelayedEvent, NewDelayed},
        messages::{NewMessage, NewRedaction},
    },
    users::Session,
};

/// `PUT /_matrix/client/v3/rooms/{roomId}/send/{eventType}/{txnId}`
pub async fn send(
    State(app): State<Arc<App>>,
    session: Session,
    Params((room_id, event_type, transaction_id)): Params<(OwnedRoomId, String, String)>,
    QueryParams(later): QueryParams<DelayQuery>,
    RawBody(body): RawBody,
) -> Result<RawJson> {
    app.users.presence.active(&session);
    if let Some(delay_ms) = later.delay_ms {
        let event = DelayedEvent { room_id, event_type, state_key: None, content: text(&body)?.to_owned() };
        return delay(&app, &session, NewDelayed { event, delay_ms, transaction: transaction_id }).await;
    }
    let new = NewMessage { room_id, event_type, content: text(&body)?, transaction_id };
    Ok(sent(app.rooms.send_message(&session, new).await?))
}

/// `PUT /_matrix/client/v3/rooms/{roomId}/redact/{eventId}/{txnId}`
pub async fn redact(
    State(app): State<Arc<App>>,
    session: Session,
    Params((room_id, target, transaction_id)): Params<(OwnedRoomId, OwnedEventId, String)>,
    QueryParams(later): QueryParams<DelayQuery>,
    RawBody(body): RawBody,
) -> Result<RawJson> {
    // Clients leave the body out where they have no reason to give.
    let content = if body.is_empty() { "{}" } else { text(&body)? };
    if let Some(delay_ms) = later.delay_ms {
        let mut content: Map<String, Value> = parse_json(content.as_bytes())?;
        content.insert("redacts".to_owned(), target.as_str().into());
        let (event_type, content) = ("m.room.redaction".to_owned(), Value::Object(content).to_string());
        let event = DelayedEvent { room_id, event_type, state_key: None, content };
        return delay(&app, &session, NewDelayed { event, delay_ms, transaction: transaction_id }).await;
    }
    let new = NewRedaction { room_id, target, content, transaction_id };
    Ok(sent(app.rooms.redact(&session, new).await?))
}

fn sent(event_id: OwnedEventId) -> RawJson {
    let mut out = Vec::with_capacity(64);
    let mut answer = ObjectWriter::open(&mut out);
    answer.text("event_id", event_id.as_str());
    answer.close();
    RawJson(out)
}
