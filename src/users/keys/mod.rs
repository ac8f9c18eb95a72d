//! Keys of end-to-end encryption (client-server API, "End-to-End Encryption"): what devices publish and others ask for.
//! The server keeps and hands out; it has no secrets of anybody and trusts no key.

mod claim;
mod cross_signing;
mod dehydrated;
mod list;
mod query;
mod shape;
mod signatures;
mod stock;

use std::collections::BTreeMap;

use ruma::{DeviceId, UserId};
use serde::Deserialize;
use serde_json::{Map, Value};

pub(super) use self::list::ListChange;
pub use self::{
    claim::Claimed,
    cross_signing::{CrossSigningKeys, CrossSigningUpload, Usage, cross_signing_key},
    dehydrated::{DehydratedEvents, DehydratedRow, NewDehydrated, dehydrated_key},
    list::{change_position, list_key},
    query::Queried,
    signatures::{Failures, SignatureRow, SignedKeys, signature_key},
    stock::{OneTimeKey, Stock, one_time_key, one_time_key_id, stock_key},
};
use self::{shape::NewKey, stock::StockChange};
use super::{Session, Users, tokens::unknown_token};
use crate::{
    error::Result,
    ids::UserNum,
    store::{
        Commit, Family, Key, LogEntry, Read,
        keys::{Devices, KeyBuilder},
    },
};

/// Keys that a device uploads.
#[derive(Deserialize)]
pub struct KeysUpload {
    device_keys: Option<Map<String, Value>>,
    one_time_keys: Option<Map<String, Value>>,
    fallback_keys: Option<Map<String, Value>>,
}

/// Keys of a device whose form is right.
struct CheckedUpload {
    /// Its identity keys, JSON.
    identity: Option<String>,
    one_time: Vec<NewKey>,
    fallback: Vec<NewKey>,
}

impl KeysUpload {
    fn check(self, user_id: &UserId, device_id: &DeviceId) -> Result<CheckedUpload> {
        let identity = self.device_keys.map(|keys| shape::device_keys(keys, user_id, device_id)).transpose()?;
        let (one_time, fallback) = (new_keys(self.one_time_keys)?, new_keys(self.fallback_keys)?);
        Ok(CheckedUpload { identity, one_time, fallback })
    }
}

/// `devices`: user → device: its identity keys.
pub fn device_keys_key(user: UserNum, device_id: &DeviceId) -> Key {
    KeyBuilder::devices(user, Devices::Keys).tail(device_id.as_bytes()).build()
}

impl Users {
    /// Keeps keys of the session's device. Returns how many one-time keys there are then, by algorithm.
    ///
    /// # Errors
    /// `M_INVALID_PARAM` where a key has not the form of its algorithm, is somebody else's, or is known with another
    /// content; 413 `M_TOO_LARGE` where there are too many.
    pub async fn upload_keys(&self, session: &Session, upload: KeysUpload) -> Result<BTreeMap<String, u64>> {
        let (user, device_id) = (session.user, &*session.device_id);
        let CheckedUpload { identity, one_time, fallback } = upload.check(&session.user_id, device_id)?;
        let (ticket, counts) = {
            let _lock = self.locks.user(user);
            let latest = self.store.latest();
            // It may have been logged out since the request began.
            self.device(user, device_id)?.ok_or_else(unknown_token)?;
            let key = device_keys_key(user, device_id);
            let before = latest.get(Family::Devices, &key)?;
            let identity = identity.filter(|json| before.is_none_or(|before| before != json.as_bytes()));
            let list = identity.as_ref().map(|_| ListChange::of(&latest, user)).transpose()?;
            let mut stock = StockChange::of(latest, user, device_id)?;
            stock.add(one_time)?;
            stock.set_fallback(fallback)?;
            let counts = owned(stock.stock.counts());
            if identity.is_none() && !stock.is_changed() {
                return Ok(counts);
            }
            let ticket = self.store.commit(|position| {
                let mut commit = Commit::new(LogEntry::User(user));
                if let Some(json) = identity {
                    // Who signed the keys before did not sign these.
                    commit.delete(Family::Devices, signature_key(user, user, device_id.as_str()));
                    commit.put(Family::Devices, key, json);
                }
                if let Some(list) = list {
                    list.write(&mut commit, position);
                }
                if stock.is_changed() {
                    stock.write(&mut commit, position);
                }
                commit
            });
            (ticket, counts)
        };
        ticket.durable().await?;
        Ok(counts)
    }

    /// What there is of a device's one-time and fallback keys.
    pub fn key_stock(&self, read: &impl Read, user: UserNum, device_id: &DeviceId) -> Result<Stock> {
        Ok(read.get_row(Family::Devices, &stock_key(user, device_id))?.unwrap_or_default())
    }

    /// Adds the deletion of a device's keys to a commit that the caller queues under the user's lock. Whether others
    /// knew the device by its keys.
    pub(super) fn delete_device_keys(&self, commit: &mut Commit, user: UserNum, device_id: &DeviceId) -> Result<bool> {
        let key = device_keys_key(user, device_id);
        let known = self.store.latest().get(Family::Devices, &key)?.is_some();
        commit.delete(Family::Devices, key);
        commit.delete(Family::Devices, signature_key(user, user, device_id.as_str()));
        stock::delete(&self.store.latest(), commit, user, device_id)?;
        Ok(known)
    }
}

fn new_keys(keys: Option<Map<String, Value>>) -> Result<Vec<NewKey>> {
    keys.into_iter().flatten().map(|(name, key)| shape::one_time_key(&name, &key)).collect()
}

fn owned(counts: BTreeMap<&str, u64>) -> BTreeMap<String, u64> {
    counts.into_iter().map(|(algorithm, count)| (algorithm.to_owned(), count)).collect()
}
