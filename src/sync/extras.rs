//! What a sync tells that is in no DAG: account data, receipts, typing notices, presence.

use std::collections::{BTreeMap, BTreeSet};

use ruma::RoomId;

use super::{Builder, Feed, moved::Moved};
use crate::{
    error::Result,
    ids::{Position, RoomNum},
    rooms::{receipts, typing},
    users::{AccountData, presence},
};

/// Account data by room; `None` is what is global.
pub(super) type AccountDataByRoom = BTreeMap<Option<RoomNum>, Vec<AccountData>>;

impl Builder<'_> {
    /// The user's account data that is new to the client.
    pub(super) fn account_data(&self, since: Option<Position>) -> Result<AccountDataByRoom> {
        let user = self.session.user;
        let all = match since {
            None => self.app.users.all_account_data(&self.snapshot, user)?,
            Some(since) if self.app.store.live().user_changed(user, since) => {
                self.app.users.account_data_since(&self.snapshot, user, since)?
            }
            Some(_) => Vec::new(),
        };
        let mut by_room = AccountDataByRoom::new();
        for data in all {
            by_room.entry(data.room).or_default().push(data);
        }
        Ok(by_room)
    }

    pub(super) fn global_account_data(&self, data: &AccountDataByRoom) -> Vec<Vec<u8>> {
        let filter = self.filter.account_data;
        let wanted = data.get(&None).into_iter().flatten().filter(|data| filter.allows_unsent(&data.kind));
        let mut events = wanted.map(AccountData::to_event).collect();
        filter.cut(&mut events);
        events
    }

    pub(super) fn room_account_data(&self, room_id: &RoomId, data: Option<&Vec<AccountData>>) -> Vec<Vec<u8>> {
        let Some(selector) = self.filter.room_account_data(room_id) else { return Vec::new() };
        let wanted = |data: &&AccountData| selector.matches_unsent(&data.kind, data.content.as_bytes());
        let mut events = data.into_iter().flatten().filter(wanted).map(AccountData::to_event).collect();
        selector.cut(&mut events);
        events
    }

    /// Typing notices and receipts of a room. `since` is `None` if the client has nothing of the room.
    pub(super) fn ephemeral(
        &self,
        (room, room_id): (RoomNum, &RoomId),
        since: Option<Position>,
    ) -> Result<Vec<Vec<u8>>> {
        let mut events = Vec::new();
        let Some(selector) = self.filter.ephemeral(room_id) else { return Ok(events) };
        if selector.matches_unsent("m.typing", b"{}") {
            let moment = since.map_or(0, |_| self.known_moment());
            let typing = self.app.rooms.typing.changed(room, moment);
            // After a restart nobody types: a client that may know otherwise is told so once.
            let users = typing.or_else(|| (since.is_some() && self.is_restarted()).then(Vec::new));
            events.extend(users.map(|users| typing::event(&users)));
        }
        if selector.matches_unsent("m.receipt", b"{}") {
            let view = self.app.rooms.view(&self.snapshot, room);
            let receipts = match since {
                Some(since) => view.receipts_since(self.session.user, since)?,
                None => view.newest_receipts(self.session.user)?,
            };
            events.extend(receipts::events(&self.app.store, &receipts)?);
        }
        selector.cut(&mut events);
        Ok(events)
    }

    /// The presence of those whom the user shares a room with, and the user's own: what changed of it, and that of
    /// newcomers.
    pub(super) fn presence(&self, moved: &[Moved], feed: &Feed) -> Result<Vec<Vec<u8>>> {
        let mut events = Vec::new();
        if !self.filter.presence.allows_type("m.presence") {
            return Ok(events);
        }
        let newcomers = self.newcomers(moved, feed)?;
        if self.known_moment() == self.now.moment && newcomers.is_empty() {
            return Ok(events);
        }
        let mut told = BTreeSet::new();
        let changed = self.app.users.presence.changed_since(self.known_moment());
        for (user, status) in changed.into_iter().chain(self.presence_of(&newcomers)?) {
            let shares_room = user == self.session.user || self.app.rooms.is_joined_to_any(&self.joined, user)?;
            if !shares_room || !told.insert(user) {
                continue;
            }
            let user_id = self.app.store.user_id(user)?;
            if self.filter.presence.allows_sender(&user_id) {
                events.push(presence::event(&user_id, &status)?);
            }
        }
        self.filter.presence.cut(&mut events);
        Ok(events)
    }
}
