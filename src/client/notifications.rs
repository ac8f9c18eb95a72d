//! `GET /notifications` (client-server API, "Listing Notifications").

use std::sync::Arc;

use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};

use crate::{
    app::App,
    error::{Error, Result},
    http::extract::QueryParams,
    ids::Position,
    rooms::notifications::{Notification, Page, Wanted},
    users::Session,
};

/// Notifications of a page, if the client does not say.
const DEFAULT_LIMIT: usize = 20;
/// Notifications of a page at the most.
const MAX_LIMIT: usize = 100;

/// The parameters of `/notifications`.
#[derive(Deserialize)]
pub struct NotificationsParams {
    from: Option<String>,
    limit: Option<usize>,
    only: Option<String>,
}

/// A page of notifications.
#[derive(Serialize)]
pub struct NotificationsAnswer {
    notifications: Vec<Notification>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

/// `GET /_matrix/client/v3/notifications`
pub async fn list(
    State(app): State<Arc<App>>,
    session: Session,
    QueryParams(params): QueryParams<NotificationsParams>,
) -> Result<Json<NotificationsAnswer>> {
    let wanted = Wanted {
        before: params.from.as_deref().map_or(Ok(Position(u64::MAX)), parse_token)?,
        limit: params.limit.unwrap_or(DEFAULT_LIMIT).clamp(1, MAX_LIMIT),
        // The specification knows of no other filter; whoever asks for one gets all.
        highlights: params.only.as_deref() == Some("highlight"),
    };
    let Page { notifications, next } = app.rooms.notifications(&session, wanted)?;
    Ok(Json(NotificationsAnswer { notifications, next_token: next.map(|position| format!("n{position}")) }))
}

fn parse_token(token: &str) -> Result<Position> {
    let position = token.strip_prefix('n').and_then(|position| position.parse().ok());
    position.map(Position).ok_or_else(|| Error::invalid_param("`from` is no token that this server gave out."))
}
