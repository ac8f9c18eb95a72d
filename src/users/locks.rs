//! Who reads a user's rows in order to write them holds the user's lock until the commit is queued.

use std::{
    collections::BTreeSet,
    sync::{Mutex, MutexGuard, PoisonError},
};

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
        self.stripe(stripe_of(user))
    }

    /// The locks of several users: for what is one commit for all of them. Who holds them takes no other one.
    pub(super) fn users(&self, users: impl IntoIterator<Item = UserNum>) -> Vec<MutexGuard<'_, ()>> {
        // In one order for all, so that no two wait for each other.
        let stripes: BTreeSet<usize> = users.into_iter().map(stripe_of).collect();
        stripes.into_iter().map(|stripe| self.stripe(stripe)).collect()
    }

    fn stripe(&self, stripe: usize) -> MutexGuard<'_, ()> {
        // A panic under the lock leaves nothing half done: a commit is queued in one step.
        self.0[stripe].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn stripe_of(user: UserNum) -> usize {
    user.0 as usize % STRIPES
}
