//! Devices: where a user is logged in. A device lives as long as its tokens.

use ruma::{DeviceId, OwnedDeviceId};
use serde::{Deserialize, Serialize};

use super::{
    Users,
    keys::{ListChange, device_keys_key},
    tokens::{self, TokenHash},
};
use crate::{
    error::{Error, Result},
    ids::{Position, UserNum},
    store::{
        Commit, Family, Key, LogEntry, Notice, Read,
        keys::{self, Index, KeyBuilder},
    },
};

/// A user may have this many devices; one more, and the one not seen for longest is logged out.
const MAX_DEVICES: usize = 500;
/// A device ID or the name of a device may have this many bytes.
pub(super) const MAX_NAME: usize = 255;

/// The hashes of tokens that were issued together.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TokenPair {
    pub access: TokenHash,
    pub refresh: Option<TokenHash>,
}

impl TokenPair {
    /// Deletes both, and says which.
    pub(super) fn revoke(&self, commit: &mut Commit) -> Vec<TokenHash> {
        let hashes: Vec<TokenHash> = std::iter::once(self.access).chain(self.refresh).collect();
        for hash in &hashes {
            commit.delete(Family::Index, tokens::key(hash));
        }
        hashes
    }
}

/// The row of a device.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DeviceRow {
    pub display_name: Option<String>,
    /// When it was last known to be seen when this row was written, milliseconds since the epoch.
    pub last_seen_ts: u64,
    pub last_seen_ip: Option<String>,
    pub current: TokenPair,
    /// After a refresh: the tokens before it, until one of the new ones is used.
    pub previous: Option<TokenPair>,
}

impl DeviceRow {
    /// The hashes of all tokens that the device may use.
    pub fn token_hashes(&self) -> impl Iterator<Item = TokenHash> {
        let pairs = std::iter::once(&self.current).chain(&self.previous);
        pairs.flat_map(|pair| std::iter::once(pair.access).chain(pair.refresh))
    }
}

/// What goes with devices whose deletion is in a commit.
#[derive(Default)]
pub(super) struct Removed {
    /// Their tokens: to be forgotten once the commit is queued.
    pub tokens: Vec<TokenHash>,
    /// Others knew one of them by its keys.
    list: Option<ListChange>,
}

impl Removed {
    /// Tokens of a device that stays.
    pub fn tokens_only(tokens: Vec<TokenHash>) -> Self {
        Self { tokens, list: None }
    }

    /// Others knew the user by other keys as well, which go with the devices.
    pub fn tell_of_keys(&mut self, list: ListChange) {
        self.list = Some(list);
    }

    /// Adds to the commit, which lands at `position`, what others are to be told.
    pub fn tell(&self, commit: &mut Commit, position: Position) {
        if let Some(list) = &self.list {
            list.write(commit, position);
        }
    }
}

/// A device as its user sees it.
#[derive(Clone, Debug, Serialize)]
pub struct Device {
    /// Its ID.
    pub device_id: OwnedDeviceId,
    /// What the user calls it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// Where it logged in from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_seen_ip: Option<String>,
    /// When it was last seen, milliseconds since the epoch.
    pub last_seen_ts: u64,
}

pub(super) fn key(user: UserNum, device_id: &DeviceId) -> Key {
    KeyBuilder::user(user, Index::Device).tail(device_id.as_bytes()).build()
}

/// Deletes all tokens of a device, and says which.
pub(super) fn revoke(commit: &mut Commit, row: &DeviceRow) -> Vec<TokenHash> {
    let pairs = std::iter::once(&row.current).chain(&row.previous);
    pairs.flat_map(|pair| pair.revoke(commit)).collect()
}

impl Users {
    pub(super) fn device(&self, user: UserNum, device_id: &DeviceId) -> Result<Option<DeviceRow>> {
        Ok(self.store.latest().get_row(Family::Index, &key(user, device_id))?)
    }

    /// The user's devices, in the order of their IDs.
    pub fn devices(&self, user: UserNum) -> Result<Vec<Device>> {
        let rows = self.device_ids(user)?.into_iter().map(|id| self.get_device(user, &id));
        // One may have gone since it was listed.
        rows.filter(|device| !matches!(device, Err(error) if error.status == 404)).collect()
    }

    /// One of the user's devices; 404 `M_NOT_FOUND` if they have none of that ID.
    pub fn get_device(&self, user: UserNum, device_id: &DeviceId) -> Result<Device> {
        let row = self.device(user, device_id)?.ok_or_else(no_device)?;
        Ok(Device {
            device_id: device_id.to_owned(),
            last_seen_ts: self.last_seen(&row),
            display_name: row.display_name,
            last_seen_ip: row.last_seen_ip,
        })
    }

    /// Names a device; 404 `M_NOT_FOUND` if the user has none of that ID.
    pub async fn rename_device(&self, user: UserNum, device_id: &DeviceId, name: String) -> Result<()> {
        if name.len() > MAX_NAME {
            return Err(Error::invalid_param("The name of a device has at most 255 bytes."));
        }
        let ticket = {
            let _lock = self.locks.user(user);
            let mut row = self.device(user, device_id)?.ok_or_else(no_device)?;
            row.last_seen_ts = self.last_seen(&row);
            row.display_name = Some(name);
            // Others see the name beside the keys.
            let latest = self.store.latest();
            let has_keys = latest.get(Family::Devices, &device_keys_key(user, device_id))?.is_some();
            let list = if has_keys { Some(ListChange::of(&latest, user)?) } else { None };
            self.store.commit(|position| {
                let mut commit = Commit::new(LogEntry::User(user));
                commit.put_row(Family::Index, key(user, device_id), &row).notify(Notice::User(user));
                if let Some(list) = list {
                    list.write(&mut commit, position);
                }
                commit
            })
        };
        ticket.durable().await?;
        Ok(())
    }

    /// Logs devices out and deletes them; those that are gone already are passed over.
    pub async fn delete_devices(&self, user: UserNum, device_ids: &[OwnedDeviceId]) -> Result<()> {
        let ticket = {
            let _lock = self.locks.user(user);
            let mut commit = Commit::new(LogEntry::User(user));
            let removed = self.remove_devices(&mut commit, user, device_ids)?;
            let ticket = self.store.commit(|position| {
                removed.tell(&mut commit, position);
                commit
            });
            self.tokens.end(&removed.tokens);
            ticket
        };
        ticket.durable().await?;
        self.wake_ended(user);
        Ok(())
    }

    /// Logs out all of the user's devices but one.
    pub async fn delete_other_devices(&self, user: UserNum, spared: Option<&DeviceId>) -> Result<()> {
        let mut device_ids = self.device_ids(user)?;
        device_ids.retain(|id| spared.is_none_or(|spared| id != spared));
        self.delete_devices(user, &device_ids).await
    }

    /// Adds the deletion of devices, with all that is theirs, to a commit that the caller queues under the user's
    /// lock.
    pub(super) fn remove_devices(
        &self,
        commit: &mut Commit,
        user: UserNum,
        device_ids: &[OwnedDeviceId],
    ) -> Result<Removed> {
        let (mut tokens, mut had_keys) = (Vec::new(), false);
        for device_id in device_ids {
            if let Some(row) = self.device(user, device_id)? {
                tokens.extend(revoke(commit, &row));
                commit.delete(Family::Index, key(user, device_id));
                let start = keys::transactions(user, device_id.as_str()).build();
                // A key with a NUL at its end has a successor.
                let end = keys::successor(&start).unwrap_or_else(|| start.clone());
                commit.delete_range(Family::Index, start, end);
                had_keys |= self.delete_device_keys(commit, user, device_id)?;
                self.delete_inbox(commit, user, device_id)?;
            }
        }
        self.remove_pushers_of(commit, user, |device_id| device_ids.iter().any(|gone| gone == device_id))?;
        commit.notify(Notice::User(user));
        let list = if had_keys { Some(ListChange::of(&self.store.latest(), user)?) } else { None };
        Ok(Removed { tokens, list })
    }

    /// Before one more device: deletes the one not seen for longest if there are too many.
    pub(super) fn make_room_for_device(&self, commit: &mut Commit, user: UserNum) -> Result<Removed> {
        let device_ids = self.device_ids(user)?;
        if device_ids.len() < MAX_DEVICES {
            return Ok(Removed::tokens_only(Vec::new()));
        }
        let mut stalest: Option<(u64, OwnedDeviceId)> = None;
        for device_id in device_ids {
            let Some(row) = self.device(user, &device_id)? else { continue };
            let seen = self.last_seen(&row);
            if stalest.as_ref().is_none_or(|(earliest, _)| seen < *earliest) {
                stalest = Some((seen, device_id));
            }
        }
        let stalest: Vec<OwnedDeviceId> = stalest.into_iter().map(|(_, device_id)| device_id).collect();
        self.remove_devices(commit, user, &stalest)
    }

    /// The IDs of the user's published devices: one that is not published is known to no client yet.
    pub(super) fn device_ids(&self, user: UserNum) -> Result<Vec<OwnedDeviceId>> {
        let prefix = KeyBuilder::user(user, Index::Device).build();
        let snapshot = self.store.snapshot();
        let mut rows = snapshot.scan_prefix(Family::Index, &prefix);
        let mut ids = Vec::new();
        while let Some((key, _)) = rows.next()? {
            // What was stored came out of a string.
            ids.push(String::from_utf8_lossy(&key[prefix.len()..]).into());
        }
        Ok(ids)
    }

    fn last_seen(&self, row: &DeviceRow) -> u64 {
        self.tokens.last_seen(&row.current.access).unwrap_or(0).max(row.last_seen_ts)
    }
}

fn no_device() -> Error {
    Error::not_found("You have no device of that ID.")
}
