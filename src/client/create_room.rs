//! Making rooms (client-server API, "Creation").

use std::sync::Arc;

use axum::{Json, extract::State};
use ruma::{CanonicalJsonObject, OwnedUserId, RoomVersionId};
use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};

use crate::{
    app::App,
    error::{Error, Result},
    event,
    http::extract,
    rooms::{
        create::{NewRoom, Preset},
        room_state::{NewState, parse_content},
    },
    users::Session,
};

/// A room may begin with this many invites, and this many events of `initial_state`.
const MAX_LIST: usize = 500;

/// The body of `POST /_matrix/client/v3/createRoom`.
#[derive(Deserialize)]
pub struct CreateRoomRequest {
    visibility: Option<Visibility>,
    room_alias_name: Option<String>,
    name: Option<String>,
    topic: Option<String>,
    invite: Option<Vec<OwnedUserId>>,
    invite_3pid: Option<Vec<Value>>,
    room_version: Option<String>,
    creation_content: Option<Box<RawValue>>,
    initial_state: Option<Vec<InitialState>>,
    preset: Option<Preset>,
    is_direct: Option<bool>,
    power_level_content_override: Option<Box<RawValue>>,
}

/// Whether the directory lists a room.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Visibility {
    Public,
    Private,
}

#[derive(Deserialize)]
struct InitialState {
    r#type: String,
    state_key: Option<String>,
    content: Box<RawValue>,
}

/// `POST /_matrix/client/v3/createRoom`
pub async fn create(
    State(app): State<Arc<App>>,
    session: Session,
    extract::Json(request): extract::Json<CreateRoomRequest>,
) -> Result<Json<Value>> {
    let room_id = app.rooms.create(new_room(&app, session, request)?).await?;
    Ok(Json(json!({ "room_id": room_id })))
}

fn new_room(app: &App, session: Session, request: CreateRoomRequest) -> Result<NewRoom> {
    if request.invite_3pid.is_some_and(|list| !list.is_empty()) {
        return Err(super::membership::no_third_parties());
    }
    let (invite, initial_state) = (request.invite.unwrap_or_default(), request.initial_state.unwrap_or_default());
    if invite.len() > MAX_LIST || initial_state.len() > MAX_LIST {
        return Err(Error::invalid_param("A room may begin with 500 invites and 500 events of initial_state."));
    }
    let listed = request.visibility == Some(Visibility::Public);
    let preset = request.preset.unwrap_or(if listed { Preset::PublicChat } else { Preset::PrivateChat });
    Ok(NewRoom {
        creator: session.user_id,
        version: request.room_version.map_or_else(|| default_version(app), |version| offered_version(&version))?,
        creation_content: content(request.creation_content.as_deref())?,
        preset,
        power_levels: content(request.power_level_content_override.as_deref())?,
        initial_state: initial_state.into_iter().map(initial).collect::<Result<_>>()?,
        name: request.name,
        topic: request.topic,
        alias_localpart: request.room_alias_name,
        listed,
        invite,
        is_direct: request.is_direct.unwrap_or_default(),
    })
}

fn default_version(app: &App) -> Result<RoomVersionId> {
    offered_version(app.config.default_room_version.as_str())
}

/// A room version that new rooms may have; 400 `M_UNSUPPORTED_ROOM_VERSION` otherwise.
pub(super) fn offered_version(version: &str) -> Result<RoomVersionId> {
    let found = event::offered().into_iter().find(|offered| offered.as_str() == version);
    found.ok_or_else(|| {
        Error::bad_request("M_UNSUPPORTED_ROOM_VERSION", "New rooms may have the versions 6 to 12 here.")
    })
}

fn initial(state: InitialState) -> Result<NewState> {
    Ok(NewState {
        event_type: state.r#type,
        state_key: state.state_key.unwrap_or_default(),
        content: parse_content(state.content.get())?,
    })
}

fn content(json: Option<&RawValue>) -> Result<CanonicalJsonObject> {
    json.map_or_else(|| Ok(CanonicalJsonObject::new()), |json| parse_content(json.get()))
}
