//! What everything else stands on: named values, names and numbers, the log.

use ruma::ServerName;

use super::{Database, Report, report, row};
use crate::{
    event::{PublicKey, SigningKey},
    ids::{EventNum, Position, RoomNum},
    net::keys::{OldKey, RemoteKeysRow},
    rooms::rows::EventMeta,
    store::{
        FOLLOWERS, Family, LogEntry, Read, StoreError,
        keys::{self, read_u32, read_u64},
    },
};

/// `meta`: every value is one that we know, and fits the others.
pub(super) fn check_meta(db: &Database<'_>, report: &mut Report) -> Result<(), StoreError> {
    let position = db.snapshot.position();
    let mut rows = db.snapshot.scan(Family::Meta, &[], &[]);
    while let Some((key, value)) = rows.next()? {
        let place = || format!("meta {}", String::from_utf8_lossy(key));
        match key {
            b"position" | b"last_room" | b"last_user" => {
                row::<u64>(Family::Meta, key, value, report);
            }
            b"log_start" => {
                let start = row::<Position>(Family::Meta, key, value, report);
                if start.is_some_and(|start| start.0 == 0 || start.0 > position.0 + 1) {
                    report.wrong(place(), "it lies outside the log");
                }
            }
            b"trie_secret" => {}
            b"server_name" if db.server_name.is_none() => report.wrong(place(), "it is no server name"),
            b"server_name" => {}
            b"signing_key" if SigningKey::from_bytes(value).is_none() => report.wrong(place(), "it is no key"),
            b"signing_key" => {}
            b"old_signing_keys" => {
                let old = row::<Vec<OldKey>>(Family::Meta, key, value, report).unwrap_or_default();
                if old.iter().any(|old| PublicKey::from_base64(&old.key).is_none()) {
                    report.wrong(place(), "one of them is no key");
                }
            }
            _ if is_follower(key) => {
                let done = row::<Position>(Family::Meta, key, value, report);
                if done.is_some_and(|done| done > position || done.0 + 1 < db.log_start.0) {
                    report.wrong(place(), "this follower's position lies outside the log");
                }
            }
            _ => report.wrong(place(), "nothing of this name belongs here"),
        }
    }
    for name in ["server_name", "signing_key"] {
        if db.snapshot.get(Family::Meta, &keys::meta(name))?.is_none() {
            report.wrong(format!("meta {name}"), "it is missing");
        }
    }
    Ok(())
}

fn is_follower(key: &[u8]) -> bool {
    let name = key.strip_prefix(b"follower/");
    name.is_some_and(|name| FOLLOWERS.iter().any(|follower| follower.as_bytes() == name))
}

/// `names`: each number has one name and each name one number, and the numbers have no gap.
pub(super) fn check_names(db: &Database<'_>, report: &mut Report) -> Result<(), StoreError> {
    for (forth, back, last, what) in [(b'r', b'R', db.last_room, "rooms"), (b'u', b'U', db.last_user, "users")] {
        let mut forths = 0;
        let mut rows = db.snapshot.scan_prefix(Family::Names, &[forth]);
        while let Some((key, value)) = rows.next()? {
            forths += 1;
            let number = read_u32(value, 0).filter(|number| (1..=last).contains(number));
            let named = number.map(|number| db.snapshot.get(Family::Names, &keys::name(back, &number.to_be_bytes())));
            if named.transpose()?.flatten().is_none_or(|name| name != key[1..]) {
                let name = String::from_utf8_lossy(&key[1..]);
                report.wrong(format!("names {name}"), "its number is none, or stands for another name");
            }
        }
        let mut expected = 1;
        let mut rows = db.snapshot.scan_prefix(Family::Names, &[back]);
        while let Some((key, value)) = rows.next()? {
            let number = read_u32(key, 1).unwrap_or(0);
            if number != expected {
                report.wrong(format!("names of {what}"), format!("number {expected} has no name"));
            }
            expected = number.wrapping_add(1);
            let parses = str::from_utf8(value).is_ok_and(|name| match forth {
                b'r' => <&ruma::RoomId>::try_from(name).is_ok(),
                _ => <&ruma::UserId>::try_from(name).is_ok(),
            });
            let found = db.snapshot.get(Family::Names, &keys::name(forth, value))?;
            if !parses || found.and_then(|found| read_u32(&found, 0)) != Some(number) {
                report.wrong(format!("names of {what}, number {number}"), "its name is none, or has another number");
            }
        }
        if expected != last + 1 {
            let highest = expected.wrapping_sub(1);
            report.wrong(format!("names of {what}"), format!("the counter says {last}, the last number is {highest}"));
        }
        report.count(what, forths);
    }
    let mut rows = db.snapshot.scan(Family::Names, &[], &[]);
    while let Some((key, _)) = rows.next()? {
        if !matches!(key.first(), Some(b'r' | b'R' | b'u' | b'U')) {
            report.wrong(report::row(Family::Names, key), "its kind is unknown");
        }
    }
    Ok(())
}

/// `remote_keys`: each row is of a server, and holds keys.
pub(super) fn check_remote_keys(db: &Database<'_>, report: &mut Report) -> Result<(), StoreError> {
    let mut rows = db.snapshot.scan(Family::RemoteKeys, &[], &[]);
    while let Some((key, value)) = rows.next()? {
        let place = || format!("remote_keys {}", String::from_utf8_lossy(key));
        if !str::from_utf8(key).is_ok_and(|name| <&ServerName>::try_from(name).is_ok()) {
            report.wrong(place(), "it is of no server");
        }
        let Some(row) = row::<RemoteKeysRow>(Family::RemoteKeys, key, value, report) else { continue };
        if row.keys.values().any(|(key, _)| PublicKey::from_base64(key).is_none()) {
            report.wrong(place(), "one of its keys is none");
        }
        report.count("servers with keys", 1);
    }
    Ok(())
}

/// `log`: one row a position from where it starts to the last, and each event where its row says.
pub(super) fn check_log(db: &Database<'_>, report: &mut Report) -> Result<(), StoreError> {
    let mut expected = db.log_start.0;
    let mut rows = db.snapshot.scan(Family::Log, &[], &[]);
    while let Some((key, value)) = rows.next()? {
        let position = read_u64(key, 0).unwrap_or(0);
        if position != expected {
            report.wrong("log", format!("position {expected} is missing: the next one is {position}"));
        }
        expected = position.wrapping_add(1);
        if let Some(entry) = row::<LogEntry>(Family::Log, key, value, report) {
            check_entry(db, Position(position), entry, report)?;
        }
        report.count("log rows", 1);
    }
    let last = db.snapshot.position();
    if expected != last.0 + 1 {
        let end = expected.wrapping_sub(1);
        report.wrong("log", format!("it ends at {end}, but the last position is {last}"));
    }
    Ok(())
}

fn check_entry(db: &Database<'_>, position: Position, entry: LogEntry, report: &mut Report) -> Result<(), StoreError> {
    let place = || format!("log position {position}");
    match entry {
        LogEntry::Event(room, number) => {
            if log_position(db, room, number)? != Some(position) && has_head(db, room)? {
                report.wrong(place(), format!("{} is not there, or elsewhere", report::event(room, number)));
            }
        }
        LogEntry::Profile(user) | LogEntry::Deactivated(user) | LogEntry::User(user) | LogEntry::Receipt(_, user) => {
            if user.0 == 0 || user.0 > db.last_user {
                report.wrong(place(), format!("user {user} has no name"));
            }
        }
        LogEntry::Outbox | LogEntry::Housekeeping => {}
    }
    Ok(())
}

/// Where an event says that it was committed. Its room may have been purged.
fn log_position(db: &Database<'_>, room: RoomNum, number: EventNum) -> Result<Option<Position>, StoreError> {
    let bytes = db.snapshot.get(Family::EventMeta, &keys::event(room, number))?;
    // A malformed row is told when the room is checked.
    let meta = bytes.and_then(|bytes| crate::store::decode::<EventMeta>(Family::EventMeta, &bytes).ok());
    Ok(meta.map(|meta| meta.position))
}

fn has_head(db: &Database<'_>, room: RoomNum) -> Result<bool, StoreError> {
    Ok(db.snapshot.get(Family::Rooms, &keys::room(room))?.is_some())
}
