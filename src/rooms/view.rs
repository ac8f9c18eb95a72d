//! Reading a room's rows, from a `Snapshot` (what clients may know of) or from `Latest` (what a new event builds on).

use std::sync::Arc;

use bytes::Bytes;
use ruma::{EventId, OwnedRoomId};

use super::rows::{EventMeta, MemberRow, Membership, OwnRoom, RoomHead};
use crate::{
    event::{Pdu, StoredEvent},
    ids::{EventNum, RoomNum, UserNum},
    state::trie::{NodeHash, NodeSource, Trie, TrieError, TrieKey},
    store::{
        Family, Key, Read, Snapshot, StoreError, decode,
        keys::{self, Index, KeyBuilder, read_u32, read_u64},
    },
};

/// What reading a room can come to grief on.
#[derive(Debug, thiserror::Error)]
pub enum ViewError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The state trie.
    #[error(transparent)]
    Trie(#[from] TrieError<StoreError>),
    /// A row that another one points at is not there, or can't be read.
    #[error("room {room}: {what} {number} is missing or malformed: run `salon check`")]
    Broken {
        /// The room.
        room: RoomNum,
        /// What should be there.
        what: &'static str,
        /// Its number.
        number: u64,
    },
}

impl From<ViewError> for crate::error::Error {
    fn from(error: ViewError) -> Self {
        Self::internal(error)
    }
}

/// One room as `read` sees it.
pub struct RoomView<'a, R> {
    read: &'a R,
    key: &'a TrieKey,
    room: RoomNum,
}

impl<R> Clone for RoomView<'_, R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R> Copy for RoomView<'_, R> {}

impl<R: Read> NodeSource for RoomView<'_, R> {
    type Error = StoreError;

    fn node(&self, hash: &NodeHash) -> Result<Option<Bytes>, StoreError> {
        self.read.get(Family::State, &keys::state_node(self.room, &hash.0))
    }
}

impl<'a, R: Read> RoomView<'a, R> {
    /// A view of `room`, whose trie is under `key`.
    pub fn new(read: &'a R, key: &'a TrieKey, room: RoomNum) -> Self {
        Self { read, key, room }
    }

    /// The room's number.
    pub fn room(&self) -> RoomNum {
        self.room
    }

    /// The key of the room's trie.
    pub fn trie_key(&self) -> &'a TrieKey {
        self.key
    }

    /// What it is read from.
    pub fn read(&self) -> &'a R {
        self.read
    }

    /// The room's head; `None` if this server does not reside in the room.
    pub fn head(&self) -> Result<Option<RoomHead>, ViewError> {
        Ok(self.read.get_row(Family::Rooms, &keys::room(self.room))?)
    }

    /// The number of an event of this room.
    pub fn find(&self, event_id: &EventId) -> Result<Option<EventNum>, ViewError> {
        self.find_by_hash(&keys::event_id(event_id.as_str()))
    }

    /// The same by the hash of the event's ID.
    pub fn find_by_hash(&self, hash: &[u8]) -> Result<Option<EventNum>, ViewError> {
        let place = self.read.get(Family::EventIds, hash)?;
        Ok(place.and_then(|row| (read_u32(&row, 0)? == self.room.0).then_some(EventNum(read_u64(&row, 4)?))))
    }

    /// An event's row.
    pub fn meta(&self, number: EventNum) -> Result<EventMeta, ViewError> {
        let row = self.read.get_row(Family::EventMeta, &keys::event(self.room, number))?;
        row.ok_or_else(|| self.broken("event_meta", number))
    }

    /// An event as it is stored.
    pub fn event(&self, number: EventNum) -> Result<StoredEvent, ViewError> {
        let row = self.read.get(Family::EventJson, &keys::event(self.room, number))?;
        row.and_then(|row| StoredEvent::decode(&row).ok()).ok_or_else(|| self.broken("event", number))
    }

    /// An event as a PDU.
    pub fn pdu(&self, number: EventNum, room_id: &OwnedRoomId) -> Result<Arc<Pdu>, ViewError> {
        let pdu = self.event(number)?.to_pdu(room_id).map_err(|_| self.broken("event", number))?;
        Ok(Arc::new(pdu))
    }

    /// A snapshot of the room's state.
    pub fn state(&self, root: NodeHash) -> Trie<'_, Self> {
        Trie::new(self.key, self, root)
    }

    /// The state event of a type and key at `root`.
    pub fn state_at(&self, root: NodeHash, event_type: &str, state_key: &str) -> Result<Option<EventNum>, ViewError> {
        Ok(self.state(root).get(&self.key.path(event_type, state_key))?)
    }

    /// The content of a state event at `root`, parsed; `None` if there is none or it doesn't fit.
    pub fn state_content<T: serde::de::DeserializeOwned>(
        &self,
        root: NodeHash,
        event_type: &str,
        state_key: &str,
    ) -> Result<Option<T>, ViewError> {
        let Some(number) = self.state_at(root, event_type, state_key)? else { return Ok(None) };
        Ok(serde_json::from_slice(self.event(number)?.content()).ok())
    }

    /// How a user stands to the room, in the current state.
    pub fn member(&self, user: UserNum) -> Result<Option<MemberRow>, ViewError> {
        Ok(self.read.get_row(Family::Index, &member_key(self.room, user))?)
    }

    /// How a user of this server stands to the room.
    pub fn own(&self, user: UserNum) -> Result<Option<OwnRoom>, ViewError> {
        Ok(self.read.get_row(Family::Index, &own_key(user, self.room))?)
    }

    /// The error for a row that should be there.
    pub fn broken(&self, what: &'static str, number: EventNum) -> ViewError {
        ViewError::Broken { room: self.room, what, number: number.0 }
    }
}

/// `index`: room → user.
pub fn member_key(room: RoomNum, user: UserNum) -> Key {
    KeyBuilder::room(room, Index::Member).u32(user.0).build()
}

/// `index`: user → room.
pub fn own_key(user: UserNum, room: RoomNum) -> Key {
    KeyBuilder::user(user, Index::OwnRoom).u32(room.0).build()
}

/// How a user of this server stands to rooms.
pub struct OwnRooms(Vec<(RoomNum, OwnRoom)>);

/// All rooms that a user of this server stands to in some way.
pub fn own_rooms(snapshot: &Snapshot<'_>, user: UserNum) -> Result<OwnRooms, StoreError> {
    let prefix = KeyBuilder::user(user, Index::OwnRoom).build();
    let mut rows = snapshot.scan_prefix(Family::Index, &prefix);
    let mut rooms = Vec::new();
    while let Some((key, value)) = rows.next()? {
        let room = read_u32(key, prefix.len()).ok_or(StoreError::Malformed(Family::Index))?;
        rooms.push((RoomNum(room), decode(Family::Index, value)?));
    }
    Ok(OwnRooms(rooms))
}

impl OwnRooms {
    /// Each room with how the user stands to it.
    pub fn iter(&self) -> impl Iterator<Item = &(RoomNum, OwnRoom)> {
        self.0.iter()
    }

    /// The rooms that the user is joined to.
    pub fn joined(&self) -> Vec<RoomNum> {
        self.numbers(|membership| membership == Membership::Join)
    }

    /// The rooms that the user is not joined to (any more).
    pub fn others(&self) -> Vec<RoomNum> {
        self.numbers(|membership| membership != Membership::Join)
    }

    fn numbers(&self, wanted: impl Fn(Membership) -> bool) -> Vec<RoomNum> {
        self.0.iter().filter(|(_, own)| wanted(own.membership)).map(|(room, _)| *room).collect()
    }
}
