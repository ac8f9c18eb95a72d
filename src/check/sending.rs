//! What clients leave behind in rooms: receipts, each told by two rows, the transactions of what they sent, and what
//! they have sent later.

use super::{Database, Report, index::IndexRow, report, row};
use crate::{
    ids::{Position, RoomNum, UserNum},
    rooms::{
        delayed::{self, DelayedRow},
        receipts::{OwnReceipt, Receipt, own_receipt_key},
        rows::EventMeta,
    },
    store::{
        Family, Read, StoreError,
        keys::{self, Index, KeyBuilder, read_u32, read_u64},
    },
};

/// `ephemeral`: each receipt is the one that its user's row names, and is of an event of the room.
pub(super) fn check_receipts(db: &Database<'_>, report: &mut Report) -> Result<(), StoreError> {
    let mut rows = db.snapshot.scan(Family::Ephemeral, &[], &[]);
    while let Some((key, value)) = rows.next()? {
        report.count("receipts", 1);
        let (Some(room), Some(position)) = (read_u32(key, 0), read_u64(key, 4)) else {
            report.wrong(report::row(Family::Ephemeral, key), "its key is malformed");
            continue;
        };
        let room = RoomNum(room);
        let Some(receipt) = row::<Receipt>(Family::Ephemeral, key, value, report) else { continue };
        let place = || format!("receipt of {} in room {room} at {position}", report::user(receipt.user));
        let own = own_receipt_key(receipt.user, room, receipt.kind, receipt.thread.as_deref());
        let own: Option<OwnReceipt> = db.row(Family::Index, &own, report)?;
        if own.map(|own| own.position) != Some(Position(position)) {
            report.wrong(place(), "its user's row names another one, or is missing");
        }
        if event_room(db, receipt.event_id.as_str())? != Some(room) {
            report.wrong(place(), "its event is not in the room");
        }
    }
    Ok(())
}

/// User → room, type and thread: the receipt that it names is there.
pub(super) fn check_own_receipt(db: &Database<'_>, row: &IndexRow<'_>, report: &mut Report) -> Result<(), StoreError> {
    let room = RoomNum(read_u32(row.rest, 0).unwrap_or(0));
    let Some(own) = row.decode::<OwnReceipt>(report) else { return Ok(()) };
    let receipt: Option<Receipt> = db.row(Family::Ephemeral, &keys::room_position(room, own.position), report)?;
    let names_this = |receipt: Receipt| {
        receipt.user == UserNum(row.owner)
            && own_receipt_key(receipt.user, room, receipt.kind, receipt.thread.as_deref()).as_slice() == row.key
    };
    if !receipt.is_some_and(names_this) {
        report.wrong(row.place(), "the receipt that it names is not there, or another's");
    }
    Ok(())
}

/// User → device, transaction: the event that it names is there, and was sent by that device. What was sent to devices
/// leaves no name.
pub(super) fn check_transaction(db: &Database<'_>, row: &IndexRow<'_>, report: &mut Report) -> Result<(), StoreError> {
    if row.value.is_empty() {
        return Ok(());
    }
    let device = row.rest.split(|byte| *byte == 0).next().unwrap_or_default();
    let place = std::str::from_utf8(row.value).ok().map(|event_id| {
        let place = db.snapshot.get(Family::EventIds, &keys::event_id(event_id))?;
        Ok::<_, StoreError>(place.and_then(|place| Some((read_u32(&place, 0)?, read_u64(&place, 4)?))))
    });
    let meta: Option<EventMeta> = match place.transpose()?.flatten() {
        Some((room, number)) => {
            let key = keys::event(RoomNum(room), crate::ids::EventNum(number));
            db.row(Family::EventMeta, &key, report)?
        }
        None => None,
    };
    let sent = meta.is_some_and(|meta| {
        meta.sender == UserNum(row.owner) && meta.transaction.is_some_and(|sent| sent.device.as_bytes() == device)
    });
    if !sent {
        report.wrong(row.place(), "the event that it names is not there, or was sent otherwise");
    }
    Ok(())
}

/// 0 → user, delay ID: an event that is to be sent later, of an account that its ID names.
pub(super) fn check_delayed(db: &Database<'_>, row: &IndexRow<'_>, report: &mut Report) -> Result<(), StoreError> {
    report.count("delayed events", 1);
    row.decode::<DelayedRow>(report);
    let user = UserNum(read_u32(row.rest, 0).unwrap_or(0));
    let delay_id = row.rest.get(4..).and_then(|id| std::str::from_utf8(id).ok()).unwrap_or_default();
    let account = KeyBuilder::user(user, Index::Account).build();
    if row.owner != 0 || delayed::user_of(delay_id) != Some(user) {
        report.wrong(row.place(), "its ID names another user");
    } else if db.snapshot.get(Family::Index, &account)?.is_none() {
        report.wrong(row.place(), "this delayed event is of no account");
    }
    Ok(())
}

fn event_room(db: &Database<'_>, event_id: &str) -> Result<Option<RoomNum>, StoreError> {
    let place = db.snapshot.get(Family::EventIds, &keys::event_id(event_id))?;
    Ok(place.and_then(|place| read_u32(&place, 0)).map(RoomNum))
}
