//! What one sync says of one room that the user is, or was, joined to.

use super::{
    Builder,
    reader::RoomReader,
    state::{self, Roots, State},
    summary,
    timeline::{self, Chunk, TimelineEvent},
};
use crate::{
    error::Result,
    ids::{EventNum, Position},
    json::{ArrayWriter, ObjectWriter},
    rooms::{
        timeline::Point,
        unread::{Count, Unread},
    },
    state::trie::NodeHash,
};

/// Which stretch of a room's life is told.
pub(super) struct Stretch {
    /// Where the client is; `None`: it has nothing of the room.
    pub since: Option<Position>,
    /// Up to where it is told.
    pub until: Position,
    /// Whether all state is sent, whatever the client has.
    pub full_state: bool,
    /// Whether the user is joined, not gone.
    pub joined: bool,
    /// The user's own member event, if it is behind the stretch and to be told all the same.
    pub farewell: Option<EventNum>,
}

/// What is said of a room that is not in its DAG: rendered events, and of a joined one what is unread.
#[derive(Default)]
pub(super) struct Extras {
    pub ephemeral: Vec<Vec<u8>>,
    pub account_data: Vec<Vec<u8>>,
    pub unread: Option<Unread>,
}

impl Extras {
    fn is_news(&self, since: Option<Position>) -> bool {
        let counts = self.unread.as_ref().is_some_and(|unread| since.is_none_or(|since| unread.changed > since));
        counts || !self.ephemeral.is_empty() || !self.account_data.is_empty()
    }
}

/// Writes what is new of the room; `false`, and nothing, if nothing is.
pub(super) fn write(
    sync: &Builder<'_>,
    reader: &mut RoomReader<'_>,
    stretch: &Stretch,
    extras: &Extras,
    out: &mut Vec<u8>,
) -> Result<bool> {
    let start = stretch.since.map_or(Point::START, Point::after);
    let mut chunk = match sync.filter.timeline_limit(reader.room_id) {
        Some(limit) => {
            // The farewell takes one place.
            let limit = limit.saturating_sub(usize::from(stretch.farewell.is_some()));
            timeline::read(reader, start, stretch.until, limit)?
        }
        None => Chunk::without_events(stretch.until),
    };
    let has_all_state = stretch.since.filter(|_| !stretch.full_state);
    let new_to_client = has_all_state.is_none();
    let lazy = sync.filter.lazy_members();
    let roots = Roots::read(reader, &chunk, has_all_state, stretch.until)?;
    let summary = if stretch.joined && !roots.unchanged() {
        Some(summary::read(reader.view(), reader.onlooker.reader.user, roots.end)?)
    } else {
        None
    };
    let heroes = summary.as_ref().and_then(|summary| summary.heroes.clone()).unwrap_or_default();
    let wanted = state::Wanted {
        selector: sync.filter.state(reader.room_id),
        lazy,
        redundant: sync.filter.redundant_members(),
        after: sync.request.use_state_after,
        roots: &roots,
        until: stretch.until,
    };
    let mut state = state::read(reader, &chunk, &wanted, (&sync.app.rooms.lazy_members, &heroes))?;
    if let Some(farewell) = stretch.farewell {
        add_farewell(sync, reader, (farewell, roots.end), (&mut chunk, &mut state))?;
    }
    let nothing = chunk.events.is_empty() && !chunk.limited && state.events.is_empty();
    if nothing && stretch.joined && !new_to_client && !extras.is_news(stretch.since) {
        return Ok(false);
    }

    let mut room = ObjectWriter::open(out);
    if stretch.joined || !extras.account_data.is_empty() {
        write_events(room.key("account_data"), &extras.account_data);
    }
    if stretch.joined {
        write_events(room.key("ephemeral"), &extras.ephemeral);
    }
    write_state(room.key(if sync.request.use_state_after { "state_after" } else { "state" }), reader, &state)?;
    if let Some(summary) = summary.filter(|_| state.members_changed || new_to_client) {
        summary.write(room.key("summary"));
    }
    write_timeline(room.key("timeline"), reader, &chunk)?;
    if let Some(unread) = &extras.unread {
        write_unread(&mut room, unread, sync.filter.unread_threads());
    }
    room.close();
    Ok(true)
}

/// Adds the user's own member event to the timeline; to the state where the timeline's filter refuses it, or where the
/// state is that at the timeline's end.
fn add_farewell(
    sync: &Builder<'_>,
    reader: &mut RoomReader<'_>,
    (number, end): (EventNum, NodeHash),
    (chunk, state): (&mut Chunk, &mut State),
) -> Result<()> {
    let view = reader.view();
    let (meta, event) = (view.meta(number)?, view.event(number)?);
    let limit = sync.filter.timeline_limit(reader.room_id).unwrap_or(0);
    let taken = limit > 0 && reader.onlooker.wants(reader.wanted, &meta, &event)?;
    let selector = sync.filter.state(reader.room_id);
    if (!taken || sync.request.use_state_after) && selector.is_some_and(|selector| selector.matches(&event)) {
        let before = view.state_at(end, "m.room.member", reader.onlooker.reader.user_id.as_str())?;
        state.events.retain(|other| Some(*other) != before);
        state.events.push(number);
    }
    if taken {
        chunk.events.push(TimelineEvent { number, meta, event });
    }
    Ok(())
}

/// The numbers of what is unread, of the whole room or by thread.
fn write_unread(room: &mut ObjectWriter<'_>, unread: &Unread, by_thread: bool) {
    let counts = &unread.counts;
    write_count(room.key("unread_notifications"), if by_thread { counts.main } else { counts.total() });
    if by_thread {
        let mut threads = room.object("unread_thread_notifications");
        for (root, count) in &counts.threads {
            write_count(threads.text_key(root), *count);
        }
        threads.close();
    }
}

fn write_count(out: &mut Vec<u8>, count: Count) {
    let mut object = ObjectWriter::open(out);
    object.integer("highlight_count", count.highlights);
    object.integer("notification_count", count.notifications);
    object.close();
}

/// `{"events": […]}` of rendered events.
pub(super) fn write_events(out: &mut Vec<u8>, events: &[Vec<u8>]) {
    let mut object = ObjectWriter::open(out);
    let mut array = object.array("events");
    for event in events {
        array.json(event);
    }
    array.close();
    object.close();
}

fn write_state(out: &mut Vec<u8>, reader: &RoomReader<'_>, state: &State) -> Result<()> {
    let mut object = ObjectWriter::open(out);
    let mut events = ArrayWriter::open(object.key("events"));
    for number in &state.events {
        reader.write_state(events.item(), *number)?;
    }
    events.close();
    object.close();
    Ok(())
}

fn write_timeline(out: &mut Vec<u8>, reader: &mut RoomReader<'_>, chunk: &Chunk) -> Result<()> {
    let mut object = ObjectWriter::open(out);
    let mut events = ArrayWriter::open(object.key("events"));
    for event in &chunk.events {
        // Of a timeline without a gap the client gets the events that relate as well.
        reader.write(events.item(), &event.meta, &event.event, chunk.limited)?;
    }
    events.close();
    object.json("limited", if chunk.limited { b"true" } else { b"false" });
    object.text("prev_batch", &chunk.prev_batch.to_string());
    object.close();
    Ok(())
}
