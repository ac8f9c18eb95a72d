//! Who reads a user's rows in order to write them holds the user's lock until the commit is queued.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::ids::UserNum;

/// Users share this many locks: enough that two of them rarely meet.
const STRIPES: usize = 64;

pub(super) struct Locks([Mutex<()>; STRIPES]);

impl Default for Locks {
    fn default() -> Self {
        Self(std::array::from_fn(|_| Mutex::default()))
    }
}

impl Locks {
    /// Held over a few reads and the queueing of one commit; never over an await.
    pub(super) fn user(&self, user: UserNum) -> MutexGuard<'_, ()> {
        // A panic under the lock leaves nothing half done: a commit is queued in one step.
        self.0[user.0 as usize % STRIPES].lock().unwrap_or_else(PoisonError::into_inner)
    }
}
