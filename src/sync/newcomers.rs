//! Whom a user has come to share a room with since the client's token: their presence is news to the client, though it
//! didn't change.

use std::collections::BTreeSet;

use super::{Builder, Feed, device_lists::membership};
use crate::{
    error::Result,
    ids::{Position, RoomNum, UserNum},
    rooms::{
        rows::Membership,
        view::{RoomView, ViewError},
    },
    store::Snapshot,
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
    /// `touched`: joined rooms in which something happened; `feed`: what it says since the token.
    pub(super) fn newcomers(&self, touched: &[RoomNum], feed: &Feed) -> Result<Newcomers> {
        let mut found = Newcomers::default();
        let Some(since) = self.since.map(|token| token.position) else { return Ok(found) };
        let entered = feed.memberships.iter().filter(|room| self.joined.binary_search(room).is_ok());
        found.entered.extend(entered);
        for room in touched.iter().filter(|room| !feed.memberships.contains(room)) {
            self.add_who_came(&self.app.rooms.view(&self.snapshot, *room), since, &mut found.came)?;
        }
        found.came.remove(&self.session.user);
        Ok(found)
    }

    fn add_who_came(
        &self,
        view: &RoomView<'_, Snapshot<'_>>,
        since: Position,
        came: &mut BTreeSet<UserNum>,
    ) -> Result<(), ViewError> {
        let (before, after) = (view.current_root(since)?, view.current_root(self.now.position)?);
        if before == after {
            return Ok(());
        }
        let of_members = view.trie_key().type_prefix("m.room.member");
        for change in view.state(before).diff(after)? {
            if !of_members.contains(&change.path) {
                continue;
            }
            let was_joined = matches!(membership(view, change.before)?, Some((_, Membership::Join)));
            if let Some((user_id, Membership::Join)) = membership(view, change.after)?
                && !was_joined
                && let Some(user) = self.app.store.user_num(&user_id)?
            {
                came.insert(user);
            }
        }
        Ok(())
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
