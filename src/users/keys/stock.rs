//! One-time and fallback keys of devices (client-server API, "One-time and fallback keys").
//!
//! Invariants: the keys of an algorithm lie under consecutive numbers, which the device's `Stock` bounds; a claim takes
//! the lowest out in the commit that lands before the key is shown to anybody. All of it is read from `Store::latest`
//! and queued under the user's lock, so that no key is handed out twice.

use std::collections::BTreeMap;

use bytes::Bytes;
use ruma::DeviceId;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::shape::NewKey;
use crate::{
    error::{Error, Result},
    ids::{Position, UserNum},
    store::{
        Commit, Family, Key, Latest, Notice, Read, StoreError, decode,
        keys::{self, Devices, KeyBuilder},
    },
};

/// One-time keys of a device, of all algorithms together.
const MAX_ONE_TIME_KEYS: u64 = 1000;
/// Algorithms that a device may have one-time keys of, and fallback keys of.
const MAX_ALGORITHMS: usize = 10;

/// User → device: what there is to claim.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stock {
    /// Where a claim left the device without one-time keys or used a fallback key that was unused: news for its /sync.
    pub short_since: Position,
    /// By algorithm: the numbers of the one-time keys that are there.
    pub one_time: BTreeMap<String, Span>,
    /// By algorithm.
    pub fallback: BTreeMap<String, FallbackKey>,
}

/// Consecutive numbers: from `first` up to, but without, `end`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// The next to be handed out.
    pub first: u64,
    /// The next to be given.
    pub end: u64,
}

impl Span {
    /// How many there are.
    pub fn count(self) -> u64 {
        self.end - self.first
    }
}

/// A fallback key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FallbackKey {
    /// Its ID.
    pub id: String,
    /// The key as it was uploaded.
    pub json: String,
    /// Whether it was handed out.
    pub used: bool,
}

/// User → device, algorithm, number: a one-time key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OneTimeKey {
    /// Its ID.
    pub id: String,
    /// The key as it was uploaded.
    pub json: String,
}

impl Stock {
    /// By algorithm, how many one-time keys there are.
    pub fn counts(&self) -> BTreeMap<&str, u64> {
        let counts = self.one_time.iter().map(|(algorithm, span)| (algorithm.as_str(), span.count()));
        counts.filter(|(_, count)| *count > 0).collect()
    }

    /// The algorithms of which there is a fallback key that nobody got yet.
    pub fn unused_fallback_keys(&self) -> impl Iterator<Item = &str> {
        self.fallback.iter().filter(|(_, key)| !key.used).map(|(algorithm, _)| algorithm.as_str())
    }
}

/// `devices`: user → device.
pub fn stock_key(user: UserNum, device_id: &DeviceId) -> Key {
    KeyBuilder::devices(user, Devices::Stock).tail(device_id.as_bytes()).build()
}

/// `devices`: user → device, algorithm, number.
pub fn one_time_key(user: UserNum, device_id: &DeviceId, algorithm: &str, number: u64) -> Key {
    of_device(user, Devices::OneTimeKey, device_id).text(algorithm).u64(number).build()
}

/// `devices`: user → device, algorithm, key ID. The value is the key's number.
pub fn one_time_key_id(user: UserNum, device_id: &DeviceId, algorithm: &str, id: &str) -> Key {
    of_device(user, Devices::OneTimeKeyId, device_id).text(algorithm).tail(id.as_bytes()).build()
}

fn of_device(user: UserNum, kind: Devices, device_id: &DeviceId) -> KeyBuilder {
    KeyBuilder::devices(user, kind).text(device_id.as_str())
}

/// A device's stock while a commit that changes it is made.
pub(super) struct StockChange<'a> {
    user: UserNum,
    device_id: &'a DeviceId,
    latest: Latest<'a>,
    pub stock: Stock,
    puts: Vec<(Key, Vec<u8>)>,
    deletes: Vec<Key>,
    changed: bool,
    ran_short: bool,
}

impl<'a> StockChange<'a> {
    /// Under the user's lock.
    pub fn of(latest: Latest<'a>, user: UserNum, device_id: &'a DeviceId) -> Result<Self, StoreError> {
        let stock = latest.get_row(Family::Devices, &stock_key(user, device_id))?.unwrap_or_default();
        let (puts, deletes) = (Vec::new(), Vec::new());
        Ok(Self { user, device_id, latest, stock, puts, deletes, changed: false, ran_short: false })
    }

    /// Of a device that is new, whatever there was under its ID.
    pub fn of_new_device(latest: Latest<'a>, user: UserNum, device_id: &'a DeviceId) -> Self {
        let (puts, deletes) = (Vec::new(), Vec::new());
        let stock = Stock::default();
        Self { user, device_id, latest, stock, puts, deletes, changed: false, ran_short: false }
    }

    /// Adds one-time keys behind those that are there. What is there already stays as it is.
    pub fn add(&mut self, keys: Vec<NewKey>) -> Result<()> {
        for key in keys {
            let span = self.stock.one_time.get(&key.algorithm).copied().unwrap_or_default();
            if let Some(json) = self.known(&key, span)? {
                if !same_json(&json, &key.json) {
                    let what = format!("One time key {} already exists, with another content.", key.name());
                    return Err(Error::invalid_param(what));
                }
                continue;
            }
            let row = OneTimeKey { id: key.id, json: key.json };
            let (user, device_id) = (self.user, self.device_id);
            let id_key = one_time_key_id(user, device_id, &key.algorithm, &row.id);
            self.puts.push((id_key, span.end.to_be_bytes().to_vec()));
            let key_key = one_time_key(user, device_id, &key.algorithm, span.end);
            self.puts.push((key_key, crate::store::encode(&row)));
            self.stock.one_time.insert(key.algorithm, Span { end: span.end + 1, ..span });
            self.changed = true;
        }
        let total: u64 = self.stock.one_time.values().map(|span| span.count()).sum();
        if total > MAX_ONE_TIME_KEYS || self.stock.one_time.len() > MAX_ALGORITHMS {
            return Err(Error::new(413, "M_TOO_LARGE", "These are too many one-time keys for one device."));
        }
        Ok(())
    }

    /// The content of the one-time key of that name, if it is there.
    fn known(&self, key: &NewKey, span: Span) -> Result<Option<String>> {
        let id_key = one_time_key_id(self.user, self.device_id, &key.algorithm, &key.id);
        let number = self.latest.get(Family::Devices, &id_key)?;
        // A number outside is one of a device of this name that was deleted just now.
        let number = number.and_then(|row| keys::read_u64(&row, 0)).filter(|n| (span.first..span.end).contains(n));
        let Some(number) = number else { return Ok(None) };
        Ok(Some(self.read(&key.algorithm, number)?.json))
    }

    fn read(&self, algorithm: &str, number: u64) -> Result<OneTimeKey, StoreError> {
        let key = one_time_key(self.user, self.device_id, algorithm, number);
        let row: Option<Bytes> = self.latest.get(Family::Devices, &key)?;
        decode(Family::Devices, &row.ok_or(StoreError::Malformed(Family::Devices))?)
    }

    /// Takes fallback keys in place of those that are there.
    pub fn set_fallback(&mut self, keys: Vec<NewKey>) -> Result<()> {
        for key in keys {
            let before = self.stock.fallback.get(&key.algorithm);
            if before.is_some_and(|before| before.id == key.id && same_json(&before.json, &key.json)) {
                continue;
            }
            self.stock.fallback.insert(key.algorithm, FallbackKey { id: key.id, json: key.json, used: false });
            self.changed = true;
        }
        if self.stock.fallback.len() > MAX_ALGORITHMS {
            return Err(Error::new(413, "M_TOO_LARGE", "These are too many fallback keys for one device."));
        }
        Ok(())
    }

    /// Takes a key out for somebody: the oldest one-time key, or the fallback key where there is none. Its name and
    /// content.
    pub fn claim(&mut self, algorithm: &str) -> Result<Option<(String, String)>, StoreError> {
        if let Some(span) = self.stock.one_time.get(algorithm).copied().filter(|span| span.count() > 0) {
            let key = self.read(algorithm, span.first)?;
            self.deletes.push(one_time_key(self.user, self.device_id, algorithm, span.first));
            self.deletes.push(one_time_key_id(self.user, self.device_id, algorithm, &key.id));
            let left = Span { first: span.first + 1, ..span };
            self.stock.one_time.insert(algorithm.to_owned(), left);
            self.changed = true;
            self.ran_short |= left.count() == 0;
            return Ok(Some((format!("{algorithm}:{}", key.id), key.json)));
        }
        let Some(key) = self.stock.fallback.get_mut(algorithm) else { return Ok(None) };
        if !key.used {
            key.used = true;
            (self.changed, self.ran_short) = (true, true);
        }
        Ok(Some((format!("{algorithm}:{}", key.id), key.json.clone())))
    }

    /// Whether there is anything to write.
    pub fn is_changed(&self) -> bool {
        self.changed
    }

    /// Adds it to the commit that lands at `position`.
    pub fn write(mut self, commit: &mut Commit, position: Position) {
        if self.ran_short {
            self.stock.short_since = position;
            commit.notify(Notice::User(self.user));
        }
        for (key, value) in self.puts {
            commit.put(Family::Devices, key, value);
        }
        for key in self.deletes {
            commit.delete(Family::Devices, key);
        }
        commit.put_row(Family::Devices, stock_key(self.user, self.device_id), &self.stock);
    }
}

/// Adds the deletion of all one-time and fallback keys of a device to a commit.
pub(super) fn delete(
    read: &impl Read,
    commit: &mut Commit,
    user: UserNum,
    device_id: &DeviceId,
) -> Result<(), StoreError> {
    let key = stock_key(user, device_id);
    if read.get(Family::Devices, &key)?.is_none() {
        return Ok(());
    }
    commit.delete(Family::Devices, key);
    for kind in [Devices::OneTimeKey, Devices::OneTimeKeyId] {
        let start = of_device(user, kind, device_id).build();
        // A key with a NUL at its end has a successor.
        let end = keys::successor(&start).unwrap_or_else(|| start.clone());
        commit.delete_range(Family::Devices, start, end);
    }
    Ok(())
}

fn same_json(one: &str, other: &str) -> bool {
    let parse = |json| serde_json::from_str::<Value>(json).ok();
    one == other || parse(one) == parse(other)
}
