//! All at once, as it was before `/sync` (client-server API, "/initialSync"), and the same of one room ("Room Previews").

use ruma::RoomId;

use super::{Builder, Feed, Request, SyncToken, joined_rooms};
use crate::{
    app::App,
    error::Result,
    ids::{Position, RoomNum},
    json::{ArrayWriter, ObjectWriter},
    rooms::{
        history::{History, Stretch},
        reading::ReadableState,
        rows::{Membership, OwnRoom},
        select::EventSelector,
        timeline::{Direction, Point},
        view::own_rooms,
    },
    store::Snapshot,
    users::{Session, filters::RoomEventFilter},
};

/// All that a user has: account data, presence, their rooms with state and at most `messages` of the newest messages;
/// with `archived` also of those that they left.
pub fn initial_sync(app: &App, session: &Session, messages: usize, archived: bool) -> Result<Vec<u8>> {
    let request = Request::default();
    let sync = Builder::new(app, session, &request, None, joined_rooms(app, session.user)?);
    let account_data = sync.account_data(None)?;
    let mut out = Vec::with_capacity(16 << 10);
    let mut answer = ObjectWriter::open(&mut out);
    write_array(answer.array("account_data"), &sync.global_account_data(&account_data));
    // Of messages to its device, which only /sync tells, the client has none.
    answer.text("end", &SyncToken { to_device: Position(0), ..sync.now }.to_string());
    write_array(answer.array("presence"), &sync.presence(&[], &Feed::default())?);
    let mut rooms = answer.array("rooms");
    for (room, own) in own_rooms(&sync.snapshot, session.user)?.iter() {
        // What is ahead of the token, the stream will tell.
        let wanted = own.since <= sync.now.position
            && match own.membership {
                Membership::Join | Membership::Invite => true,
                Membership::Leave | Membership::Ban => archived && own.was_joined(),
                Membership::Knock => false,
            };
        if wanted {
            sync.write_own_room(rooms.item(), (*room, own), messages)?;
        }
    }
    rooms.close();
    answer.close();
    Ok(out)
}

/// One room with its state and at most `messages` of its newest messages, for members, former members and where
/// everybody may read.
///
/// # Errors
/// 403 `M_FORBIDDEN` for all others.
pub fn room_initial_sync(app: &App, session: &Session, room_id: &RoomId, messages: usize) -> Result<Vec<u8>> {
    let snapshot = app.store.snapshot();
    let mut out = Vec::with_capacity(16 << 10);
    write_room(app, (session, &snapshot), room_id, messages, &mut out)?;
    Ok(out)
}

impl Builder<'_> {
    fn write_own_room(&self, out: &mut Vec<u8>, (room, own): (RoomNum, &OwnRoom), messages: usize) -> Result<()> {
        let room_id = self.app.store.room_id(room)?;
        if own.membership != Membership::Invite {
            return write_room(self.app, (self.session, &self.snapshot), &room_id, messages, out);
        }
        let ignored = self.app.rooms.ignored(&self.snapshot, &self.app.users, self.session.user)?;
        let invite = self.invite(room, own, &ignored)?;
        let mut answer = ObjectWriter::open(out);
        if let Some(invite) = invite {
            answer.json("invite", &invite);
        }
        answer.text("membership", own.membership.as_str());
        answer.text("room_id", room_id.as_str());
        answer.close();
        Ok(())
    }
}

fn write_room(
    app: &App,
    (session, snapshot): (&Session, &Snapshot<'_>),
    room_id: &RoomId,
    messages: usize,
    out: &mut Vec<u8>,
) -> Result<()> {
    let state = app.rooms.readable_state(snapshot, session.user, room_id)?;
    let mut history = app.rooms.pages(snapshot, &app.users, session, room_id)?;
    let room = state.view.room();
    let listed = app.rooms.is_listed(room)?;
    let account_data = app.users.room_account_data(snapshot, session.user, room)?;

    let mut answer = ObjectWriter::open(out);
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
    write_messages(answer.object("messages"), &mut history, messages)?;
    answer.text("room_id", room_id.as_str());
    write_state(&mut answer, &history, &state)?;
    answer.text("visibility", if listed { "public" } else { "private" });
    answer.close();
    Ok(())
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

fn write_array(mut array: ArrayWriter<'_>, events: &[Vec<u8>]) {
    for event in events {
        array.json(event);
    }
    array.close();
}
