//! A space and its children, as another server's users may see them (server-server API, "Spaces").

use ruma::{OwnedRoomId, RoomId, ServerName, UserId};
use serde::Serialize;

use crate::{
    error::{Error, Result},
    ids::{RoomNum, UserNum},
    rooms::{
        Rooms,
        hierarchy::{Child, SpaceRoom},
        rows::{MemberRow, Membership},
        summary::FullSummary,
    },
    store::{
        Family, Snapshot, decode,
        keys::{Index, KeyBuilder, read_u32},
    },
};

/// A space and what is right below it.
#[derive(Debug, Serialize)]
pub struct SpaceAndChildren {
    room: SpaceRoom,
    children: Vec<SpaceRoom>,
    inaccessible_children: Vec<OwnedRoomId>,
}

impl Rooms {
    /// A room and, if it is a space, its children that are here: what users of a server may see of them.
    ///
    /// # Errors
    /// 404 `M_NOT_FOUND` if there is no such room, or none of them may see it.
    pub fn hierarchy_for(
        &self,
        origin: &ServerName,
        room_id: &RoomId,
        suggested_only: bool,
    ) -> Result<SpaceAndChildren> {
        let not_found = || Error::not_found("There is no such room here that your users could see.");
        let room = self.store.room_num(room_id)?.ok_or_else(not_found)?;
        let snapshot = self.store.snapshot();
        if !self.resides_in(room)? {
            return Err(not_found());
        }
        let summary = self.summary_for(origin, &snapshot, room)?.ok_or_else(not_found)?;
        let mut named = if summary.is_space() { self.children(&snapshot, room)? } else { Vec::new() };
        named.retain(|child| child.suggested || !suggested_only);
        let (mut children, mut inaccessible_children) = (Vec::new(), Vec::new());
        for child in &named {
            let Some(room) = self.store.room_num(&child.room_id)? else { continue };
            if !self.resides_in(room)? {
                continue;
            }
            match self.summary_for(origin, &snapshot, room)? {
                Some(summary) => {
                    let below = if summary.is_space() { self.children(&snapshot, room)? } else { Vec::new() };
                    children.push(told(summary, &below)?);
                }
                None => inaccessible_children.push(child.room_id.clone()),
            }
        }
        Ok(SpaceAndChildren { room: told(summary, &named)?, children, inaccessible_children })
    }

    /// What a room shows of itself to users of a server, if there may be some who see it.
    fn summary_for(&self, origin: &ServerName, snapshot: &Snapshot<'_>, room: RoomNum) -> Result<Option<FullSummary>> {
        let Some(summary) = self.summary_of(snapshot, room)? else { return Ok(None) };
        if self.check_acl(room, origin).is_err() {
            return Ok(None);
        }
        let mut visible = summary.is_open() || self.view(snapshot, room).joined_of(origin)? > 0;
        for allowed in &summary.allowed_room_ids {
            if let Some(allowed) = self.store.room_num(allowed)? {
                visible = visible || self.view(snapshot, allowed).joined_of(origin)? > 0;
            }
        }
        Ok((visible || self.is_any_invited(origin, snapshot, room)?).then_some(summary))
    }

    /// Whether a user of a server is invited to a room.
    fn is_any_invited(&self, origin: &ServerName, snapshot: &Snapshot<'_>, room: RoomNum) -> Result<bool> {
        let prefix = KeyBuilder::room(room, Index::Member).build();
        let mut members = snapshot.scan_prefix(Family::Index, &prefix);
        while let Some((key, value)) = members.next()? {
            let row: MemberRow = decode(Family::Index, value)?;
            let Some(number) = read_u32(key, prefix.len()).filter(|_| row.membership == Membership::Invite) else {
                continue;
            };
            let user = self.store.user_id(UserNum(number))?;
            if UserId::server_name(&user) == origin {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

fn told(summary: FullSummary, children: &[Child]) -> Result<SpaceRoom> {
    let children_state = children.iter().map(Child::render).collect::<Result<_>>()?;
    Ok(SpaceRoom { summary, children_state })
}
