//! The database: one RocksDB behind three things, `Snapshot` to read what is published, `Commit` to write,
//! and `Follower` to act on what was written. The only module that names `rocksdb`.
//!
//! Invariants: a commit lands whole or not at all; positions are consecutive, and who sees one has seen all
//! before it; what a `Ticket` has acknowledged is on disk.

mod commit;
mod committer;
mod families;
mod follow;
pub mod keys;
mod live;
mod names;
mod read;

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    thread::JoinHandle,
};

use bytes::Bytes;
use rocksdb::{ColumnFamily, DB};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

pub use self::{
    commit::{Commit, LogEntry, Notice},
    committer::Ticket,
    families::Family,
    follow::{FOLLOWERS, Follower, trim_log},
    keys::Key,
    live::{JoinedRooms, Live},
    read::{Cursor, Latest, Read, Scan, Snapshot},
};
use self::{committer::Queue, names::Names};
use crate::ids::Position;

/// The layout of the database that this program writes. A folder with another one is refused: 1 was that of no release.
pub const SCHEMA: u32 = 3;

/// What can go wrong with the database.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// RocksDB says no.
    #[error("the database failed: {0}")]
    Rocks(#[from] rocksdb::Error),
    /// The folder or the file with its schema can't be read or written.
    #[error("{path}: {error}")]
    File {
        /// Which one.
        path: PathBuf,
        /// Why not.
        error: std::io::Error,
    },
    /// Another process has it open.
    #[error("{0} is in use by another server: stop that one first, or choose another data_dir")]
    Locked(PathBuf),
    /// A newer program wrote it.
    #[error("{path} was written by a newer Salon (schema {found}; this one knows {SCHEMA}): use that version")]
    Newer {
        /// The data folder.
        path: PathBuf,
        /// Its schema.
        found: String,
    },
    /// A program from before the first release wrote it.
    #[error(
        "{path} was written by a Salon from before its first release (schema {found}; this one knows {SCHEMA}): choose another data_dir"
    )]
    Older {
        /// The data folder.
        path: PathBuf,
        /// Its schema.
        found: u32,
    },
    /// A row can't be read.
    #[error("a row of {} is malformed: run `salon check`", .0.name())]
    Malformed(Family),
    /// The store is closing.
    #[error("the database is closing")]
    Closed,
}

impl From<StoreError> for crate::error::Error {
    fn from(error: StoreError) -> Self {
        Self::internal(error)
    }
}

/// An open database.
pub struct Store {
    data_dir: PathBuf,
    shared: Arc<Shared>,
    db: Arc<DB>,
    queue: Arc<Queue>,
    names: Names,
    committer: Mutex<Option<JoinHandle<()>>>,
}

/// What the committer shares with everybody else.
struct Shared {
    db: Arc<DB>,
    live: Live,
    published: watch::Sender<Position>,
}

impl Shared {
    fn handle(&self, family: Family) -> &ColumnFamily {
        handle(&self.db, family)
    }

    fn publish(&self, group: &[committer::Queued]) {
        for queued in group {
            self.live.apply(queued.position, &queued.commit.notices);
        }
        if let Some(last) = group.last() {
            self.published.send_replace(last.position);
        }
        for queued in group {
            self.live.wake(&queued.commit.notices);
        }
    }
}

fn handle(db: &DB, family: Family) -> &ColumnFamily {
    // `open` opens every family of `Family::ALL` or fails.
    db.cf_handle(family.name()).unwrap_or_else(|| unreachable!("family {} was opened", family.name()))
}

/// How to open a database.
#[derive(Clone, Copy, Debug)]
pub struct StoreOptions {
    /// Whether each group of commits waits for the disk.
    pub fsync: bool,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self { fsync: true }
    }
}

impl Store {
    /// Opens the database in `data_dir`, made if it is not there yet.
    pub fn open(data_dir: &Path, options: StoreOptions) -> Result<Self, StoreError> {
        check_schema(data_dir)?;
        let path = data_dir.join("db");
        let (db_options, families) = families::options();
        let db = DB::open_cf_descriptors(&db_options, &path, families).map_err(|error| {
            let busy = error.kind() == rocksdb::ErrorKind::IOError && error.to_string().contains("lock");
            if busy { StoreError::Locked(data_dir.to_owned()) } else { error.into() }
        })?;
        let db = Arc::new(db);
        let last = match db.get_cf(handle(&db, Family::Meta), keys::meta("position"))? {
            Some(bytes) => decode(Family::Meta, &bytes)?,
            None => Position(0),
        };
        let shared =
            Arc::new(Shared { db: db.clone(), live: Live::starting_at(last), published: watch::Sender::new(last) });
        let queue = Arc::new(Queue::starting_after(last));
        let committer = std::thread::Builder::new()
            .name("committer".to_owned())
            .spawn({
                let (queue, shared) = (queue.clone(), shared.clone());
                move || committer::run(&queue, &shared, options.fsync)
            })
            .map_err(|error| StoreError::File { path: data_dir.to_owned(), error })?;
        let (data_dir, committer) = (data_dir.to_owned(), Mutex::new(Some(committer)));
        Ok(Self { data_dir, shared, db, queue, names: Names::new(), committer })
    }

    /// The folder that the database lies in, and the files beside it.
    pub fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    /// What is published, frozen.
    pub fn snapshot(&self) -> Snapshot<'_> {
        Snapshot::new(self)
    }

    /// What the next commit builds on: queued commits included.
    pub fn latest(&self) -> Latest<'_> {
        Latest(self)
    }

    /// Queues the commit that `build` makes once it knows its position. `build` must be quick.
    pub fn commit(&self, build: impl FnOnce(Position) -> Commit) -> Ticket {
        self.queue.push(build)
    }

    /// The last published position.
    pub fn published(&self) -> Position {
        *self.shared.published.borrow()
    }

    /// Returns when something after `position` is published.
    pub async fn wait_published(&self, position: Position) {
        let mut published = self.shared.published.subscribe();
        // The sender lives as long as the store, so this ends only when the position was passed.
        let _ = published.wait_for(|now| *now > position).await;
    }

    /// The published end of the log, in memory.
    pub fn live(&self) -> &Live {
        &self.shared.live
    }

    /// Copies the database into `target`, which must not exist yet, as it is at one moment.
    pub fn checkpoint(&self, target: &Path) -> Result<(), StoreError> {
        rocksdb::checkpoint::Checkpoint::new(&*self.db)?.create_checkpoint(target.join("db"))?;
        std::fs::write(target.join(SCHEMA_FILE), SCHEMA.to_string())
            .map_err(|error| StoreError::File { path: target.to_owned(), error })
    }

    /// Writes everything that is queued, and ends the committer.
    pub fn close(&self) {
        self.queue.close();
        let committer = self.committer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(committer) = committer {
            // It ends by itself; if it panicked there is nothing left to write.
            let _ = committer.join();
        }
    }

    fn pending(&self, family: Family, key: &[u8]) -> Option<Option<Bytes>> {
        self.queue.pending(family, key)
    }

    fn handle(&self, family: Family) -> &ColumnFamily {
        handle(&self.db, family)
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.close();
    }
}

/// The name of the file beside the database that says who wrote it.
const SCHEMA_FILE: &str = "schema";

/// Refuses a folder of another layout before anything in it is touched.
fn check_schema(data_dir: &Path) -> Result<(), StoreError> {
    let failed = |error| StoreError::File { path: data_dir.to_owned(), error };
    let file = data_dir.join(SCHEMA_FILE);
    match std::fs::read_to_string(&file) {
        Ok(text) => match text.trim().parse() {
            Ok(SCHEMA) => Ok(()),
            Ok(found) if found < SCHEMA => Err(StoreError::Older { path: data_dir.to_owned(), found }),
            _ => Err(StoreError::Newer { path: data_dir.to_owned(), found: text.trim().to_owned() }),
        },
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            std::fs::create_dir_all(data_dir).map_err(failed)?;
            std::fs::write(&file, SCHEMA.to_string()).map_err(failed)
        }
        Err(error) => Err(failed(error)),
    }
}

/// A row's bytes: postcard's compact encoding.
pub fn encode<T: Serialize>(row: &T) -> Vec<u8> {
    // Writing into a growing Vec can't fail, and our rows hold nothing that postcard refuses.
    postcard::to_allocvec(row).unwrap_or_else(|error| unreachable!("a row of ours has no encoding: {error}"))
}

/// A row out of its bytes.
pub fn decode<'a, T: Deserialize<'a>>(family: Family, bytes: &'a [u8]) -> Result<T, StoreError> {
    postcard::from_bytes(bytes).map_err(|_| StoreError::Malformed(family))
}
