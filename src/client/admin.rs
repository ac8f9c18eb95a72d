//! What administrators of the server see and do (client-server API, "Server Administration"), and the reports that
//! users make, which the specification leaves to the server.

use std::sync::Arc;

use axum::{Json, extract::State};
use ruma::OwnedUserId;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::{
    app::App,
    error::{Error, Result},
    http::{
        answer::{RawJson, empty},
        extract::{self, Params, QueryParams},
    },
    rooms::reports::{Report, Subject},
    users::Session,
};

/// `GET /_matrix/client/v3/admin/whois/{userId}`, also for users about themselves.
pub async fn whois(
    State(app): State<Arc<App>>,
    session: Session,
    Params(user_id): Params<OwnedUserId>,
) -> Result<Json<Value>> {
    if session.user_id != user_id {
        require_admin(&app, &session)?;
    }
    let devices = app.users.devices(app.users.local_user(&user_id)?)?.into_iter().map(|device| {
        let connection = json!({ "ip": device.last_seen_ip, "last_seen": device.last_seen_ts });
        (device.device_id.to_string(), json!({ "sessions": [{ "connections": [connection] }] }))
    });
    Ok(Json(json!({ "user_id": user_id, "devices": devices.collect::<Map<_, _>>() })))
}

/// Whether an account is locked.
#[derive(Deserialize, Serialize)]
pub struct Locked {
    locked: bool,
}

/// Whether an account is suspended.
#[derive(Deserialize, Serialize)]
pub struct Suspended {
    suspended: bool,
}

/// `GET /_matrix/client/v1/admin/lock/{userId}`
pub async fn is_locked(
    State(app): State<Arc<App>>,
    session: Session,
    Params(user_id): Params<OwnedUserId>,
) -> Result<Json<Locked>> {
    Ok(Json(Locked { locked: app.users.restrictions_of(&session, &user_id)?.locked }))
}

/// `PUT /_matrix/client/v1/admin/lock/{userId}`
pub async fn lock(
    State(app): State<Arc<App>>,
    session: Session,
    Params(user_id): Params<OwnedUserId>,
    extract::Json(wanted): extract::Json<Locked>,
) -> Result<Json<Locked>> {
    let restrictions = app.users.restrict(&session, &user_id, |row| row.locked = wanted.locked).await?;
    Ok(Json(Locked { locked: restrictions.locked }))
}

/// `GET /_matrix/client/v1/admin/suspend/{userId}`
pub async fn is_suspended(
    State(app): State<Arc<App>>,
    session: Session,
    Params(user_id): Params<OwnedUserId>,
) -> Result<Json<Suspended>> {
    Ok(Json(Suspended { suspended: app.users.restrictions_of(&session, &user_id)?.suspended }))
}

/// `PUT /_matrix/client/v1/admin/suspend/{userId}`
pub async fn suspend(
    State(app): State<Arc<App>>,
    session: Session,
    Params(user_id): Params<OwnedUserId>,
    extract::Json(wanted): extract::Json<Suspended>,
) -> Result<Json<Suspended>> {
    let restrictions = app.users.restrict(&session, &user_id, |row| row.suspended = wanted.suspended).await?;
    Ok(Json(Suspended { suspended: restrictions.suspended }))
}

/// The query of `GET /_salon/admin/reports`.
#[derive(Deserialize)]
pub struct ReportsQuery {
    from: Option<u64>,
    limit: Option<usize>,
}

/// `GET /_salon/admin/reports`: newest first.
pub async fn reports(
    State(app): State<Arc<App>>,
    session: Session,
    QueryParams(query): QueryParams<ReportsQuery>,
) -> Result<Json<Value>> {
    require_admin(&app, &session)?;
    let page = app.rooms.reports(query.from, query.limit.unwrap_or(DEFAULT_LIMIT).clamp(1, MAX_LIMIT))?;
    let mut reports = Vec::with_capacity(page.reports.len());
    for (id, report) in page.reports {
        reports.push(rendered(&app, id, report)?);
    }
    let mut answer = json!({ "reports": reports, "total": page.total });
    if let Some(next) = page.next {
        answer["next_from"] = next.into();
    }
    Ok(Json(answer))
}

/// `DELETE /_salon/admin/reports/{id}`: it was dealt with.
pub async fn dismiss_report(State(app): State<Arc<App>>, session: Session, Params(id): Params<u64>) -> Result<RawJson> {
    require_admin(&app, &session)?;
    app.rooms.dismiss_report(id).await?;
    Ok(empty())
}

/// Reports of a page if the client doesn't say, and at the most.
const DEFAULT_LIMIT: usize = 50;
const MAX_LIMIT: usize = 500;

fn rendered(app: &App, id: u64, report: Report) -> Result<Value> {
    let by = app.store.user_id(report.by)?;
    let mut answer = json!({ "id": id, "received_ts": report.at_ms, "by": by, "reason": report.reason });
    match report.subject {
        Subject::Event { room_id, event_id, sender } => {
            answer["room_id"] = json!(room_id);
            answer["event_id"] = json!(event_id);
            answer["sender"] = json!(sender);
        }
        Subject::Room(room_id) => answer["room_id"] = json!(room_id),
        Subject::User(user_id) => answer["user_id"] = json!(user_id),
    }
    Ok(answer)
}

fn require_admin(app: &App, session: &Session) -> Result<()> {
    if app.users.is_admin(session.user)? {
        return Ok(());
    }
    Err(Error::forbidden("Only administrators of this server may do this."))
}
