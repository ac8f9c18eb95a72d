//! Who is in a room (client-server API, "Room membership").

use std::sync::Arc;

use axum::{
    Json,
    extract::{RawQuery, State},
};
use ruma::{
    CanonicalJsonObject, OwnedRoomId, OwnedRoomOrAliasId, OwnedServerName, OwnedUserId, RoomId, RoomOrAliasId,
    ServerName,
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    app::App,
    error::{Error, Result},
    http::{
        answer::{RawJson, empty},
        extract::{self, OptionalJson, Params},
    },
    ids::RoomNum,
    rooms::{
        membership::{Action, Actor, reason},
        remote::JoinTarget,
    },
    users::Session,
};

/// A body that may say why.
#[derive(Deserialize)]
pub struct ReasonRequest {
    reason: Option<String>,
}

/// The body of a join.
#[derive(Deserialize)]
pub struct JoinRequest {
    reason: Option<String>,
    third_party_signed: Option<CanonicalJsonObject>,
}

/// A body that names a user, and may say why.
#[derive(Deserialize)]
pub struct TargetRequest {
    user_id: OwnedUserId,
    reason: Option<String>,
}

/// The body of `POST /_matrix/client/v3/rooms/{roomId}/invite`, by user ID or by third-party identifier.
#[derive(Deserialize)]
pub struct InviteRequest {
    user_id: Option<OwnedUserId>,
    reason: Option<String>,
    medium: Option<String>,
}

/// `POST /_matrix/client/v3/rooms/{roomId}/join`
pub async fn join(
    State(app): State<Arc<App>>,
    session: Session,
    Params(room_id): Params<OwnedRoomId>,
    OptionalJson(request): OptionalJson<JoinRequest>,
) -> Result<Json<Value>> {
    let target = app.rooms.find_to_join(session.user, <&RoomOrAliasId>::from(&*room_id), Vec::new()).await?;
    join_room(&app, &session, target, request).await
}

/// `POST /_matrix/client/v3/join/{roomIdOrAlias}`
pub async fn join_by_alias(
    State(app): State<Arc<App>>,
    session: Session,
    Params(room): Params<OwnedRoomOrAliasId>,
    RawQuery(query): RawQuery,
    OptionalJson(request): OptionalJson<JoinRequest>,
) -> Result<Json<Value>> {
    let target = app.rooms.find_to_join(session.user, &room, via(query.as_deref())).await?;
    join_room(&app, &session, target, request).await
}

async fn join_room(app: &App, session: &Session, target: JoinTarget, request: JoinRequest) -> Result<Json<Value>> {
    let (actor, content) = (Actor::from(session), reason(request.reason));
    let room = match target {
        JoinTarget::Here(room) => {
            app.rooms.join(actor, room, content, request.third_party_signed).await?;
            room
        }
        JoinTarget::Elsewhere(room_id, servers) => {
            app.rooms.join_elsewhere(actor, &room_id, &servers, (content, request.third_party_signed)).await?
        }
    };
    room_id(app, room)
}

/// The servers that a client names: `via`, or `server_name` as older ones call it, each as often as it likes.
pub(super) fn via(query: Option<&str>) -> Vec<OwnedServerName> {
    let pairs = reqwest::Url::parse(&format!("matrix:/?{}", query.unwrap_or_default()));
    let servers =
        pairs.iter().flat_map(reqwest::Url::query_pairs).filter(|(key, _)| key == "via" || key == "server_name");
    servers.filter_map(|(_, server)| <&ServerName>::try_from(&*server).ok().map(ToOwned::to_owned)).take(50).collect()
}

/// `POST /_matrix/client/v3/knock/{roomIdOrAlias}`
pub async fn knock(
    State(app): State<Arc<App>>,
    session: Session,
    Params(room): Params<OwnedRoomOrAliasId>,
    RawQuery(query): RawQuery,
    OptionalJson(request): OptionalJson<ReasonRequest>,
) -> Result<Json<Value>> {
    let (actor, content) = (Actor::from(&session), reason(request.reason));
    let room = match app.rooms.find_to_join(session.user, &room, via(query.as_deref())).await? {
        JoinTarget::Here(room) => {
            app.rooms.knock(actor, room, content).await?;
            room
        }
        JoinTarget::Elsewhere(room_id, servers) => {
            app.rooms.knock_elsewhere(actor, &room_id, &servers, content).await?
        }
    };
    room_id(&app, room)
}

/// `POST /_matrix/client/v3/rooms/{roomId}/invite`
pub async fn invite(
    State(app): State<Arc<App>>,
    session: Session,
    Params(room_id): Params<OwnedRoomId>,
    extract::Json(request): extract::Json<InviteRequest>,
) -> Result<RawJson> {
    let target = match (request.user_id, request.medium) {
        (Some(target), _) => target,
        (None, Some(_)) => return Err(no_third_parties()),
        (None, None) => return Err(Error::bad_json("The body must name a user in user_id.")),
    };
    act(&app, &session, &room_id, Action::Invite, TargetRequest { user_id: target, reason: request.reason }).await
}

/// `POST /_matrix/client/v3/rooms/{roomId}/leave`
pub async fn leave(
    State(app): State<Arc<App>>,
    session: Session,
    Params(room_id): Params<OwnedRoomId>,
    OptionalJson(request): OptionalJson<ReasonRequest>,
) -> Result<RawJson> {
    let room = app.rooms.number(&room_id)?;
    app.rooms.leave(Actor::from(&session), room, reason(request.reason)).await?;
    Ok(empty())
}

/// `POST /_matrix/client/v3/rooms/{roomId}/forget`
pub async fn forget(
    State(app): State<Arc<App>>,
    session: Session,
    Params(room_id): Params<OwnedRoomId>,
) -> Result<RawJson> {
    app.rooms.forget(&session, app.rooms.number(&room_id)?).await?;
    Ok(empty())
}

/// `POST /_matrix/client/v3/rooms/{roomId}/kick`
pub async fn kick(
    State(app): State<Arc<App>>,
    session: Session,
    Params(room_id): Params<OwnedRoomId>,
    extract::Json(request): extract::Json<TargetRequest>,
) -> Result<RawJson> {
    act(&app, &session, &room_id, Action::Kick, request).await
}

/// `POST /_matrix/client/v3/rooms/{roomId}/ban`
pub async fn ban(
    State(app): State<Arc<App>>,
    session: Session,
    Params(room_id): Params<OwnedRoomId>,
    extract::Json(request): extract::Json<TargetRequest>,
) -> Result<RawJson> {
    act(&app, &session, &room_id, Action::Ban, request).await
}

/// `POST /_matrix/client/v3/rooms/{roomId}/unban`
pub async fn unban(
    State(app): State<Arc<App>>,
    session: Session,
    Params(room_id): Params<OwnedRoomId>,
    extract::Json(request): extract::Json<TargetRequest>,
) -> Result<RawJson> {
    act(&app, &session, &room_id, Action::Unban, request).await
}

async fn act(
    app: &App,
    session: &Session,
    room_id: &RoomId,
    action: Action,
    request: TargetRequest,
) -> Result<RawJson> {
    let room = app.rooms.number(room_id)?;
    app.rooms.act(Actor::from(session), room, (action, &request.user_id), reason(request.reason)).await?;
    Ok(empty())
}

/// `GET /_matrix/client/v3/joined_rooms`
pub async fn joined_rooms(State(app): State<Arc<App>>, session: Session) -> Result<Json<Value>> {
    Ok(Json(json!({ "joined_rooms": app.rooms.joined_rooms(session.user)? })))
}

fn room_id(app: &App, room: RoomNum) -> Result<Json<Value>> {
    Ok(Json(json!({ "room_id": app.store.room_id(room)? })))
}

/// 403 `M_SERVER_NOT_TRUSTED`: who is behind an e-mail address or phone number only an identity server could say.
pub(super) fn no_third_parties() -> Error {
    Error::new(403, "M_SERVER_NOT_TRUSTED", "This server asks no identity server: invite people by their user IDs.")
}
