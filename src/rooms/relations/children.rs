//! What relates to an event, page by page (client-server API, "Relationships API").

use ruma::EventId;

use super::{MAX_CHILDREN, ParentHash, RelationRow, parent_hash, scan::Range};
use crate::{
    error::Result,
    ids::EventNum,
    rooms::{
        history::{History, Page, SeenEvent, before},
        rows::EventMeta,
        timeline::{Direction, Point},
    },
    store::{Family, decode, keys},
};

/// How far relations of relations are followed.
pub const MAX_DEPTH: u64 = 3;

/// Which relations of an event somebody wants.
#[derive(Clone, Copy, Debug)]
pub struct ChildrenQuery<'a> {
    /// Only those of this type.
    pub rel_type: Option<&'a str>,
    /// Only those by events of this type.
    pub event_type: Option<&'a str>,
    /// Where to start; `None`: at the end that the direction comes from.
    pub from: Option<Point>,
    /// Where to end.
    pub to: Option<Point>,
    /// Which way.
    pub direction: Direction,
    /// At most so many.
    pub limit: usize,
    /// Whether what relates to those is wanted too.
    pub recurse: bool,
}

/// A page of events that relate to one.
pub struct Children {
    /// The events.
    pub events: Vec<SeenEvent>,
    /// Where to go on; `None` if there are no more.
    pub next: Option<Point>,
}

impl History<'_> {
    /// Events that relate to one; 404 `M_NOT_FOUND` if the user can't see that one. Who sent it may be ignored: others
    /// may have begun a thread there.
    pub fn children(&mut self, parent: &EventId, query: &ChildrenQuery<'_>) -> Result<Children> {
        if self.visible(parent)?.meta.children.is_empty() {
            return Ok(Children { events: Vec::new(), next: None });
        }
        let parent = parent_hash(parent);
        if query.recurse { self.descendants(parent, query) } else { self.direct(&parent, query) }
    }

    fn direct(&mut self, parent: &ParentHash, query: &ChildrenQuery<'_>) -> Result<Children> {
        let mut rows = self.view().relations(parent, query.range(), query.direction);
        let mut page = Page::of(query.limit);
        for _ in 0..MAX_CHILDREN {
            let Some((point, row)) = rows.next()? else { return Ok(Children { events: page.events, next: None }) };
            if !query.wants(&row) {
                continue;
            }
            if page.is_full() {
                return Ok(Children { events: page.events, next: Some(before(point, query.direction)) });
            }
            page.extend(self.look_at(row.number)?);
        }
        let next = rows.next()?.map(|(point, _)| before(point, query.direction));
        Ok(Children { events: page.events, next })
    }

    fn descendants(&mut self, parent: ParentHash, query: &ChildrenQuery<'_>) -> Result<Children> {
        let mut found = self.find_descendants(parent, query)?;
        let range = query.range();
        found.retain(|(point, _)| (range.start..range.end).contains(point));
        found.sort_unstable_by_key(|(point, _)| *point);
        if query.direction == Direction::Backward {
            found.reverse();
        }
        let mut page = Page::of(query.limit);
        for (point, number) in found {
            if page.is_full() {
                return Ok(Children { events: page.events, next: Some(before(point, query.direction)) });
            }
            page.extend(self.look_at(number)?);
        }
        Ok(Children { events: page.events, next: None })
    }

    /// The events that relate to one, to those, and so on, each by relations that are wanted. An event relates to one
    /// alone, so none comes twice.
    fn find_descendants(&self, parent: ParentHash, query: &ChildrenQuery<'_>) -> Result<Vec<(Point, EventNum)>> {
        let (mut found, mut parents) = (Vec::new(), vec![parent]);
        let mut budget = MAX_CHILDREN;
        for depth in 1..=MAX_DEPTH {
            let level = found.len();
            for parent in parents.drain(..) {
                let mut rows = self.view().relations(&parent, Range::ALL, Direction::Backward);
                while budget > 0
                    && let Some((point, row)) = rows.next()?
                {
                    budget -= 1;
                    found.extend(query.wants(&row).then_some((point, row.number)));
                }
            }
            if depth < MAX_DEPTH {
                parents = self.parents_among(&found[level..])?;
            }
        }
        Ok(found)
    }

    /// Those events to which others relate.
    fn parents_among(&self, events: &[(Point, EventNum)]) -> Result<Vec<ParentHash>> {
        let view = self.view();
        let mut rows = view.read().cursor(Family::EventMeta);
        let mut parents = Vec::new();
        // Found newest first, read oldest first.
        for (_, number) in events.iter().rev() {
            let row = rows.find(&keys::event(view.room(), *number))?;
            let row = row.ok_or_else(|| view.broken("event_meta", *number))?;
            if !decode::<EventMeta>(Family::EventMeta, row)?.children.is_empty() {
                parents.push(parent_hash(view.event(*number)?.event_id()));
            }
        }
        Ok(parents)
    }
}

impl ChildrenQuery<'_> {
    fn wants(&self, row: &RelationRow<'_>) -> bool {
        self.rel_type.is_none_or(|name| name == row.rel_type.as_str())
            && self.event_type.is_none_or(|name| name == row.event_type)
    }

    fn range(&self) -> Range {
        let (start, end) = match self.direction {
            Direction::Forward => (self.from, self.to),
            Direction::Backward => (self.to, self.from),
        };
        Range { start: start.unwrap_or(Range::ALL.start), end: end.unwrap_or(Range::ALL.end) }
    }
}
