//! Numbers of unread notifications, by thread.

use std::collections::BTreeMap;

/// Threads that are counted each for itself; more are counted with what is in no thread.
const MAX_THREADS: usize = 200;

/// How many notifications are unread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// All.
    pub notifications: u64,
    /// Those with a highlight.
    pub highlights: u64,
}

/// How much is unread in a room.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// In no thread.
    pub main: Count,
    /// By the event ID of the thread's root; no thread without any is here.
    pub threads: BTreeMap<String, Count>,
}

impl Counts {
    /// In the room as a whole.
    pub fn total(&self) -> Count {
        self.threads.values().fold(self.main, |sum, thread| Count {
            notifications: sum.notifications + thread.notifications,
            highlights: sum.highlights + thread.highlights,
        })
    }

    /// Counts one more.
    pub(super) fn add(&mut self, thread: Option<&str>, highlight: bool) {
        let full = self.threads.len() >= MAX_THREADS;
        let count = match thread {
            Some(thread) if self.threads.contains_key(thread) || !full => {
                self.threads.entry(thread.to_owned()).or_default()
            }
            _ => &mut self.main,
        };
        count.notifications += 1;
        count.highlights += u64::from(highlight);
    }

    /// All of a thread is read; whether something of it was not.
    pub(super) fn clear(&mut self, thread: Option<&str>) -> bool {
        match thread {
            Some(thread) => self.threads.remove(thread).is_some(),
            None => std::mem::take(&mut self.main) != Count::default(),
        }
    }
}
