//! What is told of an event's relations along with it: its newest edit, its thread, its references (client-server
//! API, "Aggregations of child events").

use super::{Kinds, MAX_CHILDREN, RelType, Relation, RelationRow, parent_hash, scan::Range};
use crate::{
    event::StoredEvent,
    ids::EventNum,
    json::ObjectWriter,
    rooms::{
        onlooker::Onlooker,
        rows::EventMeta,
        timeline::{Direction, Point},
        view::ViewError,
    },
};

/// References that are told, at the most: the newest.
const MAX_REFERENCES: usize = 500;

/// What relates to one event, as far as one user sees it.
#[derive(Default)]
struct Gathered {
    edit: Option<Edit>,
    thread: Option<Thread>,
    /// Newest first.
    references: Vec<EventNum>,
}

#[derive(Clone, Copy)]
struct Edit {
    number: EventNum,
    origin_server_ts: u64,
}

struct Thread {
    latest: EventNum,
    count: u64,
    participated: bool,
}

/// Which relations have a meaning for an event.
struct Parent<'e> {
    meta: &'e EventMeta,
    event_type: &'e str,
    may_be_edited: bool,
    may_have_thread: bool,
}

impl Onlooker<'_> {
    /// The value of an event's `m.relations`; `None` if there is nothing to tell. State events have none.
    pub(in crate::rooms) fn bundle(
        &mut self,
        meta: &EventMeta,
        event: &StoredEvent,
    ) -> Result<Option<Vec<u8>>, ViewError> {
        if !meta.children.meets(Kinds::BUNDLED) || event.state_key_json().is_some() {
            return Ok(None);
        }
        let own = Relation::of_content(event.content()).map(|relation| relation.rel_type);
        let parent = Parent {
            meta,
            event_type: &event.event_type(),
            may_be_edited: meta.redacted_by.is_none() && own != Some(RelType::Replace),
            may_have_thread: own.is_none(),
        };
        let gathered = self.gather(&parent, event)?;
        if gathered.is_empty() { Ok(None) } else { self.write_gathered(&gathered).map(Some) }
    }

    fn gather(&mut self, parent: &Parent<'_>, event: &StoredEvent) -> Result<Gathered, ViewError> {
        let view = self.view;
        let mut gathered = Gathered::default();
        let mut rows = view.relations(&parent_hash(event.event_id()), Range::ALL, Direction::Backward);
        for _ in 0..MAX_CHILDREN {
            let Some((point, row)) = rows.next()? else { break };
            if parent.takes(&row) && !self.ignored.contains(&row.sender) && self.sees_child(point, row.number)? {
                self.add(&mut gathered, parent, &row)?;
            }
        }
        Ok(gathered)
    }

    /// Whether the user may see an event that stands at a point. Those of the time since they joined they may, so that
    /// nothing needs to be read.
    pub(super) fn sees_child(&mut self, point: Point, number: EventNum) -> Result<bool, ViewError> {
        if self.eyes.joined_ever_since(point.anchor) {
            return Ok(true);
        }
        let (meta, event) = (self.view.meta(number)?, self.view.event(number)?);
        self.eyes.see(&meta, &event)
    }

    fn add(&self, gathered: &mut Gathered, parent: &Parent<'_>, row: &RelationRow<'_>) -> Result<(), ViewError> {
        match row.rel_type {
            RelType::Replace => {
                let edit = Edit { number: row.number, origin_server_ts: row.origin_server_ts };
                gathered.edit = Some(match gathered.edit {
                    Some(other) if !self.is_newer(edit, other)? => other,
                    _ => edit,
                });
            }
            RelType::Reference if gathered.references.len() < MAX_REFERENCES => gathered.references.push(row.number),
            RelType::Thread => {
                let participated = parent.meta.sender == self.reader.user;
                let thread = gathered.thread.get_or_insert(Thread { latest: row.number, count: 0, participated });
                thread.count += 1;
                thread.participated |= row.sender == self.reader.user;
            }
            _ => {}
        }
        Ok(())
    }

    fn is_newer(&self, edit: Edit, than: Edit) -> Result<bool, ViewError> {
        if edit.origin_server_ts != than.origin_server_ts {
            return Ok(edit.origin_server_ts > than.origin_server_ts);
        }
        Ok(self.view.event(edit.number)?.event_id() > self.view.event(than.number)?.event_id())
    }

    fn write_gathered(&mut self, gathered: &Gathered) -> Result<Vec<u8>, ViewError> {
        let mut out = Vec::with_capacity(512);
        let mut relations = ObjectWriter::open(&mut out);
        if !gathered.references.is_empty() {
            let mut object = relations.object("m.reference");
            let mut chunk = object.array("chunk");
            for number in gathered.references.iter().rev() {
                let mut reference = ObjectWriter::open(chunk.item());
                reference.text("event_id", self.view.event(*number)?.event_id().as_str());
                reference.close();
            }
            chunk.close();
            object.close();
        }
        if let Some(edit) = gathered.edit {
            let (meta, event) = (self.view.meta(edit.number)?, self.view.event(edit.number)?);
            self.write(relations.key("m.replace"), &meta, &event)?;
        }
        if let Some(thread) = &gathered.thread {
            let mut object = relations.object("m.thread");
            object.integer("count", thread.count);
            object.json("current_user_participated", if thread.participated { b"true" } else { b"false" });
            // It can have edits and references, but no thread: this goes no deeper.
            let (meta, event) = (self.view.meta(thread.latest)?, self.view.event(thread.latest)?);
            self.write_bundled(object.key("latest_event"), &meta, &event)?;
            object.close();
        }
        relations.close();
        Ok(out)
    }
}

impl Parent<'_> {
    /// Whether a relation counts for this event (client-server API, "Validity of replacement events", "Threading").
    fn takes(&self, row: &RelationRow<'_>) -> bool {
        match row.rel_type {
            RelType::Replace => {
                let same = row.sender == self.meta.sender && row.event_type == self.event_type;
                self.may_be_edited && row.replaces && same
            }
            RelType::Thread => self.may_have_thread,
            RelType::Reference => true,
            RelType::Annotation | RelType::Other(_) => false,
        }
    }
}

impl Gathered {
    fn is_empty(&self) -> bool {
        self.edit.is_none() && self.thread.is_none() && self.references.is_empty()
    }
}
