//! Feeds: each entry is the one that the row it tells of names.

use super::{Database, Report, accounts::account_data_position, report, row};
use crate::{
    ids::{Position, UserNum},
    rooms::{receipts::Receipt, rows::OwnRoom, view::own_key},
    store::{
        Family, StoreError,
        keys::{self, read_u32, read_u64},
    },
    users::{
        feed::FeedEntry,
        keys::{SignatureRow, signature_key},
    },
};

/// Checks every row. That each row of `index` has its entry is checked there.
pub(super) fn check(db: &Database<'_>, report: &mut Report) -> Result<(), StoreError> {
    let mut rows = db.snapshot.scan(Family::Feed, &[], &[]);
    while let Some((key, value)) = rows.next()? {
        let (Some(user), Some(position)) = (read_u32(key, 0), read_u64(key, 4)) else {
            report.wrong(report::row(Family::Feed, key), "its key is malformed");
            continue;
        };
        let (user, position) = (UserNum(user), Position(position));
        let place = || format!("feed of {} at {position}", report::user(user));
        let entry: Option<FeedEntry> = row(Family::Feed, key, value, report);
        let current = match entry {
            Some(FeedEntry::Membership(room)) => {
                let own: Option<OwnRoom> = db.row(Family::Index, &own_key(user, room), report)?;
                own.map(|own| own.since)
            }
            Some(FeedEntry::AccountData(room, kind)) => account_data_position(db, user, (room, &kind), report)?,
            Some(FeedEntry::PrivateReceipt(room)) => {
                let receipt: Option<Receipt> =
                    db.row(Family::Ephemeral, &keys::room_position(room, position), report)?;
                receipt.filter(|receipt| receipt.user == user).map(|_| position)
            }
            Some(FeedEntry::Signatures(target, key_id)) => {
                let key = signature_key(user, target, &key_id);
                let signed: Option<SignatureRow> = db.row(Family::Devices, &key, report)?;
                signed.map(|signed| signed.position)
            }
            None => continue,
        };
        if current != Some(position) {
            report.wrong(place(), "what it tells of is not there, or changed elsewhere");
        }
    }
    Ok(())
}
