//! The rows of delayed events.

use ruma::{EventId, OwnedDeviceId, OwnedEventId, OwnedRoomId};
use serde::{Deserialize, Serialize};

use crate::{
    ids::UserNum,
    store::{
        Commit, Family, Key,
        keys::{self, Index, KeyBuilder},
    },
};

/// User, delay ID → an event that is to be sent later, or what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DelayedRow {
    /// What is to be sent.
    pub event: DelayedEvent,
    /// How long after `since_ms`, milliseconds.
    pub delay_ms: u64,
    /// When it was asked for, or begun anew; milliseconds since the epoch.
    pub since_ms: u64,
    /// The device that asked for it.
    pub device_id: OwnedDeviceId,
    /// What the client called its request; empty where it had no name for it.
    pub transaction: String,
    /// What became of it, once something has.
    pub outcome: Option<Outcome>,
}

impl DelayedRow {
    /// When it is to be sent, milliseconds since the epoch.
    pub fn due(&self) -> u64 {
        self.since_ms.saturating_add(self.delay_ms)
    }
}

/// An event as a client wrote it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DelayedEvent {
    /// Its room.
    pub room_id: OwnedRoomId,
    /// Its type.
    pub event_type: String,
    /// Its state key, if it is state.
    pub state_key: Option<String>,
    /// Its content, JSON.
    pub content: String,
}

/// What became of a delayed event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// What happened.
    pub what: Happened,
    /// When, milliseconds since the epoch.
    pub at_ms: u64,
}

/// What happened to a delayed event in the end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Happened {
    /// It was sent.
    Sent(OwnedEventId),
    /// Somebody cancelled it.
    Cancelled,
    /// It could not be sent.
    Failed {
        /// The errcode.
        errcode: String,
        /// The sentence.
        error: String,
    },
}

/// A delayed event that is being sent.
#[derive(Clone, Debug)]
pub struct Due {
    /// Whose it is.
    pub user: UserNum,
    /// Its delay ID.
    pub delay_id: String,
    /// Its row.
    pub row: DelayedRow,
}

impl Due {
    /// Notes in the commit of the event that it was sent.
    pub(in crate::rooms) fn sent(mut self, commit: &mut Commit, event_id: &EventId, at_ms: u64) {
        self.row.outcome = Some(Outcome { what: Happened::Sent(event_id.to_owned()), at_ms });
        commit.put_row(Family::Index, key(self.user, &self.delay_id), &self.row);
    }
}

/// The start of the keys of all delayed events.
pub(super) fn all() -> KeyBuilder {
    KeyBuilder::global(Index::Delayed)
}

/// `index`: 0 → user, delay ID.
pub fn key(user: UserNum, delay_id: &str) -> Key {
    keys::delayed(user).tail(delay_id.as_bytes()).build()
}
