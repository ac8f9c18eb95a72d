//! What devices tell each other outside rooms (client-server API, "Send-to-Device messaging").

use std::sync::Arc;

use axum::extract::State;
use serde::Deserialize;

use crate::{
    app::App,
    error::Result,
    http::{
        answer::{RawJson, empty},
        extract::{self, Params},
    },
    users::{
        Session,
        to_device::{Messages, ToDevice},
    },
};

/// The body of `PUT /_matrix/client/v3/sendToDevice/{eventType}/{txnId}`.
#[derive(Deserialize)]
pub struct SendRequest {
    messages: Messages,
}

/// `PUT /_matrix/client/v3/sendToDevice/{eventType}/{txnId}`
pub async fn send(
    State(app): State<Arc<App>>,
    session: Session,
    Params((kind, transaction_id)): Params<(String, String)>,
    extract::Json(request): extract::Json<SendRequest>,
) -> Result<RawJson> {
    let transaction = app.users.transaction(&session, b'd', &[kind.as_bytes()], transaction_id)?;
    let sent = ToDevice { sender: session.user_id, kind, messages: request.messages };
    app.users.send_to_devices(sent, Some(transaction)).await?;
    Ok(empty())
}
