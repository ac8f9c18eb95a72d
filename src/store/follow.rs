//! Followers: whoever acts on what was committed reads the log from a stored position of their own, so that a
//! crash makes them resume, not forget. The log is trimmed behind the slowest.

use std::sync::Arc;

use super::{
    Family, Store, StoreError,
    commit::{Commit, LogEntry},
    decode, keys,
    read::Read,
};
use crate::ids::Position;

/// Rows that a follower takes from the log at once.
const BATCH: usize = 256;
/// The log is trimmed when this many rows lie behind the slowest follower.
const TRIM_EVERY: u64 = 10_000;

/// The names of all followers that there are; the log is kept for each of them.
pub const FOLLOWERS: &[&str] = &["federation", "profiles", "push", "search"];

/// A reader of the log.
pub struct Follower {
    store: Arc<Store>,
    name: &'static str,
    position: Position,
}

impl Follower {
    /// Resumes where the follower of this name last said that it was done. `name` is one of `FOLLOWERS`.
    pub fn resume(store: Arc<Store>, name: &'static str) -> Result<Self, StoreError> {
        let position = stored_position(&store.latest(), name)?;
        Ok(Self { store, name, position })
    }

    /// The next entries, once there are any.
    pub async fn next(&self) -> Result<Vec<(Position, LogEntry)>, StoreError> {
        self.store.wait_published(self.position).await;
        let snapshot = self.store.snapshot();
        let start = keys::log(Position(self.position.0 + 1));
        let end = keys::log(Position(snapshot.position().0 + 1));
        let mut rows = snapshot.scan(Family::Log, &start, &end);
        let mut entries = Vec::new();
        while let Some((key, value)) = rows.next()? {
            let position = keys::read_u64(key, 0).ok_or(StoreError::Malformed(Family::Log))?;
            entries.push((Position(position), decode(Family::Log, value)?));
            if entries.len() == BATCH {
                break;
            }
        }
        Ok(entries)
    }

    /// All up to here is acted on. Stored when it matters: after work, or once in a while.
    pub fn done(&mut self, position: Position, worked: bool) {
        self.read_to(position);
        if worked || position.0.is_multiple_of(TRIM_EVERY) {
            self.keep(position);
        }
    }

    /// Goes on reading behind a position, though what lies before it may not be acted on yet.
    pub fn read_to(&mut self, position: Position) {
        self.position = position;
    }

    /// Whether the log was cut behind where this follower was: what came in between it will not hear of.
    pub fn lost_its_place(&self) -> Result<bool, StoreError> {
        Ok(self.position.0 + 1 < log_start(&self.store.latest())?.0)
    }

    /// Adds to a commit that all up to a position is acted on.
    pub fn keep_with(&self, commit: &mut Commit, position: Position) {
        commit.put_row(Family::Meta, keys::meta(&follower_key(self.name)), &position);
    }

    /// Stores that all up to a position is acted on.
    pub fn keep(&self, position: Position) {
        let mut commit = Commit::new(LogEntry::Housekeeping);
        self.keep_with(&mut commit, position);
        let _ = self.store.commit(|_| commit);
    }

    /// How far this follower is.
    pub fn position(&self) -> Position {
        self.position
    }
}

fn follower_key(name: &str) -> String {
    format!("follower/{name}")
}

fn stored_position(read: &impl Read, name: &str) -> Result<Position, StoreError> {
    Ok(read.get_row(Family::Meta, &keys::meta(&follower_key(name)))?.unwrap_or_default())
}

/// The first position that the log still has.
fn log_start(read: &impl Read) -> Result<Position, StoreError> {
    Ok(read.get_row(Family::Meta, &keys::meta("log_start"))?.unwrap_or(Position(1)))
}

/// Cuts the log behind the slowest follower.
pub fn trim_log(store: &Store) -> Result<(), StoreError> {
    let latest = store.latest();
    let mut slowest = store.published();
    for name in FOLLOWERS {
        slowest = slowest.min(stored_position(&latest, name)?);
    }
    let first = log_start(&latest)?;
    if slowest.0 < first.0 + TRIM_EVERY {
        return Ok(());
    }
    let _ = store.commit(|_| {
        let mut commit = Commit::new(LogEntry::Housekeeping);
        commit.delete_range(Family::Log, keys::log(first), keys::log(slowest)).put_row(
            Family::Meta,
            keys::meta("log_start"),
            &slowest,
        );
        commit
    });
    Ok(())
}
