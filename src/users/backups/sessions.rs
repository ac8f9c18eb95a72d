//! The keys in a backup, by room and session.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{BackupRow, backup_key, no_backup, parse, too_large};
use crate::{
    error::{Error, Result},
    ids::UserNum,
    json::ObjectWriter,
    store::{
        Commit, Family, Key, LogEntry, Read, StoreError, decode,
        keys::{Devices, KeyBuilder},
    },
    users::Users,
};

/// The data of a key, as JSON, may have this many bytes.
const MAX_KEY: usize = 64 << 10;
/// The ID of a room or session may have this many bytes.
const MAX_ID: usize = 255;
/// The keys of a version may have this many bytes.
const MAX_BYTES: u64 = 512 << 20;

/// User → version, room, session: a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackedUpKey {
    /// The first message that it opens.
    pub first_message_index: u64,
    /// How often it was passed on.
    pub forwarded_count: u64,
    /// Whether it comes from a device that was verified.
    pub is_verified: bool,
    /// The key itself, encrypted: a JSON object.
    pub session_data: String,
}

impl BackedUpKey {
    /// Whether it takes the place of another one (client-server API, "Server-side key backups").
    fn is_better_than(&self, other: &Self) -> bool {
        let rank = |key: &Self| (!key.is_verified, key.first_message_index, key.forwarded_count);
        rank(self) < rank(other)
    }

    fn bytes(&self) -> u64 {
        self.session_data.len() as u64
    }

    fn write(&self, out: &mut Vec<u8>) {
        let mut object = ObjectWriter::open(out);
        object.integer("first_message_index", self.first_message_index);
        object.integer("forwarded_count", self.forwarded_count);
        object.json("is_verified", if self.is_verified { b"true" } else { b"false" });
        object.json("session_data", self.session_data.as_bytes());
        object.close();
    }
}

/// A key as clients send it.
#[derive(Deserialize)]
pub struct KeyData {
    first_message_index: u64,
    forwarded_count: u64,
    is_verified: bool,
    session_data: Box<RawValue>,
}

impl KeyData {
    fn check(self) -> Result<BackedUpKey> {
        let session_data = self.session_data.get().to_owned();
        if !session_data.starts_with('{') {
            return Err(Error::bad_json("`session_data` must be an object."));
        }
        if session_data.len() > MAX_KEY {
            return Err(too_large());
        }
        let Self { first_message_index, forwarded_count, is_verified, .. } = self;
        Ok(BackedUpKey { first_message_index, forwarded_count, is_verified, session_data })
    }
}

/// Keys by session.
#[derive(Deserialize)]
pub struct RoomSessions {
    /// The keys.
    pub sessions: BTreeMap<String, KeyData>,
}

/// What a backup has after a change.
#[derive(Clone, Debug, Serialize)]
pub struct Stored {
    /// How many keys.
    count: u64,
    /// Differs with each change.
    etag: String,
}

impl Stored {
    fn of(row: &BackupRow) -> Self {
        Self { count: row.count, etag: row.changes.to_string() }
    }
}

/// `devices`: user → version; rooms and sessions follow.
pub(super) fn of_version(user: UserNum, version: u64) -> KeyBuilder {
    KeyBuilder::devices(user, Devices::BackedUpKey).u64(version)
}

/// `devices`: user → version, room, session.
pub fn backed_up_key(user: UserNum, version: u64, room: &str, session: &str) -> Key {
    of_version(user, version).text(room).tail(session.as_bytes()).build()
}

/// Bytes before the room in a key: user, letter, version.
const PREFIX: usize = 13;

/// Which keys of a version are meant: all, a room's, or a session's.
#[derive(Clone, Copy)]
pub enum Selection<'a> {
    /// All.
    All,
    /// Of a room.
    Room(&'a str),
    /// Of a session.
    Session(&'a str, &'a str),
}

impl Users {
    /// Keeps keys in the current version, each if it is better than the one that is there.
    ///
    /// # Errors
    /// 404 `M_NOT_FOUND` if there is no backup; 403 `M_WRONG_ROOM_KEYS_VERSION` if another one is the current one; 413
    /// `M_TOO_LARGE` if it is too much.
    pub async fn back_up_keys(
        &self,
        user: UserNum,
        version: &str,
        rooms: BTreeMap<String, RoomSessions>,
    ) -> Result<Stored> {
        let mut new = Vec::new();
        for (room, RoomSessions { sessions }) in rooms {
            for (session, data) in sessions {
                let is_id = |id: &str| id.len() <= MAX_ID && !id.chars().any(char::is_control);
                if !is_id(&room) || !is_id(&session) {
                    return Err(Error::invalid_param("IDs have at most 255 bytes and no control characters."));
                }
                new.push((room.clone(), session, data.check()?));
            }
        }
        let (ticket, stored) = {
            let _lock = self.locks.user(user);
            let current = *self.backups(user)?.live.last().ok_or_else(no_backup)?;
            if parse(version).ok() != Some(current) {
                return Err(Error::new(403, "M_WRONG_ROOM_KEYS_VERSION", "This is not the current backup.")
                    .with_field("current_version", current.to_string()));
            }
            let mut row = self.backup(user, current)?;
            let (latest, mut commit) = (self.store.latest(), Commit::new(LogEntry::User(user)));
            let mut changed = false;
            for (room, session, key) in new {
                let place = backed_up_key(user, current, &room, &session);
                let before: Option<BackedUpKey> = latest.get_row(Family::Devices, &place)?;
                if before.as_ref().is_some_and(|before| !key.is_better_than(before)) {
                    continue;
                }
                row.count += u64::from(before.is_none());
                row.bytes = row.bytes.saturating_sub(before.map_or(0, |before| before.bytes())) + key.bytes();
                commit.put_row(Family::Devices, place, &key);
                changed = true;
            }
            if !changed {
                return Ok(Stored::of(&row));
            }
            if row.bytes > MAX_BYTES {
                return Err(too_large());
            }
            row.changes += 1;
            commit.put_row(Family::Devices, backup_key(user, current), &row);
            (self.store.commit(|_| commit), Stored::of(&row))
        };
        ticket.durable().await?;
        Ok(stored)
    }

    /// Keys of a version: a session's as it is, a room's as `{"sessions": {…}}`, all as `{"rooms": {…}}`.
    ///
    /// # Errors
    /// 404 `M_NOT_FOUND` if there is no such version, or no such session in it.
    pub fn backed_up_keys(&self, user: UserNum, version: &str, selection: Selection<'_>) -> Result<Vec<u8>> {
        let version = parse(version)?;
        self.backup(user, version)?;
        let mut out = Vec::with_capacity(256);
        match selection {
            Selection::Session(room, session) => {
                let place = backed_up_key(user, version, room, session);
                let key: Option<BackedUpKey> = self.store.latest().get_row(Family::Devices, &place)?;
                key.ok_or_else(|| Error::not_found("There is no such key in the backup."))?.write(&mut out);
            }
            Selection::Room(_) => {
                let mut answer = ObjectWriter::open(&mut out);
                let mut sessions = answer.object("sessions");
                self.each_key(user, version, selection, |_, session, key| key.write(sessions.text_key(session)))?;
                sessions.close();
                answer.close();
            }
            Selection::All => {
                let mut rooms: BTreeMap<String, Vec<u8>> = BTreeMap::new();
                self.each_key(user, version, selection, |room, session, key| {
                    let sessions = rooms.entry(room.to_owned()).or_default();
                    sessions.push(if sessions.is_empty() { b'{' } else { b',' });
                    crate::json::write_text(sessions, session);
                    sessions.push(b':');
                    key.write(sessions);
                })?;
                let mut answer = ObjectWriter::open(&mut out);
                let mut all = answer.object("rooms");
                for (room, mut sessions) in rooms {
                    sessions.push(b'}');
                    let mut one = ObjectWriter::open(all.text_key(&room));
                    one.json("sessions", &sessions);
                    one.close();
                }
                all.close();
                answer.close();
            }
        }
        Ok(out)
    }

    /// Deletes keys of a version; those that aren't there are no error.
    ///
    /// # Errors
    /// 404 `M_NOT_FOUND` if there is no such version.
    pub async fn delete_backed_up_keys(
        &self,
        user: UserNum,
        version: &str,
        selection: Selection<'_>,
    ) -> Result<Stored> {
        let version = parse(version)?;
        let (ticket, stored) = {
            let _lock = self.locks.user(user);
            let mut row = self.backup(user, version)?;
            let (latest, mut commit) = (self.store.latest(), Commit::new(LogEntry::User(user)));
            let mut changed = false;
            for place in self.places(user, version, selection)? {
                // What was deleted a moment ago may still be seen where the places are from.
                let Some(key) = latest.get_row::<BackedUpKey>(Family::Devices, &place)? else { continue };
                row.count -= 1;
                row.bytes = row.bytes.saturating_sub(key.bytes());
                commit.delete(Family::Devices, place);
                changed = true;
            }
            if !changed {
                return Ok(Stored::of(&row));
            }
            row.changes += 1;
            commit.put_row(Family::Devices, backup_key(user, version), &row);
            (self.store.commit(|_| commit), Stored::of(&row))
        };
        ticket.durable().await?;
        Ok(stored)
    }

    fn places(&self, user: UserNum, version: u64, selection: Selection<'_>) -> Result<Vec<Key>> {
        if let Selection::Session(room, session) = selection {
            return Ok(vec![backed_up_key(user, version, room, session)]);
        }
        let mut places = Vec::new();
        self.each_key(user, version, selection, |room, session, _| {
            places.push(backed_up_key(user, version, room, session));
        })?;
        Ok(places)
    }

    /// Calls `take` with each selected key that is published, and with its room and session.
    fn each_key(
        &self,
        user: UserNum,
        version: u64,
        selection: Selection<'_>,
        mut take: impl FnMut(&str, &str, &BackedUpKey),
    ) -> Result<()> {
        let prefix = match selection {
            Selection::All => of_version(user, version).build(),
            Selection::Room(room) => of_version(user, version).text(room).build(),
            Selection::Session(room, session) => backed_up_key(user, version, room, session),
        };
        let snapshot = self.store.snapshot();
        let mut rows = snapshot.scan_prefix(Family::Devices, &prefix);
        while let Some((key, value)) = rows.next()? {
            let place = key.get(PREFIX..).and_then(|rest| str::from_utf8(rest).ok()?.split_once('\0'));
            let (room, session) = place.ok_or(StoreError::Malformed(Family::Devices))?;
            take(room, session, &decode(Family::Devices, value)?);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_better_key_stays() {
        let key = |is_verified, first_message_index, forwarded_count| BackedUpKey {
            first_message_index,
            forwarded_count,
            is_verified,
            session_data: "{}".to_owned(),
        };
        // Each is better than those behind it.
        let ranked = [key(true, 0, 1), key(true, 5, 0), key(false, 0, 0), key(false, 0, 3), key(false, 1, 0)];
        for (at, one) in ranked.iter().enumerate() {
            for (other_at, other) in ranked.iter().enumerate() {
                assert_eq!(one.is_better_than(other), at < other_at, "{one:?} {other:?}");
            }
        }
    }
}
