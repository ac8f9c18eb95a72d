//! The keys of other servers: fetched, checked, kept; and our own as we publish them.
//!
//! Invariant: of each server at most one fetch is under way, and none follows another at once. Keys are kept for
//! ever, since those of a server that is gone can't be had again.

use std::{collections::BTreeMap, sync::Arc};

use quick_cache::sync::Cache;
use ruma::{CanonicalJsonObject, CanonicalJsonValue, OwnedServerName, ServerName};
use serde::{Deserialize, Serialize};

use super::{Ask, Flights, KeyAnswer, PeerError, Peers};
use crate::{
    clock::Clock,
    event::{PublicKey, SigningKey},
    store::{Commit, Family, Key, LogEntry, Read, Store, StoreError, keys},
};

/// How long the keys that we publish are valid, ms.
const OWN_VALIDITY_MS: u64 = 24 * 60 * 60 * 1000;
/// A server's keys are not fetched again before this time has gone by, ms.
const MIN_AGE_MS: u64 = 60 * 1000;
/// Servers whose keys are kept in memory.
const MAX_CACHED: usize = 5_000;
/// Keys that are kept of one server; the ones that were valid longest stay.
const MAX_KEYS: usize = 100;

/// A key that this server signed with once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OldKey {
    /// Its ID.
    pub id: String,
    /// The public half in base64.
    pub key: String,
    /// Since when it signs no more, ms.
    pub expired_ms: u64,
}

/// `remote_keys`: server → what is known of its keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemoteKeysRow {
    /// Its last answer, as JSON.
    pub answer: String,
    /// When it came, ms.
    pub fetched_ms: u64,
    /// Until when the keys that it uses are valid, ms.
    pub valid_until_ms: u64,
    /// Key ID → key in base64, and until when it was valid, ms.
    pub keys: BTreeMap<String, (String, u64)>,
}

/// Keys by server.
pub struct Keyring {
    store: Arc<Store>,
    peers: Arc<Peers>,
    clock: Clock,
    server_name: OwnedServerName,
    own: Arc<SigningKey>,
    old: Vec<OldKey>,
    known: Cache<OwnedServerName, Arc<RemoteKeysRow>>,
    flights: Flights<OwnedServerName>,
}

impl Keyring {
    /// With the keys of this server: the one that it uses, and those that it used once.
    pub fn new(
        (store, peers, clock): (Arc<Store>, Arc<Peers>, Clock),
        server_name: OwnedServerName,
        own: Arc<SigningKey>,
        old: Vec<OldKey>,
    ) -> Self {
        Self { store, peers, clock, server_name, own, old, known: Cache::new(MAX_CACHED), flights: Flights::default() }
    }

    /// Our own keys as we publish them, signed.
    pub fn own_answer(&self) -> CanonicalJsonObject {
        let text = |text: &str| CanonicalJsonValue::String(text.to_owned());
        let time = |ms: u64| CanonicalJsonValue::Integer(ruma::Int::new_saturating(ms.try_into().unwrap_or(i64::MAX)));
        let object = |fields: Vec<(&str, CanonicalJsonValue)>| {
            CanonicalJsonValue::Object(fields.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
        };
        let old = self
            .old
            .iter()
            .map(|old| (old.id.as_str(), object(vec![("expired_ts", time(old.expired_ms)), ("key", text(&old.key))])));
        let own = object(vec![("key", text(&self.own.public_base64()))]);
        let mut answer = CanonicalJsonObject::from([
            ("old_verify_keys".to_owned(), object(old.collect())),
            ("server_name".to_owned(), text(self.server_name.as_str())),
            ("valid_until_ts".to_owned(), time(self.clock.now_ms() + OWN_VALIDITY_MS)),
            ("verify_keys".to_owned(), object(vec![(self.own.id().as_str(), own)])),
        ]);
        self.own.sign_object(self.server_name.as_str(), &mut answer);
        answer
    }

    /// A key by which a server may sign requests now; `None` if it has none of that ID.
    pub async fn request_key(&self, server: &ServerName, id: &str) -> Option<PublicKey> {
        let now = self.clock.now_ms();
        let keys = self.keys_for(server, &[id], now).await;
        keys.into_iter().find(|(found, _, until_ms)| found == id && *until_ms >= now).map(|(_, key, _)| key)
    }

    /// Those of some keys of a server that are to be had, each with until when it was valid. Where one is unknown, or was
    /// not valid at `at_ms`, they are asked for again.
    pub async fn keys_for(&self, server: &ServerName, ids: &[&str], at_ms: u64) -> Vec<(String, PublicKey, u64)> {
        if server == self.server_name {
            return self.own_keys();
        }
        let known = self.known(server).unwrap_or_default();
        let found = named(known.as_deref(), ids);
        // Of a time that is yet to come nobody has keys.
        let sought = at_ms.min(self.clock.now_ms());
        if found.len() == ids.len() && found.iter().all(|(_, _, until_ms)| *until_ms >= sought) {
            return found;
        }
        match self.fetched(server, known.map(|known| known.fetched_ms)).await {
            Some(fetched) => named(Some(&fetched), ids),
            None => found,
        }
    }

    /// The last answer of a server with its keys; fetched if it is not valid until `until_ms`.
    pub async fn answer(&self, server: &ServerName, until_ms: u64) -> Option<CanonicalJsonObject> {
        let mut known = self.known(server).unwrap_or_default();
        if known.as_ref().is_none_or(|known| known.valid_until_ms < until_ms)
            && let Some(fetched) = self.fetched(server, known.as_ref().map(|known| known.fetched_ms)).await
        {
            known = Some(fetched);
        }
        let mut answer: CanonicalJsonObject = serde_json::from_str(&known?.answer).ok()?;
        self.own.sign_object(self.server_name.as_str(), &mut answer);
        Some(answer)
    }

    fn own_keys(&self) -> Vec<(String, PublicKey, u64)> {
        let old = self.old.iter().map(|old| (old.id.clone(), old.key.clone(), old.expired_ms));
        let own = (self.own.id().to_string(), self.own.public_base64(), u64::MAX);
        old.chain([own]).filter_map(|(id, key, until_ms)| Some((id, PublicKey::from_base64(&key)?, until_ms))).collect()
    }

    fn known(&self, server: &ServerName) -> Result<Option<Arc<RemoteKeysRow>>, StoreError> {
        if let Some(known) = self.known.get(server) {
            return Ok(Some(known));
        }
        let row: Option<RemoteKeysRow> = self.store.latest().get_row(Family::RemoteKeys, &key(server))?;
        let row = row.map(Arc::new);
        if let Some(row) = &row {
            self.known.insert(server.to_owned(), row.clone());
        }
        Ok(row)
    }

    /// Fetches a server's keys, unless another has just done so, or they are fresh. `had` says of when those are that
    /// the caller knows.
    async fn fetched(&self, server: &ServerName, had: Option<u64>) -> Option<Arc<RemoteKeysRow>> {
        let _turn = self.flights.turn(server.to_owned()).await;
        let known = self.known(server).ok()?;
        if let Some(known) = &known {
            let is_news = had.is_none_or(|had| known.fetched_ms > had);
            if is_news || known.fetched_ms + MIN_AGE_MS > self.clock.now_ms() {
                return Some(known.clone());
            }
        }
        match self.fetch(server, known.as_deref()).await {
            Ok(row) => Some(row),
            Err(error) => {
                tracing::info!(%error, "the keys of a server can't be had");
                None
            }
        }
    }

    async fn fetch(&self, server: &ServerName, known: Option<&RemoteKeysRow>) -> Result<Arc<RemoteKeysRow>, PeerError> {
        let object: CanonicalJsonObject =
            self.peers.ask(server, Ask::get("/_matrix/key/v2/server").up_to(256 << 10)).await?;
        let now = self.clock.now_ms();
        let answer = KeyAnswer::read(object, server, now)
            .map_err(|why| PeerError::Malformed { server: server.to_owned(), why })?;
        let mut keys = known.map(|known| known.keys.clone()).unwrap_or_default();
        for (id, (key, until_ms)) in &answer.keys {
            // The same ID with another key is a key that was never rotated rightly: the newer one counts.
            keys.insert(id.clone(), (key.to_base64(), *until_ms));
        }
        while keys.len() > MAX_KEYS {
            let oldest = keys.iter().min_by_key(|(_, (_, until_ms))| *until_ms).map(|(id, _)| id.clone());
            oldest.and_then(|oldest| keys.remove(&oldest));
        }
        let row = Arc::new(RemoteKeysRow {
            answer: CanonicalJsonValue::Object(answer.object).to_string(),
            fetched_ms: now,
            valid_until_ms: answer.valid_until_ms,
            keys,
        });
        // Not awaited: keys that are lost are fetched again.
        let _ = self.store.commit(|_| {
            let mut commit = Commit::new(LogEntry::Housekeeping);
            commit.put_row(Family::RemoteKeys, key(server), &*row);
            commit
        });
        self.known.insert(server.to_owned(), row.clone());
        Ok(row)
    }
}

/// Has the server of a closed database sign with a new key at its next start.
pub fn rotate(store: &Store, new: &SigningKey, now_ms: u64) -> Result<(), StoreError> {
    let (current, old) = (keys::meta("signing_key"), keys::meta("old_signing_keys"));
    let latest = store.latest();
    let mut known: Vec<OldKey> = latest.get_row(Family::Meta, &old)?.unwrap_or_default();
    if let Some(bytes) = latest.get(Family::Meta, &current)? {
        let key = SigningKey::from_bytes(&bytes).ok_or(StoreError::Malformed(Family::Meta))?;
        known.push(OldKey { id: key.id().to_string(), key: key.public_base64(), expired_ms: now_ms });
    }
    let mut commit = Commit::new(LogEntry::Housekeeping);
    commit.put(Family::Meta, current, new.to_bytes()).put_row(Family::Meta, old, &known);
    store.commit(|_| commit).durable_blocking()?;
    Ok(())
}

fn key(server: &ServerName) -> Key {
    Key::from_slice(server.as_bytes())
}

/// Those of some keys that are known.
fn named(row: Option<&RemoteKeysRow>, ids: &[&str]) -> Vec<(String, PublicKey, u64)> {
    let found = ids.iter().filter_map(|id| {
        let (key, until_ms) = row?.keys.get(*id)?;
        Some(((*id).to_owned(), PublicKey::from_base64(key)?, *until_ms))
    });
    found.collect()
}
