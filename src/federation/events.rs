//! Events of rooms, as other servers fetch them (server-server API, "Retrieving events", "Backfilling and retrieving
//! missing events").

use std::sync::Arc;

use axum::{
    Json,
    extract::{RawQuery, State},
};
use ruma::{EventId, OwnedEventId, OwnedRoomId};
use serde::Deserialize;

use crate::{
    app::App,
    error::{Error, Result},
    http::{
        answer::RawJson,
        extract::{Params, QueryParams},
        x_matrix::Signed,
    },
    json::ObjectWriter,
    rooms::{
        remote::{Moment, RoomEvents},
        timeline::Direction,
    },
};

/// `GET /_matrix/federation/v1/event/{eventId}`
pub async fn event(
    State(app): State<Arc<App>>,
    Params(event_id): Params<OwnedEventId>,
    signed: Signed,
) -> Result<RawJson> {
    Ok(RawJson(app.rooms.event_for(&signed.origin, &event_id)?))
}

/// The query of `state` and `state_ids`.
#[derive(Deserialize)]
pub struct StateQuery {
    event_id: OwnedEventId,
}

/// `GET /_matrix/federation/v1/state/{roomId}`
pub async fn state(
    State(app): State<Arc<App>>,
    Params(room_id): Params<OwnedRoomId>,
    QueryParams(query): QueryParams<StateQuery>,
    signed: Signed,
) -> Result<RawJson> {
    Ok(RawJson(app.rooms.state_for(&signed.origin, &room_id, &query.event_id, true)?))
}

/// `GET /_matrix/federation/v1/state_ids/{roomId}`
pub async fn state_ids(
    State(app): State<Arc<App>>,
    Params(room_id): Params<OwnedRoomId>,
    QueryParams(query): QueryParams<StateQuery>,
    signed: Signed,
) -> Result<RawJson> {
    Ok(RawJson(app.rooms.state_for(&signed.origin, &room_id, &query.event_id, false)?))
}

/// `GET /_matrix/federation/v1/event_auth/{roomId}/{eventId}`
pub async fn event_auth(
    State(app): State<Arc<App>>,
    Params((room_id, event_id)): Params<(OwnedRoomId, OwnedEventId)>,
    signed: Signed,
) -> Result<RawJson> {
    Ok(RawJson(app.rooms.auth_chain_for(&signed.origin, &room_id, &event_id)?))
}

/// The query of `timestamp_to_event`.
#[derive(Deserialize)]
pub struct TimestampQuery {
    ts: u64,
    dir: Way,
}

#[derive(Deserialize)]
enum Way {
    #[serde(rename = "f")]
    Forward,
    #[serde(rename = "b")]
    Backward,
}

/// `GET /_matrix/federation/v1/timestamp_to_event/{roomId}`
pub async fn timestamp_to_event(
    State(app): State<Arc<App>>,
    Params(room_id): Params<OwnedRoomId>,
    QueryParams(query): QueryParams<TimestampQuery>,
    signed: Signed,
) -> Result<Json<Moment>> {
    let direction = match query.dir {
        Way::Forward => Direction::Forward,
        Way::Backward => Direction::Backward,
    };
    Ok(Json(app.rooms.moment_for(&signed.origin, &room_id, (query.ts, direction))?))
}

/// `GET /_matrix/federation/v1/backfill/{roomId}`
pub async fn backfill(
    State(app): State<Arc<App>>,
    Params(room_id): Params<OwnedRoomId>,
    RawQuery(query): RawQuery,
    signed: Signed,
) -> Result<RawJson> {
    let (from, limit) = backfill_query(query.as_deref())?;
    let wanted = RoomEvents { from: (&from, true), except: &[], limit, min_depth: 0 };
    let events = app.rooms.events_before(&signed.origin, &room_id, &wanted)?;
    Ok(RawJson(app.rooms.transaction_with(&events)))
}

/// `v`, as often as the other server likes, and `limit`.
fn backfill_query(query: Option<&str>) -> Result<(Vec<OwnedEventId>, usize)> {
    let url = reqwest::Url::parse(&format!("matrix:/?{}", query.unwrap_or_default()));
    let url = url.map_err(|_| Error::invalid_param("The query is malformed."))?;
    let (mut from, mut limit) = (Vec::new(), None);
    for (key, value) in url.query_pairs() {
        match &*key {
            "v" => from.extend(EventId::parse(&*value).ok()),
            "limit" => limit = value.parse().ok(),
            _ => {}
        }
    }
    if from.is_empty() {
        return Err(Error::bad_request("M_MISSING_PARAM", "v has to name events."));
    }
    if from.len() > 100 {
        return Err(Error::invalid_param("v has to name 100 events at the most."));
    }
    let limit = limit.ok_or_else(|| Error::bad_request("M_MISSING_PARAM", "limit has to be a number."))?;
    Ok((from, limit))
}

/// The body of `POST /_matrix/federation/v1/get_missing_events/{roomId}`.
#[derive(Deserialize)]
struct MissingRequest {
    earliest_events: Vec<OwnedEventId>,
    latest_events: Vec<OwnedEventId>,
    limit: Option<usize>,
    min_depth: Option<u64>,
}

/// `POST /_matrix/federation/v1/get_missing_events/{roomId}`
pub async fn missing(
    State(app): State<Arc<App>>,
    Params(room_id): Params<OwnedRoomId>,
    signed: Signed,
) -> Result<RawJson> {
    let request: MissingRequest = signed.json()?;
    let wanted = RoomEvents {
        from: (&request.latest_events, false),
        except: &request.earliest_events,
        limit: request.limit.unwrap_or(10),
        min_depth: request.min_depth.unwrap_or(0),
    };
    let mut events = app.rooms.events_before(&signed.origin, &room_id, &wanted)?;
    // The oldest first, as they are to be taken in.
    events.reverse();
    let mut out = Vec::new();
    let mut object = ObjectWriter::open(&mut out);
    let mut array = object.array("events");
    events.iter().for_each(|event| array.json(event.pdu_json()));
    array.close();
    object.close();
    Ok(RawJson(out))
}
