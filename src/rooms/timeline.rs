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
        Cursor, Family, Scan, Snapshot, StoreError, decode,
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

    /// Where an event stands, if clients see it at all.
    pub fn point_of(&self, number: EventNum) -> Result<Option<Point>, ViewError> {
        let meta = self.meta(number)?;
        Ok(meta.is_visible().then(|| meta.point()))
    }
}

/// Reads events of one room whose numbers mostly follow each other.
pub struct EventReader<'a> {
    view: RoomView<'a, Snapshot<'a>>,
    meta: Cursor<'a>,
    json: Cursor<'a>,
}

impl<'a> RoomView<'a, Snapshot<'a>> {
    /// Reads events in the order of a walk.
    pub fn event_reader(&self, direction: Direction) -> EventReader<'a> {
        let cursor = |family| self.read().cursor(family, direction == Direction::Backward);
        EventReader { view: *self, meta: cursor(Family::EventMeta), json: cursor(Family::EventJson) }
    }
}

impl EventReader<'_> {
    /// An event with its row.
    pub fn read(&mut self, number: EventNum) -> Result<(EventMeta, StoredEvent), ViewError> {
        let key = keys::event(self.view.room(), number);
        let meta = self.meta.find(&key)?.map(|row| decode(Family::EventMeta, row)).transpose()?;
        let event = self.json.find(&key)?.and_then(|row| StoredEvent::decode(&Bytes::copy_from_slice(row)).ok());
        let broken = || self.view.broken("event", number);
        Ok((meta.ok_or_else(broken)?, event.ok_or_else(broken)?))
    }
}

impl Timeline<'_> {
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
