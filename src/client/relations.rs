//! What relates to events, and threads (client-server API, "Relationships API" and "Querying threads in a room").

use std::sync::Arc;

use axum::extract::State;
use ruma::{OwnedEventId, OwnedRoomId};
use serde::Deserialize;

use super::history::{direction, page_limit, point};
use crate::{
    app::App,
    error::{Error, Result},
    http::{
        answer::RawJson,
        extract::{Params, QueryParams},
    },
    json::ObjectWriter,
    rooms::relations::{ChildrenQuery, Include, MAX_DEPTH},
    users::Session,
};

/// Threads on a page if the client doesn't say, and at the most.
const DEFAULT_THREADS: u64 = 20;
const MAX_THREADS: u64 = 100;

/// Which page of what relates to an event.
#[derive(Deserialize)]
pub struct RelationsQuery {
    from: Option<String>,
    to: Option<String>,
    limit: Option<u64>,
    dir: Option<String>,
    recurse: Option<bool>,
}

/// Which page of a room's threads.
#[derive(Deserialize)]
pub struct ThreadsQuery {
    include: Option<String>,
    limit: Option<u64>,
    from: Option<String>,
}

/// `GET /_matrix/client/v1/rooms/{roomId}/relations/{eventId}`
pub async fn all(
    State(app): State<Arc<App>>,
    session: Session,
    Params((room_id, event_id)): Params<(OwnedRoomId, OwnedEventId)>,
    QueryParams(query): QueryParams<RelationsQuery>,
) -> Result<RawJson> {
    answer(&app, &session, (&room_id, &event_id), &query, (None, None))
}

/// `GET /_matrix/client/v1/rooms/{roomId}/relations/{eventId}/{relType}`
pub async fn by_rel_type(
    State(app): State<Arc<App>>,
    session: Session,
    Params((room_id, event_id, rel_type)): Params<(OwnedRoomId, OwnedEventId, String)>,
    QueryParams(query): QueryParams<RelationsQuery>,
) -> Result<RawJson> {
    answer(&app, &session, (&room_id, &event_id), &query, (Some(&rel_type), None))
}

/// `GET /_matrix/client/v1/rooms/{roomId}/relations/{eventId}/{relType}/{eventType}`
pub async fn by_event_type(
    State(app): State<Arc<App>>,
    session: Session,
    Params((room_id, event_id, rel_type, event_type)): Params<(OwnedRoomId, OwnedEventId, String, String)>,
    QueryParams(query): QueryParams<RelationsQuery>,
) -> Result<RawJson> {
    answer(&app, &session, (&room_id, &event_id), &query, (Some(&rel_type), Some(&event_type)))
}

fn answer(
    app: &App,
    session: &Session,
    (room_id, event_id): (&OwnedRoomId, &OwnedEventId),
    query: &RelationsQuery,
    (rel_type, event_type): (Option<&str>, Option<&str>),
) -> Result<RawJson> {
    let wanted = ChildrenQuery {
        rel_type,
        event_type,
        from: point(query.from.as_deref())?,
        to: point(query.to.as_deref())?,
        direction: direction(query.dir.as_deref().or(Some("b")))?,
        limit: page_limit(query.limit),
        recurse: query.recurse == Some(true),
    };
    let snapshot = app.store.snapshot();
    let mut history = app.rooms.history(&snapshot, &app.users, session, room_id)?;
    let children = history.children(event_id, &wanted)?;

    let mut out = Vec::new();
    let mut answer = ObjectWriter::open(&mut out);
    history.render_all(answer.key("chunk"), &children.events)?;
    if let Some(next) = children.next.filter(|_| wanted.limit > 0) {
        answer.text("next_batch", &next.to_string());
    }
    if let Some(from) = &query.from {
        answer.text("prev_batch", from);
    }
    if let Some(recurse) = query.recurse {
        answer.integer("recursion_depth", if recurse { MAX_DEPTH } else { 1 });
    }
    answer.close();
    Ok(RawJson(out))
}

/// `GET /_matrix/client/v1/rooms/{roomId}/threads`
pub async fn threads(
    State(app): State<Arc<App>>,
    session: Session,
    Params(room_id): Params<OwnedRoomId>,
    QueryParams(query): QueryParams<ThreadsQuery>,
) -> Result<RawJson> {
    let include = match query.include.as_deref() {
        None | Some("all") => Include::All,
        Some("participated") => Include::Participated,
        Some(_) => return Err(Error::invalid_param("\"include\" is \"all\" or \"participated\".")),
    };
    let limit = query.limit.unwrap_or(DEFAULT_THREADS).min(MAX_THREADS) as usize;
    if limit == 0 {
        return Err(Error::invalid_param("\"limit\" is greater than 0."));
    }
    let from = point(query.from.as_deref())?;
    let snapshot = app.store.snapshot();
    let mut history = app.rooms.pages(&snapshot, &app.users, &session, &room_id)?;
    let threads = history.threads(from, limit, include)?;

    let mut out = Vec::new();
    let mut answer = ObjectWriter::open(&mut out);
    history.render_all(answer.key("chunk"), &threads.roots)?;
    if let Some(next) = threads.next {
        answer.text("next_batch", &next.to_string());
    }
    answer.close();
    Ok(RawJson(out))
}
