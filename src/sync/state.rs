//! The state that one sync brings for a room: what changed between where the client is and the start (or, with
//! `use_state_after`, the end) of the timeline, as a difference of two tries.

use std::collections::HashSet;

use super::{lazy::LazyMembers, reader::RoomReader, timeline::Chunk};
use crate::{
    error::{Error, Result},
    ids::{EventNum, Position},
    rooms::{select::EventSelector, view::ViewError},
    state::trie::{EMPTY_ROOT, NodeHash},
};

/// What to bring.
pub(super) struct Wanted<'a> {
    /// The filter for state.
    pub selector: &'a EventSelector<'a>,
    /// Whether members come only with what they sent.
    pub lazy: bool,
    /// Whether they come again though the device has them.
    pub redundant: bool,
    /// Whether the state at the end of the timeline is asked for.
    pub after: bool,
    /// Where the client is; `None`: it has nothing of the room, or wants it all.
    pub since: Option<Position>,
    /// The end of the timeline.
    pub until: Position,
}

/// The state events to send, and whether the room's members changed.
pub(super) struct State {
    pub events: Vec<EventNum>,
    pub members_changed: bool,
}

/// Finds the state for `chunk`. `heroes` are members whom the client needs to name the room.
pub(super) fn read(
    reader: &RoomReader<'_>,
    chunk: &Chunk,
    wanted: &Wanted<'_>,
    (lazy_members, heroes): (&LazyMembers, &[String]),
) -> Result<State> {
    let view = reader.view();
    let base = wanted.since.map_or(Ok(EMPTY_ROOT), |since| reader.root_at(since))?;
    let end = reader.root_at(wanted.until)?;
    let start = match chunk.starts_at(wanted.until) {
        first if first > wanted.until => end,
        first => reader.root_at(Position(first.0.saturating_sub(1)))?,
    };
    let target = if wanted.after { end } else { start };
    let members = view.trie_key().type_prefix("m.room.member");
    let drop_members = wanted.lazy && wanted.since.is_none();
    let mut events = Vec::new();
    if base == EMPTY_ROOT {
        for entry in view.state(target).entries() {
            let (path, number) = entry.map_err(ViewError::from)?;
            if !(drop_members && members.contains(&path)) {
                events.push(number);
            }
        }
    } else {
        events.extend(changes(reader, base, target)?.into_iter().map(|(_, number)| number));
        if !wanted.after {
            events.extend(resurrected(reader, start, end, wanted.until)?);
        }
    }
    let members_changed = base != end
        && (base == EMPTY_ROOT || changes(reader, base, end)?.iter().any(|(path, _)| members.contains(path)));
    if wanted.lazy {
        add_senders(reader, chunk, wanted, (lazy_members, heroes), target, &mut events)?;
    }
    let mut seen = HashSet::new();
    events.retain(|number| seen.insert(*number));
    let mut selected = Vec::with_capacity(events.len());
    for number in events {
        if wanted.selector.matches(&view.event(number)?) {
            selected.push(number);
        }
    }
    Ok(State { events: selected, members_changed })
}

fn changes(
    reader: &RoomReader<'_>,
    before: NodeHash,
    after: NodeHash,
) -> Result<Vec<(crate::state::trie::Path, EventNum)>, ViewError> {
    let changes = reader.view().state(before).diff(after)?;
    Ok(changes.into_iter().filter_map(|change| Some((change.path, change.after?))).collect())
}

/// Older events that state resolution brought back while the timeline went on: they are in no timeline again.
fn resurrected(
    reader: &RoomReader<'_>,
    start: NodeHash,
    end: NodeHash,
    until: Position,
) -> Result<Vec<EventNum>, ViewError> {
    if start == end {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    for (path, number) in changes(reader, start, end)? {
        // What replaced it must have been published before it, or it would be the newer one by itself.
        let replaced = reader.view().state(start).get(&path)?;
        let newer = replaced.is_some_and(|replaced| replaced > number);
        if newer && reader.view().meta(number)?.position <= until {
            found.push(number);
        }
    }
    Ok(found)
}

/// The members who sent what is in the timeline, the user's own membership, and the heroes.
fn add_senders(
    reader: &RoomReader<'_>,
    chunk: &Chunk,
    wanted: &Wanted<'_>,
    (lazy_members, heroes): (&LazyMembers, &[String]),
    root: NodeHash,
    events: &mut Vec<EventNum>,
) -> Result<()> {
    let view = reader.view();
    let looker = &reader.onlooker.reader;
    let device = (looker.user, looker.device, view.room());
    if wanted.since.is_none() {
        lazy_members.reset(device.0, device.1, device.2);
    }
    let mut members: Vec<String> = chunk.events.iter().map(|event| event.event.sender().into_owned()).collect();
    if wanted.since.is_none() {
        members.push(looker.user_id.to_string());
    }
    members.extend(heroes.iter().cloned());
    members.sort_unstable();
    members.dedup();
    for member in members {
        let Some(number) = view.state_at(root, "m.room.member", &member)? else { continue };
        let user = <&ruma::UserId>::try_from(member.as_str()).map_err(Error::internal)?;
        let Some(user) = view.read().store().user_num(user)? else { continue };
        let news = lazy_members.note(device, user, number);
        if news || wanted.redundant {
            events.push(number);
        }
    }
    // What the timeline tells of members, the device then has as well.
    for event in &chunk.events {
        if event.event.type_json() == b"\"m.room.member\""
            && let Some(key) = event.event.state_key()
            && let Ok(user) = <&ruma::UserId>::try_from(key.as_ref())
            && let Some(user) = view.read().store().user_num(user)?
        {
            lazy_members.note(device, user, event.number);
        }
    }
    Ok(())
}
