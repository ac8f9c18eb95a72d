//! Spaces (server-server API, "Spaces").

use std::sync::Arc;

use axum::{Json, extract::State};
use ruma::OwnedRoomId;
use serde::Deserialize;

use crate::{
    app::App,
    error::Result,
    http::{
        extract::{Params, QueryParams},
        x_matrix::Signed,
    },
    rooms::remote::SpaceAndChildren,
};

/// The query of `GET /_matrix/federation/v1/hierarchy/{roomId}`.
#[derive(Deserialize)]
pub struct HierarchyQuery {
    suggested_only: Option<bool>,
}

/// `GET /_matrix/federation/v1/hierarchy/{roomId}`
pub async fn hierarchy(
    State(app): State<Arc<App>>,
    Params(room_id): Params<OwnedRoomId>,
    QueryParams(query): QueryParams<HierarchyQuery>,
    signed: Signed,
) -> Result<Json<SpaceAndChildren>> {
    let suggested_only = query.suggested_only.unwrap_or_default();
    Ok(Json(app.rooms.hierarchy_for(&signed.origin, &room_id, suggested_only)?))
}
