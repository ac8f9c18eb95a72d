//! Spaces (client-server API, "Spaces").

use std::sync::Arc;

use axum::{Json, extract::State};
use ruma::OwnedRoomId;
use serde::Deserialize;

use crate::{
    app::App,
    error::{Error, Result},
    http::extract::{Params, QueryParams},
    rooms::hierarchy::{Page, PageToken, Shape, Wanted},
    users::Session,
};

/// Rooms of a page if the client doesn't say, and at the most.
const DEFAULT_LIMIT: usize = 50;
const MAX_LIMIT: usize = 200;

/// The query of `GET /_matrix/client/v1/rooms/{roomId}/hierarchy`.
#[derive(Deserialize)]
pub struct HierarchyQuery {
    suggested_only: Option<bool>,
    limit: Option<usize>,
    max_depth: Option<usize>,
    from: Option<String>,
}

/// `GET /_matrix/client/v1/rooms/{roomId}/hierarchy`
pub async fn hierarchy(
    State(app): State<Arc<App>>,
    session: Session,
    Params(room_id): Params<OwnedRoomId>,
    QueryParams(query): QueryParams<HierarchyQuery>,
) -> Result<Json<Page>> {
    let limit = match query.limit.unwrap_or(DEFAULT_LIMIT) {
        0 => return Err(Error::invalid_param("`limit` must be above 0.")),
        limit => limit.min(MAX_LIMIT),
    };
    let shape = Shape::new(query.suggested_only.unwrap_or_default(), query.max_depth);
    let from = query.from.as_deref().map(str::parse::<PageToken>).transpose()?;
    if from.is_some_and(|from| from.shape != shape) {
        return Err(Error::invalid_param("`suggested_only` and `max_depth` stay the same from page to page."));
    }
    let wanted = Wanted { shape, told: from.map_or(0, |from| from.told), limit };
    Ok(Json(app.rooms.hierarchy(session.user, &room_id, wanted).await?))
}
