//! Key backups (client-server API, "Server-side key backups"): versions, each with keys of sessions that only the user's
//! clients can read.
//!
//! Invariants: a version's row counts its keys; versions are numbered from 1 and no number is used again, so that what is
//! asked of a lower one that isn't there was deleted. Only the highest that is there takes new keys.

mod sessions;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use self::sessions::{BackedUpKey, KeyData, RoomSessions, Selection, Stored, backed_up_key};
use super::Users;
use crate::{
    error::{Error, Result},
    ids::UserNum,
    json::ObjectWriter,
    store::{
        Commit, Family, Key, LogEntry, Read,
        keys::{self, Devices, KeyBuilder},
    },
};

/// Versions that a user may have at the same time.
const MAX_VERSIONS: usize = 50;
/// An algorithm may have this many bytes.
const MAX_ALGORITHM: usize = 255;
/// What the algorithm is given, as JSON, may have this many bytes.
const MAX_AUTH_DATA: usize = 64 << 10;

/// User → their backups.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupsRow {
    /// The last number that was given.
    pub last: u64,
    /// Those that are there, in ascending order.
    pub live: Vec<u64>,
}

/// User → version: a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupRow {
    /// How its keys are encrypted.
    pub algorithm: String,
    /// What the algorithm needs to be known: a JSON object.
    pub auth_data: String,
    /// How many keys it has.
    pub count: u64,
    /// How many bytes they have.
    pub bytes: u64,
    /// How often they changed.
    pub changes: u64,
}

/// `devices`: user → their backups.
pub fn backups_key(user: UserNum) -> Key {
    KeyBuilder::devices(user, Devices::Backups).build()
}

/// `devices`: user → version.
pub fn backup_key(user: UserNum, version: u64) -> Key {
    KeyBuilder::devices(user, Devices::Backup).u64(version).build()
}

/// How a backup is encrypted, as clients say it.
#[derive(Deserialize)]
pub struct BackupData {
    /// The algorithm.
    pub algorithm: String,
    /// What it needs to be known.
    pub auth_data: Map<String, Value>,
    /// Of a change: must be the version, if it is there.
    pub version: Option<String>,
}

impl BackupData {
    fn check(&self) -> Result<String> {
        let auth_data = Value::Object(self.auth_data.clone()).to_string();
        if self.algorithm.len() > MAX_ALGORITHM || auth_data.len() > MAX_AUTH_DATA {
            return Err(too_large());
        }
        Ok(auth_data)
    }
}

impl Users {
    /// Begins a new version, which is the current one then. Its name.
    ///
    /// # Errors
    /// 413 `M_TOO_LARGE` if there are too many.
    pub async fn create_backup(&self, user: UserNum, data: BackupData) -> Result<String> {
        let auth_data = data.check()?;
        let (ticket, version) = {
            let _lock = self.locks.user(user);
            let mut backups = self.backups(user)?;
            if backups.live.len() >= MAX_VERSIONS {
                return Err(Error::new(413, "M_TOO_LARGE", "There are too many backups: delete some first."));
            }
            backups.last += 1;
            let version = backups.last;
            backups.live.push(version);
            let row = BackupRow { algorithm: data.algorithm, auth_data, count: 0, bytes: 0, changes: 0 };
            let mut commit = Commit::new(LogEntry::User(user));
            commit.put_row(Family::Devices, backups_key(user), &backups).put_row(
                Family::Devices,
                backup_key(user, version),
                &row,
            );
            (self.store.commit(|_| commit), version)
        };
        ticket.durable().await?;
        Ok(version.to_string())
    }

    /// What is known of a version, or of the current one: the answer's JSON.
    ///
    /// # Errors
    /// 404 `M_NOT_FOUND` if there is none.
    pub fn describe_backup(&self, user: UserNum, version: Option<&str>) -> Result<Vec<u8>> {
        let version = match version {
            Some(version) => parse(version)?,
            None => *self.backups(user)?.live.last().ok_or_else(no_backup)?,
        };
        let row = self.backup(user, version)?;
        let mut out = Vec::with_capacity(row.auth_data.len() + 160);
        let mut answer = ObjectWriter::open(&mut out);
        answer.text("algorithm", &row.algorithm);
        answer.json("auth_data", row.auth_data.as_bytes());
        answer.integer("count", row.count);
        answer.text("etag", &row.changes.to_string());
        answer.text("version", &version.to_string());
        answer.close();
        Ok(out)
    }

    /// Changes what the algorithm of a version needs to be known.
    ///
    /// # Errors
    /// 404 `M_NOT_FOUND` if there is no such version; 400 `M_INVALID_PARAM` for another algorithm or version.
    pub async fn change_backup(&self, user: UserNum, version: &str, data: BackupData) -> Result<()> {
        let auth_data = data.check()?;
        if data.version.as_deref().is_some_and(|other| other != version) {
            return Err(Error::invalid_param("The version in the body is not the one in the path."));
        }
        let version = parse(version)?;
        let ticket = {
            let _lock = self.locks.user(user);
            let row = self.backup(user, version)?;
            if row.algorithm != data.algorithm {
                return Err(Error::invalid_param("The algorithm of a backup can't be changed."));
            }
            let mut commit = Commit::new(LogEntry::User(user));
            commit.put_row(Family::Devices, backup_key(user, version), &BackupRow { auth_data, ..row });
            self.store.commit(|_| commit)
        };
        ticket.durable().await?;
        Ok(())
    }

    /// Deletes a version with its keys. One that was deleted before is no error.
    ///
    /// # Errors
    /// 404 `M_NOT_FOUND` if there never was such a version.
    pub async fn delete_backup(&self, user: UserNum, version: &str) -> Result<()> {
        let version = parse(version)?;
        let ticket = {
            let _lock = self.locks.user(user);
            let mut backups = self.backups(user)?;
            if version > backups.last {
                return Err(no_backup());
            }
            backups.live.retain(|live| *live != version);
            let mut commit = Commit::new(LogEntry::User(user));
            commit.put_row(Family::Devices, backups_key(user), &backups);
            delete_version(&mut commit, user, version);
            self.store.commit(|_| commit)
        };
        ticket.durable().await?;
        Ok(())
    }

    /// Adds the deletion of all backups to a commit that the caller queues under the user's lock.
    pub(super) fn delete_backups(&self, commit: &mut Commit, user: UserNum) -> Result<()> {
        let mut backups = self.backups(user)?;
        for version in std::mem::take(&mut backups.live) {
            delete_version(commit, user, version);
        }
        if backups.last > 0 {
            commit.put_row(Family::Devices, backups_key(user), &backups);
        }
        Ok(())
    }

    fn backups(&self, user: UserNum) -> Result<BackupsRow> {
        Ok(self.store.latest().get_row(Family::Devices, &backups_key(user))?.unwrap_or_default())
    }

    fn backup(&self, user: UserNum, version: u64) -> Result<BackupRow> {
        let row = self.store.latest().get_row(Family::Devices, &backup_key(user, version))?;
        row.ok_or_else(no_backup)
    }
}

fn delete_version(commit: &mut Commit, user: UserNum, version: u64) {
    commit.delete(Family::Devices, backup_key(user, version));
    let start = sessions::of_version(user, version).build();
    // A number is followed by another one, or the letter by the next.
    let end = keys::successor(&start).unwrap_or_else(|| start.clone());
    commit.delete_range(Family::Devices, start, end);
}

/// The number of a version.
fn parse(version: &str) -> Result<u64> {
    version.parse().ok().filter(|version| *version > 0).ok_or_else(no_backup)
}

fn no_backup() -> Error {
    Error::not_found("There is no such backup.")
}

fn too_large() -> Error {
    Error::new(413, "M_TOO_LARGE", "This is too much for a backup.")
}
