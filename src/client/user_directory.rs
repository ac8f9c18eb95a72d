//! Finding users (client-server API, "User Directory").

use std::sync::Arc;

use axum::{Json, extract::State};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{app::App, error::Result, http::extract, users::Session};

/// The body of `POST /_matrix/client/v3/user_directory/search`.
#[derive(Deserialize)]
pub struct SearchRequest {
    search_term: String,
    limit: Option<u64>,
}

/// `POST /_matrix/client/v3/user_directory/search`
pub async fn search(
    State(app): State<Arc<App>>,
    _: Session,
    extract::Json(request): extract::Json<SearchRequest>,
) -> Result<Json<Value>> {
    app.rooms.caught_up().await;
    let limit = request.limit.map(|limit| usize::try_from(limit).unwrap_or(usize::MAX));
    let (results, limited) = app.users.search(&request.search_term, limit)?;
    Ok(Json(json!({ "results": results, "limited": limited })))
}
