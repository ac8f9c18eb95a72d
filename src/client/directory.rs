//! Finding rooms: aliases, the published directory, summaries (client-server API, "Room aliases", "Published room
//! directory", "Room Summaries").

use std::sync::Arc;

use axum::{
    Json,
    extract::{RawQuery, State},
    response::{IntoResponse, Response},
};
use ruma::{CanonicalJsonValue, OwnedRoomAliasId, OwnedRoomId, OwnedRoomOrAliasId, OwnedServerName};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{create_room::Visibility, membership::via};
use crate::{
    app::App,
    error::{Error, Result},
    http::{
        answer::{RawJson, empty},
        extract::{self, MaybeSession, OptionalJson, Params, QueryParams},
    },
    rooms::{directory::Query, summary::FullSummary},
    users::Session,
};

/// The body of `PUT /_matrix/client/v3/directory/room/{roomAlias}`.
#[derive(Deserialize)]
pub struct AliasRequest {
    room_id: OwnedRoomId,
}

/// `PUT /_matrix/client/v3/directory/room/{roomAlias}`
pub async fn add_alias(
    State(app): State<Arc<App>>,
    session: Session,
    Params(alias): Params<OwnedRoomAliasId>,
    extract::Json(request): extract::Json<AliasRequest>,
) -> Result<RawJson> {
    app.rooms.add_alias(&session, &alias, &request.room_id).await?;
    Ok(empty())
}

/// `GET /_matrix/client/v3/directory/room/{roomAlias}`
pub async fn resolve_alias(
    State(app): State<Arc<App>>,
    Params(alias): Params<OwnedRoomAliasId>,
) -> Result<Json<Value>> {
    let (room_id, servers) = app.rooms.look_up_alias(&alias).await?;
    Ok(Json(json!({ "room_id": room_id, "servers": servers })))
}

/// `DELETE /_matrix/client/v3/directory/room/{roomAlias}`
pub async fn remove_alias(
    State(app): State<Arc<App>>,
    session: Session,
    Params(alias): Params<OwnedRoomAliasId>,
) -> Result<RawJson> {
    app.rooms.remove_alias(&session, &alias).await?;
    Ok(empty())
}

/// `GET /_matrix/client/v3/rooms/{roomId}/aliases`
pub async fn aliases(
    State(app): State<Arc<App>>,
    session: Session,
    Params(room_id): Params<OwnedRoomId>,
) -> Result<Json<Value>> {
    let aliases = app.rooms.readable_aliases(&app.store.snapshot(), session.user, &room_id)?;
    Ok(Json(json!({ "aliases": aliases })))
}

/// `GET /_matrix/client/v3/directory/list/room/{roomId}`
pub async fn visibility(State(app): State<Arc<App>>, Params(room_id): Params<OwnedRoomId>) -> Result<Json<Value>> {
    let listed = app.rooms.is_listed(app.rooms.number(&room_id)?)?;
    Ok(Json(json!({ "visibility": if listed { "public" } else { "private" } })))
}

/// The body of `PUT /_matrix/client/v3/directory/list/room/{roomId}`.
#[derive(Deserialize)]
pub struct VisibilityRequest {
    visibility: Option<Visibility>,
}

/// `PUT /_matrix/client/v3/directory/list/room/{roomId}`
pub async fn set_visibility(
    State(app): State<Arc<App>>,
    session: Session,
    Params(room_id): Params<OwnedRoomId>,
    OptionalJson(request): OptionalJson<VisibilityRequest>,
) -> Result<RawJson> {
    let listed = request.visibility != Some(Visibility::Private);
    app.rooms.set_listed(&session, app.rooms.number(&room_id)?, listed).await?;
    Ok(empty())
}

/// The query of `GET /_matrix/client/v3/publicRooms`, and that of `POST`, which has `server` only.
#[derive(Deserialize)]
pub struct PublicRoomsQuery {
    limit: Option<u64>,
    since: Option<String>,
    server: Option<OwnedServerName>,
}

/// The body of `POST /_matrix/client/v3/publicRooms`.
#[derive(Deserialize, Serialize)]
pub struct PublicRoomsRequest {
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    filter: Option<Filter>,
}

#[derive(Deserialize, Serialize)]
struct Filter {
    #[serde(skip_serializing_if = "Option::is_none")]
    generic_search_term: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    room_types: Option<Vec<Option<String>>>,
}

/// `GET /_matrix/client/v3/publicRooms`: needs no access token.
pub async fn public_rooms(
    State(app): State<Arc<App>>,
    QueryParams(query): QueryParams<PublicRoomsQuery>,
) -> Result<Response> {
    let request = PublicRoomsRequest { limit: query.limit, since: query.since, filter: None };
    directory(&app, query.server, request).await
}

/// `POST /_matrix/client/v3/publicRooms`
pub async fn search_public_rooms(
    State(app): State<Arc<App>>,
    _: Session,
    QueryParams(query): QueryParams<PublicRoomsQuery>,
    OptionalJson(request): OptionalJson<PublicRoomsRequest>,
) -> Result<Response> {
    directory(&app, query.server, request).await
}

fn directory_query(limit: Option<u64>, since: Option<&str>, filter: Option<Filter>) -> Result<Query> {
    let (search_term, room_types) =
        filter.map_or((None, None), |filter| (filter.generic_search_term, filter.room_types));
    Ok(Query {
        search_term,
        room_types,
        limit: limit.map(|limit| usize::try_from(limit).unwrap_or(usize::MAX)),
        since: since.filter(|since| !since.is_empty()).map(str::parse).transpose()?,
    })
}

/// A page of our own directory, or of another server's.
async fn directory(app: &App, server: Option<OwnedServerName>, request: PublicRoomsRequest) -> Result<Response> {
    match server.filter(|server| *server != app.config.server_name) {
        Some(server) => {
            let request = CanonicalJsonValue::try_from(json!(request)).map_err(Error::internal)?;
            let CanonicalJsonValue::Object(request) = request else { return Err(Error::internal("no object")) };
            Ok(Json(app.rooms.look_up_directory(&server, request).await?).into_response())
        }
        None => {
            let query = directory_query(request.limit, request.since.as_deref(), request.filter)?;
            Ok(Json(app.rooms.directory(&query)?).into_response())
        }
    }
}

/// `GET /_matrix/client/v1/room_summary/{roomIdOrAlias}`
pub async fn room_summary(
    State(app): State<Arc<App>>,
    MaybeSession(session): MaybeSession,
    Params(room): Params<OwnedRoomOrAliasId>,
    RawQuery(query): RawQuery,
) -> Result<Json<FullSummary>> {
    let user = session.map(|session| session.user);
    // Who is not logged in has no business with other servers.
    let via = if user.is_some() { via(query.as_deref()) } else { Vec::new() };
    Ok(Json(app.rooms.summary_anywhere(user, &room, via).await?))
}
