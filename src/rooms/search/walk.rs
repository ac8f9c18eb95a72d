//! The walk over the rows of words: what has all of them in one room after the other, newest first.

use super::{
    find::{Order, Place},
    rows::{Field, Posting, posting_key, postings},
};
use crate::{
    error::Result,
    ids::{Position, RoomNum},
    store::{Family, Scan, Snapshot, StoreError, decode, keys::read_u64},
};

/// Rows that one search looks at, at the most: those of the newest events of the rooms where something happened last.
const MAX_ROWS: usize = 100_000;
/// Events that are found by their words, at the most: the newest.
const MAX_HITS: usize = 10_000;
/// After this many rows that are too new, the next one is looked for.
const STEPS: usize = 8;
/// How many words a text has to have to count as long, when ranks are made.
const USUAL_WORDS: f32 = 12.0;

/// An event that has all the words.
pub(super) struct Hit {
    pub room: RoomNum,
    pub posting: Posting,
    pub rank: f32,
    pub place: Place,
    /// The user has been in the room since before it.
    pub certain: bool,
}

/// A room that is searched.
pub(super) struct Searched {
    pub room: RoomNum,
    /// Since when the user is in it, if they are.
    pub joined: Option<Position>,
}

/// One walk over the rows of words.
pub(super) struct Search<'a> {
    pub snapshot: &'a Snapshot<'a>,
    pub words: &'a [String],
    pub fields: &'a [Field],
    pub order: Order,
}

impl Search<'_> {
    /// The newest events that have all the words, in no order.
    pub fn run(&self, rooms: &[Searched]) -> Result<Vec<Hit>> {
        let (mut hits, mut budget) = (Vec::new(), MAX_ROWS);
        for room in rooms {
            self.run_in(room, &mut hits, &mut budget)?;
            if budget == 0 {
                break;
            }
            if hits.len() > 2 * MAX_HITS {
                keep_newest(&mut hits);
            }
        }
        if hits.len() > MAX_HITS {
            keep_newest(&mut hits);
        }
        Ok(hits)
    }

    fn run_in(&self, searched: &Searched, hits: &mut Vec<Hit>, budget: &mut usize) -> Result<()> {
        let room = searched.room;
        let mut rows = self.words.iter().map(|word| WordRows::new(self.snapshot, room, word));
        let Some(mut first) = rows.next() else { return Ok(()) };
        let mut others: Vec<_> = rows.collect();
        let enough = hits.len() + MAX_HITS;
        let mut next = self.snapshot.position();
        while *budget > 0
            && hits.len() < enough
            && let Some((position, posting)) = first.at_or_before(next, budget)?
        {
            next = Position(position.0.saturating_sub(1));
            if !self.fields.contains(&posting.field) {
                continue;
            }
            let mut rank = rank(&posting);
            let mut has_all = true;
            for other in &mut others {
                match other.at_or_before(position, budget)? {
                    Some((found, posting)) if found == position => rank += self::rank(&posting),
                    Some((before, _)) => {
                        // Nothing between the two has that word.
                        next = next.min(before);
                        has_all = false;
                        break;
                    }
                    None => return Ok(()),
                }
            }
            if has_all {
                let rank = rank / self.words.len() as f32;
                let place = Place { rank: if self.order == Order::Rank { rank } else { 0.0 }, position };
                let certain = searched.joined.is_some_and(|joined| joined <= position);
                hits.push(Hit { room, posting, rank, place, certain });
            }
        }
        Ok(())
    }
}

/// The rows of one word in one room, newest first.
struct WordRows<'a> {
    scan: Scan<'a>,
    room: RoomNum,
    word: &'a str,
    /// Bytes of a key before the position.
    prefix: usize,
    current: Option<(Position, Posting)>,
}

impl<'a> WordRows<'a> {
    fn new(snapshot: &'a Snapshot<'a>, room: RoomNum, word: &'a str) -> Self {
        let start = postings(room, word);
        let end = start.clone().u64(u64::MAX).build();
        let start = start.build();
        let scan = snapshot.scan_back(Family::Index, &start, &end);
        Self { scan, room, word, prefix: start.len(), current: None }
    }

    /// The newest row at a position or before it. Each is asked for an older one than the last, or the same.
    fn at_or_before(&mut self, wanted: Position, budget: &mut usize) -> Result<Option<(Position, Posting)>> {
        if let Some(current) = self.current.filter(|(position, _)| *position <= wanted) {
            return Ok(Some(current));
        }
        let mut steps = 0;
        while let Some((key, value)) = self.scan.next()? {
            *budget = budget.saturating_sub(1);
            let position = read_u64(key, self.prefix).map(Position).ok_or(StoreError::Malformed(Family::Index))?;
            if position <= wanted {
                self.current = Some((position, decode(Family::Index, value)?));
                return Ok(self.current);
            }
            steps += 1;
            if steps == STEPS {
                self.scan.skip_to(&posting_key(self.room, self.word, wanted));
            }
        }
        Ok(None)
    }
}

/// Between 0 and 1: grows with how often a word stands there, and falls with how much else does (as BM25 has it).
fn rank(posting: &Posting) -> f32 {
    let (count, words) = (f32::from(posting.count), f32::from(posting.words));
    count / (count + 1.2 * (0.25 + 0.75 * words / USUAL_WORDS))
}

fn keep_newest(hits: &mut Vec<Hit>) {
    hits.select_nth_unstable_by(MAX_HITS, |a, b| b.place.position.cmp(&a.place.position));
    hits.truncate(MAX_HITS);
}
