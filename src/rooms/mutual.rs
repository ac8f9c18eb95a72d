//! Rooms that two users share (client-server API, "Mutual Rooms").

use ruma::{OwnedRoomId, UserId};

use super::{Rooms, rows::Membership, view::own_rooms};
use crate::{
    error::Result,
    ids::{RoomNum, UserNum},
};

/// Rooms of one page.
const PAGE: usize = 100;

/// A page of the rooms that two users share.
pub struct Mutual {
    /// The rooms.
    pub rooms: Vec<OwnedRoomId>,
    /// How many there are in all.
    pub count: usize,
    /// The last room of the page, if there are more.
    pub next: Option<RoomNum>,
}

impl Rooms {
    /// The rooms behind `after` to which both a user of this server and some other user are joined. Costs a row for
    /// each room of the former.
    pub fn mutual(&self, user: UserNum, other: &UserId, after: Option<RoomNum>) -> Result<Mutual> {
        let mut mutual = Mutual { rooms: Vec::new(), count: 0, next: None };
        let Some(other) = self.store.user_num(other)? else { return Ok(mutual) };
        let snapshot = self.store.snapshot();
        let mut last = None;
        for room in own_rooms(&snapshot, user)?.joined() {
            let member = self.view(&snapshot, room).member(other)?;
            if member.is_none_or(|member| member.membership != Membership::Join) {
                continue;
            }
            mutual.count += 1;
            if after.is_some_and(|after| room <= after) {
                continue;
            }
            if mutual.rooms.len() < PAGE {
                mutual.rooms.push(self.store.room_id(room)?);
                last = Some(room);
            } else {
                mutual.next = last;
            }
        }
        Ok(mutual)
    }
}
