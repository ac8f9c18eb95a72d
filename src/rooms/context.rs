//! What happened around an event, and around a moment.

use std::collections::HashSet;

use ruma::EventId;

use super::{
    history::{History, SeenEvent, Stretch},
    select::EventSelector,
    timeline::{Direction, Point},
    view::{RoomView, ViewError},
};
use crate::{
    error::{Error, Result},
    ids::EventNum,
    state::trie::NodeHash,
    store::{
        Family, Scan, Snapshot, StoreError,
        keys::{Index, KeyBuilder, read_u64},
    },
    users::filters::RoomEventFilter,
};

/// Events that are looked at for one that the user may see, when a moment is looked for.
pub(super) const MAX_CANDIDATES: usize = 1_000;

/// An event in its surroundings.
pub struct Context {
    /// The event.
    pub event: SeenEvent,
    /// What came before, newest first.
    pub before: Vec<SeenEvent>,
    /// What came after, oldest first.
    pub after: Vec<SeenEvent>,
    /// From where to page back.
    pub start: Point,
    /// From where to page on.
    pub end: Point,
    /// The state at the last event.
    pub state: Vec<EventNum>,
}

/// What came before and after an event.
pub struct Around {
    /// What came before, newest first.
    pub before: Vec<SeenEvent>,
    /// What came after, oldest first.
    pub after: Vec<SeenEvent>,
    /// From where to page back.
    pub start: Point,
    /// From where to page on.
    pub end: Point,
}

impl History<'_> {
    /// Up to `limit` events around one; 404 `M_NOT_FOUND` if the user can't see that one.
    pub fn context(&mut self, event_id: &EventId, limit: usize, filter: &RoomEventFilter) -> Result<Context> {
        let event = self.event(event_id)?;
        let selector = EventSelector::new(filter);
        let Around { before, after, start, end } = self.around(&event, (limit / 2, limit - limit / 2), selector)?;
        let state = {
            let shown: Vec<_> = before.iter().chain([&event]).chain(&after).collect();
            self.state_for(&shown, after.last().unwrap_or(&event), filter)?
        };
        Ok(Context { event, before, after, start, end, state })
    }

    /// Up to so many events before and after one.
    pub fn around(
        &mut self,
        event: &SeenEvent,
        (before, after): (usize, usize),
        selector: EventSelector<'_>,
    ) -> Result<Around> {
        let at = event.meta.point();
        let end = self.end()?;
        let stretch = |from, to, direction, limit| Stretch { from, to, direction, limit, selector };
        let before = self.walk(&stretch(at, Point::START, Direction::Backward, before))?;
        let after = self.walk(&stretch(at.next(), end, Direction::Forward, after))?;
        Ok(Around {
            start: before.next.unwrap_or(Point::START),
            end: after.next.unwrap_or(end.max(at.next())),
            before: before.events,
            after: after.events,
        })
    }

    /// The state at `last`, as far as a filter wants it; with lazy members only those who sent what is `shown`.
    fn state_for(
        &self,
        shown: &[&SeenEvent],
        last: &SeenEvent,
        filter: &RoomEventFilter,
    ) -> Result<Vec<EventNum>, ViewError> {
        let view = self.view();
        let root = NodeHash(last.meta.after);
        let members = view.trie_key().type_prefix("m.room.member");
        let selector = EventSelector::new(filter);
        let mut state = Vec::new();
        for entry in view.state(root).entries() {
            let (path, number) = entry?;
            if !(filter.lazy_load_members && members.contains(&path)) && selector.matches(&view.event(number)?) {
                state.push(number);
            }
        }
        if filter.lazy_load_members {
            let senders: HashSet<_> = shown.iter().map(|seen| seen.event.sender()).collect();
            for sender in senders {
                state.extend(view.state_at(root, "m.room.member", &sender)?);
            }
        }
        Ok(state)
    }

    /// The event that the user may see closest to a time, in ms, at or after it or at or before it; 404
    /// `M_NOT_FOUND` if there is none.
    pub fn closest(&mut self, timestamp: u64, direction: Direction) -> Result<SeenEvent> {
        let mut moments = Moments::new(self.view(), (timestamp, direction));
        for _ in 0..MAX_CANDIDATES {
            let Some(number) = moments.next()? else { break };
            if let Some(seen) = self.look_at(number)? {
                return Ok(seen);
            }
        }
        Err(no_moment())
    }

    /// The event before which there is a gap, if that is where something closer to a time may be than `found`, which was
    /// looked for in a direction.
    pub fn gap_beside(&self, found: Option<&SeenEvent>, direction: Direction) -> Result<Option<EventNum>, ViewError> {
        let view = self.view();
        let start = match (found, direction) {
            (Some(found), Direction::Forward) => return Ok(found.meta.gap.then_some(found.number)),
            (None, Direction::Forward) => return Ok(None),
            (Some(found), Direction::Backward) => found.meta.point().next(),
            (None, Direction::Backward) => Point::START,
        };
        let end = Point::after(view.read().position());
        let Some((_, next)) = view.timeline(start, end, Direction::Forward).next()? else { return Ok(None) };
        Ok(view.meta(next)?.gap.then_some(next))
    }
}

/// 404 `M_NOT_FOUND`.
pub(super) fn no_moment() -> Error {
    Error::not_found("There is no event of that time that you may see.")
}

/// The events of a room by their time, away from a moment.
pub(super) struct Moments<'a> {
    rows: Scan<'a>,
    /// Where a row's key has the number of its event.
    at: usize,
}

impl<'a> Moments<'a> {
    /// From a time on, or back.
    pub fn new(view: RoomView<'a, Snapshot<'a>>, (timestamp, direction): (u64, Direction)) -> Self {
        let all = || KeyBuilder::room(view.room(), Index::Timestamp);
        let rows = match direction {
            Direction::Forward => {
                view.read().scan(Family::Index, &all().u64(timestamp).build(), &all().u64(u64::MAX).build())
            }
            Direction::Backward => {
                let end = all().u64(timestamp.saturating_add(1)).build();
                view.read().scan_back(Family::Index, &all().u64(0).build(), &end)
            }
        };
        Self { rows, at: all().build().len() + 8 }
    }

    /// The next event.
    #[allow(clippy::should_implement_trait, reason = "it can fail, and says so first")]
    pub fn next(&mut self) -> Result<Option<EventNum>, StoreError> {
        let Some((key, _)) = self.rows.next()? else { return Ok(None) };
        read_u64(key, self.at).map(|number| Some(EventNum(number))).ok_or(StoreError::Malformed(Family::Index))
    }
}
