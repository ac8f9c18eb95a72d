//! Third-party invites (server-server API, "Third-party invites").

use std::sync::Arc;

use axum::extract::State;
use ruma::{CanonicalJsonObject, OwnedRoomId, OwnedUserId};
use serde::Deserialize;

use crate::{
    app::App,
    error::{Error, Result},
    http::{
        answer::{RawJson, empty},
        extract::{self, Params},
        x_matrix::Signed,
    },
    rooms::remote::{Exchange, Pending},
};

/// Invites that one request may tell of.
const MAX_INVITES: usize = 20;

/// `PUT /_matrix/federation/v1/exchange_third_party_invite/{roomId}`
pub async fn exchange(
    State(app): State<Arc<App>>,
    Params(room_id): Params<OwnedRoomId>,
    signed: Signed,
) -> Result<RawJson> {
    let wanted: Exchange = signed.json()?;
    app.rooms.exchange_invite(&signed.origin, &room_id, wanted).await?;
    Ok(empty())
}

/// The body of `PUT /_matrix/federation/v1/3pid/onbind`. Whose address it is nobody here can tell: only the invites count,
/// each of which has to be proved.
#[derive(Deserialize)]
pub struct OnBindRequest {
    #[serde(default)]
    invites: Vec<Invite>,
}

#[derive(Deserialize)]
struct Invite {
    mxid: OwnedUserId,
    room_id: OwnedRoomId,
    sender: OwnedUserId,
    signed: CanonicalJsonObject,
}

/// `PUT /_matrix/federation/v1/3pid/onbind`
pub async fn on_bind(
    State(app): State<Arc<App>>,
    extract::Json(request): extract::Json<OnBindRequest>,
) -> Result<RawJson> {
    if request.invites.len() > MAX_INVITES {
        return Err(Error::invalid_param("A request may tell of 20 invites."));
    }
    for Invite { mxid, room_id, sender, signed } in request.invites {
        let pending = Pending { user_id: mxid, room_id, sender, signed };
        // An identity server can mend nothing of it.
        if let Err(error) = app.rooms.take_pending(pending).await {
            tracing::debug!(%error, "an invite of a third party came to nothing");
        }
    }
    Ok(empty())
}
