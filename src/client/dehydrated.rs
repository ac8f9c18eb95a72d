//! Dehydrated devices (MSC3814), under the prefix that clients use until they are specified.

use std::sync::Arc;

use axum::{Json, extract::State};
use ruma::OwnedDeviceId;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    app::App,
    error::Result,
    http::extract::{self, OptionalJson, Params, QueryParams},
    sync::joined_rooms,
    users::{
        Session,
        keys::{DehydratedEvents, NewDehydrated},
    },
};

/// `PUT /_matrix/client/unstable/org.matrix.msc3814.v1/dehydrated_device`
pub async fn put(
    State(app): State<Arc<App>>,
    session: Session,
    extract::Json(device): extract::Json<NewDehydrated>,
) -> Result<Json<Value>> {
    joined_rooms(&app, session.user)?;
    let device_id = app.users.set_dehydrated_device(&session, device).await?;
    Ok(Json(json!({ "device_id": device_id })))
}

/// `GET /_matrix/client/unstable/org.matrix.msc3814.v1/dehydrated_device`
pub async fn get(State(app): State<Arc<App>>, session: Session) -> Result<Json<Value>> {
    app.users.dehydrated_device(session.user).map(Json)
}

/// `DELETE /_matrix/client/unstable/org.matrix.msc3814.v1/dehydrated_device`
pub async fn delete(State(app): State<Arc<App>>, session: Session) -> Result<Json<Value>> {
    let device_id = app.users.delete_dehydrated_device(session.user).await?;
    Ok(Json(json!({ "device_id": device_id })))
}

/// Where to read on, in a body.
#[derive(Deserialize)]
pub struct EventsRequest {
    next_batch: Option<String>,
}

/// `POST /_matrix/client/unstable/org.matrix.msc3814.v1/dehydrated_device/{device_id}/events`
pub async fn events(
    State(app): State<Arc<App>>,
    session: Session,
    Params(device_id): Params<OwnedDeviceId>,
    OptionalJson(request): OptionalJson<EventsRequest>,
) -> Result<Json<DehydratedEvents>> {
    app.users.dehydrated_events(session.user, &device_id, request.next_batch.as_deref()).map(Json)
}

/// Where to read on, in the query.
#[derive(Deserialize)]
pub struct EventsParams {
    from: Option<String>,
}

/// The same by `GET`, as matrix-js-sdk asks.
pub async fn get_events(
    State(app): State<Arc<App>>,
    session: Session,
    Params(device_id): Params<OwnedDeviceId>,
    QueryParams(params): QueryParams<EventsParams>,
) -> Result<Json<DehydratedEvents>> {
    app.users.dehydrated_events(session.user, &device_id, params.from.as_deref()).map(Json)
}
