//! Backups of keys (client-server API, "Server-side key backups").

use std::{collections::BTreeMap, sync::Arc};

use axum::{Json, extract::State};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    app::App,
    error::{Error, Result},
    http::{
        answer::{RawJson, empty},
        extract::{self, Params, QueryParams},
    },
    users::{
        Session,
        backups::{BackupData, KeyData, RoomSessions, Selection, Stored},
    },
};

/// `POST /_matrix/client/v3/room_keys/version`
pub async fn create_version(
    State(app): State<Arc<App>>,
    session: Session,
    extract::Json(data): extract::Json<BackupData>,
) -> Result<Json<Value>> {
    let version = app.users.create_backup(session.user, data).await?;
    Ok(Json(json!({ "version": version })))
}

/// `GET /_matrix/client/v3/room_keys/version`
pub async fn current_version(State(app): State<Arc<App>>, session: Session) -> Result<RawJson> {
    app.users.describe_backup(session.user, None).map(RawJson)
}

/// `GET /_matrix/client/v3/room_keys/version/{version}`
pub async fn version(
    State(app): State<Arc<App>>,
    session: Session,
    Params(version): Params<String>,
) -> Result<RawJson> {
    app.users.describe_backup(session.user, Some(&version)).map(RawJson)
}

/// `PUT /_matrix/client/v3/room_keys/version/{version}`
pub async fn change_version(
    State(app): State<Arc<App>>,
    session: Session,
    Params(version): Params<String>,
    extract::Json(data): extract::Json<BackupData>,
) -> Result<RawJson> {
    app.users.change_backup(session.user, &version, data).await?;
    Ok(empty())
}

/// `DELETE /_matrix/client/v3/room_keys/version/{version}`
pub async fn delete_version(
    State(app): State<Arc<App>>,
    session: Session,
    Params(version): Params<String>,
) -> Result<RawJson> {
    app.users.delete_backup(session.user, &version).await?;
    Ok(empty())
}

/// Which version is meant.
#[derive(Deserialize)]
pub struct VersionParam {
    version: Option<String>,
}

impl VersionParam {
    fn required(&self) -> Result<&str> {
        let missing = || Error::bad_request("M_MISSING_PARAM", "`version` must say which backup is meant.");
        self.version.as_deref().ok_or_else(missing)
    }
}

/// The body of `PUT /_matrix/client/v3/room_keys/keys`.
#[derive(Deserialize)]
pub struct AllKeys {
    rooms: BTreeMap<String, RoomSessions>,
}

/// `PUT /_matrix/client/v3/room_keys/keys`
pub async fn put_all(
    State(app): State<Arc<App>>,
    session: Session,
    QueryParams(query): QueryParams<VersionParam>,
    extract::Json(keys): extract::Json<AllKeys>,
) -> Result<Json<Stored>> {
    app.users.back_up_keys(session.user, query.required()?, keys.rooms).await.map(Json)
}

/// `PUT /_matrix/client/v3/room_keys/keys/{roomId}`
pub async fn put_room(
    State(app): State<Arc<App>>,
    session: Session,
    Params(room): Params<String>,
    QueryParams(query): QueryParams<VersionParam>,
    extract::Json(keys): extract::Json<RoomSessions>,
) -> Result<Json<Stored>> {
    app.users.back_up_keys(session.user, query.required()?, BTreeMap::from([(room, keys)])).await.map(Json)
}

/// `PUT /_matrix/client/v3/room_keys/keys/{roomId}/{sessionId}`
pub async fn put_session(
    State(app): State<Arc<App>>,
    session: Session,
    Params((room, id)): Params<(String, String)>,
    QueryParams(query): QueryParams<VersionParam>,
    extract::Json(key): extract::Json<KeyData>,
) -> Result<Json<Stored>> {
    let keys = RoomSessions { sessions: BTreeMap::from([(id, key)]) };
    app.users.back_up_keys(session.user, query.required()?, BTreeMap::from([(room, keys)])).await.map(Json)
}

/// `GET /_matrix/client/v3/room_keys/keys`
pub async fn all(
    State(app): State<Arc<App>>,
    session: Session,
    QueryParams(query): QueryParams<VersionParam>,
) -> Result<RawJson> {
    app.users.backed_up_keys(session.user, query.required()?, Selection::All).map(RawJson)
}

/// `GET /_matrix/client/v3/room_keys/keys/{roomId}`
pub async fn room(
    State(app): State<Arc<App>>,
    session: Session,
    Params(room): Params<String>,
    QueryParams(query): QueryParams<VersionParam>,
) -> Result<RawJson> {
    app.users.backed_up_keys(session.user, query.required()?, Selection::Room(&room)).map(RawJson)
}

/// `GET /_matrix/client/v3/room_keys/keys/{roomId}/{sessionId}`
pub async fn session(
    State(app): State<Arc<App>>,
    session: Session,
    Params((room, id)): Params<(String, String)>,
    QueryParams(query): QueryParams<VersionParam>,
) -> Result<RawJson> {
    app.users.backed_up_keys(session.user, query.required()?, Selection::Session(&room, &id)).map(RawJson)
}

/// `DELETE /_matrix/client/v3/room_keys/keys`
pub async fn delete_all(
    State(app): State<Arc<App>>,
    session: Session,
    QueryParams(query): QueryParams<VersionParam>,
) -> Result<Json<Stored>> {
    app.users.delete_backed_up_keys(session.user, query.required()?, Selection::All).await.map(Json)
}

/// `DELETE /_matrix/client/v3/room_keys/keys/{roomId}`
pub async fn delete_room(
    State(app): State<Arc<App>>,
    session: Session,
    Params(room): Params<String>,
    QueryParams(query): QueryParams<VersionParam>,
) -> Result<Json<Stored>> {
    app.users.delete_backed_up_keys(session.user, query.required()?, Selection::Room(&room)).await.map(Json)
}

/// `DELETE /_matrix/client/v3/room_keys/keys/{roomId}/{sessionId}`
pub async fn delete_session(
    State(app): State<Arc<App>>,
    session: Session,
    Params((room, id)): Params<(String, String)>,
    QueryParams(query): QueryParams<VersionParam>,
) -> Result<Json<Stored>> {
    app.users.delete_backed_up_keys(session.user, query.required()?, Selection::Session(&room, &id)).await.map(Json)
}
