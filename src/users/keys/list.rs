//! Device lists: where the devices of each user, or their keys, changed last. One row a user, by position; who shares a
//! room with the user finds it there when they sync.
//!
//! Invariant: a user's row names the position under which `Devices::Change` has a row of the user, and there is no other.

use crate::{
    error::Result,
    ids::{Position, UserNum},
    store::{
        Commit, Family, Key, LogEntry, Notice, Read, Snapshot, StoreError,
        keys::{self, Devices, KeyBuilder, read_u32, read_u64},
    },
    users::Users,
};

/// `devices`: user → where their devices or keys changed last.
pub fn list_key(user: UserNum) -> Key {
    KeyBuilder::devices(user, Devices::List).build()
}

/// A change of somebody's device list, yet to be written.
pub(in crate::users) struct ListChange {
    user: UserNum,
    before: Option<Position>,
}

impl ListChange {
    /// Under the user's lock, until the commit is queued.
    pub fn of(read: &impl Read, user: UserNum) -> Result<Self, StoreError> {
        Ok(Self { user, before: read.get_row(Family::Devices, &list_key(user))? })
    }

    /// Adds it to the commit that lands at `position`.
    pub fn write(&self, commit: &mut Commit, position: Position) {
        if let Some(before) = self.before {
            commit.delete(Family::Devices, keys::device_change(before));
        }
        commit
            .put(Family::Devices, keys::device_change(position), self.user.0.to_be_bytes().to_vec())
            .put_row(Family::Devices, list_key(self.user), &position)
            .notify(Notice::Devices(self.user));
    }
}

impl Users {
    /// Where a user's devices or keys changed last.
    pub fn device_list_position(&self, user: UserNum) -> Result<Position> {
        Ok(self.store.latest().get_row(Family::Devices, &list_key(user))?.unwrap_or_default())
    }

    /// Notes that the devices or keys of a user of another server changed.
    pub fn note_device_change(&self, user: UserNum) -> Result<()> {
        let _lock = self.locks.user(user);
        let change = ListChange::of(&self.store.latest(), user)?;
        // Not awaited: who syncs meanwhile asks for keys that are as new.
        let _ = self.store.commit(|position| {
            let mut commit = Commit::new(LogEntry::Housekeeping);
            change.write(&mut commit, position);
            commit
        });
        Ok(())
    }

    /// The users, this server's and others', whose devices or keys changed after `since`.
    pub fn device_lists_changed(&self, snapshot: &Snapshot<'_>, since: Position) -> Result<Vec<UserNum>> {
        let until = snapshot.position();
        if let Some(changes) = self.store.live().device_changes(since) {
            let published = changes.into_iter().filter(|(position, _)| *position <= until);
            return Ok(published.map(|(_, user)| user).collect());
        }
        let (start, end) = (keys::device_change(Position(since.0 + 1)), keys::device_change(Position(until.0 + 1)));
        let mut rows = snapshot.scan(Family::Devices, &start, &end);
        let mut users = Vec::new();
        while let Some((_, value)) = rows.next()? {
            users.push(UserNum(read_u32(value, 0).ok_or(StoreError::Malformed(Family::Devices))?));
        }
        Ok(users)
    }
}

/// The position in a key of `Devices::Change`.
pub fn change_position(key: &[u8]) -> Option<Position> {
    read_u64(key, 5).map(Position)
}
