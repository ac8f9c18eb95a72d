//! Transaction IDs: a request that a client sends again gets the first one's answer, also after a restart.
//!
//! Invariants: the row lands with the event that it names, and is looked for under the room's guard, so that of
//! equal requests only one makes an event. A row is found for a day at least, and gone when its device sends something
//! two days later.

use quick_cache::sync::Cache;
use ruma::{EventId, OwnedEventId};
use sha2::{Digest, Sha256};

use super::{RoomGuard, Rooms, rows::Transaction};
use crate::{
    error::{Error, Result},
    ids::{Position, RoomNum, UserNum},
    store::{
        Commit, Family, Key, Read, Store, StoreError,
        keys::{self, KeyBuilder},
    },
    users::Session,
};

const DAY_MS: u64 = 24 * 60 * 60 * 1000;
/// Devices of which is remembered when their old transactions were deleted.
const MAX_TRIMMED: usize = 20_000;
/// A transaction ID may have this many bytes.
const MAX_ID_BYTES: usize = 255;

/// What a request of a client asks for, apart from its transaction ID: the rest of its path.
#[derive(Clone, Copy, Debug)]
pub(super) enum Endpoint<'a> {
    /// A message of a type.
    Send(&'a str),
    /// The redaction of an event.
    Redact(&'a EventId),
}

/// A transaction that begins with a request.
#[derive(Clone, Debug)]
pub struct NewTransaction {
    row: Transaction,
    user: UserNum,
    day: u32,
    hash: [u8; 16],
}

/// When devices' old transactions were last deleted. What is forgotten is done once more.
pub(super) struct Trimmed(Cache<(UserNum, String), u32>);

impl Default for Trimmed {
    fn default() -> Self {
        Self(Cache::new(MAX_TRIMMED))
    }
}

impl Rooms {
    /// The transaction that a request makes.
    pub(super) fn transaction(
        &self,
        session: &Session,
        room: RoomNum,
        endpoint: Endpoint<'_>,
        id: String,
    ) -> Result<NewTransaction> {
        if id.len() > MAX_ID_BYTES {
            return Err(Error::invalid_param("A transaction ID has at most 255 bytes."));
        }
        let (kind, what) = match endpoint {
            Endpoint::Send(event_type) => (b's', event_type),
            Endpoint::Redact(event_id) => (b'r', event_id.as_str()),
        };
        let mut digest = Sha256::new();
        digest.update([kind]);
        digest.update(room.0.to_be_bytes());
        // The length keeps apart where one ends and the other begins.
        digest.update((what.len() as u64).to_be_bytes());
        digest.update(what);
        digest.update(&id);
        let mut hash = [0; 16];
        hash.copy_from_slice(&digest.finalize()[..16]);
        let day = u32::try_from(self.clock.now_ms() / DAY_MS).unwrap_or(u32::MAX);
        let row = Transaction { device: session.device_id.to_string(), id };
        Ok(NewTransaction { row, user: session.user, day, hash })
    }
}

impl NewTransaction {
    /// What is kept of it with the event.
    pub(super) fn row(&self) -> &Transaction {
        &self.row
    }

    fn of_day(&self, day: u32) -> KeyBuilder {
        keys::transactions(self.user, &self.row.device).u32(day)
    }

    fn key(&self, day: u32) -> Key {
        self.of_day(day).tail(&self.hash).build()
    }

    fn yesterday(&self) -> u32 {
        self.day.saturating_sub(1)
    }

    /// Adds its row to the commit of its event, and once a day the deletion of the device's old ones.
    pub(super) fn write(&self, commit: &mut Commit, event_id: &EventId, trimmed: &Trimmed) {
        commit.put(Family::Index, self.key(self.day), event_id.as_str().to_owned());
        let device = (self.user, self.row.device.clone());
        if trimmed.0.get(&device) != Some(self.day) {
            trimmed.0.insert(device, self.day);
            commit.delete_range(Family::Index, self.of_day(0).build(), self.of_day(self.yesterday()).build());
        }
    }
}

impl RoomGuard<'_> {
    /// The event that an earlier request of the same transaction made, and the position where it lands.
    pub(super) fn earlier(&self, transaction: &NewTransaction) -> Result<Option<(OwnedEventId, Position)>> {
        let latest = self.rooms.store.latest();
        let row = match latest.get(Family::Index, &transaction.key(transaction.day))? {
            Some(row) => Some(row),
            None => latest.get(Family::Index, &transaction.key(transaction.yesterday()))?,
        };
        let Some(row) = row else { return Ok(None) };
        let event_id = std::str::from_utf8(&row).ok().and_then(|id| EventId::parse(id).ok());
        let event_id = event_id.ok_or(StoreError::Malformed(Family::Index))?;
        let position = self.with_view(|view| match view.find(&event_id)? {
            Some(number) => Ok(view.meta(number)?.position),
            None => Err(Error::from(StoreError::Malformed(Family::Index))),
        })?;
        Ok(Some((event_id, position)))
    }
}

/// Returns when what was queued at `position` is on disk.
pub(super) async fn landed(store: &Store, position: Position) {
    store.wait_published(Position(position.0.saturating_sub(1))).await;
}
