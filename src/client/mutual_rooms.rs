//! Rooms shared with somebody (client-server API, "Mutual Rooms").

use std::sync::Arc;

use axum::{Json, extract::State};
use ruma::{OwnedUserId, UserId};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    app::App,
    error::{Error, Result},
    http::extract::QueryParams,
    ids::RoomNum,
    users::Session,
};

/// With whom, and which page.
#[derive(Deserialize)]
pub struct MutualQuery {
    user_id: Option<String>,
    from: Option<String>,
}

/// `GET /_matrix/client/v1/mutual_rooms`
pub async fn get(
    State(app): State<Arc<App>>,
    session: Session,
    QueryParams(query): QueryParams<MutualQuery>,
) -> Result<Json<Value>> {
    let other = other(&session, query.user_id.as_deref())?;
    let mutual = app.rooms.mutual(session.user, &other, after(query.from.as_deref())?)?;
    let mut answer = json!({ "joined": mutual.rooms, "count": mutual.count });
    if let Some(next) = mutual.next {
        answer["next_batch"] = format!("r{next}").into();
    }
    Ok(Json(answer))
}

/// Somebody else, by an ID that may be given out today.
fn other(session: &Session, user_id: Option<&str>) -> Result<OwnedUserId> {
    let user_id =
        user_id.ok_or_else(|| Error::bad_request("M_MISSING_PARAM", "The query parameter \"user_id\" is missing."))?;
    let other = <&UserId>::try_from(user_id).ok().filter(|user_id| user_id.validate_strict().is_ok());
    let other = other.ok_or_else(|| Error::invalid_param("\"user_id\" is not a user ID."))?;
    if other == session.user_id {
        return Err(Error::invalid_param("\"user_id\" is your own: you share all your rooms with yourself."));
    }
    Ok(other.to_owned())
}

fn after(from: Option<&str>) -> Result<Option<RoomNum>> {
    let parse = |token: &str| {
        let number = token.strip_prefix('r').and_then(|number| number.parse().ok()).map(RoomNum);
        number.ok_or_else(|| Error::invalid_param("\"from\" is not a token that this server gave out."))
    };
    from.map(parse).transpose()
}
