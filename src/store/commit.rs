//! One write batch, built up by small methods: what is to land whole or not at all.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{families::Family, keys::Key};
use crate::ids::{EventNum, RoomNum, UserNum};

/// What a commit was about, as followers of the log read it. One row a position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LogEntry {
    /// Nothing that a follower could care for.
    Housekeeping,
    /// An event joined a room's DAG.
    Event(RoomNum, EventNum),
    /// A user's display name, avatar or other profile field changed.
    Profile(UserNum),
    /// A user was deactivated and has rooms to leave.
    Deactivated(UserNum),
    /// Account data, a device or a private receipt changed.
    User(UserNum),
    /// Something waits in the outbox for other servers.
    Outbox,
    /// A user of this server has read something.
    Receipt(RoomNum, UserNum),
}

/// What those who wait in memory are to be told once the commit is published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// Something that the room's joined members see.
    Room(RoomNum),
    /// Something that one user sees.
    User(UserNum),
    /// The user's devices or their keys changed: for all who share a room with the user.
    Devices(UserNum),
    /// The user is joined to the room from now on.
    Joined(RoomNum, UserNum),
    /// The user is joined to the room no more.
    Left(RoomNum, UserNum),
}

#[derive(Debug)]
pub(super) enum Op {
    Put(Family, Key, Bytes),
    Delete(Family, Key),
    DeleteRange(Family, Key, Key),
}

/// A write batch with its log row and its notices.
#[derive(Debug)]
pub struct Commit {
    pub(super) ops: Vec<Op>,
    pub(super) notices: Vec<Notice>,
    pub(super) log: LogEntry,
}

impl Commit {
    /// An empty commit.
    pub fn new(log: LogEntry) -> Self {
        Self { ops: Vec::new(), notices: Vec::new(), log }
    }

    /// Writes a row.
    pub fn put(&mut self, family: Family, key: Key, value: impl Into<Bytes>) -> &mut Self {
        self.ops.push(Op::Put(family, key, value.into()));
        self
    }

    /// Writes a row whose value is a serde type, in postcard's encoding.
    pub fn put_row<T: Serialize>(&mut self, family: Family, key: Key, row: &T) -> &mut Self {
        self.put(family, key, super::encode(row))
    }

    /// Deletes a row.
    pub fn delete(&mut self, family: Family, key: Key) -> &mut Self {
        self.ops.push(Op::Delete(family, key));
        self
    }

    /// Deletes the rows from `start` up to, but without, `end`. `Latest` readers don't see it before it is
    /// published: only for rows that nothing reads any more.
    pub fn delete_range(&mut self, family: Family, start: Key, end: Key) -> &mut Self {
        self.ops.push(Op::DeleteRange(family, start, end));
        self
    }

    /// Tells those who wait.
    pub fn notify(&mut self, notice: Notice) -> &mut Self {
        self.notices.push(notice);
        self
    }
}
