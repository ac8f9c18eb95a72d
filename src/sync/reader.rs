//! One user's way of looking at one room during one sync.

use std::collections::HashSet;

use ruma::OwnedUserId;

use crate::{
    error::Result,
    event::{EventFields, StoredEvent},
    ids::{EventNum, Position},
    rooms::{
        render::Reader,
        rows::EventMeta,
        select::EventSelector,
        view::{RoomView, ViewError},
        visibility::Eyes,
    },
    state::trie::NodeHash,
    store::Snapshot,
};

/// A room, who looks at it, and what they want of it.
pub(super) struct RoomReader<'a> {
    pub view: RoomView<'a, Snapshot<'a>>,
    pub reader: Reader<'a>,
    pub eyes: Eyes<'a>,
    pub wanted: &'a EventSelector<'a>,
    pub ignored: &'a HashSet<OwnedUserId>,
    pub fields: Option<&'a EventFields>,
    pub federation: bool,
}

impl RoomReader<'_> {
    /// Whether the timeline filter and the ignore list let an event pass. State passes the ignore list.
    pub fn wants(&self, event: &StoredEvent) -> Result<bool> {
        if !self.wanted.matches(event) {
            return Ok(false);
        }
        let ignorable = !self.ignored.is_empty() && event.state_key_json().is_none();
        Ok(!(ignorable && self.ignored.iter().any(|user| user.as_str() == event.sender())))
    }

    /// Appends a timeline event's JSON.
    pub fn write(&mut self, out: &mut Vec<u8>, meta: &EventMeta, event: &StoredEvent) -> Result<()> {
        let start = out.len();
        if self.federation {
            out.extend_from_slice(event.pdu_json());
            return self.trim(out, start);
        }
        self.view.render(out, &self.reader, &mut self.eyes, (meta, event))?;
        self.trim(out, start)
    }

    /// Appends a state event's JSON.
    pub fn write_state(&self, out: &mut Vec<u8>, number: EventNum) -> Result<()> {
        let start = out.len();
        if self.federation {
            out.extend_from_slice(self.view.event(number)?.pdu_json());
            return self.trim(out, start);
        }
        self.view.render_state(out, &self.reader, number)?;
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

    /// The root of the room's current state as of a position.
    pub fn root_at(&self, position: Position) -> Result<NodeHash, ViewError> {
        self.view.current_root(position)
    }
}
