//! What a sync tells that is in no DAG: account data, receipts, typing notices, presence.

use std::collections::BTreeMap;

use super::Builder;
use crate::{
    error::Result,
    ids::{Position, RoomNum},
    json::ObjectWriter,
    users::AccountData,
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
        let wanted = data.get(&None).into_iter().flatten();
        wanted.filter(|data| self.filter.account_data.allows_type(&data.kind)).map(render).collect()
    }

    pub(super) fn room_account_data(&self, data: Option<&Vec<AccountData>>) -> Vec<Vec<u8>> {
        let filter = self.filter.room_account_data;
        data.into_iter().flatten().filter(|data| filter.allows_type(&data.kind)).map(render).collect()
    }

    pub(super) fn ephemeral(&self, _room: RoomNum, _since: Option<Position>) -> Result<Vec<Vec<u8>>> {
        Ok(Vec::new())
    }

    pub(super) fn presence(&self) -> Result<Vec<Vec<u8>>> {
        Ok(Vec::new())
    }
}

fn render(data: &AccountData) -> Vec<u8> {
    let mut out = Vec::with_capacity(data.content.len() + data.kind.len() + 32);
    let mut object = ObjectWriter::open(&mut out);
    object.json("content", data.content.as_bytes());
    object.text("type", &data.kind);
    object.close();
    out
}
