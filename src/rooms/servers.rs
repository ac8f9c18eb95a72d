//! Which servers are in a room: those with a joined member, counted with each change of a membership.

use std::collections::BTreeMap;

use ruma::{OwnedServerName, ServerName};

use super::{
    RoomGuard, Rooms,
    indexes::MemberChange,
    rows::Membership,
    view::{RoomView, ViewError},
};
use crate::{
    error::Result,
    ids::RoomNum,
    store::{
        Commit, Family, Key, Read, Snapshot, StoreError, decode,
        keys::{Index, KeyBuilder},
    },
};

/// `index`: room → server with joined members: how many.
pub fn server_key(room: RoomNum, server: &ServerName) -> Key {
    KeyBuilder::room(room, Index::RoomServer).tail(server.as_bytes()).build()
}

/// How the numbers of servers' members change.
pub(super) struct ServerChanges(Vec<(OwnedServerName, u64)>);

impl ServerChanges {
    /// What follows from changes of memberships.
    pub fn of(guard: &RoomGuard<'_>, members: &[MemberChange]) -> Result<Self, ViewError> {
        let mut changes: BTreeMap<OwnedServerName, i64> = BTreeMap::new();
        for change in members {
            let before = change.before.is_some_and(|row| row.membership == Membership::Join);
            let after = change.after.membership == Membership::Join;
            if before != after {
                let user = guard.rooms.store.user_id(change.user)?;
                *changes.entry(user.server_name().to_owned()).or_default() += if after { 1 } else { -1 };
            }
        }
        let counted = changes.into_iter().filter(|(_, change)| *change != 0).map(|(server, change)| {
            let known: u64 = guard.with_view(|view| view.joined_of(&server))?;
            let joined = known.saturating_add_signed(change);
            if known == 0 || joined == 0 {
                guard.rooms.shared.remove(&server);
            }
            Ok((server, joined))
        });
        Ok(Self(counted.collect::<Result<_, ViewError>>()?))
    }

    /// Adds them to the commit of the event.
    pub fn write(&self, commit: &mut Commit, room: RoomNum) {
        for (server, joined) in &self.0 {
            match joined {
                0 => commit.delete(Family::Index, server_key(room, server)),
                joined => commit.put_row(Family::Index, server_key(room, server), joined),
            };
        }
    }
}

impl<R: Read> RoomView<'_, R> {
    /// How many members of a server have joined the room.
    pub fn joined_of(&self, server: &ServerName) -> Result<u64, StoreError> {
        Ok(self.read().get_row(Family::Index, &server_key(self.room(), server))?.unwrap_or(0))
    }
}

impl RoomView<'_, Snapshot<'_>> {
    /// The servers in the room, with the number of their joined members.
    pub fn servers(&self) -> Result<Vec<(OwnedServerName, u64)>, StoreError> {
        let prefix = KeyBuilder::room(self.room(), Index::RoomServer).build();
        let mut rows = self.read().scan_prefix(Family::Index, &prefix);
        let mut servers = Vec::new();
        while let Some((key, value)) = rows.next()? {
            let name = str::from_utf8(&key[prefix.len()..]).ok().and_then(|name| <&ServerName>::try_from(name).ok());
            let name = name.ok_or(StoreError::Malformed(Family::Index))?.to_owned();
            servers.push((name, decode(Family::Index, value)?));
        }
        Ok(servers)
    }
}

impl Rooms {
    /// Whether this server hears of what happens in a room: somebody of it is there, or nobody of another one.
    pub fn resides_in(&self, room: RoomNum) -> Result<bool> {
        let snapshot = self.store.snapshot();
        let view = self.view(&snapshot, room);
        let Some(head) = view.head()? else { return Ok(false) };
        if head.residents > 0 {
            return Ok(true);
        }
        Ok(!head.extremities.is_empty() && view.servers()?.is_empty())
    }
}
