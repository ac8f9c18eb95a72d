//! `GET /sync` (client-server API, "Syncing").

use std::{sync::Arc, time::Duration};

use axum::extract::State;
use serde::Deserialize;

use crate::{
    app::App,
    error::{Error, Result},
    http::{answer::RawJson, extract::QueryParams},
    sync::{Request, joined_rooms, sync},
    users::{Session, filters::Filter, presence::PresenceState},
};

/// The parameters of `/sync`.
#[derive(Deserialize)]
pub struct SyncParams {
    filter: Option<String>,
    since: Option<String>,
    #[serde(default)]
    full_state: bool,
    #[serde(default)]
    use_state_after: bool,
    #[serde(default)]
    set_presence: PresenceState,
    timeout: Option<u64>,
}

/// `GET /_matrix/client/v3/sync`
pub async fn get_sync(
    State(app): State<Arc<App>>,
    session: Session,
    QueryParams(params): QueryParams<SyncParams>,
) -> Result<RawJson> {
    let bad_token = |error| Error::invalid_param(format!("`since`: {error}.")).because(error);
    let request = Request {
        since: params.since.as_deref().map(str::parse).transpose().map_err(bad_token)?,
        filter: find_filter(&app, &session, params.filter.as_deref())?,
        full_state: params.full_state,
        use_state_after: params.use_state_after,
        timeout: Duration::from_millis(params.timeout.unwrap_or(0)),
    };
    // With the user's rooms in memory, it is known who is to be told that they are there.
    joined_rooms(&app, session.user)?;
    let _syncing = app.users.presence.sync(&session, params.set_presence);
    sync(&app, &session, &request).await.map(RawJson)
}

/// A filter that is given whole, or by the ID that it was stored under.
fn find_filter(app: &App, session: &Session, filter: Option<&str>) -> Result<Filter> {
    match filter {
        None | Some("") => Ok(Filter::default()),
        Some(json) if json.starts_with('{') => Filter::parse(json),
        Some(id) => app.users.filter(session.user, id),
    }
}
