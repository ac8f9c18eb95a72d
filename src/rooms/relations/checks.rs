//! What this server doesn't let its users relate: the same reaction twice, and threads within threads.

use super::{MAX_CHILDREN, RelType, Relation, scan::Range};
use crate::{
    error::{Error, Result},
    rooms::{NewEvent, RoomGuard, timeline::Direction},
};

impl RoomGuard<'_> {
    /// Whether somebody may relate to what they want to relate to.
    ///
    /// # Errors
    /// 400 `M_DUPLICATE_ANNOTATION` if they have annotated it so already; 400 `M_UNKNOWN` if they open a thread on an
    /// event that relates to another one itself.
    pub(in crate::rooms) fn check_relation(&self, new: &NewEvent) -> Result<()> {
        if !new.content.contains_key("m.relates_to") {
            return Ok(());
        }
        let content = serde_json::to_vec(&new.content).map_err(Error::internal)?;
        let Some(relation) = Relation::of_content(&content) else { return Ok(()) };
        match relation.rel_type {
            RelType::Annotation => self.check_annotation(new, &relation),
            RelType::Thread => self.check_root(&relation),
            _ => Ok(()),
        }
    }

    /// Client-server API, "Avoiding duplicate annotations". Looks at what is published: of two that come within one
    /// commit both land, as they may from another server.
    fn check_annotation(&self, new: &NewEvent, relation: &Relation) -> Result<()> {
        let Some(sender) = self.rooms.store.user_num(&new.sender)? else { return Ok(()) };
        let snapshot = self.rooms.store.snapshot();
        let view = self.rooms.view(&snapshot, self.room);
        let mut rows = view.relations(&relation.parent_hash(), Range::ALL, Direction::Backward);
        for _ in 0..MAX_CHILDREN {
            let Some((_, row)) = rows.next()? else { break };
            let alike = row.rel_type == RelType::Annotation && row.event_type == new.event_type && row.sender == sender;
            if !alike {
                continue;
            }
            let other = Relation::of_content(view.event(row.number)?.content());
            if relation.key.is_some() && other.is_some_and(|other| other.key == relation.key) {
                return Err(Error::bad_request("M_DUPLICATE_ANNOTATION", "You have reacted to this event so already."));
            }
        }
        Ok(())
    }

    /// Client-server API, "Validation of `m.thread` relationships".
    fn check_root(&self, relation: &Relation) -> Result<()> {
        self.with_view(|view| {
            let Some(number) = view.find(&relation.parent)? else { return Ok(()) };
            if Relation::of_content(view.event(number)?.content()).is_none() {
                return Ok(());
            }
            let why =
                "That event belongs to another one, by a thread, an edit or a reaction: no thread can start there.";
            Err(Error::bad_request("M_UNKNOWN", why))
        })
    }
}
