//! Pushers: where gateways are told what a user is notified of (client-server API, "Push Notifications"). A pusher
//! lives as long as the device that set it is logged in.
//!
//! Invariant: one row holds all pushers of a user, and for each of them `Index::Pushkey` has a row that leads to the user.

use ruma::{DeviceId, OwnedDeviceId};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::{Session, Users};
use crate::{
    error::{Error, Result},
    ids::UserNum,
    store::{
        Commit, Family, Key, LogEntry, Notice, Read, Snapshot, StoreError,
        keys::{Index, KeyBuilder, read_u32},
    },
};

/// A user may have this many pushers.
const MAX_PUSHERS: usize = 30;

/// A pusher of a user, known by its application and push key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pusher {
    /// The application.
    pub app_id: String,
    /// Where the gateway is to send to.
    pub pushkey: String,
    /// What the application is called.
    pub app_display_name: String,
    /// What the device is called.
    pub device_display_name: String,
    /// Which of the device's own rules it executes.
    pub profile_tag: Option<String>,
    /// The user's language.
    pub lang: String,
    /// The gateway.
    pub url: String,
    /// What the gateway gets with each notification: a JSON object.
    pub data: String,
    /// The device that set it.
    pub device_id: OwnedDeviceId,
    /// When it was set, in s since the epoch.
    pub set_at: u64,
}

impl Pusher {
    /// What the gateway gets with each notification.
    pub fn data(&self) -> Map<String, Value> {
        serde_json::from_str(&self.data).unwrap_or_default()
    }

    fn is(&self, app_id: &str, pushkey: &str) -> bool {
        self.app_id == app_id && self.pushkey == pushkey
    }
}

/// `index`: user → their pushers.
pub fn key(user: UserNum) -> Key {
    KeyBuilder::user(user, Index::Pushers).build()
}

/// `index`: 0 → push key, user who has a pusher for it. No value.
pub fn pushkey_key(app_id: &str, pushkey: &str, user: UserNum) -> Key {
    pushkey_prefix(app_id, pushkey).u32(user.0).build()
}

fn pushkey_prefix(app_id: &str, pushkey: &str) -> KeyBuilder {
    let mut hash = Sha256::new();
    // The length keeps apart where one ends and the other begins.
    hash.update((app_id.len() as u64).to_be_bytes());
    hash.update(app_id);
    hash.update(pushkey);
    KeyBuilder::global(Index::Pushkey).tail(&hash.finalize()[..16])
}

impl Users {
    /// The user's pushers, in the order in which they were set.
    pub fn pushers(&self, read: &impl Read, user: UserNum) -> Result<Vec<Pusher>> {
        Ok(read.get_row(Family::Index, &key(user))?.unwrap_or_default())
    }

    /// All users who have pushers.
    pub fn users_with_pushers(&self, snapshot: &Snapshot<'_>) -> Result<Vec<UserNum>> {
        let prefix = KeyBuilder::global(Index::Pushkey).build();
        let mut rows = snapshot.scan_prefix(Family::Index, &prefix);
        let mut users = Vec::new();
        while let Some((key, _)) = rows.next()? {
            users.push(owner(key)?);
        }
        users.sort_unstable();
        users.dedup();
        Ok(users)
    }

    /// Adds a pusher, or sets the one for the same application and push key. Unless `append` is set, pushers of other users
    /// for these go: somebody else has the telephone now.
    pub async fn set_pusher(&self, session: &Session, pusher: Pusher, append: bool) -> Result<()> {
        if !append {
            for other in self.owners(&pusher)? {
                if other != session.user {
                    self.delete_pusher(other, &pusher.app_id, &pusher.pushkey).await?;
                }
            }
        }
        let key = pushkey_key(&pusher.app_id, &pusher.pushkey, session.user);
        self.change_pushers(session.user, |pushers, commit| {
            pushers.retain(|old| !old.is(&pusher.app_id, &pusher.pushkey));
            if pushers.len() >= MAX_PUSHERS {
                return Err(Error::new(413, "M_TOO_LARGE", "There are too many pushers: delete some first."));
            }
            commit.put(Family::Index, key, Vec::new());
            pushers.push(pusher);
            Ok(())
        })
        .await
    }

    /// Deletes a pusher, if it is there.
    pub async fn delete_pusher(&self, user: UserNum, app_id: &str, pushkey: &str) -> Result<()> {
        self.change_pushers(user, |pushers, commit| {
            pushers.retain(|old| !old.is(app_id, pushkey));
            commit.delete(Family::Index, pushkey_key(app_id, pushkey, user));
            Ok(())
        })
        .await
    }

    async fn change_pushers(
        &self,
        user: UserNum,
        change: impl FnOnce(&mut Vec<Pusher>, &mut Commit) -> Result<()>,
    ) -> Result<()> {
        let ticket = {
            let _lock = self.locks.user(user);
            let mut pushers = self.pushers(&self.store.latest(), user)?;
            let mut commit = Commit::new(LogEntry::User(user));
            change(&mut pushers, &mut commit)?;
            write(&mut commit, user, &pushers);
            self.store.commit(|_| commit)
        };
        ticket.durable().await?;
        Ok(())
    }

    /// Adds the deletion of the pushers of devices to a commit that the caller queues under the user's lock.
    pub(super) fn remove_pushers_of(
        &self,
        commit: &mut Commit,
        user: UserNum,
        is_gone: impl Fn(&DeviceId) -> bool,
    ) -> Result<()> {
        let mut pushers = self.pushers(&self.store.latest(), user)?;
        let gone: Vec<Pusher> = pushers.extract_if(.., |pusher| is_gone(&pusher.device_id)).collect();
        if !gone.is_empty() {
            for pusher in &gone {
                commit.delete(Family::Index, pushkey_key(&pusher.app_id, &pusher.pushkey, user));
            }
            write(commit, user, &pushers);
        }
        Ok(())
    }

    /// Who has pushers for an application and push key.
    fn owners(&self, pusher: &Pusher) -> Result<Vec<UserNum>> {
        let snapshot = self.store.snapshot();
        let prefix = pushkey_prefix(&pusher.app_id, &pusher.pushkey).build();
        let mut rows = snapshot.scan_prefix(Family::Index, &prefix);
        let mut owners = Vec::new();
        while let Some((key, _)) = rows.next()? {
            owners.push(owner(key)?);
        }
        Ok(owners)
    }
}

fn write(commit: &mut Commit, user: UserNum, pushers: &Vec<Pusher>) {
    if pushers.is_empty() {
        commit.delete(Family::Index, key(user));
    } else {
        commit.put_row(Family::Index, key(user), pushers);
    }
    commit.notify(Notice::User(user));
}

/// The user at the end of a push key's row.
fn owner(key: &[u8]) -> Result<UserNum> {
    let user = key.len().checked_sub(4).and_then(|at| read_u32(key, at));
    Ok(UserNum(user.ok_or(StoreError::Malformed(Family::Index))?))
}
