//! Transaction IDs of what is sent to rooms: a request that a client sends again gets the first one's answer.
//!
//! Invariant: the row lands with the event that it names, and is looked for under the room's guard, so that of
//! equal requests only one makes an event.

use ruma::{EventId, OwnedEventId};

use super::{RoomGuard, Rooms, delayed::Due, rows::Transaction};
use crate::{
    error::{Error, Result},
    ids::{Position, RoomNum},
    store::{Commit, Family, Store, StoreError},
    users::{NewTransaction, Session},
};

/// What a request of a client asks for, apart from its transaction ID: the rest of its path.
#[derive(Clone, Copy, Debug)]
pub(super) enum Endpoint<'a> {
    /// A message of a type.
    Send(&'a str),
    /// The redaction of an event.
    Redact(&'a EventId),
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
        let (kind, what) = match endpoint {
            Endpoint::Send(event_type) => (b's', event_type),
            Endpoint::Redact(event_id) => (b'r', event_id.as_str()),
        };
        self.users.transaction(session, kind, &[&room.0.to_be_bytes(), what.as_bytes()], id)
    }
}

/// What asked for an event, which is to have it once.
#[derive(Clone, Debug)]
pub enum Request {
    /// A request, which its client may send again.
    Transaction(NewTransaction),
    /// A delayed event whose time has come.
    Delayed(Due),
}

impl Request {
    /// What is kept of it with its event.
    pub(super) fn mark(&self) -> Transaction {
        match self {
            Self::Transaction(new) => Transaction { device: new.device.clone(), id: new.id.clone() },
            Self::Delayed(due) => Transaction::of_delayed(due.delay_id.clone()),
        }
    }

    /// Adds to the commit of its event that it has it.
    pub(super) fn answered(self, rooms: &Rooms, commit: &mut Commit, event_id: &EventId) {
        match self {
            Self::Transaction(new) => {
                rooms.users.write_transaction(commit, &new, event_id.as_str().to_owned());
            }
            Self::Delayed(due) => due.sent(commit, event_id, rooms.clock.now_ms()),
        }
    }
}

impl RoomGuard<'_> {
    /// The event that an earlier request of the same transaction made, and the position where it lands.
    pub(super) fn earlier(&self, transaction: &NewTransaction) -> Result<Option<(OwnedEventId, Position)>> {
        let Some(row) = self.rooms.users.earlier(transaction)? else { return Ok(None) };
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
