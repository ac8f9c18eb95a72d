//! Transaction IDs: a request that a client sends again has its effect once, also after a restart.
//!
//! Invariants: the row lands in the commit of the effect, and is looked for under the lock under which that commit is
//! queued. It is found for a day at least, and gone when its device sends something two days later.

use bytes::Bytes;
use quick_cache::sync::Cache;
use sha2::{Digest, Sha256};

use super::{Session, Users};
use crate::{
    error::{Error, Result},
    ids::UserNum,
    store::{
        Commit, Family, Key, Read,
        keys::{self, KeyBuilder},
    },
};

const DAY_MS: u64 = 24 * 60 * 60 * 1000;
/// Devices of which is remembered when their old transactions were deleted.
const MAX_TRIMMED: usize = 20_000;
/// A transaction ID may have this many bytes.
const MAX_ID_BYTES: usize = 255;

/// A transaction that begins with a request.
#[derive(Clone, Debug)]
pub struct NewTransaction {
    /// The device that sends it.
    pub device: String,
    /// Its ID.
    pub id: String,
    user: UserNum,
    day: u32,
    hash: [u8; 16],
}

/// When devices' old transactions were last deleted. What is forgotten is done once more.
pub(super) struct Trimmed(Cache<(UserNum, String), u32>);

impl Default for Trimmed {
    fn default() -> Self {
        Self(Cache::new(MAX_TRIMMED))
    }
}

impl Users {
    /// The transaction that a request makes: a letter for its endpoint, what it is about, and the ID of the client.
    pub fn transaction(&self, session: &Session, kind: u8, about: &[&[u8]], id: String) -> Result<NewTransaction> {
        if id.len() > MAX_ID_BYTES {
            return Err(Error::invalid_param("A transaction ID has at most 255 bytes."));
        }
        let mut digest = Sha256::new();
        digest.update([kind]);
        for part in about {
            // The length keeps apart where one ends and the other begins.
            digest.update((part.len() as u64).to_be_bytes());
            digest.update(part);
        }
        digest.update(&id);
        let mut hash = [0; 16];
        hash.copy_from_slice(&digest.finalize()[..16]);
        let day = u32::try_from(self.clock.now_ms() / DAY_MS).unwrap_or(u32::MAX);
        Ok(NewTransaction { device: session.device_id.to_string(), id, user: session.user, day, hash })
    }

    /// What an earlier request of the same transaction left.
    pub fn earlier(&self, transaction: &NewTransaction) -> Result<Option<Bytes>> {
        let latest = self.store.latest();
        match latest.get(Family::Index, &transaction.key(transaction.day))? {
            Some(row) => Ok(Some(row)),
            None => Ok(latest.get(Family::Index, &transaction.key(transaction.yesterday()))?),
        }
    }

    /// Adds the row of a transaction to the commit of its effect, and once a day the deletion of its device's old ones.
    pub fn write_transaction(&self, commit: &mut Commit, transaction: &NewTransaction, left: impl Into<Bytes>) {
        commit.put(Family::Index, transaction.key(transaction.day), left);
        let device = (transaction.user, transaction.device.clone());
        if self.trimmed.0.get(&device) != Some(transaction.day) {
            self.trimmed.0.insert(device, transaction.day);
            let (first, end) = (transaction.of_day(0).build(), transaction.of_day(transaction.yesterday()).build());
            commit.delete_range(Family::Index, first, end);
        }
    }
}

impl NewTransaction {
    fn of_day(&self, day: u32) -> KeyBuilder {
        keys::transactions(self.user, &self.device).u32(day)
    }

    fn key(&self, day: u32) -> Key {
        self.of_day(day).tail(&self.hash).build()
    }

    fn yesterday(&self) -> u32 {
        self.day.saturating_sub(1)
    }
}
