//! The account behind the access token (client-server API, "Account management").

use std::sync::Arc;

use axum::{Json, extract::State};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    app::App,
    error::Result,
    http::{
        answer::{RawJson, empty},
        extract::{self, OptionalJson},
    },
    users::{AuthData, Operation, Session, Stage},
};

/// `GET /_matrix/client/v3/account/whoami`
pub async fn whoami(session: Session) -> Json<Value> {
    Json(json!({ "user_id": session.user_id, "device_id": session.device_id, "is_guest": session.is_guest }))
}

/// The body of `POST /_matrix/client/v3/account/password`.
#[derive(Deserialize)]
pub struct PasswordRequest {
    new_password: String,
    logout_devices: Option<bool>,
    auth: Option<AuthData>,
}

/// `POST /_matrix/client/v3/account/password`
pub async fn change_password(
    State(app): State<Arc<App>>,
    session: Session,
    extract::Json(request): extract::Json<PasswordRequest>,
) -> Result<RawJson> {
    let passed = app.users.authenticate_interactively(operation("password", &session), request.auth).await?;
    app.users.set_password(session.user, &request.new_password).await?;
    if request.logout_devices.unwrap_or(true) {
        app.users.delete_other_devices(session.user, Some(&session.device_id)).await?;
    }
    app.users.finish(passed);
    Ok(empty())
}

/// The body of `POST /_matrix/client/v3/account/deactivate`.
#[derive(Deserialize)]
pub struct DeactivateRequest {
    erase: Option<bool>,
    auth: Option<AuthData>,
}

/// `POST /_matrix/client/v3/account/deactivate`
pub async fn deactivate(
    State(app): State<Arc<App>>,
    session: Session,
    OptionalJson(request): OptionalJson<DeactivateRequest>,
) -> Result<Json<Value>> {
    let passed = app.users.authenticate_interactively(operation("deactivate", &session), request.auth).await?;
    app.users.deactivate(session.user, request.erase.unwrap_or_default()).await?;
    app.rooms.caught_up().await;
    app.users.finish(passed);
    // No identity server knows our users.
    Ok(Json(json!({ "id_server_unbind_result": "success" })))
}

/// `GET /_matrix/client/v3/account/3pid`: accounts have no e-mail addresses or phone numbers.
pub async fn threepids(_: Session) -> Json<Value> {
    Json(json!({ "threepids": [] }))
}

fn operation(name: &str, session: &Session) -> Operation {
    Operation { name: name.to_owned(), stage: Stage::Password(session.user) }
}
