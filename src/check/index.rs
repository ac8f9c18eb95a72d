//! `index`: each row is of a kind that we know, and points at what is there.

use serde::Deserialize;

use super::{Database, Report, accounts, aliases, media, members, report, row, search, sending};
use crate::{
    event::StoredEvent,
    ids::{EventNum, RoomNum},
    rooms::{
        indexes,
        relations::{Kinds, RelationRow, ThreadRow},
        rows::{BehindRow, EventMeta},
    },
    store::{
        Family, Read, StoreError, decode,
        keys::{self, Index, read_u64},
    },
};

/// A row of `index`, its key taken apart.
pub(super) struct IndexRow<'a> {
    pub key: &'a [u8],
    /// The room or user that it belongs to, or 0.
    pub owner: u32,
    /// What follows the letter.
    pub rest: &'a [u8],
    pub value: &'a [u8],
}

type Check = fn(&Database<'_>, &IndexRow<'_>, &mut Report) -> Result<(), StoreError>;

/// How the rows of each kind are checked.
const KINDS: &[(Index, Check)] = &[
    (Index::Member, members::check_member),
    (Index::OwnRoom, members::check_own),
    (Index::Timestamp, check_of_event),
    (Index::Relation, check_relation),
    (Index::Thread, check_thread),
    (Index::Awaited, check_awaited),
    (Index::Redaction, check_of_event),
    (Index::Word, search::check_word),
    (Index::Worded, search::check_worded),
    (Index::Account, accounts::check_account),
    (Index::Restrictions, accounts::check_restrictions),
    (Index::Report, accounts::check_report),
    (Index::Delayed, sending::check_delayed),
    (Index::Device, accounts::check_device),
    (Index::Token, accounts::check_token),
    (Index::RegistrationToken, accounts::check_registration_token),
    (Index::Profile, accounts::check_profile),
    (Index::AccountData, accounts::check_account_data),
    (Index::AccountDataSize, accounts::check_account_data_size),
    (Index::Filter, accounts::check_filter),
    (Index::Pushers, accounts::check_pushers),
    (Index::Pushkey, accounts::check_pushkey),
    (Index::OwnReceipt, sending::check_own_receipt),
    (Index::Transaction, sending::check_transaction),
    (Index::Alias, aliases::check_alias),
    (Index::RoomAlias, aliases::check_room_alias),
    (Index::Directory, aliases::check_directory),
    (Index::Listed, aliases::check_listed),
    (Index::RoomServer, check_server),
    (Index::InboundTransaction, check_inbound_transaction),
    (Index::Behind, check_behind),
    (Index::Outbox, check_outbox),
    (Index::Media, media::check_media),
    (Index::OwnMedia, media::check_own),
    (Index::PendingMedia, media::check_pending),
    (Index::MediaUsage, media::check_usage),
    (Index::MediaContent, media::check_content),
];

/// Checks every row.
pub(super) fn check(db: &Database<'_>, report: &mut Report) -> Result<(), StoreError> {
    let mut rows = db.snapshot.scan(Family::Index, &[], &[]);
    while let Some((key, value)) = rows.next()? {
        report.count("index rows", 1);
        let Some(row) = IndexRow::of(key, value) else {
            report.wrong(report::row(Family::Index, key), "its key is malformed");
            continue;
        };
        match KINDS.iter().find(|(kind, _)| *kind as u8 == key[4]) {
            Some((_, check)) => check(db, &row, report)?,
            None => report.wrong(row.place(), "its kind is unknown"),
        }
    }
    Ok(())
}

impl<'a> IndexRow<'a> {
    fn of(key: &'a [u8], value: &'a [u8]) -> Option<Self> {
        Some(Self { key, owner: keys::read_u32(key, 0)?, rest: key.get(5..)?, value })
    }

    pub fn place(&self) -> String {
        report::row(Family::Index, self.key)
    }

    /// The value, told as wrong if it is malformed.
    pub fn decode<T: Deserialize<'a>>(&self, report: &mut Report) -> Option<T> {
        row(Family::Index, self.key, self.value, report)
    }
}

/// Room → related event, point: the row is one that its event has. A redacted event relates to nothing.
fn check_relation(db: &Database<'_>, row: &IndexRow<'_>, report: &mut Report) -> Result<(), StoreError> {
    let Some(number) = row.decode::<RelationRow<'_>>(report).map(|relation| relation.number) else { return Ok(()) };
    check_of(db, row, number, report)
}

/// Room → point: likewise.
fn check_thread(db: &Database<'_>, row: &IndexRow<'_>, report: &mut Report) -> Result<(), StoreError> {
    let Some(number) = row.decode::<ThreadRow>(report).map(|thread| thread.number) else { return Ok(()) };
    check_of(db, row, number, report)
}

/// Room → related event: it is not there.
fn check_awaited(db: &Database<'_>, row: &IndexRow<'_>, report: &mut Report) -> Result<(), StoreError> {
    let place = db.snapshot.get(Family::EventIds, row.rest)?;
    if place.and_then(|place| keys::read_u32(&place, 0)) == Some(row.owner) {
        report.wrong(row.place(), "the event that it awaits is there");
    }
    row.decode::<Kinds>(report);
    Ok(())
}

/// Room → server: the room is there; its members are checked with it.
fn check_server(db: &Database<'_>, row: &IndexRow<'_>, report: &mut Report) -> Result<(), StoreError> {
    let is_head_there = db.snapshot.get(Family::Rooms, &keys::room(RoomNum(row.owner)))?.is_some();
    if !is_head_there || !is_server(row.rest) {
        report.wrong(row.place(), "it is of no room that is here, or of no server");
    }
    if row.decode::<u64>(report) == Some(0) {
        report.wrong(row.place(), "a server without members has no row");
    }
    Ok(())
}

/// 0 → server: its last transaction.
fn check_inbound_transaction(_: &Database<'_>, row: &IndexRow<'_>, report: &mut Report) -> Result<(), StoreError> {
    let answer = row.decode::<(String, String)>(report).map(|(_, answer)| answer);
    let is_json = answer.is_some_and(|answer| serde_json::from_str::<serde::de::IgnoredAny>(&answer).is_ok());
    if !is_json || !is_server(row.rest) {
        report.wrong(row.place(), "it is of no server, or holds no answer");
    }
    Ok(())
}

/// 0 → server that is behind.
fn check_behind(db: &Database<'_>, row: &IndexRow<'_>, report: &mut Report) -> Result<(), StoreError> {
    let since = row.decode::<BehindRow>(report).map(|behind| behind.since);
    if since.is_some_and(|since| since > db.snapshot.position()) || !is_server(row.rest) {
        report.wrong(row.place(), "it is of no server, or since a position that was never given out");
    }
    Ok(())
}

/// 0 → position, server: an EDU.
fn check_outbox(db: &Database<'_>, row: &IndexRow<'_>, report: &mut Report) -> Result<(), StoreError> {
    let given_out = read_u64(row.rest, 0).is_some_and(|position| position <= db.snapshot.position().0);
    if !given_out || !row.rest.get(8..).is_some_and(is_server) {
        report.wrong(row.place(), "it is of no server, or of a position that was never given out");
    }
    if serde_json::from_slice::<serde::de::IgnoredAny>(row.value).is_err() {
        report.wrong(row.place(), "it is no JSON");
    }
    Ok(())
}

fn is_server(name: &[u8]) -> bool {
    str::from_utf8(name).is_ok_and(|name| <&ruma::ServerName>::try_from(name).is_ok())
}

/// A row whose key ends with the number of the event that has it.
fn check_of_event(db: &Database<'_>, row: &IndexRow<'_>, report: &mut Report) -> Result<(), StoreError> {
    let number = row.rest.len().checked_sub(8).and_then(|at| read_u64(row.rest, at));
    check_of(db, row, EventNum(number.unwrap_or(0)), report)
}

/// A row that an event has because of its content: the event is there, accepted, and has such a row. That a redacted
/// redaction had one its content can't tell any more.
fn check_of(db: &Database<'_>, row: &IndexRow<'_>, number: EventNum, report: &mut Report) -> Result<(), StoreError> {
    let room = RoomNum(row.owner);
    let key = keys::event(room, number);
    let meta = db.snapshot.get(Family::EventMeta, &key)?;
    let meta = meta.and_then(|meta| decode::<EventMeta>(Family::EventMeta, &meta).ok());
    let event = db.snapshot.get(Family::EventJson, &key)?.and_then(|event| StoredEvent::decode(&event).ok());
    let (Some(meta), Some(event)) = (meta, event) else {
        report.wrong(row.place(), format!("it names {}, which is not there", report::event(room, number)));
        return Ok(());
    };
    let its_own = || {
        let pdu = event.to_pdu(&db.store.room_id(room).ok()?).ok()?;
        let rows = indexes::event_rows(room, &pdu, number, &meta);
        Some(rows.iter().any(|(key, value)| key.as_slice() == row.key && value == row.value))
    };
    let redacted_away = meta.redacted_by.is_some() && row.key[4] == Index::Redaction as u8;
    if !meta.is_visible() || !(redacted_away || its_own().unwrap_or(false)) {
        report.wrong(row.place(), format!("{} has no such row", report::event(room, number)));
    }
    Ok(())
}
