//! A filter's wish for events by what relates to them.

use ruma::OwnedUserId;

use super::{MAX_CHILDREN, RelationRow, parent_hash, scan::Range};
use crate::{
    event::StoredEvent,
    rooms::{onlooker::Onlooker, rows::EventMeta, timeline::Direction, view::ViewError},
};

/// One relation has to be of one of the types and by one of the senders. Of an empty list any will do.
#[derive(Clone, Copy, Debug)]
pub struct RelatedBy<'a> {
    /// The types.
    pub rel_types: &'a [String],
    /// The senders.
    pub senders: &'a [OwnedUserId],
}

impl Onlooker<'_> {
    /// Whether an event that the user sees relates to this one as a filter wants it.
    pub(in crate::rooms) fn is_related(
        &mut self,
        wanted: &RelatedBy<'_>,
        meta: &EventMeta,
        event: &StoredEvent,
    ) -> Result<bool, ViewError> {
        if meta.children.is_empty() {
            return Ok(false);
        }
        let view = self.view;
        let mut senders = Vec::with_capacity(wanted.senders.len());
        for sender in wanted.senders {
            senders.extend(view.read().store().user_num(sender)?);
        }
        let fits = |row: &RelationRow<'_>| {
            let by_type =
                wanted.rel_types.is_empty() || wanted.rel_types.iter().any(|name| name == row.rel_type.as_str());
            by_type && (wanted.senders.is_empty() || senders.contains(&row.sender))
        };
        let mut rows = view.relations(&parent_hash(event.event_id()), Range::ALL, Direction::Backward);
        for _ in 0..MAX_CHILDREN {
            let Some((point, row)) = rows.next()? else { break };
            if fits(&row) && !self.ignored.contains(&row.sender) && self.sees_child(point, row.number)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
