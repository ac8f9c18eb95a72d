//! What other servers may read of a room: single events, state, and what lies between events.

use std::collections::{HashMap, HashSet, VecDeque};

use ruma::{EventId, OwnedEventId, RoomId, ServerName, UserId};

use crate::{
    error::{Error, Result},
    event::{StoredEvent, redact_pdu, rules},
    ids::{EventNum, RoomNum},
    json::ObjectWriter,
    rooms::{
        Rooms,
        rows::{EventMeta, Membership, Place, Root},
        view::{RoomView, ViewError},
        visibility::HistoryVisibility,
    },
    state::trie::NodeHash,
    store::{
        Family, Read, Snapshot,
        keys::{self, read_u32, read_u64},
    },
};

/// Events of one answer to `backfill` and `get_missing_events`, at the most.
const MAX_EVENTS: usize = 100;

/// Which events before others a server wants.
pub struct RoomEvents<'a> {
    /// Where to start, and whether these are wanted themselves.
    pub from: (&'a [OwnedEventId], bool),
    /// What it has already.
    pub except: &'a [OwnedEventId],
    /// At most so many.
    pub limit: usize,
    /// None that are less deep.
    pub min_depth: u64,
}

impl Rooms {
    /// An event as it is, for a server whose users may see it.
    ///
    /// # Errors
    /// 404 `M_NOT_FOUND` if it is not here or not for them.
    pub fn event_for(&self, origin: &ServerName, event_id: &EventId) -> Result<Vec<u8>> {
        let not_found = || Error::not_found("There is no such event here that your server may see.");
        let snapshot = self.store.snapshot();
        let place = snapshot.get(Family::EventIds, &keys::event_id(event_id.as_str()))?.ok_or_else(not_found)?;
        let (Some(room), Some(number)) = (read_u32(&place, 0), read_u64(&place, 4)) else { return Err(not_found()) };
        let (room, number) = (RoomNum(room), EventNum(number));
        self.resident_with(origin, &self.store.room_id(room)?).map_err(|_| not_found())?;
        let view = self.view(&snapshot, room);
        let (meta, event) = (view.meta(number)?, view.event(number)?);
        // Auth events and state may be had by who is in the room; they were asked for that.
        if event.state_key_json().is_none() && !Sight::new(view, origin)?.sees(&meta)? {
            return Err(not_found());
        }
        Ok(self.transaction_with(&[event]))
    }

    /// The state before an event: whole events and what authorises them, or their IDs.
    ///
    /// # Errors
    /// 404 `M_NOT_FOUND` if the event has no state here; 403 `M_FORBIDDEN` for who is not in the room.
    pub fn state_for(&self, origin: &ServerName, room_id: &RoomId, event_id: &EventId, whole: bool) -> Result<Vec<u8>> {
        let room = self.resident_with(origin, room_id)?;
        let snapshot = self.store.snapshot();
        let view = self.view(&snapshot, room);
        let (meta, _) = placed(&view, event_id)?;
        let state = numbers_at(&view, NodeHash(meta.before))?;
        let chain = auth_chain(&view, &state, &[])?;
        let keys = if whole { ["pdus", "auth_chain"] } else { ["pdu_ids", "auth_chain_ids"] };
        let mut out = Vec::new();
        let mut object = ObjectWriter::open(&mut out);
        for (key, numbers) in keys.into_iter().zip([state, chain]) {
            let mut array = object.array(key);
            for number in numbers {
                let event = view.event(number)?;
                if whole { array.json(event.pdu_json()) } else { array.text(event.event_id().as_str()) }
            }
            array.close();
        }
        object.close();
        Ok(out)
    }

    /// All that authorises an event.
    ///
    /// # Errors
    /// As for [`Self::state_for`].
    pub fn auth_chain_for(&self, origin: &ServerName, room_id: &RoomId, event_id: &EventId) -> Result<Vec<u8>> {
        let room = self.resident_with(origin, room_id)?;
        let snapshot = self.store.snapshot();
        let view = self.view(&snapshot, room);
        let number = view.find(event_id)?.ok_or_else(|| Error::not_found("There is no such event in this room."))?;
        let mut out = Vec::new();
        let mut object = ObjectWriter::open(&mut out);
        let mut array = object.array("auth_chain");
        for number in auth_chain(&view, &[number], &[])?.into_iter().filter(|other| *other != number) {
            array.json(view.event(number)?.pdu_json());
        }
        array.close();
        object.close();
        Ok(out)
    }

    /// Events before some others, the nearest first. Of those that the server's users may not see comes what redaction
    /// leaves.
    ///
    /// # Errors
    /// 403 `M_FORBIDDEN` for who is not in the room.
    pub fn events_before(
        &self,
        origin: &ServerName,
        room_id: &RoomId,
        wanted: &RoomEvents<'_>,
    ) -> Result<Vec<StoredEvent>> {
        let room = self.resident_with(origin, room_id)?;
        let snapshot = self.store.snapshot();
        let view = self.view(&snapshot, room);
        let head = view.head()?.ok_or_else(|| Error::not_found("This server is not in that room."))?;
        let rules = rules(&head.version).ok_or_else(|| Error::internal("a room of an unknown version"))?;
        let mut sight = Sight::new(view, origin)?;
        let mut events = Vec::new();
        for number in walk(&view, wanted)? {
            let (meta, event) = (view.meta(number)?, view.event(number)?);
            events.push(if sight.sees(&meta)? {
                event
            } else {
                let pdu = view.pdu(number, &room_id.to_owned())?;
                StoredEvent::from(&redact_pdu(&pdu, rules).map_err(Error::internal)?)
            });
        }
        Ok(events)
    }

    /// Events as servers send them: a transaction's body.
    pub fn transaction_with(&self, events: &[StoredEvent]) -> Vec<u8> {
        let mut out = Vec::new();
        let mut object = ObjectWriter::open(&mut out);
        object.text("origin", self.server_name.as_str());
        object.integer("origin_server_ts", self.clock.now_ms());
        let mut pdus = object.array("pdus");
        super::accept::write_pdus(&mut pdus, events);
        pdus.close();
        object.close();
        out
    }
}

/// An event with a place in the room.
fn placed(view: &RoomView<'_, Snapshot<'_>>, event_id: &EventId) -> Result<(EventMeta, EventNum)> {
    let not_found = || Error::not_found("There is no such event in this room.");
    let number = view.find(event_id)?.ok_or_else(not_found)?;
    let meta = view.meta(number)?;
    if meta.place == Place::Outlier { Err(not_found()) } else { Ok((meta, number)) }
}

/// Walks back over previous events, breadth first.
fn walk(view: &RoomView<'_, Snapshot<'_>>, wanted: &RoomEvents<'_>) -> Result<Vec<EventNum>, ViewError> {
    let limit = wanted.limit.min(MAX_EVENTS);
    let mut seen: HashSet<EventNum> = HashSet::new();
    for id in wanted.except {
        seen.extend(view.find(id)?);
    }
    let (starts, with_starts) = wanted.from;
    let (mut queue, mut found) = (VecDeque::new(), Vec::new());
    for id in starts {
        queue.extend(view.find(id)?.filter(|number| seen.insert(*number)).map(|number| (number, with_starts)));
    }
    while let Some((number, is_wanted)) = queue.pop_front() {
        let meta = view.meta(number)?;
        if meta.place == Place::Outlier || meta.depth < wanted.min_depth {
            continue;
        }
        if is_wanted && meta.is_visible() {
            found.push(number);
            if found.len() >= limit {
                break;
            }
        }
        queue.extend(meta.prev.iter().filter(|prev| seen.insert(**prev)).map(|prev| (*prev, true)));
    }
    Ok(found)
}

/// The events of a state.
pub(super) fn numbers_at(view: &RoomView<'_, Snapshot<'_>>, root: NodeHash) -> Result<Vec<EventNum>, ViewError> {
    view.state(root).entries().map(|entry| Ok(entry?.1)).collect()
}

/// All that authorises some events, which are not part of it unless one authorises another.
pub(super) fn auth_chain(
    view: &RoomView<'_, Snapshot<'_>>,
    events: &[EventNum],
    more: &[OwnedEventId],
) -> Result<Vec<EventNum>, ViewError> {
    let mut pending: Vec<EventNum> = Vec::new();
    for number in events {
        pending.extend(view.meta(*number)?.auth);
    }
    for id in more {
        pending.extend(view.find(id)?);
    }
    let mut chain = HashSet::new();
    while let Some(number) = pending.pop() {
        if chain.insert(number) {
            pending.extend(view.meta(number)?.auth);
        }
    }
    let mut chain: Vec<_> = chain.into_iter().collect();
    chain.sort_unstable();
    Ok(chain)
}

/// What the users of a server may see of a room: what any of them may.
pub(super) struct Sight<'a> {
    view: RoomView<'a, Snapshot<'a>>,
    server: &'a ServerName,
    is_member: bool,
    known: HashMap<Root, bool>,
}

impl<'a> Sight<'a> {
    pub fn new(view: RoomView<'a, Snapshot<'a>>, server: &'a ServerName) -> Result<Self> {
        Ok(Self { view, server, is_member: view.joined_of(server)? > 0, known: HashMap::new() })
    }

    pub fn sees(&mut self, meta: &EventMeta) -> Result<bool, ViewError> {
        if !meta.is_visible() {
            return Ok(false);
        }
        // Either state counts for what changes the very things that are asked for.
        Ok(self.allows(meta.before)? || (meta.after != meta.before && self.allows(meta.after)?))
    }

    fn allows(&mut self, root: Root) -> Result<bool, ViewError> {
        if let Some(known) = self.known.get(&root) {
            return Ok(*known);
        }
        let allows = match self.view.history_visibility(NodeHash(root))? {
            HistoryVisibility::WorldReadable => true,
            HistoryVisibility::Shared if self.is_member => true,
            HistoryVisibility::Shared | HistoryVisibility::Joined => self.had(root, &[Membership::Join])?,
            HistoryVisibility::Invited => self.had(root, &[Membership::Join, Membership::Invite])?,
        };
        self.known.insert(root, allows);
        Ok(allows)
    }

    /// Whether a user of the server had one of these memberships.
    fn had(&self, root: Root, memberships: &[Membership]) -> Result<bool, ViewError> {
        for entry in self.view.state(NodeHash(root)).entries_of_type("m.room.member") {
            let event = self.view.event(entry?.1)?;
            let is_theirs = event
                .state_key()
                .and_then(|key| Some(<&UserId>::try_from(&*key).ok()?.server_name() == self.server))
                .unwrap_or(false);
            let membership = std::str::from_utf8(event.content()).map_or(Membership::Leave, Membership::of_content);
            if is_theirs && memberships.contains(&membership) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
