//! The published directory, for other servers (server-server API, "Published Room Directory").

use std::sync::Arc;

use axum::{Json, extract::State};
use serde::Deserialize;

use crate::{
    app::App,
    error::Result,
    http::{extract::QueryParams, x_matrix::Signed},
    rooms::directory::{Page, Query},
};

/// Which page.
#[derive(Deserialize)]
pub struct PageQuery {
    limit: Option<usize>,
    since: Option<String>,
}

#[derive(Deserialize)]
struct SearchRequest {
    limit: Option<usize>,
    since: Option<String>,
    filter: Option<Filter>,
}

#[derive(Default, Deserialize)]
struct Filter {
    generic_search_term: Option<String>,
    room_types: Option<Vec<Option<String>>>,
}

/// `GET /_matrix/federation/v1/publicRooms`
pub async fn list(
    State(app): State<Arc<App>>,
    QueryParams(query): QueryParams<PageQuery>,
    _: Signed,
) -> Result<Json<Page>> {
    page(&app, query.limit, query.since.as_deref(), None)
}

/// `POST /_matrix/federation/v1/publicRooms`
pub async fn search(State(app): State<Arc<App>>, signed: Signed) -> Result<Json<Page>> {
    let request: SearchRequest = signed.json()?;
    page(&app, request.limit, request.since.as_deref(), request.filter)
}

fn page(app: &App, limit: Option<usize>, since: Option<&str>, filter: Option<Filter>) -> Result<Json<Page>> {
    let Filter { generic_search_term: search_term, room_types } = filter.unwrap_or_default();
    let since = since.filter(|since| !since.is_empty()).map(str::parse).transpose()?;
    Ok(Json(app.rooms.directory(&Query { search_term, room_types, limit, since })?))
}
