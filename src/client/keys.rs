//! Keys of end-to-end encryption (client-server API, "Key management API").

use std::{collections::BTreeMap, sync::Arc};

use axum::{Json, extract::State};
use ruma::{OwnedDeviceId, OwnedUserId};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    app::App,
    error::Result,
    http::{
        answer::{RawJson, empty},
        extract::{self, QueryParams},
    },
    sync::{SyncToken, device_lists_since, joined_rooms},
    users::{
        AuthData, Operation, Session, Stage,
        keys::{Claimed, CrossSigningUpload, KeysUpload, Queried, SignedKeys},
    },
};

/// `POST /_matrix/client/v3/keys/upload`
pub async fn upload(
    State(app): State<Arc<App>>,
    session: Session,
    extract::Json(request): extract::Json<KeysUpload>,
) -> Result<Json<Value>> {
    // With the user's rooms in memory, it is known who is to be told of a new device.
    joined_rooms(&app, session.user)?;
    let counts = app.users.upload_keys(&session, request).await?;
    Ok(Json(json!({ "one_time_key_counts": counts })))
}

/// The body of `POST /_matrix/client/v3/keys/query`.
#[derive(Deserialize)]
pub struct QueryRequest {
    device_keys: BTreeMap<OwnedUserId, Vec<OwnedDeviceId>>,
}

/// `POST /_matrix/client/v3/keys/query`
pub async fn query(
    State(app): State<Arc<App>>,
    session: Session,
    extract::Json(request): extract::Json<QueryRequest>,
) -> Result<Json<Queried>> {
    Ok(Json(app.rooms.query_all_keys(session.user, request.device_keys).await?))
}

/// The body of `POST /_matrix/client/v3/keys/claim`.
#[derive(Deserialize)]
pub struct ClaimRequest {
    one_time_keys: BTreeMap<OwnedUserId, BTreeMap<OwnedDeviceId, String>>,
}

/// `POST /_matrix/client/v3/keys/claim`
pub async fn claim(
    State(app): State<Arc<App>>,
    _: Session,
    extract::Json(request): extract::Json<ClaimRequest>,
) -> Result<Json<Claimed>> {
    Ok(Json(app.rooms.claim_all_keys(request.one_time_keys).await?))
}

/// The parameters of `GET /_matrix/client/v3/keys/changes`.
#[derive(Deserialize)]
pub struct ChangesParams {
    from: SyncToken,
    // What changed up to now is told: more than up to here harms nobody.
    #[serde(rename = "to")]
    _to: SyncToken,
}

/// `GET /_matrix/client/v3/keys/changes`
pub async fn changes(
    State(app): State<Arc<App>>,
    session: Session,
    QueryParams(params): QueryParams<ChangesParams>,
) -> Result<Json<Value>> {
    let lists = device_lists_since(&app, &session, params.from.position)?;
    Ok(Json(json!({ "changed": lists.changed, "left": lists.left })))
}

/// The body of `POST /_matrix/client/v3/keys/device_signing/upload`.
#[derive(Deserialize)]
pub struct DeviceSigningRequest {
    #[serde(flatten)]
    keys: CrossSigningUpload,
    auth: Option<AuthData>,
}

/// `POST /_matrix/client/v3/keys/device_signing/upload`
pub async fn upload_cross_signing(
    State(app): State<Arc<App>>,
    session: Session,
    extract::Json(request): extract::Json<DeviceSigningRequest>,
) -> Result<RawJson> {
    joined_rooms(&app, session.user)?;
    let keys = request.keys.check(&session.user_id)?;
    if !app.users.must_authenticate_for(session.user, &keys)? {
        app.users.set_cross_signing_keys(&session, keys, false).await?;
        return Ok(empty());
    }
    let operation = Operation { name: "device_signing".to_owned(), stage: Stage::Password(session.user) };
    let passed = app.users.authenticate_interactively(operation, request.auth).await?;
    app.users.set_cross_signing_keys(&session, keys, true).await?;
    app.users.finish(passed);
    Ok(empty())
}

/// `POST /_matrix/client/v3/keys/signatures/upload`
pub async fn upload_signatures(
    State(app): State<Arc<App>>,
    session: Session,
    extract::Json(signed): extract::Json<SignedKeys>,
) -> Result<Json<Value>> {
    joined_rooms(&app, session.user)?;
    let failures = app.users.upload_signatures(&session, signed).await?;
    Ok(Json(json!({ "failures": failures })))
}
