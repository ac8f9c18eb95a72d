//! One user's way of looking at one room during one sync.

use ruma::RoomId;

use crate::{
    error::Result,
    event::{EventFields, StoredEvent},
    ids::EventNum,
    rooms::{
        onlooker::Onlooker,
        rows::EventMeta,
        select::EventSelector,
        view::{RoomView, ViewError},
    },
    store::Snapshot,
};

/// A room, who looks at it, and what they want of it.
pub(super) struct RoomReader<'a> {
    pub room_id: &'a RoomId,
    pub onlooker: Onlooker<'a>,
    pub wanted: &'a EventSelector<'a>,
    pub fields: Option<&'a EventFields>,
    pub federation: bool,
}

impl<'a> RoomReader<'a> {
    /// The room.
    pub fn view(&self) -> RoomView<'a, Snapshot<'a>> {
        self.onlooker.view
    }

    /// Whether an event is for the user's timeline.
    pub fn takes(&mut self, meta: &EventMeta, event: &StoredEvent) -> Result<bool, ViewError> {
        Ok(self.onlooker.sees(meta, event)? && self.onlooker.wants(self.wanted, meta, event)?)
    }

    /// Appends a timeline event's JSON; `bundled`: with what relates to it.
    pub fn write(&mut self, out: &mut Vec<u8>, meta: &EventMeta, event: &StoredEvent, bundled: bool) -> Result<()> {
        let start = out.len();
        if self.federation {
            out.extend_from_slice(event.pdu_json());
            return self.trim(out, start);
        }
        if bundled {
            self.onlooker.write_bundled(out, meta, event)?;
        } else {
            self.onlooker.write(out, meta, event)?;
        }
        self.trim(out, start)
    }

    /// Appends a state event's JSON.
    pub fn write_state(&self, out: &mut Vec<u8>, number: EventNum) -> Result<()> {
        let start = out.len();
        if self.federation {
            out.extend_from_slice(self.view().event(number)?.pdu_json());
            return self.trim(out, start);
        }
        self.onlooker.write_state(out, number)?;
        self.trim(out, start)
    }

    /// Cuts what was written from `start` on down to the fields that the filter asks for.
    fn trim(&self, out: &mut Vec<u8>, start: usize) -> Result<()> {
        if let Some(fields) = self.fields {
            let trimmed = fields.apply(&out[start..]).map_err(crate::error::Error::internal)?;
            out.truncate(start);
            out.extend_from_slice(&trimmed);
        }
        Ok(())
    }
}
