//! Accounts and what belongs to them: devices and tokens each against the other, profiles, account data, filters.

use serde_json::{Map, Value};

use super::{Database, Report, index::IndexRow, report};
use crate::{
    config::is_registration_token,
    ids::{RoomNum, UserNum},
    rooms::reports,
    store::{
        Family, Read, StoreError, decode,
        keys::{self, Index, KeyBuilder, read_u32},
    },
    users::{
        Pusher, RegistrationToken, Restrictions,
        feed::FeedEntry,
        filters::id_of,
        rows::{
            AccountDataRow, AccountRow, DeviceRow, FilterRow, TokenRow, account_data_key, account_data_size_key,
            pushers_key, pushkey_key, token_key, weight,
        },
    },
};

/// User → account.
pub(super) fn check_account(db: &Database<'_>, row: &IndexRow<'_>, report: &mut Report) -> Result<(), StoreError> {
    let user = UserNum(row.owner);
    row.decode::<AccountRow>(report);
    report.count("accounts", 1);
    let ours =
        db.store.user_id(user).is_ok_and(|id| db.server_name.as_ref().is_none_or(|name| id.server_name() == name));
    if !row.rest.is_empty() || !ours {
        report.wrong(report::user(user), "this account is of no user of this server");
    }
    Ok(())
}

/// User → restrictions: of an account.
pub(super) fn check_restrictions(db: &Database<'_>, row: &IndexRow<'_>, report: &mut Report) -> Result<(), StoreError> {
    row.decode::<Restrictions>(report);
    let account = KeyBuilder::number(row.owner).byte(Index::Account as u8).build();
    if !row.rest.is_empty() || db.snapshot.get(Family::Index, &account)?.is_none() {
        report.wrong(report::user(UserNum(row.owner)), "its restrictions are of no account");
    }
    Ok(())
}

/// 0 → what a user reported.
pub(super) fn check_report(db: &Database<'_>, row: &IndexRow<'_>, report: &mut Report) -> Result<(), StoreError> {
    let Some(reported) = row.decode::<reports::Report>(report) else { return Ok(()) };
    report.count("reports", 1);
    let by_user = (1..=db.last_user).contains(&reported.by.0);
    if row.owner != 0 || row.rest.len() != 8 || !by_user {
        report.wrong(row.place(), "its key is malformed, or who reports has no name");
    }
    Ok(())
}

/// User → device: it has an account, and its tokens are there and its own.
pub(super) fn check_device(db: &Database<'_>, row: &IndexRow<'_>, report: &mut Report) -> Result<(), StoreError> {
    let user = UserNum(row.owner);
    let place = format!("{}, device {}", report::user(user), String::from_utf8_lossy(row.rest));
    report.count("devices", 1);
    let account = KeyBuilder::user(user, Index::Account).build();
    if db.snapshot.get(Family::Index, &account)?.is_none() {
        report.wrong(&place, "its user has no account");
    }
    let Some(device) = row.decode::<DeviceRow>(report) else { return Ok(()) };
    for hash in device.token_hashes() {
        let token: Option<TokenRow> = db.row(Family::Index, &token_key(&hash), report)?;
        if token.is_none_or(|token| token.user != user || token.device_id.as_bytes() != row.rest) {
            report.wrong(&place, "a token of it is missing, or belongs to another device");
        }
    }
    Ok(())
}

/// User → pushers: each is of a device that is there, and its push key leads back.
pub(super) fn check_pushers(db: &Database<'_>, row: &IndexRow<'_>, report: &mut Report) -> Result<(), StoreError> {
    let user = UserNum(row.owner);
    for pusher in row.decode::<Vec<Pusher>>(report).unwrap_or_default() {
        report.count("pushers", 1);
        let place = format!("{}, pusher {}", report::user(user), pusher.app_id);
        let device = KeyBuilder::user(user, Index::Device).tail(pusher.device_id.as_bytes()).build();
        if db.snapshot.get(Family::Index, &device)?.is_none() {
            report.wrong(&place, "the device that set it is not there");
        }
        if db.snapshot.get(Family::Index, &pushkey_key(&pusher.app_id, &pusher.pushkey, user))?.is_none() {
            report.wrong(&place, "its push key does not lead to the user");
        }
    }
    Ok(())
}

/// Push key → user: they have a pusher for it.
pub(super) fn check_pushkey(db: &Database<'_>, row: &IndexRow<'_>, report: &mut Report) -> Result<(), StoreError> {
    let user = UserNum(row.rest.len().checked_sub(4).and_then(|at| read_u32(row.rest, at)).unwrap_or(0));
    let pushers: Option<Vec<Pusher>> = db.row(Family::Index, &pushers_key(user), report)?;
    let mut keys = pushers.iter().flatten().map(|pusher| pushkey_key(&pusher.app_id, &pusher.pushkey, user));
    if !keys.any(|key| key.as_slice() == row.key) {
        report.wrong(row.place(), format!("{} has no such pusher", report::user(user)));
    }
    Ok(())
}

/// Token → session: its device is there and knows it.
pub(super) fn check_token(db: &Database<'_>, row: &IndexRow<'_>, report: &mut Report) -> Result<(), StoreError> {
    let Some(token) = row.decode::<TokenRow>(report) else { return Ok(()) };
    let key = KeyBuilder::user(token.user, Index::Device).tail(token.device_id.as_bytes()).build();
    let device: Option<DeviceRow> = db.row(Family::Index, &key, report)?;
    if device.is_none_or(|device| device.token_hashes().all(|hash| hash != row.rest)) {
        let device = format!("{}, device {}", report::user(token.user), token.device_id);
        report.wrong(row.place(), format!("{device} is not there, or does not know this token"));
    }
    Ok(())
}

/// 0 → registration token: it can be one, and let in no more than it may.
pub(super) fn check_registration_token(
    _: &Database<'_>,
    row: &IndexRow<'_>,
    report: &mut Report,
) -> Result<(), StoreError> {
    let Some(token) = row.decode::<RegistrationToken>(report) else { return Ok(()) };
    report.count("registration tokens", 1);
    let is_token = str::from_utf8(row.rest).is_ok_and(is_registration_token);
    if row.owner != 0 || !is_token || token.uses_allowed.is_some_and(|allowed| token.used > allowed) {
        report.wrong(row.place(), "this is no registration token, or it let in more than it may");
    }
    Ok(())
}

/// User → profile: a JSON object of a user who has an account.
pub(super) fn check_profile(db: &Database<'_>, row: &IndexRow<'_>, report: &mut Report) -> Result<(), StoreError> {
    let user = UserNum(row.owner);
    let account = KeyBuilder::user(user, Index::Account).build();
    let parses = serde_json::from_slice::<Map<String, Value>>(row.value).is_ok();
    if !parses || db.snapshot.get(Family::Index, &account)?.is_none() {
        report.wrong(report::user(user), "the profile is no JSON object, or there is no account");
    }
    Ok(())
}

/// User → account data: the feed tells of it where it says.
pub(super) fn check_account_data(db: &Database<'_>, row: &IndexRow<'_>, report: &mut Report) -> Result<(), StoreError> {
    let user = UserNum(row.owner);
    let Some(data) = row.decode::<AccountDataRow>(report) else { return Ok(()) };
    let Some((room, kind)) = read_u32(row.rest, 0).zip(row.rest.get(4..).and_then(|kind| str::from_utf8(kind).ok()))
    else {
        report.wrong(row.place(), "its key is malformed");
        return Ok(());
    };
    report.count("pieces of account data", 1);
    let room = Some(RoomNum(room)).filter(|room| room.0 != 0);
    let entry: Option<FeedEntry> = db.row(Family::Feed, &keys::user_position(user, data.position), report)?;
    if entry != Some(FeedEntry::AccountData(room, kind.to_owned())) {
        let what = format!("the user's feed does not tell of {kind} at {}", data.position);
        report.wrong(report::user(user), what);
    }
    if db.snapshot.get(Family::Index, &account_data_size_key(user))?.is_none() {
        report.wrong(report::user(user), "the size of the account data is missing");
    }
    Ok(())
}

/// User → what all account data weighs.
pub(super) fn check_account_data_size(
    db: &Database<'_>,
    row: &IndexRow<'_>,
    report: &mut Report,
) -> Result<(), StoreError> {
    let user = UserNum(row.owner);
    let prefix = KeyBuilder::user(user, Index::AccountData).build();
    let mut rows = db.snapshot.scan_prefix(Family::Index, &prefix);
    let mut found = 0;
    while let Some((key, value)) = rows.next()? {
        let kind = key.get(prefix.len() + 4..).and_then(|kind| str::from_utf8(kind).ok()).unwrap_or_default();
        let content = decode::<AccountDataRow>(Family::Index, value).map(|row| row.content).unwrap_or_default();
        found += weight(kind, &content);
    }
    if row.decode::<u64>(report).is_some_and(|said| said != found) {
        report.wrong(report::user(user), format!("the account data weighs {found}, its counter says something else"));
    }
    Ok(())
}

/// User → filter, whose ID is its hash.
pub(super) fn check_filter(_: &Database<'_>, row: &IndexRow<'_>, report: &mut Report) -> Result<(), StoreError> {
    let filter = row.decode::<FilterRow>(report);
    if filter.is_some_and(|filter| id_of(&filter.json).as_bytes() != row.rest) {
        report.wrong(row.place(), "this filter has another ID");
    }
    Ok(())
}

/// Where a user's account data was set last.
pub(super) fn account_data_position(
    db: &Database<'_>,
    user: UserNum,
    (room, kind): (Option<RoomNum>, &str),
    report: &mut Report,
) -> Result<Option<crate::ids::Position>, StoreError> {
    let data: Option<AccountDataRow> = db.row(Family::Index, &account_data_key(user, room, kind), report)?;
    Ok(data.map(|data| data.position))
}
