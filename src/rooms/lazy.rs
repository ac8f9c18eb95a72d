//! Which member events a device has been sent already, so that lazy loading need not send them again
//! (client-server API, "Lazy-loading room members"). In memory only: what is forgotten is sent once more.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use quick_cache::sync::Cache;

use crate::ids::{EventNum, RoomNum, UserNum};

/// Pairs of a device and a room that are remembered.
const MAX_ENTRIES: usize = 20_000;
/// Members that are remembered for one of them.
const MAX_MEMBERS: usize = 1_000;

type Sent = Arc<Mutex<HashMap<UserNum, EventNum>>>;

/// What devices have been sent.
pub struct LazyMembers(Cache<(UserNum, String, RoomNum), Sent>);

impl Default for LazyMembers {
    fn default() -> Self {
        Self(Cache::new(MAX_ENTRIES))
    }
}

impl LazyMembers {
    /// Forgets what a device has of a room, which it is about to be told anew.
    pub fn reset(&self, user: UserNum, device: &str, room: RoomNum) {
        self.0.remove(&(user, device.to_owned(), room));
    }

    /// Notes that a device is sent `member`'s event `number`; whether that is news to it.
    pub fn note(&self, (user, device, room): (UserNum, &str, RoomNum), member: UserNum, number: EventNum) -> bool {
        let key = (user, device.to_owned(), room);
        let sent = self.0.get(&key).unwrap_or_else(|| {
            let sent = Sent::default();
            self.0.insert(key, sent.clone());
            sent
        });
        // A panic elsewhere leaves a map that is whole.
        let mut sent = sent.lock().unwrap_or_else(PoisonError::into_inner);
        if sent.len() >= MAX_MEMBERS {
            sent.clear();
        }
        sent.insert(member, number) != Some(number)
    }
}
