//! The state that one sync brings for a room: what changed between where the client is and the start (or, with
//! `use_state_after`, the end) of the timeline, as a difference of two tries.

use std::collections::HashSet;

use super::{reader::RoomReader, timeline::Chunk};
use crate::{
    error::{Error, Result},
    ids::{EventNum, Position},
    rooms::{lazy::LazyMembers, rows::Place, select::EventSelector, view::ViewError},
    state::trie::{EMPTY_ROOT, NodeHash, Path},
};

/// The roots of the room's state that an answer depends on.
pub(super) struct Roots {
    /// Where the client is; `None`: it has nothing of the room, or wants it all.
    pub since: Option<NodeHash>,
    /// At the start of the timeline.
    pub start: NodeHash,
    /// At its end.
    pub end: NodeHash,
}

impl Roots {
    /// Those for a timeline that ends at `until`.
    pub fn read(reader: &RoomReader<'_>, chunk: &Chunk, since: Option<Position>, until: Position) -> Result<Self> {
        let view = reader.view();
        let end = view.current_root(until)?;
        let first = chunk.starts_at(until);
        let start = match chunk.events.first().map(|event| &event.meta) {
            // Before a gap the room's state is not known by what was published before.
            Some(meta) if meta.gap || meta.place != Place::Live => NodeHash(meta.before),
            _ if first > until => end,
            _ => view.current_root(Position(first.0.saturating_sub(1)))?,
        };
        let since = since.map(|since| if since == until { Ok(end) } else { view.current_root(since) }).transpose()?;
        Ok(Self { since, start, end })
    }

    /// Whether the client knows the state at the end.
    pub fn unchanged(&self) -> bool {
        self.since == Some(self.end)
    }
}

/// What to bring.
pub(super) struct Wanted<'a> {
    /// The filter for state; `None`: none is wanted.
    pub selector: Option<EventSelector<'a>>,
    /// Whether members come only with what they sent.
    pub lazy: bool,
    /// Whether they come again though the device has them.
    pub redundant: bool,
    /// Whether the state at the end of the timeline is asked for.
    pub after: bool,
    /// Between which states.
    pub roots: &'a Roots,
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
    let Roots { since, start, end } = *wanted.roots;
    let target = if wanted.after { end } else { start };
    let members = view.trie_key().type_prefix("m.room.member");
    let mut events = Vec::new();
    let members_changed = match since {
        Some(since) if since != EMPTY_ROOT => {
            let told = changes(reader, since, target)?;
            let later = changes(reader, target, end)?;
            events.extend(told.iter().map(|(_, number)| *number));
            events.extend(resurrected(reader, target, &later, wanted.until)?);
            told.iter().chain(&later).any(|(path, _)| members.contains(path))
        }
        _ => {
            let drop_members = wanted.lazy && since.is_none();
            for entry in view.state(target).entries() {
                let (path, number) = entry.map_err(ViewError::from)?;
                if !(drop_members && members.contains(&path)) {
                    events.push(number);
                }
            }
            end != EMPTY_ROOT
        }
    };
    let Some(selector) = &wanted.selector else { return Ok(State { events: Vec::new(), members_changed }) };
    if wanted.lazy {
        add_senders(reader, chunk, wanted, (lazy_members, heroes), target, &mut events)?;
    }
    let mut seen = HashSet::new();
    events.retain(|number| seen.insert(*number));
    let mut selected = Vec::with_capacity(events.len());
    for number in events {
        if selector.matches(&view.event(number)?) {
            selected.push(number);
        }
    }
    Ok(State { events: selected, members_changed })
}

/// What is set at `after` and was not, or otherwise, at `before`.
fn changes(reader: &RoomReader<'_>, before: NodeHash, after: NodeHash) -> Result<Vec<(Path, EventNum)>, ViewError> {
    if before == after {
        return Ok(Vec::new());
    }
    let changes = reader.view().state(before).diff(after)?;
    Ok(changes.into_iter().filter_map(|change| Some((change.path, change.after?))).collect())
}

/// Older events that state resolution brought back while the timeline went on from `start`: they are in no timeline
/// again.
fn resurrected(
    reader: &RoomReader<'_>,
    start: NodeHash,
    later: &[(Path, EventNum)],
    until: Position,
) -> Result<Vec<EventNum>, ViewError> {
    let view = reader.view();
    let mut found = Vec::new();
    for (path, number) in later {
        // What replaced it must have been published before it, or it would be the newer one by itself.
        let newer = view.state(start).get(path)?.is_some_and(|replaced| replaced > *number);
        if newer && view.meta(*number)?.position <= until {
            found.push(*number);
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
    let new_to_client = wanted.roots.since.is_none();
    if new_to_client {
        lazy_members.reset(device.0, device.1, device.2);
    }
    let mut members: Vec<String> = chunk.events.iter().map(|event| event.event.sender().into_owned()).collect();
    if new_to_client {
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
