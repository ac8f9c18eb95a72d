//! Which other servers can't be reached at the moment: they are not asked again at once.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use quick_cache::sync::Cache;
use ruma::{OwnedServerName, ServerName};
use tokio::sync::Notify;

use crate::clock::Clock;

/// Servers that are remembered.
const MAX_SERVERS: usize = 20_000;
/// How long a server is left alone after its first failure, ms; twice as long after each more.
const FIRST_PAUSE_MS: u64 = 500;
/// The longest pause, ms: a person who waits for an answer finds out within a minute that a server is back.
const MAX_PAUSE_MS: u64 = 60_000;

/// Remembers failures, in memory.
pub struct Health {
    clock: Clock,
    down: Cache<OwnedServerName, Down>,
    /// Who waits for a server to be back.
    waiting: Mutex<HashMap<OwnedServerName, Arc<Notify>>>,
}

#[derive(Clone, Copy)]
struct Down {
    failures: u32,
    until_ms: u64,
}

impl Health {
    pub(super) fn new(clock: Clock) -> Self {
        Self { clock, down: Cache::new(MAX_SERVERS), waiting: Mutex::default() }
    }

    /// Whether a server is to be left alone for now.
    pub fn is_down(&self, server: &ServerName) -> bool {
        self.down.get(server).is_some_and(|down| down.until_ms > self.clock.now_ms())
    }

    /// A server can be reached: it answered, or asked by itself.
    pub fn worked(&self, server: &ServerName) {
        self.down.remove(server);
        if let Some(waiting) = self.waiting().remove(server) {
            waiting.notify_waiters();
        }
    }

    /// Waits until a server can be reached again, as it answers or asks by itself.
    pub async fn back(&self, server: &ServerName) {
        let waiting = self.waiting().entry(server.to_owned()).or_default().clone();
        waiting.notified().await;
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<OwnedServerName, Arc<Notify>>> {
        // The map is changed by single steps only.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn failed(&self, server: &ServerName) {
        let failures = self.down.get(server).map_or(0, |down| down.failures);
        let pause = FIRST_PAUSE_MS.saturating_mul(1 << failures.min(10)).min(MAX_PAUSE_MS);
        let until_ms = self.clock.now_ms() + pause;
        self.down.insert(server.to_owned(), Down { failures: failures.saturating_add(1), until_ms });
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    };

    use super::*;

    #[test]
    fn pauses_grow_and_end_when_a_server_is_back() {
        let now = Arc::new(AtomicU64::new(1_000_000));
        let health = Health::new(Clock::Manual(now.clone()));
        let server = <&ServerName>::try_from("a.test").unwrap();
        assert!(!health.is_down(server));
        for pause in [500, 1000, 2000] {
            health.failed(server);
            now.fetch_add(pause - 1, Ordering::Relaxed);
            assert!(health.is_down(server));
            now.fetch_add(1, Ordering::Relaxed);
            assert!(!health.is_down(server));
        }
        (0..100).for_each(|_| health.failed(server));
        now.fetch_add(MAX_PAUSE_MS, Ordering::Relaxed);
        assert!(!health.is_down(server));
        health.failed(server);
        health.worked(server);
        assert!(!health.is_down(server));
    }
}
