//! Who may know of whom: users who share a room.

use super::{Rooms, rows::Membership, view::own_rooms};
use crate::{
    error::Result,
    ids::{RoomNum, UserNum},
    store::JoinedRooms,
};

impl Rooms {
    /// Whether somebody, of this server or another, is joined to one of these rooms, which are in ascending order.
    pub fn is_joined_to_any(&self, rooms: &[RoomNum], user: UserNum) -> Result<bool> {
        if self.users.is_local(&self.store.user_id(user)?) {
            let theirs = self.joined_in_memory(user)?;
            return Ok(theirs.iter().any(|room| rooms.binary_search(room).is_ok()));
        }
        let latest = self.store.latest();
        for room in rooms {
            let member = self.view(&latest, *room).member(user)?;
            if member.is_some_and(|member| member.membership == Membership::Join) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn joined_in_memory(&self, user: UserNum) -> Result<JoinedRooms> {
        let load = || own_rooms(&self.store.snapshot(), user).map(|rooms| rooms.joined());
        Ok(self.store.live().joined_rooms(user, load)?)
    }
}
