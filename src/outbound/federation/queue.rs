//! What is on its way to other servers: a queue for each that something waits for, in memory, and a row for each that
//! could not be reached.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use ruma::{OwnedServerName, ServerName};
use tokio::sync::Semaphore;

use crate::{
    app::App,
    error::Result,
    ids::{EventNum, Position, RoomNum},
    outbound::progress::Progress,
    rooms::rows::BehindRow,
    store::{
        Commit, Family, Key, LogEntry, StoreError, decode,
        keys::{Index, KeyBuilder},
    },
};

/// PDUs of one transaction, at the most.
pub(super) const MAX_PDUS: usize = 50;
/// Events that wait for a server that is being tried; past it, it is behind.
const MAX_WAITING: usize = 500;
/// EDUs of one transaction, at the most; more than these don't wait.
const MAX_EDUS: usize = 100;
/// Requests at one time.
const MAX_REQUESTS: usize = 256;

/// What a server is to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Item {
    /// An event.
    Event(RoomNum, EventNum),
    /// What stands in the outbox at a position.
    Outbox(Position),
}

/// What one transaction carries: events, and EDUs in canonical JSON.
pub(super) type Load = (Vec<(Position, Item)>, Vec<String>);

/// `index`: 0 → server that is behind.
pub fn behind_key(server: &ServerName) -> Key {
    KeyBuilder::global(Index::Behind).tail(server.as_bytes()).build()
}

/// All that waits.
pub(super) struct Queues {
    pub app: Arc<App>,
    pub requests: Semaphore,
    /// A server is here as long as a task works for it.
    waiting: Mutex<HashMap<OwnedServerName, Queue>>,
    /// How many servers are yet to have what came from each entry of the log.
    pub progress: Progress,
}

#[derive(Default)]
struct Queue {
    items: VecDeque<(Position, Item)>,
    /// In canonical JSON.
    edus: VecDeque<String>,
    /// Whether a row says since when it is behind: its items hold up nothing.
    behind: bool,
    /// How many of the first items only that row stands for, though the server has caught up with what was before them.
    noted: usize,
    /// Where the last item came from that was too much while the server was behind.
    dropped: Position,
}

impl Queues {
    pub fn new(app: Arc<App>) -> Arc<Self> {
        Arc::new(Self {
            app,
            requests: Semaphore::new(MAX_REQUESTS),
            waiting: Mutex::default(),
            progress: Progress::default(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<OwnedServerName, Queue>> {
        // No code that may panic runs under the lock with something half changed.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Works for the servers that were behind when the server stopped.
    pub fn catch_up_all(self: &Arc<Self>) -> Result<()> {
        let snapshot = self.app.store.snapshot();
        let prefix = KeyBuilder::global(Index::Behind).build();
        let mut rows = snapshot.scan_prefix(Family::Index, &prefix);
        while let Some((key, value)) = rows.next()? {
            let server = str::from_utf8(&key[prefix.len()..]).ok().and_then(|name| <&ServerName>::try_from(name).ok());
            let server = server.ok_or(StoreError::Malformed(Family::Index))?.to_owned();
            let row: BehindRow = decode(Family::Index, value)?;
            self.lock().insert(server.clone(), Queue { behind: true, ..Queue::default() });
            tokio::spawn(Arc::clone(self).work_for(server, Some(row)));
        }
        Ok(())
    }

    /// Queues an event for a server, and sees that somebody sends it.
    pub fn push(self: &Arc<Self>, server: OwnedServerName, position: Position, item: Item) {
        let mut waiting = self.lock();
        let Some(queue) = waiting.get_mut(&server) else {
            self.progress.wait(position);
            waiting.insert(server.clone(), Queue { items: [(position, item)].into(), ..Queue::default() });
            tokio::spawn(Arc::clone(self).work_for(server, None));
            return;
        };
        queue.items.push_back((position, item));
        if queue.behind {
            // What is too much is caught up with when the server is back.
            if queue.items.len() > MAX_WAITING
                && let Some((position, _)) = queue.items.pop_front()
            {
                queue.dropped = position;
            }
        } else {
            self.progress.wait(position);
        }
    }

    /// Queues what is no event. A server that is behind does without it.
    pub fn push_edu(self: &Arc<Self>, server: OwnedServerName, edu: String) {
        let mut waiting = self.lock();
        let Some(queue) = waiting.get_mut(&server) else {
            waiting.insert(server.clone(), Queue { edus: [edu].into(), ..Queue::default() });
            tokio::spawn(Arc::clone(self).work_for(server, None));
            return;
        };
        if !queue.behind && queue.edus.len() < MAX_EDUS {
            queue.edus.push_back(edu);
        }
    }

    /// What a server is to have next; nobody works for it any more if that is nothing.
    pub fn next(&self, server: &ServerName) -> Option<Load> {
        let mut waiting = self.lock();
        let queue = waiting.get_mut(server)?;
        let items: Vec<_> = queue.items.iter().take(MAX_PDUS).copied().collect();
        let edus: Vec<_> = queue.edus.drain(..queue.edus.len().min(MAX_EDUS - MAX_PDUS)).collect();
        if items.is_empty() && edus.is_empty() {
            waiting.remove(server);
            return None;
        }
        Some((items, edus))
    }

    /// How many events wait for a server.
    pub fn waiting_for(&self, server: &ServerName) -> usize {
        self.lock().get(server).map_or(0, |queue| queue.items.len())
    }

    /// A server has what waited first.
    pub fn sent(&self, server: &ServerName, count: usize) {
        let mut waiting = self.lock();
        let Some(queue) = waiting.get_mut(server) else { return };
        let count = count.min(queue.items.len());
        let noted = count.min(queue.noted);
        let settled: Vec<_> = queue.items.drain(..count).skip(noted).collect();
        settled.into_iter().for_each(|(position, _)| self.progress.settle(position));
        queue.noted -= noted;
        if noted > 0 && queue.noted == 0 {
            self.write_row(server, None);
        }
        drop(waiting);
        self.progress.wake_after_work();
    }

    /// A server can't be reached: notes since when, so that nothing waits for it.
    pub fn fell_behind(&self, server: &ServerName, row: &BehindRow) {
        self.write_row(server, Some(row));
        let mut waiting = self.lock();
        let Some(queue) = waiting.get_mut(server) else { return };
        if !std::mem::replace(&mut queue.behind, true) {
            let noted = std::mem::take(&mut queue.noted);
            queue.items.drain(..).skip(noted).for_each(|(position, _)| self.progress.settle(position));
        }
        drop(waiting);
        self.progress.wake_after_work();
    }

    /// A server has caught up with all up to here. The row stays for what came meanwhile until that is sent.
    ///
    /// Returns false if that was so much that the server has to catch up once more.
    pub fn caught_up(&self, server: &ServerName, until: Position) -> bool {
        let mut waiting = self.lock();
        let Some(queue) = waiting.get_mut(server) else { return true };
        queue.items.retain(|(position, _)| *position > until);
        let is_whole = queue.dropped <= until;
        let row = BehindRow { since: until, failures: 0, retry_ms: 0 };
        self.write_row(server, (!is_whole || !queue.items.is_empty()).then_some(&row));
        if is_whole {
            queue.behind = false;
            queue.noted = queue.items.len();
        }
        is_whole
    }

    /// Notes that a server is behind, or no more. Not awaited: the follower's position lands behind it, and what is
    /// lost of the rest makes the server hear something twice.
    fn write_row(&self, server: &ServerName, row: Option<&BehindRow>) {
        let _ = self.app.store.commit(|_| {
            let mut commit = Commit::new(LogEntry::Housekeeping);
            match row {
                Some(row) => commit.put_row(Family::Index, behind_key(server), row),
                None => commit.delete(Family::Index, behind_key(server)),
            };
            commit
        });
    }
}
