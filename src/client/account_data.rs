//! What clients keep here for their user: account data (client-server API, "Client Config") and tags ("Room
//! Tagging").

use std::sync::Arc;

use axum::{Json, extract::State};
use ruma::{OwnedRoomId, OwnedUserId, RoomId};
use serde_json::{Map, Value, json};

use super::session::require_self;
use crate::{
    app::App,
    error::{Error, Result},
    http::{
        answer::{RawJson, empty},
        extract::{self, Params, RawBody},
    },
    ids::{RoomNum, UserNum},
    users::Session,
};

/// Types that the server alone writes.
const MANAGED: [&str; 2] = ["m.fully_read", "m.push_rules"];

/// `PUT /_matrix/client/v3/user/{userId}/account_data/{type}`
pub async fn set(
    State(app): State<Arc<App>>,
    session: Session,
    Params((user_id, kind)): Params<(OwnedUserId, String)>,
    RawBody(body): RawBody,
) -> Result<RawJson> {
    require_self(&session, &user_id)?;
    write(&app, session.user, None, &kind, &body).await
}

/// `GET /_matrix/client/v3/user/{userId}/account_data/{type}`
pub async fn get(
    State(app): State<Arc<App>>,
    session: Session,
    Params((user_id, kind)): Params<(OwnedUserId, String)>,
) -> Result<RawJson> {
    require_self(&session, &user_id)?;
    read(&app, session.user, None, &kind)
}

/// `PUT /_matrix/client/v3/user/{userId}/rooms/{roomId}/account_data/{type}`
pub async fn set_in_room(
    State(app): State<Arc<App>>,
    session: Session,
    Params((user_id, room_id, kind)): Params<(OwnedUserId, OwnedRoomId, String)>,
    RawBody(body): RawBody,
) -> Result<RawJson> {
    require_self(&session, &user_id)?;
    let room = app.store.intern_room(&room_id)?;
    write(&app, session.user, Some(room), &kind, &body).await
}

/// `GET /_matrix/client/v3/user/{userId}/rooms/{roomId}/account_data/{type}`
pub async fn get_in_room(
    State(app): State<Arc<App>>,
    session: Session,
    Params((user_id, room_id, kind)): Params<(OwnedUserId, OwnedRoomId, String)>,
) -> Result<RawJson> {
    require_self(&session, &user_id)?;
    let room = app.store.room_num(&room_id)?.ok_or_else(no_data)?;
    read(&app, session.user, Some(room), &kind)
}

/// `GET /_matrix/client/v3/user/{userId}/rooms/{roomId}/tags`
pub async fn tags(
    State(app): State<Arc<App>>,
    session: Session,
    Params((user_id, room_id)): Params<(OwnedUserId, OwnedRoomId)>,
) -> Result<Json<Value>> {
    require_self(&session, &user_id)?;
    let tags = known_room(&app, &room_id)?.map(|room| app.users.tags(session.user, room)).transpose()?;
    Ok(Json(json!({ "tags": tags.unwrap_or_default() })))
}

/// `PUT /_matrix/client/v3/user/{userId}/rooms/{roomId}/tags/{tag}`
pub async fn set_tag(
    State(app): State<Arc<App>>,
    session: Session,
    Params((user_id, room_id, name)): Params<(OwnedUserId, OwnedRoomId, String)>,
    extract::Json(tag): extract::Json<Map<String, Value>>,
) -> Result<RawJson> {
    require_self(&session, &user_id)?;
    app.users.set_tag(session.user, app.store.intern_room(&room_id)?, &name, tag).await?;
    Ok(empty())
}

/// `DELETE /_matrix/client/v3/user/{userId}/rooms/{roomId}/tags/{tag}`
pub async fn delete_tag(
    State(app): State<Arc<App>>,
    session: Session,
    Params((user_id, room_id, name)): Params<(OwnedUserId, OwnedRoomId, String)>,
) -> Result<RawJson> {
    require_self(&session, &user_id)?;
    if let Some(room) = known_room(&app, &room_id)? {
        app.users.delete_tag(session.user, room, &name).await?;
    }
    Ok(empty())
}

async fn write(app: &App, user: UserNum, room: Option<RoomNum>, kind: &str, body: &[u8]) -> Result<RawJson> {
    if MANAGED.contains(&kind) {
        return Err(Error::new(405, "M_BAD_JSON", "The server alone writes account data of this type."));
    }
    app.users.set_account_data(user, room, kind, extract::text(body)?).await?;
    Ok(empty())
}

fn read(app: &App, user: UserNum, room: Option<RoomNum>, kind: &str) -> Result<RawJson> {
    let content = app.users.account_data(&app.store.latest(), user, room, kind)?.ok_or_else(no_data)?;
    Ok(RawJson(content.into_bytes()))
}

fn known_room(app: &App, room_id: &RoomId) -> Result<Option<RoomNum>> {
    Ok(app.store.room_num(room_id)?)
}

fn no_data() -> Error {
    Error::not_found("There is no account data of this type.")
}
