//! Joining, leaving, knocking and inviting across servers (server-server API, "Joining Rooms" and those that follow).

use std::sync::Arc;

use axum::{
    Json,
    extract::{RawQuery, State},
};
use ruma::{CanonicalJsonObject, OwnedEventId, OwnedRoomId, OwnedUserId, RoomVersionId};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    app::App,
    error::{Error, Result},
    http::{
        answer::{RawJson, empty},
        extract::Params,
        x_matrix::Signed,
    },
    rooms::{
        remote::{Accepted, Invitation, Submission},
        rows::Membership,
    },
};

type RoomAndUser = Params<(OwnedRoomId, OwnedUserId)>;
type RoomAndEvent = Params<(OwnedRoomId, OwnedEventId)>;

/// `GET /_matrix/federation/v1/make_join/{roomId}/{userId}`
pub async fn make_join(
    State(app): State<Arc<App>>,
    path: RoomAndUser,
    RawQuery(query): RawQuery,
    signed: Signed,
) -> Result<Json<Value>> {
    make(&app, path, &signed, Membership::Join, Some(versions(query.as_deref()))).await
}

/// `GET /_matrix/federation/v1/make_knock/{roomId}/{userId}`
pub async fn make_knock(
    State(app): State<Arc<App>>,
    path: RoomAndUser,
    RawQuery(query): RawQuery,
    signed: Signed,
) -> Result<Json<Value>> {
    make(&app, path, &signed, Membership::Knock, Some(versions(query.as_deref()))).await
}

/// `GET /_matrix/federation/v1/make_leave/{roomId}/{userId}`
pub async fn make_leave(State(app): State<Arc<App>>, path: RoomAndUser, signed: Signed) -> Result<Json<Value>> {
    make(&app, path, &signed, Membership::Leave, None).await
}

async fn make(
    app: &App,
    Params((room_id, user_id)): RoomAndUser,
    signed: &Signed,
    membership: Membership,
    versions: Option<Vec<RoomVersionId>>,
) -> Result<Json<Value>> {
    let wanted = (&*room_id, &*user_id);
    let (version, event) = app.rooms.template(&signed.origin, wanted, membership, versions.as_deref()).await?;
    Ok(Json(json!({ "room_version": version, "event": event })))
}

/// The room versions that the other server knows; "1" if it names none.
fn versions(query: Option<&str>) -> Vec<RoomVersionId> {
    let query = query.unwrap_or_default();
    let named = query.split('&').filter_map(|pair| pair.strip_prefix("ver=")?.try_into().ok());
    let versions: Vec<_> = named.take(100).collect();
    if versions.is_empty() { vec![RoomVersionId::V1] } else { versions }
}

/// `PUT /_matrix/federation/v2/send_join/{roomId}/{eventId}`
pub async fn send_join(State(app): State<Arc<App>>, path: RoomAndEvent, signed: Signed) -> Result<RawJson> {
    let accepted = send(&app, &path, &signed, Membership::Join).await?;
    Ok(RawJson(accepted.join_answer(&app.rooms)?))
}

/// `PUT /_matrix/federation/v1/send_join/{roomId}/{eventId}`
pub async fn send_join_v1(State(app): State<Arc<App>>, path: RoomAndEvent, signed: Signed) -> Result<RawJson> {
    let accepted = send(&app, &path, &signed, Membership::Join).await?;
    Ok(RawJson([b"[200,", &accepted.join_answer(&app.rooms)?[..], b"]"].concat()))
}

/// `PUT /_matrix/federation/v2/send_leave/{roomId}/{eventId}`
pub async fn send_leave(State(app): State<Arc<App>>, path: RoomAndEvent, signed: Signed) -> Result<RawJson> {
    send(&app, &path, &signed, Membership::Leave).await?;
    Ok(empty())
}

/// `PUT /_matrix/federation/v1/send_leave/{roomId}/{eventId}`
pub async fn send_leave_v1(State(app): State<Arc<App>>, path: RoomAndEvent, signed: Signed) -> Result<RawJson> {
    send(&app, &path, &signed, Membership::Leave).await?;
    Ok(RawJson(b"[200,{}]".to_vec()))
}

/// `PUT /_matrix/federation/v1/send_knock/{roomId}/{eventId}`
pub async fn send_knock(State(app): State<Arc<App>>, path: RoomAndEvent, signed: Signed) -> Result<RawJson> {
    let accepted = send(&app, &path, &signed, Membership::Knock).await?;
    Ok(RawJson(accepted.knock_answer(&app.rooms)?))
}

async fn send(
    app: &App,
    Params((room_id, event_id)): &RoomAndEvent,
    signed: &Signed,
    membership: Membership,
) -> Result<Accepted> {
    let (origin, object) = (&*signed.origin, signed.json()?);
    app.rooms.accept(Submission { origin, room_id, event_id, object, membership }).await
}

/// The body of `PUT /_matrix/federation/v2/invite/{roomId}/{eventId}`.
#[derive(Deserialize)]
struct InviteRequest {
    room_version: RoomVersionId,
    event: CanonicalJsonObject,
    #[serde(default)]
    invite_room_state: Vec<CanonicalJsonObject>,
}

/// `PUT /_matrix/federation/v2/invite/{roomId}/{eventId}`
pub async fn invite(
    State(app): State<Arc<App>>,
    Params((room_id, event_id)): RoomAndEvent,
    signed: Signed,
) -> Result<Json<Value>> {
    let InviteRequest { room_version: version, event: object, invite_room_state: state } = signed.json()?;
    let invitation =
        Invitation { origin: &signed.origin, room_id: &room_id, event_id: &event_id, version, object, state };
    Ok(Json(json!({ "event": app.rooms.take_invite(invitation).await? })))
}

/// `PUT /_matrix/federation/v1/invite/{roomId}/{eventId}`: for rooms of versions 1 and 2, which this server doesn't know.
pub async fn invite_v1(_: Signed) -> Error {
    Error::bad_request("M_INCOMPATIBLE_ROOM_VERSION", "This server knows no rooms of versions 1 and 2.")
}
