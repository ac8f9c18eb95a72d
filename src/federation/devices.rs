//! Devices of users here and their keys, for other servers (server-server API, "Device Management", "End-to-End
//! Encryption").

use std::{collections::BTreeMap, sync::Arc};

use axum::{Json, extract::State};
use ruma::{OwnedDeviceId, OwnedUserId};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    app::App,
    error::Result,
    http::{extract::Params, x_matrix::Signed},
};

/// `GET /_matrix/federation/v1/user/devices/{userId}`
pub async fn list(State(app): State<Arc<App>>, Params(user_id): Params<OwnedUserId>, _: Signed) -> Result<Json<Value>> {
    let user = app.users.local_user(&user_id)?;
    let stream_id = app.users.device_list_position(user)?;
    let mut queried = app.users.query_keys(None, BTreeMap::from([(user_id.clone(), Vec::new())]))?;
    let devices = queried.device_keys.remove(&user_id).unwrap_or_default();
    let devices: Vec<Value> = devices
        .into_iter()
        .map(|(device_id, mut keys)| {
            let name = keys["unsigned"]["device_display_name"].take();
            let mut device = json!({ "device_id": device_id, "keys": keys });
            if name.is_string() {
                device["device_display_name"] = name;
            }
            device
        })
        .collect();
    let mut answer = json!({ "user_id": user_id, "stream_id": stream_id.0, "devices": devices });
    for (field, keys) in [("master_key", queried.master_keys), ("self_signing_key", queried.self_signing_keys)] {
        if let Some(key) = keys.into_values().next() {
            answer[field] = key;
        }
    }
    Ok(Json(answer))
}

#[derive(Deserialize)]
struct QueryRequest {
    device_keys: BTreeMap<OwnedUserId, Vec<OwnedDeviceId>>,
}

/// `POST /_matrix/federation/v1/user/keys/query`
pub async fn query_keys(State(app): State<Arc<App>>, signed: Signed) -> Result<Json<Value>> {
    let QueryRequest { mut device_keys } = signed.json()?;
    device_keys.retain(|user_id, _| app.users.is_local(user_id));
    let queried = app.users.query_keys(None, device_keys)?;
    Ok(Json(json!({
        "device_keys": queried.device_keys,
        "master_keys": queried.master_keys,
        "self_signing_keys": queried.self_signing_keys,
    })))
}

#[derive(Deserialize)]
struct ClaimRequest {
    one_time_keys: BTreeMap<OwnedUserId, BTreeMap<OwnedDeviceId, String>>,
}

/// `POST /_matrix/federation/v1/user/keys/claim`
pub async fn claim_keys(State(app): State<Arc<App>>, signed: Signed) -> Result<Json<Value>> {
    let ClaimRequest { mut one_time_keys } = signed.json()?;
    one_time_keys.retain(|user_id, _| app.users.is_local(user_id));
    let claimed = app.users.claim_keys(one_time_keys).await?;
    Ok(Json(json!({ "one_time_keys": claimed.one_time_keys })))
}
