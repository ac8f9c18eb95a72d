//! The newest events of a room, in memory: whoever is told of a new one counts it from here, so that it is looked up
//! and judged once, however many members are waiting for it.

use std::collections::VecDeque;

use super::facts::Facts;
use crate::{
    error::Result,
    ids::Position,
    rooms::{
        Rooms,
        timeline::{Direction, Point},
        view::RoomView,
    },
    store::Snapshot,
};

/// Events that are kept of a room.
const MAX_EVENTS: usize = 256;

/// So many events are read at once.
const AT_ONCE: usize = 100;

/// The newest events of a room. All that were published after `from`, up to and with `upto`, are here.
#[derive(Debug)]
pub(super) struct Recent {
    from: Position,
    upto: Position,
    events: VecDeque<Facts>,
}

impl Recent {
    /// None, at a position.
    pub fn at(position: Position) -> Self {
        Self { from: position, upto: position, events: VecDeque::new() }
    }

    /// The events between two positions, as far as they are here.
    pub fn between(&self, after: Position, upto: Position) -> Stretch {
        let first = self.events.partition_point(|facts| facts.position <= after);
        let events = self.events.range(first..).take_while(|facts| facts.position <= upto);
        Stretch { events: events.cloned().collect(), from: self.from.max(after) }
    }

    /// Adds what was published up to the view's position, and older events as far back as `after`, as long as there is
    /// room for them.
    pub fn cover(&mut self, rooms: &Rooms, view: &RoomView<'_, Snapshot<'_>>, after: Position) -> Result<()> {
        let now = view.read().position();
        let touched = !rooms.store.live().changed_rooms(&[view.room()], self.upto).is_empty();
        if now > self.upto && !touched {
            self.upto = now;
        } else if now > self.upto {
            let newer = rooms.facts_between(view, (self.upto, now), MAX_EVENTS)?;
            if newer.from > self.upto {
                *self = Self::at(newer.from);
            }
            self.upto = now;
            for facts in newer.events {
                self.push(facts);
            }
        }
        let space = MAX_EVENTS.saturating_sub(self.events.len());
        if after < self.from && space > 0 {
            let older = rooms.facts_between(view, (after, self.from), space)?;
            for facts in older.events.into_iter().rev() {
                self.events.push_front(facts);
            }
            self.from = older.from;
        }
        Ok(())
    }

    fn push(&mut self, facts: Facts) {
        if let Some((target, _)) = facts.redacts {
            for old in self.events.iter_mut().filter(|old| old.number == target) {
                old.redacted = true;
            }
        }
        self.events.push_back(facts);
        if self.events.len() > MAX_EVENTS
            && let Some(oldest) = self.events.pop_front()
        {
            self.from = oldest.position;
        }
    }
}

/// A stretch of a room's life.
pub(super) struct Stretch {
    /// Oldest first.
    pub events: Vec<Facts>,
    /// All events after this position are here: further on than was asked if there are too many.
    pub from: Position,
}

impl Rooms {
    /// The newest events that were published after one position, up to and with another.
    pub(super) fn facts_between(
        &self,
        view: &RoomView<'_, Snapshot<'_>>,
        (after, upto): (Position, Position),
        most: usize,
    ) -> Result<Stretch> {
        let mut rows = view.timeline(Point::after(after), Point::after(upto), Direction::Backward);
        let (mut numbers, mut from) = (Vec::new(), after);
        while let Some((point, number)) = rows.next()? {
            if point.sub != u32::MAX {
                // History that was fetched later: nobody is told of it as of something new.
                continue;
            }
            if numbers.len() == most {
                from = point.anchor;
                break;
            }
            numbers.push(number);
        }
        numbers.reverse();
        let mut events = Vec::with_capacity(numbers.len());
        for numbers in numbers.chunks(AT_ONCE) {
            for (number, (meta, event)) in numbers.iter().zip(view.read_events(numbers)?) {
                events.push(self.facts(view, *number, (&meta, event))?);
            }
        }
        Ok(Stretch { events, from })
    }
}
