//! One at a time of a kind: who needs something that another fetches already waits for that one.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::OwnedMutexGuard;

/// Keys that are kept though nobody holds them.
const MAX_IDLE: usize = 1_000;

/// A lock for each key.
pub struct Flights<K>(Mutex<HashMap<K, Arc<tokio::sync::Mutex<()>>>>);

impl<K> Default for Flights<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Eq + Hash> Flights<K> {
    /// Waits for its turn, which ends when the guard is dropped.
    pub async fn turn(&self, key: K) -> OwnedMutexGuard<()> {
        let flight = {
            // Nothing that may panic runs under this lock.
            let mut flights = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if flights.len() > MAX_IDLE {
                flights.retain(|_, flight| Arc::strong_count(flight) > 1);
            }
            flights.entry(key).or_default().clone()
        };
        flight.lock_owned().await
    }
}
