//! Walks over the rows of relations.

use super::{
    ParentHash, RelationRow, ThreadRow,
    rows::{at, relations, threads},
};
use crate::{
    ids::Position,
    rooms::{
        timeline::{Direction, Point},
        view::RoomView,
    },
    store::{
        Family, Key, Scan, Snapshot, StoreError, decode,
        keys::{KeyBuilder, read_u32, read_u64},
    },
};

/// A stretch of a room's timeline: from its first point to, but without, its last.
#[derive(Clone, Copy, Debug)]
pub(super) struct Range {
    pub start: Point,
    pub end: Point,
}

impl Range {
    /// All of it.
    pub const ALL: Self = Self { start: Point::START, end: Point { anchor: Position(u64::MAX), sub: 0 } };
}

/// A walk over what relates to one event.
pub(super) struct Relations<'a>(Scan<'a>);

/// A walk over all that is in threads.
pub(super) struct Threads<'a>(Scan<'a>);

impl<'a> RoomView<'a, Snapshot<'a>> {
    /// Walks over what relates to an event, none of it behind what the snapshot has published.
    pub(super) fn relations(&self, parent: &ParentHash, range: Range, direction: Direction) -> Relations<'a> {
        Relations(self.scan_points(relations(self.room(), parent), range, direction))
    }

    /// Walks over all that is in threads, none of it behind what the snapshot has published.
    pub(super) fn threads(&self, range: Range, direction: Direction) -> Threads<'a> {
        Threads(self.scan_points(threads(self.room()), range, direction))
    }

    fn scan_points(&self, prefix: KeyBuilder, range: Range, direction: Direction) -> Scan<'a> {
        let end = range.end.min(Point::after(self.read().position()));
        let (start, end): (Key, Key) = (at(prefix.clone(), range.start.min(end)), at(prefix, end));
        match direction {
            Direction::Forward => self.read().scan(Family::Index, &start, &end),
            Direction::Backward => self.read().scan_back(Family::Index, &start, &end),
        }
    }
}

impl Relations<'_> {
    /// The next event that relates, and where it stands.
    #[allow(clippy::should_implement_trait, reason = "it can fail, and lends")]
    pub fn next(&mut self) -> Result<Option<(Point, RelationRow<'_>)>, StoreError> {
        let Some((key, value)) = self.0.next()? else { return Ok(None) };
        Ok(Some((point(key)?, decode(Family::Index, value)?)))
    }
}

impl Threads<'_> {
    /// The next event of a thread, and where it stands.
    #[allow(clippy::should_implement_trait, reason = "it can fail, and says so first")]
    pub fn next(&mut self) -> Result<Option<(Point, ThreadRow)>, StoreError> {
        let Some((key, value)) = self.0.next()? else { return Ok(None) };
        Ok(Some((point(key)?, decode(Family::Index, value)?)))
    }
}

/// The point that a key ends with.
fn point(key: &[u8]) -> Result<Point, StoreError> {
    let start = key.len().checked_sub(12);
    let parts = start.and_then(|start| Some((read_u64(key, start)?, read_u32(key, start + 8)?)));
    let (anchor, sub) = parts.ok_or(StoreError::Malformed(Family::Index))?;
    Ok(Point { anchor: Position(anchor), sub })
}
