//! Account data: what clients keep here for their user, of all rooms or of one.
//!
//! Invariant: exactly one row of the feed for each room and type, at the position that the current row names.
//! Deletion keeps an empty row, so that it is told once to each client.

use std::collections::HashSet;

use ruma::{OwnedUserId, UserId};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Users, feed::FeedEntry};
use crate::{
    error::{Error, Result},
    ids::{Position, RoomNum, UserNum},
    json::ObjectWriter,
    push,
    store::{
        Commit, Family, Key, LogEntry, Notice, Read, Snapshot, StoreError, decode,
        keys::{self, Index, KeyBuilder},
    },
};

/// The type that lists whom a user ignores.
pub const IGNORED_USERS: &str = "m.ignored_user_list";
/// The content of one type may have this many bytes.
const MAX_CONTENT: usize = 64 << 10;
/// Changes of push rules may have this many bytes.
const MAX_PUSH_RULES: usize = 256 << 10;
/// A type may have this many bytes.
const MAX_TYPE: usize = 255;
/// All of a user's account data may have this many bytes, names included.
const MAX_TOTAL: u64 = 16 << 20;
/// What stands before the room and type in a key, bytes: the user and the kind of row.
const PREFIX: usize = 5;
/// What a row counts for beside its content and type, bytes.
const ROW_OVERHEAD: usize = 64;

/// Account data of one type, in a room or global.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountData {
    /// The room, `None` for what is global.
    pub room: Option<RoomNum>,
    /// Its type.
    pub kind: String,
    /// A JSON object; `{}` after deletion.
    pub content: String,
}

impl AccountData {
    /// The event that clients get.
    pub fn to_event(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.content.len() + self.kind.len() + 32);
        let mut object = ObjectWriter::open(&mut out);
        object.json("content", self.content.as_bytes());
        object.text("type", &self.kind);
        object.close();
        out
    }
}

/// User → room, type: the current content, and where it was set.
#[derive(Serialize, Deserialize)]
pub struct AccountDataRow {
    /// Where the feed tells of it.
    pub position: Position,
    /// Empty after deletion.
    pub content: String,
}

/// `index`: user → account data.
pub fn key(user: UserNum, room: Option<RoomNum>, kind: &str) -> Key {
    KeyBuilder::user(user, Index::AccountData).u32(room.unwrap_or_default().0).tail(kind.as_bytes()).build()
}

/// `index`: user → what all their account data weighs.
pub fn size_key(user: UserNum) -> Key {
    KeyBuilder::user(user, Index::AccountDataSize).build()
}

/// Bytes that a row counts for.
pub fn weight(kind: &str, content: &str) -> u64 {
    (ROW_OVERHEAD + kind.len() + content.len()) as u64
}

impl Users {
    /// The content of a type, `None` if there is none (any more). Push rules there always are.
    pub fn account_data(
        &self,
        read: &impl Read,
        user: UserNum,
        room: Option<RoomNum>,
        kind: &str,
    ) -> Result<Option<String>> {
        if room.is_none() && kind == push::ACCOUNT_DATA {
            return self.push_rules_content(read, user).map(Some);
        }
        let row: Option<AccountDataRow> = read.get_row(Family::Index, &key(user, room, kind))?;
        Ok(row.map(|row| row.content).filter(|content| !content.is_empty()))
    }

    /// Sets the content of a type: a JSON object, of which `{}` is deletion.
    pub async fn set_account_data(
        &self,
        user: UserNum,
        room: Option<RoomNum>,
        kind: &str,
        content: &str,
    ) -> Result<()> {
        let object: Map<String, Value> = serde_json::from_str(content).map_err(|error| {
            let errcode = if error.is_data() { "M_BAD_JSON" } else { "M_NOT_JSON" };
            Error::bad_request(errcode, "Account data must be a JSON object.")
        })?;
        let content = if object.is_empty() { "" } else { content };
        self.change_account_data(user, room, kind, |_| Ok(content.to_owned())).await
    }

    /// Sets the content of a type to what `change` makes of the old one. Empty text is deletion.
    pub(super) async fn change_account_data(
        &self,
        user: UserNum,
        room: Option<RoomNum>,
        kind: &str,
        change: impl FnOnce(Option<&str>) -> Result<String>,
    ) -> Result<()> {
        if kind.len() > MAX_TYPE {
            return Err(Error::invalid_param("A type of account data has at most 255 bytes."));
        }
        let ticket = {
            let _lock = self.locks.user(user);
            let latest = self.store.latest();
            let key = key(user, room, kind);
            let before: Option<AccountDataRow> = latest.get_row(Family::Index, &key)?;
            let old = before.as_ref().map(|row| row.content.as_str()).filter(|content| !content.is_empty());
            let content = change(old)?;
            let size: u64 = latest.get_row(Family::Index, &size_key(user))?.unwrap_or_default();
            let replaced = before.as_ref().map_or(0, |row| weight(kind, &row.content));
            let size = size.saturating_sub(replaced) + weight(kind, &content);
            let most = if kind == push::ACCOUNT_DATA { MAX_PUSH_RULES } else { MAX_CONTENT };
            if content.len() > most || size > MAX_TOTAL {
                return Err(Error::new(413, "M_TOO_LARGE", "This is too much account data to be kept here."));
            }
            self.store.commit(|position| {
                let mut commit = Commit::new(LogEntry::User(user));
                if let Some(before) = before {
                    commit.delete(Family::Feed, keys::user_position(user, before.position));
                }
                let entry = FeedEntry::AccountData(room, kind.to_owned());
                commit
                    .put_row(Family::Index, key, &AccountDataRow { position, content })
                    .put_row(Family::Index, size_key(user), &size)
                    .put_row(Family::Feed, keys::user_position(user, position), &entry)
                    .notify(Notice::User(user));
                commit
            })
        };
        ticket.durable().await?;
        Ok(())
    }

    /// What changed after `since`, deletions included, in the order of the changes.
    pub fn account_data_since(&self, snapshot: &Snapshot, user: UserNum, since: Position) -> Result<Vec<AccountData>> {
        let start = keys::user_position(user, Position(since.0 + 1));
        let end = keys::user_position(user, Position(snapshot.position().0 + 1));
        let mut rows = snapshot.scan(Family::Feed, &start, &end);
        let mut changed = Vec::new();
        while let Some((_, value)) = rows.next()? {
            let FeedEntry::AccountData(room, kind) = decode(Family::Feed, value)? else { continue };
            let content = self.account_data(snapshot, user, room, &kind)?.unwrap_or_else(|| "{}".to_owned());
            changed.push(AccountData { room, kind, content });
        }
        Ok(changed)
    }

    /// All that there is: the push rules, then what is global, then by room.
    pub fn all_account_data(&self, snapshot: &Snapshot, user: UserNum) -> Result<Vec<AccountData>> {
        let content = self.push_rules_content(snapshot, user)?;
        let mut all = vec![AccountData { room: None, kind: push::ACCOUNT_DATA.to_owned(), content }];
        let mut stored = Self::account_data_below(snapshot, &KeyBuilder::user(user, Index::AccountData).build())?;
        stored.retain(|data| data.room.is_some() || data.kind != push::ACCOUNT_DATA);
        all.append(&mut stored);
        Ok(all)
    }

    /// All that there is of one room.
    pub fn room_account_data(&self, snapshot: &Snapshot, user: UserNum, room: RoomNum) -> Result<Vec<AccountData>> {
        Self::account_data_below(snapshot, &KeyBuilder::user(user, Index::AccountData).u32(room.0).build())
    }

    fn account_data_below(snapshot: &Snapshot, prefix: &Key) -> Result<Vec<AccountData>> {
        let mut rows = snapshot.scan_prefix(Family::Index, prefix);
        let mut all = Vec::new();
        while let Some((key, value)) = rows.next()? {
            let (room, kind) = key.get(PREFIX..).and_then(read_key).ok_or(StoreError::Malformed(Family::Index))?;
            let row: AccountDataRow = decode(Family::Index, value)?;
            if !row.content.is_empty() {
                all.push(AccountData { room, kind, content: row.content });
            }
        }
        Ok(all)
    }

    /// Whom the user ignores, and where they changed that last. What is malformed in their list ignores nobody.
    pub fn ignored_users(&self, read: &impl Read, user: UserNum) -> Result<(HashSet<OwnedUserId>, Position)> {
        let row: Option<AccountDataRow> = read.get_row(Family::Index, &key(user, None, IGNORED_USERS))?;
        Ok(row.map(|row| (parse_ignored(&row.content), row.position)).unwrap_or_default())
    }

    /// Whether the user wants no invites (client-server API, "Invite permission").
    pub fn blocks_invites(&self, read: &impl Read, user: UserNum) -> Result<bool> {
        let content = self.account_data(read, user, None, "m.invite_permission_config")?;
        Ok(content.is_some_and(|content| is_block(&content)))
    }

    /// Adds the deletion of all account data to a commit that the caller queues under the user's lock.
    pub(super) fn erase_account_data(&self, commit: &mut Commit, user: UserNum) -> Result<()> {
        let snapshot = self.store.snapshot();
        let prefix = KeyBuilder::user(user, Index::AccountData).build();
        let mut rows = snapshot.scan_prefix(Family::Index, &prefix);
        while let Some((key, value)) = rows.next()? {
            let row: AccountDataRow = decode(Family::Index, value)?;
            commit.delete(Family::Index, Key::from_slice(key));
            commit.delete(Family::Feed, keys::user_position(user, row.position));
        }
        commit.delete(Family::Index, size_key(user));
        Ok(())
    }
}

/// The room and type of a key, behind its prefix.
fn read_key(rest: &[u8]) -> Option<(Option<RoomNum>, String)> {
    let room = keys::read_u32(rest, 0)?;
    let kind = String::from_utf8(rest.get(4..)?.to_owned()).ok()?;
    Some(((room != 0).then_some(RoomNum(room)), kind))
}

fn parse_ignored(content: &str) -> HashSet<OwnedUserId> {
    #[derive(Deserialize)]
    struct IgnoredUserList {
        ignored_users: Map<String, Value>,
    }
    let list = serde_json::from_str::<IgnoredUserList>(content);
    let names = list.map(|list| list.ignored_users).unwrap_or_default();
    names.keys().filter_map(|name| Some(<&UserId>::try_from(name.as_str()).ok()?.to_owned())).collect()
}

fn is_block(content: &str) -> bool {
    #[derive(Deserialize)]
    struct InvitePermission {
        default_action: Value,
    }
    serde_json::from_str::<InvitePermission>(content).is_ok_and(|config| config.default_action == "block")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn malformed_lists_ignore_nobody() {
        for content in [r#"{"ignored_users":["@a:b"]}"#, r#"{"other":1}"#, r#"{"ignored_users":{"a":{}}}"#] {
            assert!(parse_ignored(content).is_empty(), "{content}");
        }
        let list = parse_ignored(r#"{"ignored_users":{"@a:b":{},"nobody":{},"@c:d":3}}"#);
        assert_eq!(list.len(), 2);
    }

    #[test]
    fn keys_read_back() {
        let rest = |key: Key| read_key(&key[5..]).unwrap();
        assert_eq!(rest(key(UserNum(7), None, "m.direct")), (None, "m.direct".to_owned()));
        assert_eq!(rest(key(UserNum(7), Some(RoomNum(9)), "m.tag")), (Some(RoomNum(9)), "m.tag".to_owned()));
    }
}
