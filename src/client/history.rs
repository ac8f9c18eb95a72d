//! Reading a room's history (client-server API, "Getting events for a room" and "Event Context").

use std::sync::Arc;

use axum::{Json, extract::State};
use ruma::{OwnedEventId, OwnedRoomId, RoomId};
use serde::Deserialize;

use crate::{
    app::App,
    error::{Error, Result},
    http::{
        answer::RawJson,
        extract::{Params, QueryParams},
    },
    ids::{EventNum, RoomNum},
    json::ObjectWriter,
    rooms::{
        history::Stretch,
        remote::Moment,
        select::EventSelector,
        timeline::{Direction, Point},
    },
    users::{Session, filters::RoomEventFilter},
};

/// Events on a page if the client doesn't say, and at the most.
const DEFAULT_LIMIT: usize = 10;
const MAX_LIMIT: usize = 1_000;

/// Which page.
#[derive(Deserialize)]
pub struct MessagesQuery {
    from: Option<String>,
    to: Option<String>,
    dir: Option<String>,
    limit: Option<u64>,
    filter: Option<String>,
}

/// How much around an event.
#[derive(Deserialize)]
pub struct ContextQuery {
    limit: Option<u64>,
    filter: Option<String>,
}

/// Which moment.
#[derive(Deserialize)]
pub struct TimestampQuery {
    ts: Option<u64>,
    dir: Option<String>,
}

/// `GET /_matrix/client/v3/rooms/{roomId}/messages`
pub async fn messages(
    State(app): State<Arc<App>>,
    session: Session,
    Params(room_id): Params<OwnedRoomId>,
    QueryParams(query): QueryParams<MessagesQuery>,
) -> Result<RawJson> {
    let direction = direction(query.dir.as_deref())?;
    let from = point(query.from.as_deref())?;
    if let Some(from) = from.filter(|_| direction == Direction::Backward)
        && let Some((room, event)) = gap_at(&app, &session, &room_id, from)?
    {
        app.rooms.fill(room, event).await?;
    }
    page(&app, &session, &room_id, (query, direction, from))
}

/// The event at a point, if there is a gap before it that the user may have filled.
fn gap_at(app: &App, session: &Session, room_id: &RoomId, point: Point) -> Result<Option<(RoomNum, EventNum)>> {
    let snapshot = app.store.snapshot();
    let history = app.rooms.pages(&snapshot, &app.users, session, room_id)?;
    Ok(history.gap_at(point)?.map(|event| (history.view().room(), event)))
}

fn page(
    app: &App,
    session: &Session,
    room_id: &RoomId,
    (query, direction, from): (MessagesQuery, Direction, Option<Point>),
) -> Result<RawJson> {
    let filter = filter(query.filter.as_deref())?;
    let snapshot = app.store.snapshot();
    let mut history = app.rooms.pages(&snapshot, &app.users, session, room_id)?;
    let (first, last) = match direction {
        Direction::Forward => (Point::START, history.end()?),
        Direction::Backward => (history.end()?, Point::START),
    };
    let from = from.unwrap_or(first);
    let stretch = Stretch {
        from: if direction == Direction::Backward { from.min(first) } else { from },
        to: point(query.to.as_deref())?.unwrap_or(last),
        direction,
        limit: if filter.allows_room(room_id) { limit(query.limit, &filter) } else { 0 },
        selector: EventSelector::new(&filter),
    };
    let page = history.walk(&stretch)?;

    let mut out = Vec::new();
    let mut answer = ObjectWriter::open(&mut out);
    history.render_all(answer.key("chunk"), &page.events)?;
    if let Some(next) = page.next.filter(|_| stretch.limit > 0) {
        answer.text("end", &next.to_string());
    }
    answer.text("start", &query.from.unwrap_or_else(|| from.to_string()));
    if filter.lazy_load_members {
        answer.json("state", &history.render_senders(&page.events)?);
    }
    answer.close();
    Ok(RawJson(out))
}

/// `GET /_matrix/client/v3/rooms/{roomId}/event/{eventId}`
pub async fn event(
    State(app): State<Arc<App>>,
    session: Session,
    Params((room_id, event_id)): Params<(OwnedRoomId, OwnedEventId)>,
) -> Result<RawJson> {
    let snapshot = app.store.snapshot();
    let mut history = app.rooms.history(&snapshot, &app.users, &session, &room_id)?;
    let seen = history.event(&event_id)?;
    let mut out = Vec::with_capacity(seen.event.pdu_json().len());
    history.render(&mut out, &seen)?;
    Ok(RawJson(out))
}

/// `GET /_matrix/client/v3/rooms/{roomId}/context/{eventId}`
pub async fn context(
    State(app): State<Arc<App>>,
    session: Session,
    Params((room_id, event_id)): Params<(OwnedRoomId, OwnedEventId)>,
    QueryParams(query): QueryParams<ContextQuery>,
) -> Result<RawJson> {
    let filter = filter(query.filter.as_deref())?;
    let snapshot = app.store.snapshot();
    let mut history = app.rooms.history(&snapshot, &app.users, &session, &room_id)?;
    let context = history.context(&event_id, limit(query.limit, &filter), &filter)?;

    let mut out = Vec::with_capacity(4096);
    let mut answer = ObjectWriter::open(&mut out);
    answer.text("end", &context.end.to_string());
    history.render(answer.key("event"), &context.event)?;
    history.render_all(answer.key("events_after"), &context.after)?;
    history.render_all(answer.key("events_before"), &context.before)?;
    answer.text("start", &context.start.to_string());
    let mut state = answer.array("state");
    for number in &context.state {
        history.render_state(state.item(), *number)?;
    }
    state.close();
    answer.close();
    Ok(RawJson(out))
}

/// `GET /_matrix/client/v1/rooms/{roomId}/timestamp_to_event`
pub async fn timestamp_to_event(
    State(app): State<Arc<App>>,
    session: Session,
    Params(room_id): Params<OwnedRoomId>,
    QueryParams(query): QueryParams<TimestampQuery>,
) -> Result<Json<Moment>> {
    let timestamp = query.ts.ok_or_else(|| missing("ts"))?;
    let direction = direction(query.dir.as_deref())?;
    Ok(Json(app.rooms.moment(&session, &room_id, (timestamp, direction)).await?))
}

pub(super) fn direction(dir: Option<&str>) -> Result<Direction> {
    match dir {
        Some("b") => Ok(Direction::Backward),
        Some("f") => Ok(Direction::Forward),
        Some(_) => Err(Error::invalid_param("\"dir\" is \"b\" or \"f\".")),
        None => Err(missing("dir")),
    }
}

fn missing(name: &str) -> Error {
    Error::bad_request("M_MISSING_PARAM", format!("The query parameter \"{name}\" is missing."))
}

fn filter(json: Option<&str>) -> Result<RoomEventFilter> {
    json.map_or_else(|| Ok(RoomEventFilter::default()), RoomEventFilter::parse)
}

fn limit(asked: Option<u64>, filter: &RoomEventFilter) -> usize {
    page_limit(asked.into_iter().chain(filter.events.limit).min())
}

/// How many events a page has.
pub(super) fn page_limit(asked: Option<u64>) -> usize {
    asked.map_or(DEFAULT_LIMIT, |limit| limit.min(MAX_LIMIT as u64) as usize)
}

pub(super) fn point(token: Option<&str>) -> Result<Option<Point>> {
    let parse = |token: &str| token.parse().map_err(|error| Error::invalid_param(format!("{token:?}: {error}.")));
    token.map(parse).transpose()
}
