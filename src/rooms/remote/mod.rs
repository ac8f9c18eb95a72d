//! Rooms between servers: what another server may know and do of a room here, and what this one asks of others.
//!
//! Invariants: an answer to another server holds what its users may see, and no room's ACL lets it pass that forbids
//! it; no room is held while another server is asked.

mod accept;
mod answers;
mod devices;
mod edus;
mod exchange;
mod invites;
mod join;
mod knock;
mod leave;
mod lookups;
mod moments;
mod spaces;
mod template;
mod transactions;

pub use self::{
    accept::{Accepted, Submission},
    answers::RoomEvents,
    exchange::{Exchange, Pending},
    invites::{Invitation, Invited},
    join::JoinTarget,
    moments::Moment,
    spaces::SpaceAndChildren,
    transactions::Transactions,
};

use ruma::{RoomId, ServerName, events::room::server_acl::RoomServerAclEventContent};

use super::Rooms;
use crate::{
    error::{Error, Result},
    ids::RoomNum,
};

impl Rooms {
    /// Whether a room lets a server take part (server-server API, "Server Access Control Lists"); 403 `M_FORBIDDEN` if
    /// not.
    pub fn check_acl(&self, room: RoomNum, server: &ServerName) -> Result<()> {
        let latest = self.store.latest();
        let view = self.view(&latest, room);
        let Some(head) = view.head()? else { return Ok(()) };
        let Some(number) = view.state_at(head.root(), "m.room.server_acl", "")? else { return Ok(()) };
        let acl: Option<RoomServerAclEventContent> = serde_json::from_slice(view.event(number)?.content()).ok();
        match acl {
            Some(acl) if !acl.is_allowed(server) => Err(Error::forbidden("The room's rules keep your server out.")),
            _ => Ok(()),
        }
    }

    /// A room that this server can speak for, and whose ACL lets the other one ask.
    pub(super) fn resident(&self, origin: &ServerName, room_id: &RoomId) -> Result<RoomNum> {
        let absent = || Error::not_found("This server is not in that room.");
        let room = self.store.room_num(room_id)?.ok_or_else(absent)?;
        if !self.resides_in(room)? {
            return Err(absent());
        }
        self.check_acl(room, origin)?;
        Ok(room)
    }

    /// The same for a server that has to be in the room.
    pub(super) fn resident_with(&self, origin: &ServerName, room_id: &RoomId) -> Result<RoomNum> {
        let room = self.resident(origin, room_id)?;
        let latest = self.store.latest();
        if self.view(&latest, room).joined_of(origin)? == 0 {
            return Err(Error::forbidden("Your server is not in that room."));
        }
        Ok(room)
    }
}
