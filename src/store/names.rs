//! Rooms and users by number. A number's row is queued before the number is given out, so that whatever
//! uses it lands behind it: no number without its name, none twice.

use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use quick_cache::sync::Cache;
use ruma::{OwnedRoomId, OwnedUserId, RoomId, UserId};

use super::{
    Family, Store, StoreError,
    commit::{Commit, LogEntry},
    keys::{self, read_u32},
    read::Read,
};
use crate::ids::{RoomNum, UserNum};

/// Names kept in memory in each direction, for rooms and for users.
const CACHED: usize = 20_000;

pub(super) struct Names {
    rooms: Space<OwnedRoomId>,
    users: Space<OwnedUserId>,
}

struct Space<T> {
    /// The letters of the map from names to numbers, and of the one back.
    forth: u8,
    back: u8,
    counter: &'static str,
    numbers: Cache<T, u32>,
    names: Cache<u32, T>,
    minting: Mutex<()>,
}

impl<T: Clone + Eq + std::hash::Hash + AsRef<str>> Space<T> {
    fn new(forth: u8, back: u8, counter: &'static str) -> Self {
        Self { forth, back, counter, numbers: Cache::new(CACHED), names: Cache::new(CACHED), minting: Mutex::new(()) }
    }

    fn find(&self, store: &Store, name: &T) -> Result<Option<u32>, StoreError> {
        if let Some(number) = self.numbers.get(name) {
            return Ok(Some(number));
        }
        let Some(row) = store.latest().get(Family::Names, &keys::name(self.forth, name.as_ref().as_bytes()))? else {
            return Ok(None);
        };
        let number = read_u32(&row, 0).ok_or(StoreError::Malformed(Family::Names))?;
        self.remember(name.clone(), number);
        Ok(Some(number))
    }

    fn mint(&self, store: &Store, name: &T) -> Result<u32, StoreError> {
        // A panic under this lock leaves no number half minted: the commit is one step.
        let _minting = self.minting.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(number) = self.find(store, name)? {
            return Ok(number);
        }
        let counter = keys::meta(self.counter);
        let number = store.latest().get_row::<u32>(Family::Meta, &counter)?.unwrap_or(0) + 1;
        let text = name.as_ref().as_bytes();
        let _ = store.commit(|_| {
            let mut commit = Commit::new(LogEntry::Housekeeping);
            commit
                .put(Family::Names, keys::name(self.forth, text), number.to_be_bytes().to_vec())
                .put(Family::Names, keys::name(self.back, &number.to_be_bytes()), Bytes::copy_from_slice(text))
                .put_row(Family::Meta, counter, &number);
            commit
        });
        self.remember(name.clone(), number);
        Ok(number)
    }

    fn name(&self, store: &Store, number: u32, parse: impl FnOnce(&str) -> Option<T>) -> Result<T, StoreError> {
        if let Some(name) = self.names.get(&number) {
            return Ok(name);
        }
        let name = store
            .latest()
            .get(Family::Names, &keys::name(self.back, &number.to_be_bytes()))?
            .and_then(|text| parse(std::str::from_utf8(&text).ok()?))
            .ok_or(StoreError::Malformed(Family::Names))?;
        self.remember(name.clone(), number);
        Ok(name)
    }

    fn remember(&self, name: T, number: u32) {
        self.numbers.insert(name.clone(), number);
        self.names.insert(number, name);
    }
}

impl Names {
    pub(super) fn new() -> Self {
        Self { rooms: Space::new(b'r', b'R', "last_room"), users: Space::new(b'u', b'U', "last_user") }
    }
}

impl Store {
    /// The room's number, if it has one.
    pub fn room_num(&self, room: &RoomId) -> Result<Option<RoomNum>, StoreError> {
        Ok(self.names.rooms.find(self, &room.to_owned())?.map(RoomNum))
    }

    /// The room's number, minted if it has none yet.
    pub fn intern_room(&self, room: &RoomId) -> Result<RoomNum, StoreError> {
        Ok(RoomNum(self.names.rooms.mint(self, &room.to_owned())?))
    }

    /// The greatest number of a room, 0 if there is none.
    pub fn last_room(&self) -> Result<u32, StoreError> {
        Ok(self.latest().get_row::<u32>(Family::Meta, &keys::meta("last_room"))?.unwrap_or(0))
    }

    /// The room that a number stands for.
    pub fn room_id(&self, room: RoomNum) -> Result<OwnedRoomId, StoreError> {
        self.names.rooms.name(self, room.0, |text| text.try_into().ok())
    }

    /// The user's number, if they have one.
    pub fn user_num(&self, user: &UserId) -> Result<Option<UserNum>, StoreError> {
        Ok(self.names.users.find(self, &user.to_owned())?.map(UserNum))
    }

    /// The user's number, minted if they have none yet.
    pub fn intern_user(&self, user: &UserId) -> Result<UserNum, StoreError> {
        let user = user.to_owned();
        if let Some(number) = self.names.users.find(self, &user)? {
            return Ok(UserNum(number));
        }
        Ok(UserNum(self.names.users.mint(self, &user)?))
    }

    /// The user that a number stands for.
    pub fn user_id(&self, user: UserNum) -> Result<OwnedUserId, StoreError> {
        self.names.users.name(self, user.0, |text| text.try_into().ok())
    }
}
