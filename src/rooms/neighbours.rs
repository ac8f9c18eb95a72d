//! Who may know of whom: users who share a room.

use super::{Rooms, view::own_rooms};
use crate::{error::Result, ids::UserNum};

impl Rooms {
    /// Whether two users of this server are joined to one room.
    pub fn share_room(&self, one: UserNum, other: UserNum) -> Result<bool> {
        let rooms = |user| {
            let load = || own_rooms(&self.store.snapshot(), user).map(|rooms| rooms.joined());
            self.store.live().joined_rooms(user, load)
        };
        let (one, other) = (rooms(one)?, rooms(other)?);
        let (fewer, more) = if one.len() < other.len() { (&one, &other) } else { (&other, &one) };
        Ok(fewer.iter().any(|room| more.binary_search(room).is_ok()))
    }
}
