//! The part of a room's timeline that one sync brings.

use super::reader::RoomReader;
use crate::{
    error::Result,
    event::StoredEvent,
    ids::{EventNum, Position},
    rooms::{
        rows::EventMeta,
        timeline::{Direction, Point},
    },
};

/// Rows that are looked at for each event that is wanted, so that a filter that matches nothing ends.
const ROWS_FOR_ONE: usize = 50;

/// An event of the chunk.
pub(super) struct TimelineEvent {
    pub number: EventNum,
    pub meta: EventMeta,
    pub event: StoredEvent,
}

/// The newest events of a range, oldest first.
pub(super) struct Chunk {
    pub events: Vec<TimelineEvent>,
    /// Whether the range holds older ones.
    pub limited: bool,
    /// Where to page back from.
    pub prev_batch: Point,
}

impl Chunk {
    /// Nothing of a range that ends with a position.
    pub fn without_events(end: Position) -> Self {
        Self { events: Vec::new(), limited: false, prev_batch: Point::after(end) }
    }

    /// Where the chunk starts in the order of publication: what was published before is not in it.
    pub fn starts_at(&self, end: Position) -> Position {
        self.events.first().map_or(Position(end.0 + 1), |first| first.meta.position)
    }
}

/// Reads the newest `limit` events behind `start`, up to and with position `end`, that the reader wants and may see.
pub(super) fn read(reader: &mut RoomReader<'_>, start: Point, end: Position, limit: usize) -> Result<Chunk> {
    let view = reader.view();
    let mut rows = view.timeline(start, Point::after(end), Direction::Backward);
    let mut chunk = Chunk::without_events(end);
    let mut left = limit.saturating_add(1).saturating_mul(ROWS_FOR_ONE);
    'rows: loop {
        let wanted = limit.saturating_sub(chunk.events.len()).min(left);
        if wanted == 0 {
            chunk.limited = rows.next()?.is_some();
            break;
        }
        let (points, numbers) = rows.next_many(wanted)?;
        if numbers.is_empty() {
            break;
        }
        left -= numbers.len();
        let read = view.read_events(&numbers)?;
        for ((point, number), (meta, event)) in points.into_iter().zip(numbers).zip(read) {
            chunk.prev_batch = point;
            let gap = meta.gap;
            if reader.takes(&meta, &event)? {
                chunk.events.push(TimelineEvent { number, meta, event });
            }
            if gap {
                // What lies before it is not here: the client pages back for it.
                chunk.limited = true;
                break 'rows;
            }
        }
    }
    chunk.events.reverse();
    Ok(chunk)
}
