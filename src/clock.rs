//! Time and randomness, handed in so that tests can replay a run.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};

use rand::{SeedableRng, rngs::StdRng};

/// Tells the time in milliseconds since the Unix epoch.
#[derive(Clone, Debug)]
pub enum Clock {
    /// The machine's clock.
    System,
    /// A clock that a test sets.
    Manual(Arc<AtomicU64>),
}

impl Clock {
    /// Milliseconds since the Unix epoch.
    pub fn now_ms(&self) -> u64 {
        match self {
            // A clock set before 1970 reads as 0 rather than stopping the server.
            Self::System => SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis() as u64),
            Self::Manual(now) => now.load(Ordering::Relaxed),
        }
    }
}

/// A shared source of randomness, strong enough for secrets unless a test has seeded it.
#[derive(Clone, Debug)]
pub struct Randomness(Arc<Mutex<StdRng>>);

impl Randomness {
    /// Seeded by the operating system.
    pub fn from_system() -> Self {
        Self(Arc::new(Mutex::new(rand::make_rng())))
    }

    /// The same numbers at every run, for tests.
    pub fn seeded(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(StdRng::seed_from_u64(seed))))
    }

    /// Runs `f` with the generator. A panic in another thread's `f` leaves the generator usable.
    pub fn with<T>(&self, f: impl FnOnce(&mut StdRng) -> T) -> T {
        f(&mut self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    /// `N` random bytes.
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.with(|rng| rand::Rng::fill_bytes(rng, &mut bytes));
        bytes
    }
}
