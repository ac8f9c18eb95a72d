//! Keys of devices, the list of whose devices changed, and messages that wait: `devices` and `todevice`, each row against
//! the one that counts it or that it counts.

use std::collections::BTreeMap;

use ruma::{DeviceId, OwnedDeviceId};

use super::{Database, Report, backups, report, row};
use crate::{
    ids::{Position, UserNum},
    store::{
        Family, Read, StoreError,
        keys::{self, Devices, KeyBuilder, read_u32, read_u64},
    },
    users::{
        feed::FeedEntry,
        keys::{
            DehydratedRow, OneTimeKey, SignatureRow, Stock, Usage, change_position, dehydrated_key, device_keys_key,
            list_key, one_time_key, one_time_key_id, stock_key,
        },
        to_device::{Inbox, inbox_key},
    },
};

/// A row of `devices`, its key taken apart.
pub(super) struct DevicesRow<'a> {
    pub key: &'a [u8],
    pub user: UserNum,
    /// What follows the letter.
    pub rest: &'a [u8],
    pub value: &'a [u8],
}

type Check = fn(&Database<'_>, &DevicesRow<'_>, &mut Report) -> Result<(), StoreError>;

/// How the rows of each kind are checked.
const KINDS: &[(Devices, Check)] = &[
    (Devices::Keys, check_keys),
    (Devices::Stock, check_stock),
    (Devices::OneTimeKey, check_one_time_key),
    (Devices::OneTimeKeyId, check_one_time_key_id),
    (Devices::CrossSigning, check_cross_signing),
    (Devices::Signature, check_signature),
    (Devices::Inbox, check_inbox),
    (Devices::Dehydrated, check_dehydrated),
    (Devices::Backups, backups::check_backups),
    (Devices::Backup, backups::check_backup),
    (Devices::BackedUpKey, backups::check_key),
    (Devices::List, check_list),
    (Devices::Change, check_change),
];

/// Checks every row of both families.
pub(super) fn check(db: &Database<'_>, report: &mut Report) -> Result<(), StoreError> {
    let mut rows = db.snapshot.scan(Family::Devices, &[], &[]);
    while let Some((key, value)) = rows.next()? {
        let (Some(user), Some(rest)) = (read_u32(key, 0), key.get(5..)) else {
            report.wrong(report::row(Family::Devices, key), "its key is malformed");
            continue;
        };
        let row = DevicesRow { key, user: UserNum(user), rest, value };
        match KINDS.iter().find(|(kind, _)| *kind as u8 == key[4]) {
            Some((_, check)) => check(db, &row, report)?,
            None => report.wrong(row.place(), "its kind is unknown"),
        }
    }
    check_messages(db, report)
}

impl<'a> DevicesRow<'a> {
    pub fn place(&self) -> String {
        report::row(Family::Devices, self.key)
    }

    /// The value, told as wrong if it is malformed.
    pub fn decode<T: serde::Deserialize<'a>>(&self, report: &mut Report) -> Option<T> {
        row(Family::Devices, self.key, self.value, report)
    }

    /// The device that the whole rest of the key names.
    fn device(&self) -> OwnedDeviceId {
        String::from_utf8_lossy(self.rest).into()
    }

    /// The device and the algorithm that the rest begins with, and what follows them.
    fn device_and_algorithm(&self) -> Option<(OwnedDeviceId, String, &'a [u8])> {
        let mut parts = self.rest.splitn(3, |byte| *byte == 0);
        let (device, algorithm, rest) = (parts.next()?, parts.next()?, parts.next()?);
        Some((String::from_utf8_lossy(device).into(), String::from_utf8_lossy(algorithm).into_owned(), rest))
    }
}

/// Whether a device is there, logged in or dehydrated.
fn is_there(db: &Database<'_>, user: UserNum, device_id: &DeviceId) -> Result<bool, StoreError> {
    if is_logged_in(db, user, device_id)? {
        return Ok(true);
    }
    // One that is malformed is told where it stands.
    let row = db.snapshot.get(Family::Devices, &dehydrated_key(user))?;
    let row = row.and_then(|row| crate::store::decode::<DehydratedRow>(Family::Devices, &row).ok());
    Ok(row.is_some_and(|row| row.device_id == device_id))
}

fn is_logged_in(db: &Database<'_>, user: UserNum, device_id: &DeviceId) -> Result<bool, StoreError> {
    let key = KeyBuilder::user(user, keys::Index::Device).tail(device_id.as_bytes()).build();
    Ok(db.snapshot.get(Family::Index, &key)?.is_some())
}

/// User → their dehydrated device: it has keys, and is not logged in as well.
fn check_dehydrated(db: &Database<'_>, row: &DevicesRow<'_>, report: &mut Report) -> Result<(), StoreError> {
    let Some(dehydrated) = row.decode::<DehydratedRow>(report) else { return Ok(()) };
    let keys = db.snapshot.get(Family::Devices, &device_keys_key(row.user, &dehydrated.device_id))?;
    if !row.rest.is_empty() || keys.is_none() || is_logged_in(db, row.user, &dehydrated.device_id)? {
        report.wrong(row.place(), "this dehydrated device has no keys, or is logged in");
    }
    Ok(())
}

/// User → device: JSON, of a device that is there, whose user's list tells of it.
fn check_keys(db: &Database<'_>, row: &DevicesRow<'_>, report: &mut Report) -> Result<(), StoreError> {
    report.count("devices with keys", 1);
    if serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(row.value).is_err() {
        report.wrong(row.place(), "these keys are no JSON object");
    }
    if !is_there(db, row.user, &row.device())? {
        report.wrong(row.place(), "the device of these keys is not there");
    }
    if db.snapshot.get(Family::Devices, &list_key(row.user))?.is_none() {
        report.wrong(report::user(row.user), "there are devices with keys, but no list of devices tells of them");
    }
    Ok(())
}

/// User → device: each key that it counts is there, and no other.
fn check_stock(db: &Database<'_>, row: &DevicesRow<'_>, report: &mut Report) -> Result<(), StoreError> {
    let Some(stock) = row.decode::<Stock>(report) else { return Ok(()) };
    let device_id = row.device();
    if !is_there(db, row.user, &device_id)? {
        report.wrong(row.place(), "the device of these keys is not there");
    }
    for (algorithm, span) in &stock.one_time {
        report.count("one-time keys", span.count());
        for number in span.first..span.end {
            let key = one_time_key(row.user, &device_id, algorithm, number);
            if db.snapshot.get(Family::Devices, &key)?.is_none() {
                report.wrong(row.place(), format!("{algorithm} key {number} is missing"));
            }
        }
    }
    Ok(())
}

/// User → device, algorithm, number: its device counts it, and it is found by its ID.
fn check_one_time_key(db: &Database<'_>, row: &DevicesRow<'_>, report: &mut Report) -> Result<(), StoreError> {
    let Some((device_id, algorithm, number)) = row.device_and_algorithm() else {
        report.wrong(row.place(), "its key is malformed");
        return Ok(());
    };
    let Some(key) = row.decode::<OneTimeKey>(report) else { return Ok(()) };
    let number = read_u64(number, 0).unwrap_or(u64::MAX);
    let stock: Option<Stock> = db.row(Family::Devices, &stock_key(row.user, &device_id), report)?;
    let span = stock.and_then(|stock| stock.one_time.get(&algorithm).copied()).unwrap_or_default();
    if !(span.first..span.end).contains(&number) {
        report.wrong(row.place(), "its device does not count this key");
    }
    let by_id = db.snapshot.get(Family::Devices, &one_time_key_id(row.user, &device_id, &algorithm, &key.id))?;
    if by_id.and_then(|row| read_u64(&row, 0)) != Some(number) {
        report.wrong(row.place(), "its ID leads to another key");
    }
    Ok(())
}

/// User → device, algorithm, key ID: the key that it names is there.
fn check_one_time_key_id(db: &Database<'_>, row: &DevicesRow<'_>, report: &mut Report) -> Result<(), StoreError> {
    let Some((device_id, algorithm, id)) = row.device_and_algorithm() else {
        report.wrong(row.place(), "its key is malformed");
        return Ok(());
    };
    let number = read_u64(row.value, 0).unwrap_or(u64::MAX);
    let key = one_time_key(row.user, &device_id, &algorithm, number);
    let found: Option<OneTimeKey> = db.row(Family::Devices, &key, report)?;
    if found.is_none_or(|found| found.id.as_bytes() != id) {
        report.wrong(row.place(), "the key that it names is not there, or another");
    }
    Ok(())
}

/// User → use: JSON, of a user with a list that tells of it.
fn check_cross_signing(db: &Database<'_>, row: &DevicesRow<'_>, report: &mut Report) -> Result<(), StoreError> {
    report.count("cross-signing keys", 1);
    let known = Usage::ALL.iter().any(|usage| [*usage as u8] == *row.rest);
    if !known || serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(row.value).is_err() {
        report.wrong(row.place(), "this is no key that users have");
    }
    if db.snapshot.get(Family::Devices, &list_key(row.user))?.is_none() {
        report.wrong(report::user(row.user), "there are cross-signing keys, but no list of devices tells of them");
    }
    Ok(())
}

/// Who signed → whose key: of others' keys the signer's feed tells, of one's own there is nothing to tell.
fn check_signature(db: &Database<'_>, row: &DevicesRow<'_>, report: &mut Report) -> Result<(), StoreError> {
    report.count("signed keys", 1);
    let Some(signed) = row.decode::<SignatureRow>(report) else { return Ok(()) };
    let target = UserNum(read_u32(row.rest, 0).unwrap_or(0));
    let key_id = row.rest.get(4..).map(String::from_utf8_lossy).unwrap_or_default();
    let told = match signed.position {
        Position(0) => target == row.user,
        position => {
            let entry: Option<FeedEntry> = db.row(Family::Feed, &keys::user_position(row.user, position), report)?;
            entry == Some(FeedEntry::Signatures(target, key_id.into_owned()))
        }
    };
    if !told {
        report.wrong(row.place(), "the signer's feed does not tell of it");
    }
    Ok(())
}

/// User → device: it counts what waits.
fn check_inbox(db: &Database<'_>, row: &DevicesRow<'_>, report: &mut Report) -> Result<(), StoreError> {
    let Some(inbox) = row.decode::<Inbox>(report) else { return Ok(()) };
    let device_id = row.device();
    if !is_there(db, row.user, &device_id)? {
        report.wrong(row.place(), "the device of these messages is not there");
    }
    let prefix = keys::to_device(row.user, device_id.as_str()).build();
    let mut rows = db.snapshot.scan_prefix(Family::ToDevice, &prefix);
    let mut found = Inbox::default();
    while let Some((_, value)) = rows.next()? {
        found.messages += 1;
        found.bytes += value.len() as u64;
    }
    if found != inbox || found.messages == 0 {
        report.wrong(row.place(), "it does not count the messages that wait");
    }
    Ok(())
}

/// User → where their devices changed last.
fn check_list(db: &Database<'_>, row: &DevicesRow<'_>, report: &mut Report) -> Result<(), StoreError> {
    let Some(position) = row.decode::<Position>(report) else { return Ok(()) };
    let change = db.snapshot.get(Family::Devices, &keys::device_change(position))?;
    if change.and_then(|change| read_u32(&change, 0)) != Some(row.user.0) {
        report.wrong(row.place(), format!("nothing at {position} tells that this user's devices changed"));
    }
    Ok(())
}

/// Position → the user whose devices changed there, last.
fn check_change(db: &Database<'_>, row: &DevicesRow<'_>, report: &mut Report) -> Result<(), StoreError> {
    let user = UserNum(read_u32(row.value, 0).unwrap_or(0));
    let last: Option<Position> = db.row(Family::Devices, &list_key(user), report)?;
    if last.is_none() || last != change_position(row.key) {
        report.wrong(row.place(), format!("{} does not name this as the last change", report::user(user)));
    }
    Ok(())
}

/// `todevice`: each message is JSON, and its device counts it.
fn check_messages(db: &Database<'_>, report: &mut Report) -> Result<(), StoreError> {
    let mut rows = db.snapshot.scan(Family::ToDevice, &[], &[]);
    let mut counted: BTreeMap<Vec<u8>, bool> = BTreeMap::new();
    while let Some((key, value)) = rows.next()? {
        report.count("messages to devices", 1);
        let place = || report::row(Family::ToDevice, key);
        if serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(value).is_err() {
            report.wrong(place(), "it is no JSON object");
        }
        let device = key.len().checked_sub(9).filter(|end| *end >= 4 && key[*end] == 0).map(|end| &key[4..end]);
        let (Some(user), Some(device)) = (read_u32(key, 0), device) else {
            report.wrong(place(), "its key is malformed");
            continue;
        };
        let inbox = inbox_key(UserNum(user), &OwnedDeviceId::from(String::from_utf8_lossy(device)));
        let known = match counted.get(inbox.as_slice()) {
            Some(known) => *known,
            None => db.snapshot.get(Family::Devices, &inbox)?.is_some(),
        };
        if !known {
            report.wrong(place(), "its device does not count it");
        }
        counted.insert(inbox.to_vec(), known);
    }
    Ok(())
}
