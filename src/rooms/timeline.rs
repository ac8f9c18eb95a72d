//! The order in which clients see a room's events, and points in it.

use std::{fmt, str::FromStr};

use bytes::Bytes;

use super::{
    rows::EventMeta,
    view::{RoomView, ViewError},
};
use crate::{
    event::StoredEvent,
    ids::{EventNum, Position, RoomNum},
    state::trie::{EMPTY_ROOT, NodeHash},
    store::{
        Family, Read, Scan, Snapshot, StoreError, decode,
        keys::{self, read_u32, read_u64},
    },
};

/// A point between two events of a timeline: all events whose anchor and sub are less lie before it.
///
/// As a token it is `t<anchor>.<sub>`; `s<position>`, a token of /sync, means the point behind that position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Point {
    /// The position that the event was published at, or before which it was filled in.
    pub anchor: Position,
    /// The place behind the anchor; `u32::MAX` for an event that came live.
    pub sub: u32,
}

impl Point {
    /// Before all events.
    pub const START: Self = Self { anchor: Position(0), sub: 0 };

    /// Where an event stands that came live.
    pub fn live(position: Position) -> Self {
        Self { anchor: position, sub: u32::MAX }
    }

    /// Behind all events that were published up to `position`.
    pub fn after(position: Position) -> Self {
        Self { anchor: Position(position.0.saturating_add(1)), sub: 0 }
    }

    /// Just behind the event that stands at this point.
    pub fn next(self) -> Self {
        match self.sub.checked_add(1) {
            Some(sub) => Self { sub, ..self },
            None => Self::after(self.anchor),
        }
    }

    fn key(self, room: RoomNum) -> keys::Key {
        keys::timeline(room, self.anchor, self.sub)
    }
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "t{}.{}", self.anchor, self.sub)
    }
}

/// Not a token of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is not a token that this server gave out")]
pub struct BadToken;

impl FromStr for Point {
    type Err = BadToken;

    fn from_str(token: &str) -> Result<Self, BadToken> {
        let number = |text: &str| text.parse().map_err(|_| BadToken);
        if let Some(rest) = token.strip_prefix('s') {
            // What follows the position concerns /sync alone.
            let position = rest.split('_').next().unwrap_or(rest);
            return Ok(Self::after(Position(number(position)?)));
        }
        let (anchor, sub) = token.strip_prefix('t').and_then(|rest| rest.split_once('.')).ok_or(BadToken)?;
        Ok(Self { anchor: Position(number(anchor)?), sub: sub.parse().map_err(|_| BadToken)? })
    }
}

/// Which way to walk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// To older events.
    Backward,
    /// To newer events.
    Forward,
}

/// A walk over a room's timeline.
pub struct Timeline<'a>(Scan<'a>);

impl<'a> RoomView<'a, Snapshot<'a>> {
    /// Walks the events between two points, `start` before `end`, none behind what the snapshot has published.
    pub fn timeline(&self, start: Point, end: Point, direction: Direction) -> Timeline<'a> {
        let end = end.min(Point::after(self.read().position()));
        let (start, end) = (start.min(end).key(self.room()), end.key(self.room()));
        Timeline(match direction {
            Direction::Forward => self.read().scan(Family::Timeline, &start, &end),
            Direction::Backward => self.read().scan_back(Family::Timeline, &start, &end),
        })
    }

    /// The root of the room's current state as it was when `position` had been published.
    pub fn current_root(&self, position: Position) -> Result<NodeHash, ViewError> {
        let start = keys::room_position(self.room(), Position(0));
        let end = keys::room_position(self.room(), Position(position.0.saturating_add(1)));
        let mut roots = self.read().scan_back(Family::Roots, &start, &end);
        let Some((_, root)) = roots.next()? else { return Ok(EMPTY_ROOT) };
        Ok(NodeHash(root.try_into().map_err(|_| StoreError::Malformed(Family::Roots))?))
    }

    /// The event that stands at a point.
    pub fn at(&self, point: Point) -> Result<Option<EventNum>, StoreError> {
        let row = self.read().get(Family::Timeline, &point.key(self.room()))?;
        Ok(row.and_then(|row| read_u64(&row, 0)).map(EventNum))
    }

    /// Where an event stands, if clients see it at all.
    pub fn point_of(&self, number: EventNum) -> Result<Option<Point>, ViewError> {
        let meta = self.meta(number)?;
        Ok(meta.is_visible().then(|| meta.point()))
    }
}

/// From so many rows on, walking to them costs less than finding each.
const WORTH_A_WALK: usize = 4;

impl RoomView<'_, Snapshot<'_>> {
    /// Events with their rows, in the order in which they are named. All of them are in memory at once.
    pub fn read_events(&self, numbers: &[EventNum]) -> Result<Vec<(EventMeta, StoredEvent)>, ViewError> {
        if numbers.len() < WORTH_A_WALK {
            return numbers.iter().map(|number| Ok((self.meta(*number)?, self.event(*number)?))).collect();
        }
        // In the order of their numbers, which mostly follow each other: a walk backwards searches at each step.
        let mut order: Vec<usize> = (0..numbers.len()).collect();
        order.sort_unstable_by_key(|at| numbers[*at]);
        let (mut metas, mut jsons) = (self.read().cursor(Family::EventMeta), self.read().cursor(Family::EventJson));
        let (mut found, mut buffer) = (vec![None; numbers.len()], Vec::new());
        for at in order {
            let number = numbers[at];
            let key = keys::event(self.room(), number);
            let broken = || self.broken("event", number);
            let meta: EventMeta = decode(Family::EventMeta, metas.find(&key)?.ok_or_else(broken)?)?;
            let start = buffer.len();
            buffer.extend_from_slice(jsons.find(&key)?.ok_or_else(broken)?);
            found[at] = Some((meta, start..buffer.len()));
        }
        let buffer = Bytes::from(buffer);
        let read = found.into_iter().flatten().zip(numbers).map(|((meta, range), number)| {
            let event = StoredEvent::decode(&buffer.slice(range)).map_err(|_| self.broken("event", *number))?;
            Ok((meta, event))
        });
        read.collect()
    }
}

impl Timeline<'_> {
    /// The next events, at most `many`, and the points right before them.
    pub fn next_many(&mut self, many: usize) -> Result<(Vec<Point>, Vec<EventNum>), StoreError> {
        let (mut points, mut numbers) = (Vec::with_capacity(many), Vec::with_capacity(many));
        while numbers.len() < many
            && let Some((point, number)) = self.next()?
        {
            points.push(point);
            numbers.push(number);
        }
        Ok((points, numbers))
    }

    /// The next event and the point right before it.
    #[allow(clippy::should_implement_trait, reason = "it can fail, and says so first")]
    pub fn next(&mut self) -> Result<Option<(Point, EventNum)>, StoreError> {
        let Some((key, value)) = self.0.next()? else { return Ok(None) };
        let parts = (read_u64(key, 4), read_u32(key, 12), read_u64(value, 0));
        let (Some(anchor), Some(sub), Some(number)) = parts else {
            return Err(StoreError::Malformed(Family::Timeline));
        };
        Ok(Some((Point { anchor: Position(anchor), sub }, EventNum(number))))
    }
}
