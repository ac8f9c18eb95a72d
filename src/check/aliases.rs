//! What rooms are called and where they are listed: each thing is told by two rows.

use super::{Database, Report, index::IndexRow};
use crate::{
    ids::{RoomNum, UserNum},
    rooms::{aliases::AliasRow, directory::directory_key},
    store::{
        Family, Read, StoreError, decode,
        keys::{self, Index, KeyBuilder, read_u32},
    },
};

/// 0 → alias: its room is there and knows it.
pub(super) fn check_alias(db: &Database<'_>, row: &IndexRow<'_>, report: &mut Report) -> Result<(), StoreError> {
    let Some(alias) = row.decode::<AliasRow>(report) else { return Ok(()) };
    let key = KeyBuilder::room(alias.room, Index::RoomAlias).tail(row.rest).build();
    if !has_head(db, alias.room)? || db.snapshot.get(Family::Index, &key)?.is_none() {
        let name = String::from_utf8_lossy(row.rest);
        report.wrong(format!("alias {name}"), format!("room {} is not there, or does not know it", alias.room));
    }
    Ok(())
}

/// Room → alias: the alias leads to the room.
pub(super) fn check_room_alias(db: &Database<'_>, row: &IndexRow<'_>, report: &mut Report) -> Result<(), StoreError> {
    let alias = db.snapshot.get(Family::Index, &KeyBuilder::global(Index::Alias).tail(row.rest).build())?;
    let alias = alias.and_then(|alias| decode::<AliasRow>(Family::Index, &alias).ok());
    if alias.is_none_or(|alias| alias.room.0 != row.owner) {
        let name = String::from_utf8_lossy(row.rest);
        report.wrong(format!("room {}, alias {name}", row.owner), "the alias leads elsewhere, or nowhere");
    }
    Ok(())
}

/// 0 → room in the directory: the room says since when.
pub(super) fn check_directory(db: &Database<'_>, row: &IndexRow<'_>, report: &mut Report) -> Result<(), StoreError> {
    let room = RoomNum(read_u32(row.rest, 0).unwrap_or(0));
    let listed = KeyBuilder::room(room, Index::Listed).build();
    if !has_head(db, room)? || db.snapshot.get(Family::Index, &listed)?.is_none() {
        report.wrong(format!("directory, room {room}"), "the room is not there, or does not say when it was listed");
    }
    Ok(())
}

/// Room → when and by whom it was listed: the directory has it.
pub(super) fn check_listed(db: &Database<'_>, row: &IndexRow<'_>, report: &mut Report) -> Result<(), StoreError> {
    row.decode::<(u64, UserNum)>(report);
    if db.snapshot.get(Family::Index, &directory_key(RoomNum(row.owner)))?.is_none() {
        report.wrong(format!("room {}", row.owner), "it says when it was listed, but the directory lacks it");
    }
    Ok(())
}

fn has_head(db: &Database<'_>, room: RoomNum) -> Result<bool, StoreError> {
    Ok(db.snapshot.get(Family::Rooms, &keys::room(room))?.is_some())
}
