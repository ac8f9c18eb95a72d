//! A room in the hands of one task: its head in memory, ahead of the disk, and the state events that auth needs
//! again and again.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use ruma::{OwnedEventId, OwnedRoomId, RoomVersionId, UserId, room_version_rules::RoomVersionRules};
use tokio::sync::OwnedMutexGuard;

use super::{
    Rooms,
    rows::{Membership, RoomHead},
    view::{RoomView, ViewError},
};
use crate::{
    error::{Error, Result},
    event::{self, Pdu},
    ids::{EventNum, RoomNum},
    state::trie::Path,
    store::Latest,
};

/// Rooms kept in memory; past it, those that nobody holds are forgotten.
const MAX_SLOTS: usize = 5_000;
/// State events kept for one room.
const MAX_CACHED_STATE: usize = 256;

/// What is kept in memory of a room between two appends.
pub(super) struct Slot {
    pub head: RoomHead,
    pub room_id: OwnedRoomId,
    pub rules: &'static RoomVersionRules,
    /// The forward extremities with their IDs, as in the head.
    pub tips: Vec<(EventNum, OwnedEventId)>,
    /// Events of the current state, or their absence.
    cached: HashMap<Path, Option<StateEntry>>,
}

/// A state event and its number.
pub(super) type StateEntry = (EventNum, Arc<Pdu>);

type SharedSlot = Arc<tokio::sync::Mutex<Option<Slot>>>;

#[derive(Default)]
pub(super) struct Slots(Mutex<HashMap<RoomNum, SharedSlot>>);

impl Slots {
    fn slot(&self, room: RoomNum) -> SharedSlot {
        // Nothing that may panic runs under this lock.
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if slots.len() >= MAX_SLOTS && !slots.contains_key(&room) {
            slots.retain(|_, slot| Arc::strong_count(slot) > 1);
        }
        slots.entry(room).or_default().clone()
    }
}

/// The right to change a room.
pub struct RoomGuard<'a> {
    pub(super) rooms: &'a Rooms,
    pub(super) room: RoomNum,
    pub(super) slot: OwnedMutexGuard<Option<Slot>>,
    /// The number of an outlier that is about to get a place.
    pub(super) outlier: Option<EventNum>,
    /// Whether what is placed belongs before a gap: it changes nothing of what the room is now.
    pub(super) filling: bool,
}

impl<'a> RoomGuard<'a> {
    pub(super) async fn lock(rooms: &'a Rooms, room: RoomNum) -> Result<Self> {
        let mut slot = rooms.slots.slot(room).lock_owned().await;
        if slot.is_none() {
            let latest = rooms.store.latest();
            let view = rooms.view(&latest, room);
            let head = view.head()?.ok_or_else(|| Error::not_found("This server is not in that room."))?;
            let tip = |number: &EventNum| Ok((*number, view.event(*number)?.event_id().to_owned()));
            let tips = head.extremities.iter().map(tip).collect::<Result<_, ViewError>>()?;
            *slot = Some(Slot::new(head, tips, rooms.store.room_id(room)?)?);
        }
        Ok(Self { rooms, room, slot, outlier: None, filling: false })
    }

    /// Takes a room that is about to be made: its head is empty.
    pub(super) async fn lock_new(rooms: &'a Rooms, room: RoomNum, version: RoomVersionId) -> Result<Self> {
        let mut slot = rooms.slots.slot(room).lock_owned().await;
        if slot.is_some() || rooms.view(&rooms.store.latest(), room).head()?.is_some() {
            return Err(Error::bad_request("M_ROOM_IN_USE", "There is a room of that ID already."));
        }
        *slot = Some(Slot::new(RoomHead::new(version), Vec::new(), rooms.store.room_id(room)?)?);
        Ok(Self { rooms, room, slot, outlier: None, filling: false })
    }

    /// Forgets a room whose first event could not be made.
    pub(super) fn abandon(&mut self) {
        *self.slot = None;
    }

    pub(super) fn slot(&self) -> &Slot {
        // Both ways to make a guard fill the slot.
        self.slot.as_ref().unwrap_or_else(|| unreachable!("a locked room has its slot filled"))
    }

    pub(super) fn slot_mut(&mut self) -> &mut Slot {
        // As above.
        self.slot.as_mut().unwrap_or_else(|| unreachable!("a locked room has its slot filled"))
    }

    /// The room's number.
    pub fn number(&self) -> RoomNum {
        self.room
    }

    /// The room's ID.
    pub fn room_id(&self) -> &OwnedRoomId {
        &self.slot().room_id
    }

    /// The room's head, with all that is queued.
    pub fn head(&self) -> &RoomHead {
        &self.slot().head
    }

    /// The number that the event gets which is about to be committed.
    pub(super) fn new_number(&self) -> EventNum {
        self.outlier.unwrap_or(self.head().next)
    }

    /// The rules of the room's version.
    pub fn rules(&self) -> &'static RoomVersionRules {
        self.slot().rules
    }

    /// Runs `f` on a view of the room with all that is queued.
    pub fn with_view<T>(&self, f: impl FnOnce(RoomView<'_, Latest<'_>>) -> T) -> T {
        f(self.rooms.view(&self.rooms.store.latest(), self.room))
    }

    /// An event of the current state.
    pub fn state_event(&mut self, event_type: &str, state_key: &str) -> Result<Option<Arc<Pdu>>, ViewError> {
        Ok(self.state_entry(event_type, state_key)?.map(|(_, pdu)| pdu))
    }

    pub(super) fn state_entry(&mut self, event_type: &str, state_key: &str) -> Result<Option<StateEntry>, ViewError> {
        let path = self.rooms.trie_key.path(event_type, state_key);
        if let Some(known) = self.slot().cached.get(&path) {
            return Ok(known.clone());
        }
        let (root, room_id) = (self.head().root(), self.room_id().clone());
        let entry = self.with_view(|view| {
            let number = view.state(root).get(&path)?;
            number.map(|number| Ok::<_, ViewError>((number, view.pdu(number, &room_id)?))).transpose()
        })?;
        self.slot_mut().remember(path, entry.clone());
        Ok(entry)
    }

    /// The membership of a user in the current state.
    pub fn membership(&mut self, user: &UserId) -> Result<Membership, ViewError> {
        let event = self.state_event("m.room.member", user.as_str())?;
        Ok(event.map_or(Membership::Leave, |event| Membership::of_content(event.content().get())))
    }
}

impl Drop for RoomGuard<'_> {
    /// Who panics may have left half a change in memory: the next one reads the room from the database.
    fn drop(&mut self) {
        if std::thread::panicking() {
            *self.slot = None;
        }
    }
}

impl Slot {
    fn new(head: RoomHead, tips: Vec<(EventNum, OwnedEventId)>, room_id: OwnedRoomId) -> Result<Self> {
        let rules = event::rules(&head.version)
            .ok_or_else(|| Error::bad_request("M_UNSUPPORTED_ROOM_VERSION", "The room's version is not supported."))?;
        Ok(Self { head, room_id, rules, tips, cached: HashMap::new() })
    }

    pub(super) fn remember(&mut self, path: Path, entry: Option<StateEntry>) {
        if self.cached.len() >= MAX_CACHED_STATE {
            self.cached.clear();
        }
        self.cached.insert(path, entry);
    }

    /// The current state changed at `path`.
    pub(super) fn forget(&mut self, path: &Path) {
        self.cached.remove(path);
    }
}
