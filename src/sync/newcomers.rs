//! Whom a user has come to share a room with since the client's token: their presence is news to the client, though it
//! didn't change.

use std::collections::BTreeSet;

use super::{Builder, Feed, moved::Moved};
use crate::{
    error::Result,
    ids::{RoomNum, UserNum},
    users::presence::PresenceStatus,
};

/// Who is new to the user.
#[derive(Default)]
pub(super) struct Newcomers {
    /// Rooms that the user entered: all members are new.
    entered: Vec<RoomNum>,
    /// Who entered a room in which the user was already.
    came: BTreeSet<UserNum>,
}

impl Newcomers {
    pub fn is_empty(&self) -> bool {
        self.entered.is_empty() && self.came.is_empty()
    }
}

impl Builder<'_> {
    /// `moved`: since the token; `feed`: what it says since then.
    pub(super) fn newcomers(&self, moved: &[Moved], feed: &Feed) -> Result<Newcomers> {
        let mut found = Newcomers::default();
        if self.since.is_none() {
            return Ok(found);
        }
        let entered = feed.memberships.iter().filter(|room| self.joined.binary_search(room).is_ok());
        found.entered.extend(entered);
        for moved in moved {
            found.came.extend(moved.traffic(self.app, &self.app.rooms.view(&self.snapshot, moved.room))?.came);
        }
        found.came.remove(&self.session.user);
        Ok(found)
    }

    /// The presence of those among them who are there.
    pub(super) fn presence_of(&self, newcomers: &Newcomers) -> Result<Vec<(UserNum, PresenceStatus)>> {
        let presence = &self.app.users.presence;
        let came = newcomers.came.iter().map(|user| (*user, presence.get(*user)));
        let mut found: Vec<_> = came.filter(|(_, status)| !status.is_offline()).collect();
        if !newcomers.entered.is_empty() {
            for (user, status) in presence.changed_since(0) {
                let is_new = !newcomers.came.contains(&user) && user != self.session.user;
                if is_new && self.app.rooms.is_joined_to_any(&newcomers.entered, user)? {
                    found.push((user, status));
                }
            }
        }
        Ok(found)
    }
}
