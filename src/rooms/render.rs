//! A room's events as one user gets them: the stored slices, and the `unsigned` that differs from user to user.

use ruma::{RoomId, UserId};

use super::{
    rows::{EventMeta, Transaction},
    view::{RoomView, ViewError},
    visibility::Eyes,
};
use crate::{
    event::{ClientEvent, StoredEvent, Unsigned},
    ids::{EventNum, UserNum},
    store::Snapshot,
};

/// For whom events are rendered, and how.
#[derive(Clone, Copy)]
pub struct Reader<'a> {
    /// The user.
    pub user_id: &'a UserId,
    /// The user's number.
    pub user: UserNum,
    /// The device that asks: it alone gets its transaction IDs back.
    pub device: &'a str,
    /// Now, in ms.
    pub now_ms: u64,
    /// Whether each event says which room it is in.
    pub with_room_id: bool,
}

impl<'a> RoomView<'a, Snapshot<'a>> {
    /// Appends an event's JSON as `reader` gets it; `eyes` are the reader's, `relations` the value of `m.relations`.
    pub(super) fn render(
        &self,
        out: &mut Vec<u8>,
        reader: &Reader<'_>,
        eyes: &mut Eyes<'_>,
        (meta, event): (&EventMeta, &StoredEvent),
        relations: Option<&[u8]>,
    ) -> Result<(), ViewError> {
        let membership = eyes.membership_at(meta)?.as_str();
        self.write_event(out, reader, (meta, event), (Some(membership), relations))
    }

    /// Appends a state event's JSON, without the reader's membership at it.
    pub fn render_state(&self, out: &mut Vec<u8>, reader: &Reader<'_>, number: EventNum) -> Result<(), ViewError> {
        self.write_event(out, reader, (&self.meta(number)?, &self.event(number)?), (None, None))
    }

    fn write_event(
        &self,
        out: &mut Vec<u8>,
        reader: &Reader<'_>,
        (meta, event): (&EventMeta, &StoredEvent),
        (membership, relations): (Option<&'static str>, Option<&[u8]>),
    ) -> Result<(), ViewError> {
        let room_id = if reader.with_room_id { Some(self.read().store().room_id(self.room())?) } else { None };
        let room_id = room_id.as_deref();
        let replaced = meta.replaces.map(|number| self.event(number)).transpose()?;
        let redaction = meta.redacted_by.map(|number| self.redaction(room_id, number)).transpose()?;
        let transaction = meta.transaction.as_ref().filter(|_| meta.sender == reader.user);
        let prev_sender = replaced.as_ref().map(StoredEvent::sender);
        let unsigned = Unsigned {
            age: Some(i64::try_from(reader.now_ms).unwrap_or(i64::MAX) - event.origin_server_ts() as i64),
            transaction_id: transaction.and_then(|transaction| transaction.id_for(reader.device)),
            delay_id: transaction.and_then(Transaction::delay_id),
            prev_content_json: replaced.as_ref().map(StoredEvent::content),
            prev_sender: prev_sender.as_deref(),
            replaces_state: replaced.as_ref().map(|event| event.event_id().as_str()),
            membership,
            redacted_because_json: redaction.as_deref(),
            relations_json: relations,
        };
        ClientEvent { stored: event, room_id, unsigned: &unsigned }.write(out);
        Ok(())
    }

    fn redaction(&self, room_id: Option<&RoomId>, number: EventNum) -> Result<Vec<u8>, ViewError> {
        let event = self.event(number)?;
        let mut out = Vec::with_capacity(512);
        ClientEvent { stored: &event, room_id, unsigned: &Unsigned::default() }.write(&mut out);
        Ok(out)
    }
}
