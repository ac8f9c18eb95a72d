//! Where the user is logged in (client-server API, "Device Management").

use std::sync::Arc;

use axum::{Json, extract::State};
use ruma::OwnedDeviceId;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    app::App,
    error::{Error, Result},
    http::{
        answer::{RawJson, empty},
        extract::{self, OptionalJson, Params},
    },
    users::{AuthData, Device, Operation, Session, Stage},
};

/// Devices that can be deleted at once.
const MAX_DELETED: usize = 1000;

/// `GET /_matrix/client/v3/devices`
pub async fn list(State(app): State<Arc<App>>, session: Session) -> Result<Json<Value>> {
    Ok(Json(json!({ "devices": app.users.devices(session.user)? })))
}

/// `GET /_matrix/client/v3/devices/{deviceId}`
pub async fn get(
    State(app): State<Arc<App>>,
    session: Session,
    Params(device_id): Params<OwnedDeviceId>,
) -> Result<Json<Device>> {
    Ok(Json(app.users.get_device(session.user, &device_id)?))
}

/// The body of `PUT /_matrix/client/v3/devices/{deviceId}`.
#[derive(Deserialize)]
pub struct UpdateRequest {
    display_name: Option<String>,
}

/// `PUT /_matrix/client/v3/devices/{deviceId}`
pub async fn update(
    State(app): State<Arc<App>>,
    session: Session,
    Params(device_id): Params<OwnedDeviceId>,
    extract::Json(request): extract::Json<UpdateRequest>,
) -> Result<RawJson> {
    match request.display_name {
        Some(name) => app.users.rename_device(session.user, &device_id, name).await?,
        None => drop(app.users.get_device(session.user, &device_id)?),
    }
    Ok(empty())
}

/// The body of `DELETE /_matrix/client/v3/devices/{deviceId}`.
#[derive(Deserialize)]
pub struct DeleteRequest {
    auth: Option<AuthData>,
}

/// `DELETE /_matrix/client/v3/devices/{deviceId}`
pub async fn delete(
    State(app): State<Arc<App>>,
    session: Session,
    Params(device_id): Params<OwnedDeviceId>,
    OptionalJson(request): OptionalJson<DeleteRequest>,
) -> Result<RawJson> {
    delete_all(&app, &session, vec![device_id], request.auth).await
}

/// The body of `POST /_matrix/client/v3/delete_devices`.
#[derive(Deserialize)]
pub struct DeleteManyRequest {
    devices: Vec<OwnedDeviceId>,
    auth: Option<AuthData>,
}

/// `POST /_matrix/client/v3/delete_devices`
pub async fn delete_many(
    State(app): State<Arc<App>>,
    session: Session,
    extract::Json(request): extract::Json<DeleteManyRequest>,
) -> Result<RawJson> {
    if request.devices.len() > MAX_DELETED {
        return Err(Error::invalid_param("These are too many devices for one request."));
    }
    delete_all(&app, &session, request.devices, request.auth).await
}

async fn delete_all(
    app: &App,
    session: &Session,
    mut devices: Vec<OwnedDeviceId>,
    auth: Option<AuthData>,
) -> Result<RawJson> {
    devices.sort();
    // The session serves for these devices only.
    let name = format!("delete_devices/{}", json!(devices));
    let operation = Operation { name, stage: Stage::Password(session.user) };
    let passed = app.users.authenticate_interactively(operation, auth).await?;
    app.users.delete_devices(session.user, &devices).await?;
    app.users.finish(passed);
    Ok(empty())
}
