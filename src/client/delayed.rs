//! Delayed events (MSC4140): asked for, looked at and managed. Older forms of the proposal are served as well, since
//! clients still use them: a parameter of `/send` and `/state`, and the action in a body.

use std::sync::Arc;

use axum::extract::State;
use ruma::OwnedRoomId;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json, value::RawValue};

use crate::{
    app::App,
    error::{Error, Result},
    http::{
        answer::{RawJson, empty},
        extract::{self, Params, QueryParams},
    },
    rooms::delayed::{Action, DelayedEvent, DelayedRow, Happened, NewDelayed, Outcome},
    users::Session,
};

/// The query of a request that sends an event, perhaps later.
#[derive(Deserialize)]
pub struct DelayQuery {
    /// How much later, milliseconds.
    #[serde(rename = "org.matrix.msc4140.delay")]
    pub delay_ms: Option<u64>,
}

/// Has an event sent later; answers its delay ID.
pub(super) async fn delay(app: &App, session: &Session, new: NewDelayed) -> Result<RawJson> {
    let delay_id = app.rooms.delay(session, new).await?;
    Ok(RawJson(json!({ "delay_id": delay_id }).to_string().into_bytes()))
}

/// The body of `PUT …/delayed_event/{eventType}/{txnId}`.
#[derive(Deserialize)]
pub struct ScheduleRequest {
    #[serde(alias = "delay")]
    delay_ms: u64,
    state_key: Option<String>,
    content: Box<RawValue>,
}

/// `PUT /_matrix/client/unstable/org.matrix.msc4140/rooms/{roomId}/delayed_event/{eventType}/{txnId}`
pub async fn schedule(
    State(app): State<Arc<App>>,
    session: Session,
    Params((room_id, event_type, transaction)): Params<(OwnedRoomId, String, String)>,
    extract::Json(request): extract::Json<ScheduleRequest>,
) -> Result<RawJson> {
    let ScheduleRequest { delay_ms, state_key, content } = request;
    let event = DelayedEvent { room_id, event_type, state_key, content: content.get().to_owned() };
    delay(&app, &session, NewDelayed { event, delay_ms, transaction }).await
}

/// The query of `GET …/delayed_events`.
#[derive(Deserialize)]
pub struct ListQuery {
    status: Option<Status>,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Status {
    Scheduled,
    Finalised,
}

#[derive(Serialize)]
struct Told {
    delay_id: String,
    room_id: OwnedRoomId,
    #[serde(rename = "type")]
    event_type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    state_key: Option<String>,
    delay_ms: u64,
    delayed_since_ts: u64,
    /// As older clients know them.
    delay: u64,
    running_since: u64,
    content: Box<RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    finalised: Option<Value>,
}

impl Told {
    fn of(delay_id: String, row: DelayedRow) -> Result<Self> {
        let DelayedEvent { room_id, event_type, state_key, content } = row.event;
        let content = RawValue::from_string(content).map_err(Error::internal)?;
        Ok(Self {
            delay_id,
            room_id,
            event_type,
            state_key,
            delay_ms: row.delay_ms,
            delayed_since_ts: row.since_ms,
            delay: row.delay_ms,
            running_since: row.since_ms,
            content,
            finalised: row.outcome.map(finalised),
        })
    }
}

fn finalised(outcome: Outcome) -> Value {
    let mut told = Map::from_iter([("finalised_ts".to_owned(), json!(outcome.at_ms))]);
    match outcome.what {
        Happened::Sent(event_id) => told.insert("event_id".to_owned(), json!(event_id)),
        Happened::Failed { errcode, error } => {
            told.insert("error".to_owned(), json!({ "errcode": errcode, "error": error }))
        }
        Happened::Cancelled => None,
    };
    Value::Object(told)
}

/// `GET /_matrix/client/unstable/org.matrix.msc4140/delayed_events`
pub async fn list(
    State(app): State<Arc<App>>,
    session: Session,
    QueryParams(query): QueryParams<ListQuery>,
) -> Result<RawJson> {
    let wanted = |row: &DelayedRow| query.status.is_none_or(|s| (s == Status::Finalised) == row.outcome.is_some());
    let rows = app.rooms.delayed(session.user)?.into_iter().filter(|(_, row)| wanted(row));
    let told = rows.map(|(delay_id, row)| Told::of(delay_id, row)).collect::<Result<Vec<_>>>()?;
    #[derive(Serialize)]
    struct Answer {
        delayed_events: Vec<Told>,
    }
    answer(&Answer { delayed_events: told })
}

/// `GET /_matrix/client/unstable/org.matrix.msc4140/delayed_events/{delayId}`
pub async fn get(State(app): State<Arc<App>>, session: Session, Params(delay_id): Params<String>) -> Result<RawJson> {
    let row = app.rooms.delayed_event(session.user, &delay_id)?;
    let row = row.ok_or_else(|| Error::not_found("You have no delayed event of this ID."))?;
    answer(&Told::of(delay_id, row)?)
}

fn answer(told: &impl Serialize) -> Result<RawJson> {
    serde_json::to_vec(told).map(RawJson).map_err(Error::internal)
}

/// `POST /_matrix/client/unstable/org.matrix.msc4140/delayed_events/{delayId}/{action}`. Needs no access token: the
/// ID is secret.
pub async fn manage(
    State(app): State<Arc<App>>,
    Params((delay_id, action)): Params<(String, String)>,
) -> Result<RawJson> {
    app.rooms.manage_delayed(&delay_id, parse_action(&action)?).await?;
    Ok(empty())
}

/// The body of the older form of it.
#[derive(Deserialize)]
pub struct ManageRequest {
    action: String,
}

/// `POST /_matrix/client/unstable/org.matrix.msc4140/delayed_events/{delayId}`, as older clients have it.
pub async fn manage_by_body(
    State(app): State<Arc<App>>,
    Params(delay_id): Params<String>,
    extract::Json(request): extract::Json<ManageRequest>,
) -> Result<RawJson> {
    app.rooms.manage_delayed(&delay_id, parse_action(&request.action)?).await?;
    Ok(empty())
}

fn parse_action(action: &str) -> Result<Action> {
    match action {
        "restart" => Ok(Action::Restart),
        "send" => Ok(Action::Send),
        "cancel" => Ok(Action::Cancel),
        _ => Err(Error::invalid_param("One can restart, send or cancel a delayed event.")),
    }
}
