//! How much users with pushers have not read, over all of their rooms.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::{
    app::App,
    error::Result,
    ids::{Position, RoomNum, UserNum},
    rooms::view::own_rooms,
};

/// What is known of the users' numbers.
#[derive(Default)]
pub(super) struct Badges(Mutex<HashMap<UserNum, Badge>>);

/// One user's number.
#[derive(Default)]
struct Badge {
    /// Up to where the rooms were looked at.
    upto: Position,
    rooms: HashMap<RoomNum, u64>,
    /// What pushers were told last.
    told: Option<u64>,
}

impl Badges {
    fn lock(&self) -> MutexGuard<'_, HashMap<UserNum, Badge>> {
        // A panic elsewhere leaves numbers that are counted anew when their room changes.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets a user who has no pushers any more.
    pub fn forget(&self, user: UserNum) {
        self.lock().remove(&user);
    }

    /// The number that a user's pushers are told now.
    pub fn tell(&self, app: &App, user: UserNum) -> Result<u64> {
        let mut badges = self.lock();
        let badge = badges.entry(user).or_default();
        let number = badge.count(app, user)?;
        badge.told = Some(number);
        Ok(number)
    }

    /// Whether the number is less than the user's pushers were told.
    pub fn is_less(&self, app: &App, user: UserNum) -> Result<bool> {
        let mut badges = self.lock();
        let Some(badge) = badges.get_mut(&user).filter(|badge| badge.told.is_some_and(|told| told > 0)) else {
            return Ok(false);
        };
        Ok(Some(badge.count(app, user)?) < badge.told)
    }
}

impl Badge {
    /// Looks at the rooms that have changed since it was counted last.
    fn count(&mut self, app: &App, user: UserNum) -> Result<u64> {
        let snapshot = app.store.snapshot();
        let live = app.store.live();
        let load = || own_rooms(&snapshot, user).map(|rooms| rooms.joined());
        let joined = live.joined_rooms(user, load)?;
        let all = live.user_changed(user, self.upto);
        let changed = if all { joined.to_vec() } else { live.changed_rooms(&joined, self.upto) };
        self.rooms.retain(|room, _| joined.binary_search(room).is_ok());
        for room in changed {
            let Some(own) = app.rooms.view(&snapshot, room).own(user)? else { continue };
            let unread = app.rooms.unread(&snapshot, user, (room, own.since))?;
            self.rooms.insert(room, unread.counts.total().notifications);
        }
        self.upto = snapshot.position();
        Ok(self.rooms.values().sum())
    }
}
