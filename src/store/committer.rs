//! The one thread that writes: takes queued commits in order, writes them as one batch with one fsync, then
//! publishes their positions. A write that fails stops the process: nothing may build on what is not there.

use std::{
    collections::HashMap,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use rocksdb::{WriteBatch, WriteOptions};
use tokio::sync::oneshot;

use super::{
    StoreError,
    commit::{Commit, Op},
    encode,
    families::Family,
    keys::{self, Key},
};
use crate::ids::Position;

/// One batch takes no more than this many commits, so that a burst is acknowledged in steps.
const MAX_GROUP: usize = 512;

/// What is queued, and a view of it by key.
#[derive(Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    filled: Condvar,
}

#[derive(Default)]
struct State {
    last: Position,
    closing: bool,
    commits: std::collections::VecDeque<Queued>,
    pending: HashMap<(Family, Key), (Position, Option<Bytes>)>,
}

pub(super) struct Queued {
    pub position: Position,
    pub commit: Commit,
    done: oneshot::Sender<()>,
}

/// A commit on its way to the disk.
#[must_use = "what is not awaited may not be on disk yet"]
pub struct Ticket {
    /// The commit's place in the log.
    pub position: Position,
    done: oneshot::Receiver<()>,
}

impl Ticket {
    /// Returns when the commit is on disk and published.
    pub async fn durable(self) -> Result<Position, StoreError> {
        self.done.await.map_err(|_| StoreError::Closed)?;
        Ok(self.position)
    }

    /// The same, for code that is not async.
    pub fn durable_blocking(self) -> Result<Position, StoreError> {
        self.done.blocking_recv().map_err(|_| StoreError::Closed)?;
        Ok(self.position)
    }
}

impl Queue {
    pub(super) fn starting_after(last: Position) -> Self {
        Self { state: Mutex::new(State { last, ..State::default() }), filled: Condvar::new() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Whoever panicked under this lock did so in `build`, before anything was changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues the commit that `build` makes for its position. `build` must be quick: all writers wait for it.
    pub(super) fn push(&self, build: impl FnOnce(Position) -> Commit) -> Ticket {
        let (sender, receiver) = oneshot::channel();
        let mut state = self.lock();
        let position = Position(state.last.0 + 1);
        let commit = build(position);
        state.last = position;
        for op in &commit.ops {
            match op {
                Op::Put(family, key, value) => {
                    state.pending.insert((*family, key.clone()), (position, Some(value.clone())));
                }
                Op::Delete(family, key) => {
                    state.pending.insert((*family, key.clone()), (position, None));
                }
                Op::DeleteRange(..) => {}
            }
        }
        state.commits.push_back(Queued { position, commit, done: sender });
        drop(state);
        self.filled.notify_one();
        Ticket { position, done: receiver }
    }

    /// A row as the queue will leave it: `None` if no queued commit touches it.
    pub(super) fn pending(&self, family: Family, key: &[u8]) -> Option<Option<Bytes>> {
        let state = self.lock();
        if state.pending.is_empty() {
            return None;
        }
        state.pending.get(&(family, Key::from_slice(key))).map(|(_, value)| value.clone())
    }

    /// Lets the committer end once the queue is empty.
    pub(super) fn close(&self) {
        self.lock().closing = true;
        self.filled.notify_one();
    }

    fn take(&self) -> Option<Vec<Queued>> {
        let mut state = self.lock();
        while state.commits.is_empty() {
            if state.closing {
                return None;
            }
            state = self.filled.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let count = state.commits.len().min(MAX_GROUP);
        Some(state.commits.drain(..count).collect())
    }

    fn forget(&self, group: &[Queued]) {
        let mut state = self.lock();
        for queued in group {
            for op in &queued.commit.ops {
                let (Op::Put(family, key, _) | Op::Delete(family, key)) = op else { continue };
                let entry = (*family, key.clone());
                if state.pending.get(&entry).is_some_and(|(position, _)| *position == queued.position) {
                    state.pending.remove(&entry);
                }
            }
        }
    }
}

/// Runs until the queue is closed and empty.
pub(super) fn run(queue: &Queue, shared: &Arc<super::Shared>, sync: bool) {
    let mut options = WriteOptions::default();
    options.set_sync(sync);
    while let Some(group) = queue.take() {
        if let Err(error) = write(&group, shared, &options) {
            tracing::error!(%error, "the database could not be written: stopping, since nothing more can be acknowledged");
            eprintln!(
                "salon: the database could not be written ({error}); stopping. Nothing that was acknowledged is lost."
            );
            std::process::exit(1);
        }
        shared.publish(&group);
        queue.forget(&group);
        for queued in group {
            // Nobody may be waiting: a client that went away.
            let _ = queued.done.send(());
        }
    }
}

fn write(group: &[Queued], shared: &super::Shared, options: &WriteOptions) -> Result<(), StoreError> {
    let mut batch = WriteBatch::default();
    for queued in group {
        for op in &queued.commit.ops {
            match op {
                Op::Put(family, key, value) => batch.put_cf(shared.handle(*family), key, value),
                Op::Delete(family, key) => batch.delete_cf(shared.handle(*family), key),
                Op::DeleteRange(family, start, end) => batch.delete_range_cf(shared.handle(*family), start, end),
            }
        }
        batch.put_cf(shared.handle(Family::Log), keys::log(queued.position), encode(&queued.commit.log));
    }
    if let Some(last) = group.last() {
        batch.put_cf(shared.handle(Family::Meta), keys::meta("position"), encode(&last.position));
    }
    Ok(shared.db.write_opt(batch, options)?)
}
