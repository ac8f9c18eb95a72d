//! Removing a room from the database of a stopped server.
//!
//! What lies apart goes first and in slices: rows that lead to the room's events. All that its number begins, the
//! head with it, goes in one commit at the end. A crash in between leaves a room that a second try removes.

use super::{
    directory::directory_key,
    receipts::{Receipt, ReceiptKind, own_receipt_key},
    rows::OwnRoom,
    view::own_key,
};
use crate::{
    event::StoredEvent,
    ids::{Position, RoomNum, UserNum},
    store::{
        Commit, Family, Key, LogEntry, Read, Snapshot, Store, StoreError, decode,
        keys::{self, Index, KeyBuilder, read_u32, read_u64, successor},
    },
};

/// Families that have nothing of a room but what its number begins.
const FAMILIES: &[Family] = &[
    Family::Rooms,
    Family::EventMeta,
    Family::EventJson,
    Family::Timeline,
    Family::Roots,
    Family::State,
    Family::Ephemeral,
];

/// The kinds of index rows that a room's number begins.
const KINDS: &[Index] = &[
    Index::Member,
    Index::RoomAlias,
    Index::Relation,
    Index::Thread,
    Index::Awaited,
    Index::Redaction,
    Index::Timestamp,
    Index::Word,
    Index::Worded,
    Index::Listed,
    Index::RoomServer,
];

/// Rows that are deleted at once.
const SLICE: usize = 10_000;

/// Removes a room. Only for a database that no server is running on: rooms in memory are not told.
pub fn purge(store: &Store, room: RoomNum) -> Result<(), StoreError> {
    delete(store, transactions(&store.snapshot(), room)?)?;
    delete(store, event_ids(&store.snapshot(), room)?)?;
    let mut commit = Commit::new(LogEntry::Housekeeping);
    for (family, key) in rows_of_members(&store.snapshot(), room)? {
        commit.delete(family, key);
    }
    for (family, key) in rows_of_receipts(&store.snapshot(), room)? {
        commit.delete(family, key);
    }
    for (family, key) in names(&store.snapshot(), room)? {
        commit.delete(family, key);
    }
    let families = FAMILIES.iter().map(|family| (*family, keys::room(room)));
    let kinds = KINDS.iter().map(|kind| (Family::Index, KeyBuilder::room(room, *kind).build()));
    for (family, start) in families.chain(kinds) {
        // Rooms are counted upwards from 1: the greatest number of all is never reached.
        let end = successor(&start).unwrap_or_else(|| start.clone());
        commit.delete_range(family, start, end);
    }
    store.commit(|_| commit).durable_blocking()?;
    Ok(())
}

fn delete(store: &Store, rows: Vec<(Family, Key)>) -> Result<(), StoreError> {
    for slice in rows.chunks(SLICE) {
        let mut commit = Commit::new(LogEntry::Housekeeping);
        for (family, key) in slice {
            commit.delete(*family, key.clone());
        }
        store.commit(|_| commit).durable_blocking()?;
    }
    Ok(())
}

/// The rows that lead from event IDs to the room's events.
fn event_ids(snapshot: &Snapshot<'_>, room: RoomNum) -> Result<Vec<(Family, Key)>, StoreError> {
    let mut rows = snapshot.scan_prefix(Family::EventJson, &keys::room(room));
    let mut found = Vec::new();
    while let Some((_, value)) = rows.next()? {
        let event = StoredEvent::decode(&value.to_vec().into());
        let event = event.map_err(|_| StoreError::Malformed(Family::EventJson))?;
        found.push((Family::EventIds, keys::event_id(event.event_id().as_str())));
    }
    Ok(found)
}

/// The rows of transactions that sent events to the room.
fn transactions(snapshot: &Snapshot<'_>, room: RoomNum) -> Result<Vec<(Family, Key)>, StoreError> {
    let mut rows = snapshot.scan(Family::Index, &[], &[]);
    let mut found = Vec::new();
    while let Some((key, value)) = rows.next()? {
        if key.get(4) != Some(&(Index::Transaction as u8)) {
            continue;
        }
        let id = str::from_utf8(value).map_err(|_| StoreError::Malformed(Family::Index))?;
        let place = snapshot.get(Family::EventIds, &keys::event_id(id))?;
        if place.and_then(|place| read_u32(&place, 0)) == Some(room.0) {
            found.push((Family::Index, Key::from_slice(key)));
        }
    }
    Ok(found)
}

/// What the users of this server have of the room: their own row, and what their feed tells of it.
fn rows_of_members(snapshot: &Snapshot<'_>, room: RoomNum) -> Result<Vec<(Family, Key)>, StoreError> {
    let prefix = KeyBuilder::room(room, Index::Member).build();
    let mut rows = snapshot.scan_prefix(Family::Index, &prefix);
    let mut found = Vec::new();
    while let Some((key, _)) = rows.next()? {
        let user = UserNum(read_u32(key, prefix.len()).ok_or(StoreError::Malformed(Family::Index))?);
        if let Some(own) = snapshot.get(Family::Index, &own_key(user, room))? {
            let own: OwnRoom = decode(Family::Index, &own)?;
            found.push((Family::Feed, keys::user_position(user, own.since)));
            found.push((Family::Index, own_key(user, room)));
        }
    }
    Ok(found)
}

/// What tells of the receipts in the room.
fn rows_of_receipts(snapshot: &Snapshot<'_>, room: RoomNum) -> Result<Vec<(Family, Key)>, StoreError> {
    let mut rows = snapshot.scan_prefix(Family::Ephemeral, &keys::room(room));
    let mut found = Vec::new();
    while let Some((key, value)) = rows.next()? {
        let receipt: Receipt = decode(Family::Ephemeral, value)?;
        let position = Position(read_u64(key, 4).ok_or(StoreError::Malformed(Family::Ephemeral))?);
        let own = own_receipt_key(receipt.user, room, receipt.kind, receipt.thread.as_deref());
        found.push((Family::Index, own));
        if receipt.kind == ReceiptKind::ReadPrivate {
            found.push((Family::Feed, keys::user_position(receipt.user, position)));
        }
    }
    Ok(found)
}

/// The rows by which the room is found: its aliases, and its place in the directory.
fn names(snapshot: &Snapshot<'_>, room: RoomNum) -> Result<Vec<(Family, Key)>, StoreError> {
    let mut found = vec![(Family::Index, directory_key(room))];
    let prefix = KeyBuilder::room(room, Index::RoomAlias).build();
    let mut rows = snapshot.scan_prefix(Family::Index, &prefix);
    while let Some((key, _)) = rows.next()? {
        found.push((Family::Index, KeyBuilder::global(Index::Alias).tail(&key[prefix.len()..]).build()));
    }
    Ok(found)
}
