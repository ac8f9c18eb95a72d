//! Key backups: each version is one that its user has, and counts its keys.

use super::{Database, Report, devices::DevicesRow, report};
use crate::{
    store::{
        Family, Read, StoreError,
        keys::{Devices, KeyBuilder, read_u64},
    },
    users::backups::{BackedUpKey, BackupRow, BackupsRow, backup_key, backups_key},
};

/// User → their backups: each is there.
pub(super) fn check_backups(db: &Database<'_>, row: &DevicesRow<'_>, report: &mut Report) -> Result<(), StoreError> {
    let Some(backups) = row.decode::<BackupsRow>(report) else { return Ok(()) };
    if !backups.live.is_sorted() || backups.live.last().is_some_and(|newest| *newest > backups.last) {
        report.wrong(row.place(), "its versions are in no order, or have numbers that were never given");
    }
    for version in backups.live {
        if db.snapshot.get(Family::Devices, &backup_key(row.user, version))?.is_none() {
            report.wrong(row.place(), format!("backup {version} is missing"));
        }
    }
    Ok(())
}

/// User → version: the user has it, and it counts its keys.
pub(super) fn check_backup(db: &Database<'_>, row: &DevicesRow<'_>, report: &mut Report) -> Result<(), StoreError> {
    let version = read_u64(row.rest, 0).unwrap_or(0);
    let Some(backup) = row.decode::<BackupRow>(report) else { return Ok(()) };
    let backups: Option<BackupsRow> = db.row(Family::Devices, &backups_key(row.user), report)?;
    if !backups.is_some_and(|backups| backups.live.contains(&version)) {
        report.wrong(row.place(), format!("{} has no such backup", report::user(row.user)));
    }
    let prefix = KeyBuilder::devices(row.user, Devices::BackedUpKey).u64(version).build();
    let mut rows = db.snapshot.scan_prefix(Family::Devices, &prefix);
    let (mut count, mut bytes) = (0, 0);
    while let Some((_, value)) = rows.next()? {
        count += 1;
        // One that is malformed is told where it stands.
        let key = crate::store::decode::<BackedUpKey>(Family::Devices, value);
        bytes += key.map_or(0, |key| key.session_data.len() as u64);
    }
    if (backup.count, backup.bytes) != (count, bytes) {
        report.wrong(row.place(), format!("it counts {} keys, but there are {count}", backup.count));
    }
    Ok(())
}

/// User → version, room, session: its backup is there.
pub(super) fn check_key(db: &Database<'_>, row: &DevicesRow<'_>, report: &mut Report) -> Result<(), StoreError> {
    report.count("backed-up keys", 1);
    row.decode::<BackedUpKey>(report);
    let version = read_u64(row.rest, 0).unwrap_or(0);
    if db.snapshot.get(Family::Devices, &backup_key(row.user, version))?.is_none() {
        report.wrong(row.place(), "its backup is not there");
    }
    Ok(())
}
