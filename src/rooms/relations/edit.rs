//! The edit of an event that counts, whoever looks.

use super::{MAX_CHILDREN, RelType, Relation, parent_hash, scan::Range};
use crate::{
    event::StoredEvent,
    ids::EventNum,
    rooms::{
        relations::Kinds,
        rows::EventMeta,
        timeline::Direction,
        view::{RoomView, ViewError},
    },
    store::Snapshot,
};

impl<'a> RoomView<'a, Snapshot<'a>> {
    /// The newest valid edit of an event (client-server API, "Validity of replacement events"), if there is one.
    pub(in crate::rooms) fn newest_edit(
        &self,
        meta: &EventMeta,
        event: &StoredEvent,
    ) -> Result<Option<EventNum>, ViewError> {
        let own = Relation::of_content(event.content()).map(|relation| relation.rel_type);
        if !meta.children.contains(Kinds::REPLACE) || own == Some(RelType::Replace) {
            return Ok(None);
        }
        let event_type = event.event_type();
        let mut rows = self.relations(&parent_hash(event.event_id()), Range::ALL, Direction::Backward);
        let mut newest: Option<(u64, EventNum)> = None;
        for _ in 0..MAX_CHILDREN {
            let Some((_, row)) = rows.next()? else { break };
            let is_edit = row.rel_type == RelType::Replace
                && row.replaces
                && row.sender == meta.sender
                && row.event_type == event_type;
            if is_edit && self.is_newer((row.origin_server_ts, row.number), newest)? {
                newest = Some((row.origin_server_ts, row.number));
            }
        }
        Ok(newest.map(|(_, number)| number))
    }

    /// By time, then by ID.
    fn is_newer(&self, edit: (u64, EventNum), than: Option<(u64, EventNum)>) -> Result<bool, ViewError> {
        let Some(than) = than else { return Ok(true) };
        if edit.0 != than.0 {
            return Ok(edit.0 > than.0);
        }
        Ok(self.event(edit.1)?.event_id() > self.event(than.1)?.event_id())
    }
}
