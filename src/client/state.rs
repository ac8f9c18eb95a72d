//! A room's state and members (client-server API, "Getting events for a room", "Sending events to a room").

use std::sync::Arc;

use axum::{Json, extract::State};
use ruma::OwnedRoomId;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::delayed::{DelayQuery, delay};
use crate::{
    app::App,
    error::{Error, Result},
    http::{
        answer::RawJson,
        extract::{Params, QueryParams, RawBody, text},
    },
    json::{ArrayWriter, ObjectWriter},
    rooms::{
        delayed::{DelayedEvent, NewDelayed},
        render::Reader,
        room_state::{NewState, parse_content},
        rows::Membership,
        timeline::Point,
    },
    users::Session,
};

/// A state event's place in the path; the state key may be left out.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StatePath {
    room_id: OwnedRoomId,
    event_type: String,
    #[serde(default)]
    state_key: String,
}

/// Whether only the content is wanted, or the event.
#[derive(Deserialize)]
pub struct FormatQuery {
    format: Option<Format>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Format {
    Content,
    Event,
}

/// Which members are wanted.
#[derive(Deserialize)]
pub struct MembersQuery {
    at: Option<String>,
    membership: Option<Wanted>,
    not_membership: Option<Wanted>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Wanted {
    Join,
    Invite,
    Knock,
    Leave,
    Ban,
}

impl MembersQuery {
    fn takes(&self, membership: Membership) -> bool {
        match (self.membership, self.not_membership) {
            (None, None) => true,
            (wanted, unwanted) => {
                wanted.is_some_and(|wanted| membership == wanted.into())
                    || unwanted.is_some_and(|unwanted| membership != unwanted.into())
            }
        }
    }
}

impl From<Wanted> for Membership {
    fn from(wanted: Wanted) -> Self {
        match wanted {
            Wanted::Join => Self::Join,
            Wanted::Invite => Self::Invite,
            Wanted::Knock => Self::Knock,
            Wanted::Leave => Self::Leave,
            Wanted::Ban => Self::Ban,
        }
    }
}

/// `PUT /_matrix/client/v3/rooms/{roomId}/state/{eventType}/{stateKey}`
pub async fn set(
    State(app): State<Arc<App>>,
    session: Session,
    Params(path): Params<StatePath>,
    QueryParams(later): QueryParams<DelayQuery>,
    RawBody(body): RawBody,
) -> Result<RawJson> {
    if let Some(delay_ms) = later.delay_ms {
        let StatePath { room_id, event_type, state_key } = path;
        let event = DelayedEvent { room_id, event_type, state_key: Some(state_key), content: text(&body)?.to_owned() };
        return delay(&app, &session, NewDelayed { event, delay_ms, transaction: String::new() }).await;
    }
    let content = parse_content(text(&body)?)?;
    let room = app.rooms.number(&path.room_id)?;
    let new = NewState { event_type: path.event_type, state_key: path.state_key, content };
    let event_id = app.rooms.set_state(&session, room, new).await?;
    let mut out = Vec::with_capacity(64);
    let mut answer = ObjectWriter::open(&mut out);
    answer.text("event_id", event_id.as_str());
    answer.close();
    Ok(RawJson(out))
}

/// `GET /_matrix/client/v3/rooms/{roomId}/state/{eventType}/{stateKey}`
pub async fn get(
    State(app): State<Arc<App>>,
    session: Session,
    Params(path): Params<StatePath>,
    QueryParams(query): QueryParams<FormatQuery>,
) -> Result<RawJson> {
    let snapshot = app.store.snapshot();
    let state = app.rooms.readable_state(&snapshot, session.user, &path.room_id)?;
    let number = state.get(&path.event_type, &path.state_key)?;
    let number = number.ok_or_else(|| Error::not_found("The room has no such state."))?;
    let mut out = Vec::with_capacity(1024);
    match query.format {
        Some(Format::Event) => state.view.render_state(&mut out, &reader(&app, &session), number)?,
        Some(Format::Content) | None => out.extend_from_slice(state.view.event(number)?.content()),
    }
    Ok(RawJson(out))
}

/// `GET /_matrix/client/v3/rooms/{roomId}/state`
pub async fn get_all(
    State(app): State<Arc<App>>,
    session: Session,
    Params(room_id): Params<OwnedRoomId>,
) -> Result<RawJson> {
    let snapshot = app.store.snapshot();
    let state = app.rooms.readable_state(&snapshot, session.user, &room_id)?;
    let reader = reader(&app, &session);
    let mut out = Vec::with_capacity(16 << 10);
    let mut events = ArrayWriter::open(&mut out);
    state.each(|number, _| Ok(state.view.render_state(events.item(), &reader, number)?))?;
    events.close();
    Ok(RawJson(out))
}

/// `GET /_matrix/client/v3/rooms/{roomId}/members`
pub async fn members(
    State(app): State<Arc<App>>,
    session: Session,
    Params(room_id): Params<OwnedRoomId>,
    QueryParams(query): QueryParams<MembersQuery>,
) -> Result<RawJson> {
    let snapshot = app.store.snapshot();
    let state = match query.at.as_deref() {
        None => app.rooms.readable_state(&snapshot, session.user, &room_id)?,
        Some(at) => {
            let at: Point = at.parse().map_err(|error| Error::invalid_param(format!("at: {error}.")))?;
            app.rooms.readable_state_at(&snapshot, (session.user, &session.user_id), &room_id, at)?
        }
    };
    let reader = reader(&app, &session);
    let mut out = Vec::with_capacity(16 << 10);
    let mut answer = ObjectWriter::open(&mut out);
    let mut chunk = answer.array("chunk");
    state.members(|number, event| {
        let membership = Membership::of_content(text(event.content())?);
        if query.takes(membership) {
            state.view.render_state(chunk.item(), &reader, number)?;
        }
        Ok(())
    })?;
    chunk.close();
    answer.close();
    Ok(RawJson(out))
}

/// `GET /_matrix/client/v3/rooms/{roomId}/joined_members`
pub async fn joined_members(
    State(app): State<Arc<App>>,
    session: Session,
    Params(room_id): Params<OwnedRoomId>,
) -> Result<Json<Value>> {
    let snapshot = app.store.snapshot();
    let state = app.rooms.readable_state(&snapshot, session.user, &room_id)?;
    if !app.rooms.is_joined(&snapshot, session.user, state.view.room())? {
        return Err(Error::forbidden("You are not in that room."));
    }
    let mut joined = Map::new();
    state.members(|_, event| {
        let content = text(event.content())?;
        if Membership::of_content(content) == Membership::Join
            && let Some(user) = event.state_key()
        {
            let content: Value = serde_json::from_str(content).map_err(Error::internal)?;
            let fields = [("display_name", "displayname"), ("avatar_url", "avatar_url")];
            let fields = fields.iter().filter_map(|(name, field)| {
                Some(((*name).to_owned(), content.get(*field).filter(|value| value.is_string())?.clone()))
            });
            joined.insert(user.into_owned(), Value::Object(fields.collect()));
        }
        Ok(())
    })?;
    Ok(Json(json!({ "joined": joined })))
}

fn reader<'a>(app: &App, session: &'a Session) -> Reader<'a> {
    Reader {
        user_id: &session.user_id,
        user: session.user,
        device: session.device_id.as_str(),
        now_ms: app.clock.now_ms(),
        with_room_id: true,
    }
}
