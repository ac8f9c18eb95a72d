//! Proves a closed database whole, and the files of its media: walks every family, and says what is wrong and where.
//! Reads only.
//!
//! What is proved is what `spec-notes/storage.md` lists as invariants; a row that no rule here knows is wrong too.

mod accounts;
mod aliases;
mod backups;
mod base;
mod devices;
mod events;
mod feed;
mod index;
mod media;
mod members;
mod report;
mod room;
mod search;
mod sending;
mod state;

use ruma::OwnedServerName;

pub use self::report::Report;
use crate::{
    ids::{Position, RoomNum},
    state::trie::TrieKey,
    store::{
        Family, Key, Read, Snapshot, Store, StoreError, decode,
        keys::{self, KeyBuilder},
    },
};

/// The database under check, with what every part of the check needs to know of it.
struct Database<'a> {
    store: &'a Store,
    snapshot: Snapshot<'a>,
    trie_key: TrieKey,
    server_name: Option<OwnedServerName>,
    log_start: Position,
    last_room: u32,
    last_user: u32,
}

/// Families whose keys start with a room's number.
const ROOM_FAMILIES: &[Family] = &[
    Family::EventMeta,
    Family::EventJson,
    Family::Timeline,
    Family::Roots,
    Family::Rooms,
    Family::State,
    Family::Ephemeral,
];

/// Checks all of the database.
///
/// # Errors
/// The database can't be read, or has no key for its state; whatever else is wrong is in the report.
pub fn check(store: &Store) -> Result<Report, StoreError> {
    let db = Database::new(store)?;
    let mut report = Report::default();
    base::check_meta(&db, &mut report)?;
    base::check_names(&db, &mut report)?;
    base::check_log(&db, &mut report)?;
    base::check_remote_keys(&db, &mut report)?;
    events::check_ids(&db, &mut report)?;
    for room in 1..=db.last_room {
        room::check(&db, RoomNum(room), &mut report)?;
    }
    for family in ROOM_FAMILIES {
        check_strays(&db, *family, &mut report)?;
    }
    index::check(&db, &mut report)?;
    devices::check(&db, &mut report)?;
    feed::check(&db, &mut report)?;
    sending::check_receipts(&db, &mut report)?;
    media::check_files(&db, &mut report)?;
    Ok(report)
}

impl<'a> Database<'a> {
    fn new(store: &'a Store) -> Result<Self, StoreError> {
        let snapshot = store.snapshot();
        let secret = snapshot.get(Family::Meta, &keys::meta("trie_secret"))?;
        let secret = secret.and_then(|secret| secret.as_ref().try_into().ok());
        // Unreadable counters are told by `check_meta`.
        let number = |name: &str| snapshot.get_row(Family::Meta, &keys::meta(name)).unwrap_or_default();
        let server_name: Option<String> =
            snapshot.get_row(Family::Meta, &keys::meta("server_name")).unwrap_or_default();
        Ok(Self {
            store,
            trie_key: TrieKey::new(&secret.ok_or(StoreError::Malformed(Family::Meta))?),
            server_name: server_name.and_then(|name| name.try_into().ok()),
            log_start: Position(number("log_start").unwrap_or(1)),
            last_room: number("last_room").unwrap_or(0) as u32,
            last_user: number("last_user").unwrap_or(0) as u32,
            snapshot,
        })
    }

    /// A row that decodes, told as wrong if it doesn't; `None` also if there is none.
    fn row<T: serde::de::DeserializeOwned>(
        &self,
        family: Family,
        key: &Key,
        report: &mut Report,
    ) -> Result<Option<T>, StoreError> {
        let Some(bytes) = self.snapshot.get(family, key)? else { return Ok(None) };
        Ok(row(family, key, &bytes, report))
    }

    /// How many rows there are of a family whose keys start with `prefix`.
    fn count(&self, family: Family, prefix: &[u8]) -> Result<u64, StoreError> {
        let mut rows = self.snapshot.scan_prefix(family, prefix);
        let mut count = 0;
        while rows.next()?.is_some() {
            count += 1;
        }
        Ok(count)
    }
}

/// A value that decodes, told as wrong if it doesn't.
fn row<'a, T: serde::Deserialize<'a>>(family: Family, key: &[u8], value: &'a [u8], report: &mut Report) -> Option<T> {
    let decoded = decode(family, value).ok();
    if decoded.is_none() {
        report.wrong(report::row(family, key), "its value is malformed");
    }
    decoded
}

/// Rows of rooms that have no name.
fn check_strays(db: &Database<'_>, family: Family, report: &mut Report) -> Result<(), StoreError> {
    let after = db.last_room.checked_add(1).map(|room| KeyBuilder::number(room).build());
    let before = db.snapshot.scan(family, &[], &KeyBuilder::number(1).build());
    let after = after.map(|start| db.snapshot.scan(family, &start, &[]));
    for mut rows in [Some(before), after].into_iter().flatten() {
        while let Some((key, _)) = rows.next()? {
            report.wrong(report::row(family, key), "it belongs to a room that doesn't exist");
        }
    }
    Ok(())
}
