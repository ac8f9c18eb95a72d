//! A look into a room (client-server API, "Room Previews").

use std::sync::Arc;

use axum::extract::State;
use ruma::OwnedRoomId;
use serde::Deserialize;

use super::history::page_limit;
use crate::{
    app::App,
    error::Result,
    http::{
        answer::RawJson,
        extract::{Params, QueryParams},
    },
    json::ObjectWriter,
    rooms::{
        history::{History, Stretch},
        reading::ReadableState,
        rows::Membership,
        select::EventSelector,
        timeline::{Direction, Point},
    },
    users::{Session, filters::RoomEventFilter},
};

/// How much of it.
#[derive(Deserialize)]
pub struct InitialSyncQuery {
    limit: Option<u64>,
}

/// `GET /_matrix/client/v3/rooms/{roomId}/initialSync`
pub async fn room(
    State(app): State<Arc<App>>,
    session: Session,
    Params(room_id): Params<OwnedRoomId>,
    QueryParams(query): QueryParams<InitialSyncQuery>,
) -> Result<RawJson> {
    let snapshot = app.store.snapshot();
    let state = app.rooms.readable_state(&snapshot, session.user, &room_id)?;
    let mut history = app.rooms.pages(&snapshot, &app.users, &session, &room_id)?;
    let room = state.view.room();
    let listed = app.rooms.is_listed(room)?;
    let account_data = app.users.room_account_data(&snapshot, session.user, room)?;

    let mut out = Vec::with_capacity(16 << 10);
    let mut answer = ObjectWriter::open(&mut out);
    let mut events = answer.array("account_data");
    for data in account_data {
        events.json(&data.to_event());
    }
    events.close();
    let own = state.view.own(session.user)?.map(|own| own.membership);
    // The schema knows no knock here.
    if let Some(membership) = own.filter(|membership| *membership != Membership::Knock) {
        answer.text("membership", membership.as_str());
    }
    write_messages(answer.object("messages"), &mut history, page_limit(query.limit))?;
    answer.text("room_id", room_id.as_str());
    write_state(&mut answer, &history, &state)?;
    answer.text("visibility", if listed { "public" } else { "private" });
    answer.close();
    Ok(RawJson(out))
}

/// The newest messages, oldest first.
fn write_messages(mut messages: ObjectWriter<'_>, history: &mut History<'_>, limit: usize) -> Result<()> {
    let filter = RoomEventFilter::default();
    let end = history.end()?;
    let stretch = Stretch {
        from: end,
        to: Point::START,
        direction: Direction::Backward,
        limit,
        selector: EventSelector::new(&filter),
    };
    let mut page = history.walk(&stretch)?;
    page.events.reverse();
    history.render_all(messages.key("chunk"), &page.events)?;
    messages.text("end", &end.to_string());
    if let Some(start) = page.next {
        messages.text("start", &start.to_string());
    }
    messages.close();
    Ok(())
}

fn write_state(answer: &mut ObjectWriter<'_>, history: &History<'_>, state: &ReadableState<'_>) -> Result<()> {
    let mut events = answer.array("state");
    state.each(|number, _| Ok(history.render_state(events.item(), number)?))?;
    events.close();
    Ok(())
}
