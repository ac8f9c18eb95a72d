//! Reading: a `Snapshot` of what is published, or `Latest`, which sees queued commits too.

use bytes::Bytes;
use rocksdb::{DBRawIterator, ReadOptions, SnapshotWithThreadMode};
use serde::de::DeserializeOwned;

use super::{
    Store, StoreError,
    families::{Family, prefix_of},
    keys::{Key, successor},
};
use crate::ids::Position;

/// Where single rows can be read.
pub trait Read {
    /// The value of a row.
    fn get(&self, family: Family, key: &[u8]) -> Result<Option<Bytes>, StoreError>;

    /// The value of a row that holds a serde type.
    fn get_row<T: DeserializeOwned>(&self, family: Family, key: &[u8]) -> Result<Option<T>, StoreError> {
        self.get(family, key)?.map(|bytes| super::decode(family, &bytes)).transpose()
    }
}

/// The database as it was when a position had just been published.
///
/// Rows behind `position` may be visible already (the batch is written before it is published): readers
/// of positioned families ignore them.
pub struct Snapshot<'a> {
    store: &'a Store,
    snapshot: SnapshotWithThreadMode<'a, rocksdb::DB>,
    position: Position,
}

impl<'a> Snapshot<'a> {
    pub(super) fn new(store: &'a Store) -> Self {
        // The position first: whatever it names is in the snapshot.
        let position = store.published();
        Self { store, snapshot: store.db.snapshot(), position }
    }

    /// The store, for the names of rooms and users, which never change.
    pub fn store(&self) -> &'a Store {
        self.store
    }

    /// Everything up to here is seen.
    pub fn position(&self) -> Position {
        self.position
    }

    /// Walks the rows from `start` up to, but without, `end`, in the order of their keys.
    pub fn scan(&self, family: Family, start: &[u8], end: &[u8]) -> Scan<'_> {
        self.scan_to(family, start, end, Direction::Forward)
    }

    /// Walks the rows below `end` down to and with `start`, in reverse order.
    pub fn scan_back(&self, family: Family, start: &[u8], end: &[u8]) -> Scan<'_> {
        self.scan_to(family, start, end, Direction::Backward)
    }

    /// Walks all rows whose keys start with `prefix`.
    pub fn scan_prefix(&self, family: Family, prefix: &[u8]) -> Scan<'_> {
        match successor(prefix) {
            Some(end) => self.scan(family, prefix, &end),
            None => self.scan_to(family, prefix, &[], Direction::Forward),
        }
    }

    /// Finds rows one after the other, in ascending order of their keys.
    pub fn cursor(&self, family: Family) -> Cursor<'_> {
        let mut options = ReadOptions::default();
        options.set_total_order_seek(true);
        Cursor { rows: self.snapshot.raw_iterator_cf_opt(self.store.handle(family), options) }
    }

    fn scan_to(&self, family: Family, start: &[u8], end: &[u8], direction: Direction) -> Scan<'_> {
        let mut options = ReadOptions::default();
        options.set_iterate_lower_bound(start);
        if !end.is_empty() {
            options.set_iterate_upper_bound(end);
        }
        match prefix_of(family, start) {
            Some(prefix) if shares_prefix(prefix, end) => options.set_prefix_same_as_start(true),
            _ => options.set_total_order_seek(true),
        }
        let mut rows = self.snapshot.raw_iterator_cf_opt(self.store.handle(family), options);
        match direction {
            Direction::Forward => rows.seek(start),
            Direction::Backward if end.is_empty() => rows.seek_to_last(),
            // The upper bound excludes `end` itself.
            Direction::Backward => rows.seek_for_prev(end),
        }
        Scan { rows, direction, started: false }
    }
}

fn shares_prefix(prefix: &[u8], end: &[u8]) -> bool {
    // An end such as room 8's first key bounds room 7's rows, but can't be sought within room 7's prefix.
    end.starts_with(prefix)
}

impl Read for Snapshot<'_> {
    fn get(&self, family: Family, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        let value = self.snapshot.get_pinned_cf(self.store.handle(family), key)?;
        Ok(value.map(|slice| Bytes::copy_from_slice(&slice)))
    }
}

/// The database with all queued commits: what the next commit builds on.
#[derive(Clone, Copy)]
pub struct Latest<'a>(pub(super) &'a Store);

impl Read for Latest<'_> {
    fn get(&self, family: Family, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        // The queue first: what has just left it is in the database.
        if let Some(pending) = self.0.pending(family, key) {
            return Ok(pending);
        }
        let value = self.0.db.get_pinned_cf(self.0.handle(family), key)?;
        Ok(value.map(|slice| Bytes::copy_from_slice(&slice)))
    }
}

/// Finds rows whose keys mostly follow each other: the neighbour of the last one is tried before a search.
pub struct Cursor<'a> {
    rows: DBRawIterator<'a>,
}

impl Cursor<'_> {
    /// The value of a row.
    pub fn find(&mut self, key: &[u8]) -> Result<Option<&[u8]>, StoreError> {
        if self.rows.valid() {
            self.rows.next();
        }
        if self.rows.key() != Some(key) {
            self.rows.seek(key);
        }
        self.rows.status()?;
        Ok(self.rows.item().filter(|(found, _)| *found == key).map(|(_, value)| value))
    }
}

#[derive(Clone, Copy)]
enum Direction {
    Forward,
    Backward,
}

/// A row's key and value.
pub type Row<'a> = (&'a [u8], &'a [u8]);

/// A walk over rows. Lends each row until the next is asked for.
pub struct Scan<'a> {
    rows: DBRawIterator<'a>,
    direction: Direction,
    started: bool,
}

impl Scan<'_> {
    /// The next key and value, or `None` at the end.
    #[allow(clippy::should_implement_trait, reason = "it lends, which an Iterator can't")]
    pub fn next(&mut self) -> Result<Option<Row<'_>>, StoreError> {
        if self.started {
            match self.direction {
                Direction::Forward => self.rows.next(),
                Direction::Backward => self.rows.prev(),
            }
        }
        self.started = true;
        if !self.rows.valid() {
            self.rows.status()?;
            return Ok(None);
        }
        Ok(self.rows.item())
    }

    /// Goes on at a key, or at the next one in the direction of the walk.
    pub fn skip_to(&mut self, key: &[u8]) {
        match self.direction {
            Direction::Forward => self.rows.seek(key),
            Direction::Backward => self.rows.seek_for_prev(key),
        }
        // The row that was found is still to be lent.
        self.started = false;
    }

    /// The keys and values that are left, collected.
    pub fn collect_rows(mut self) -> Result<Vec<(Key, Bytes)>, StoreError> {
        let mut rows = Vec::new();
        while let Some((key, value)) = self.next()? {
            rows.push((Key::from_slice(key), Bytes::copy_from_slice(value)));
        }
        Ok(rows)
    }
}
