//! When which delayed event is due: in memory, read from the rows at the start.

use std::{
    collections::BTreeSet,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{self, Notify},
    time::sleep,
};

use crate::{error::Result, ids::UserNum, rooms::Rooms};

/// Users share this many locks: enough that two of them rarely meet.
const STRIPES: usize = 64;
/// The clock is looked at no less often than this while something waits: it may be set.
const GLANCE: Duration = Duration::from_secs(1);

/// What waits to be sent.
pub(in crate::rooms) struct Schedule {
    /// When it is due, whose it is, its ID.
    waiting: Mutex<BTreeSet<(u64, UserNum, String)>>,
    changed: Notify,
    users: [sync::Mutex<()>; STRIPES],
}

impl Default for Schedule {
    fn default() -> Self {
        let users = std::array::from_fn(|_| sync::Mutex::default());
        Self { waiting: Mutex::default(), changed: Notify::new(), users }
    }
}

impl Schedule {
    /// Held while a user's delayed events change, over waits for the disk and for rooms.
    pub(super) async fn user(&self, user: UserNum) -> sync::MutexGuard<'_, ()> {
        self.users[user.0 as usize % STRIPES].lock().await
    }

    pub(super) fn add(&self, due: u64, user: UserNum, delay_id: &str) {
        self.waiting().insert((due, user, delay_id.to_owned()));
        self.changed.notify_one();
    }

    pub(super) fn remove(&self, due: u64, user: UserNum, delay_id: &str) {
        self.waiting().remove(&(due, user, delay_id.to_owned()));
    }

    fn first_due(&self) -> Option<u64> {
        self.waiting().first().map(|(due, _, _)| *due)
    }

    /// Takes the first one, if it is due.
    fn take(&self, now_ms: u64) -> Option<(UserNum, String)> {
        let mut waiting = self.waiting();
        let (due, _, _) = waiting.first()?;
        if *due > now_ms {
            return None;
        }
        waiting.pop_first().map(|(_, user, delay_id)| (user, delay_id))
    }

    fn waiting(&self) -> MutexGuard<'_, BTreeSet<(u64, UserNum, String)>> {
        // Nothing under the lock can panic.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Rooms {
    /// Learns from the rows what waits: once, at the start.
    pub fn read_schedule(&self) -> Result<()> {
        for (due, user, delay_id) in self.all_waiting()? {
            self.schedule.add(due, user, &delay_id);
        }
        Ok(())
    }

    /// Waits for the next event that is due, and takes it out of the schedule. Nothing is lost if the wait is given up.
    pub async fn next_due(&self) -> (UserNum, String) {
        loop {
            let now = self.clock.now_ms();
            if let Some(due) = self.schedule.take(now) {
                return due;
            }
            let wait = match self.schedule.first_due() {
                Some(due) => Duration::from_millis(due.saturating_sub(now)).min(GLANCE),
                None => Duration::MAX,
            };
            tokio::select! {
                () = sleep(wait) => {}
                () = self.schedule.changed.notified() => {}
            }
        }
    }
}
