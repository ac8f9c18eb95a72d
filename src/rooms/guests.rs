//! Guests leave a room that closes to them (client-server API, "Guest Access").

use ruma::{CanonicalJsonObject, OwnedUserId};

use super::{RoomGuard, membership::Actor, rows::MemberRow, rows::Membership};
use crate::{
    error::Result,
    ids::UserNum,
    store::{
        Family, StoreError, Ticket, decode,
        keys::{Index, KeyBuilder, read_u32},
    },
};

impl RoomGuard<'_> {
    /// Makes the guests among this server's users leave, if the room lets no guests in. What the last of their
    /// leaving waits for is returned.
    pub(super) fn see_guests_out(&mut self) -> Result<Option<Ticket>> {
        let mut last = None;
        if self.check_guests_may_join().is_ok() {
            return Ok(last);
        }
        for guest in self.joined_guests()? {
            let actor = Actor { user_id: &guest, is_guest: true };
            last = Some(self.append_member(actor, &guest, Membership::Leave, CanonicalJsonObject::new())?.ticket);
        }
        Ok(last)
    }

    fn joined_guests(&self) -> Result<Vec<OwnedUserId>> {
        let prefix = KeyBuilder::room(self.number(), Index::Member).build();
        let snapshot = self.rooms.store.snapshot();
        let mut rows = snapshot.scan_prefix(Family::Index, &prefix);
        let mut guests = Vec::new();
        while let Some((key, value)) = rows.next()? {
            let user = UserNum(read_u32(key, prefix.len()).ok_or(StoreError::Malformed(Family::Index))?);
            let row: MemberRow = decode(Family::Index, value)?;
            if row.membership == Membership::Join && self.rooms.users.is_guest(user)? {
                guests.push(self.rooms.store.user_id(user)?);
            }
        }
        Ok(guests)
    }
}
