//! How far what came from the log is dealt with: its entries are read one after the other, and what follows from them is
//! sent at any time later, in any order.
//!
//! Invariant: a follower's stored position passes no entry of which something still waits.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::sync::Notify;

use crate::{ids::Position, store::Follower};

/// The position is stored after this many entries also where nothing was sent.
const KEEP_EVERY: u64 = 10_000;

/// What waits, by the entry of the log that it comes from.
#[derive(Default)]
pub(super) struct Progress {
    waiting: Mutex<BTreeMap<Position, usize>>,
    settled: Notify,
    worked: AtomicBool,
}

impl Progress {
    fn waiting(&self) -> MutexGuard<'_, BTreeMap<Position, usize>> {
        // The map is changed by single steps only.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Something that comes from an entry waits from now on.
    pub fn wait(&self, position: Position) {
        *self.waiting().entry(position).or_default() += 1;
    }

    /// Something of an entry waits no more.
    pub fn settle(&self, position: Position) {
        let mut waiting = self.waiting();
        if let Some(count) = waiting.get_mut(&position) {
            *count -= 1;
            if *count == 0 {
                waiting.remove(&position);
            }
        }
    }

    /// Has the follower look how far it is.
    pub fn wake(&self) {
        self.settled.notify_one();
    }

    /// The same behind work that is worth noting: it would be done again after a crash.
    pub fn wake_after_work(&self) {
        self.worked.store(true, Ordering::SeqCst);
        self.wake();
    }

    /// Returns when there is something to look at.
    pub async fn settled_some(&self) {
        self.settled.notified().await;
    }

    /// Stores how far a follower's entries are dealt with, if that is further than `kept` and worth a write.
    pub fn keep(&self, follower: &Follower, kept: &mut Position) {
        let first = self.waiting().first_key_value().map(|(position, _)| *position);
        let settled = first.map_or_else(|| follower.position(), |first| Position(first.0.saturating_sub(1)));
        let is_worth_it = || self.worked.swap(false, Ordering::SeqCst) || settled.0 - kept.0 >= KEEP_EVERY;
        if settled > *kept && is_worth_it() {
            follower.keep(settled);
            *kept = settled;
        }
    }
}
