//! Transaction IDs: a request that a client sends again gets the first one's answer, also after a restart.
//!
//! Invariant: the row lands with the event that it names, and is looked for under the room's guard, so that of
//! equal requests only one makes an event.

use ruma::{EventId, OwnedEventId};
use sha2::{Digest, Sha256};

use super::{RoomGuard, rows::Transaction};
use crate::{
    error::{Error, Result},
    ids::{Position, RoomNum},
    store::{
        Family, Key, Read, Store, StoreError,
        keys::{Index, KeyBuilder},
    },
    users::Session,
};

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

/// The transaction that a request makes, and the key of its row.
pub(super) fn transaction(
    session: &Session,
    room: RoomNum,
    endpoint: Endpoint<'_>,
    id: String,
) -> Result<(Transaction, Key)> {
    if id.len() > MAX_ID_BYTES {
        return Err(Error::invalid_param("A transaction ID has at most 255 bytes."));
    }
    let (kind, what) = match endpoint {
        Endpoint::Send(event_type) => (b's', event_type),
        Endpoint::Redact(event_id) => (b'r', event_id.as_str()),
    };
    let mut hash = Sha256::new();
    hash.update([kind]);
    hash.update(room.0.to_be_bytes());
    // The length keeps apart where one ends and the other begins.
    hash.update((what.len() as u64).to_be_bytes());
    hash.update(what);
    hash.update(&id);
    let device = session.device_id.to_string();
    let key = KeyBuilder::user(session.user, Index::Transaction).text(&device).tail(&hash.finalize()[..16]).build();
    Ok((Transaction { device, id }, key))
}

impl RoomGuard<'_> {
    /// The event that an earlier request of the same transaction made, and the position where it lands.
    pub(super) fn earlier(&self, key: &Key) -> Result<Option<(OwnedEventId, Position)>> {
        let Some(row) = self.rooms.store.latest().get(Family::Index, key)? else { return Ok(None) };
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
