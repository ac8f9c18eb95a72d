//! Signatures that users make on keys (client-server API, "Cross-signing"): by their self-signing key on their own
//! devices, by these on their master key, and by their user-signing key on other users' master keys.
//!
//! Invariants: a row holds what one user signed of one key, all of it verified. What is signed of others' keys only the
//! signer sees, and their feed tells of it, once for each row.

use std::collections::BTreeMap;

use ruma::{DeviceId, OwnedUserId};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{
    ListChange,
    cross_signing::{CrossSigningKey, canonical},
    device_keys_key,
};
use crate::{
    error::{Error, Result},
    event::{PublicKey, is_signed_with},
    ids::{Position, UserNum},
    store::{
        Commit, Family, Key, LogEntry, Notice, Read, Ticket, decode,
        keys::{self, Devices, KeyBuilder},
    },
    users::{Session, Users, feed::FeedEntry},
};

/// Keys that may be signed in one request.
const MAX_SIGNED: usize = 1000;

/// User who signed → user, device or public key: their signatures.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignatureRow {
    /// Where the signer's feed tells of it; 0 for signatures on one's own keys, which all are told of.
    pub position: Position,
    /// By the name of the key that made them.
    pub signatures: BTreeMap<String, String>,
}

/// `devices`: who signed → whose key, and which.
pub fn signature_key(signer: UserNum, target: UserNum, key_id: &str) -> Key {
    KeyBuilder::devices(signer, Devices::Signature).u32(target.0).tail(key_id.as_bytes()).build()
}

/// Signed keys, by user and the ID of a device or the public half of a master key.
pub type SignedKeys = BTreeMap<OwnedUserId, BTreeMap<String, Map<String, Value>>>;
/// What is wrong with some of them, in the same way.
pub type Failures = BTreeMap<OwnedUserId, BTreeMap<String, Value>>;

/// Signatures to be kept.
struct NewSignatures {
    target: UserNum,
    key_id: String,
    signatures: BTreeMap<String, String>,
}

/// A row that is to be deleted.
pub(super) struct OldSignature {
    key: Key,
    signer: UserNum,
    position: Position,
}

impl OldSignature {
    pub fn delete(self, commit: &mut Commit) {
        commit.delete(Family::Devices, self.key);
        if self.position.0 != 0 {
            commit.delete(Family::Feed, keys::user_position(self.signer, self.position));
        }
    }
}

impl Users {
    /// Keeps the signatures on keys that hold; returns what is wrong with others.
    pub async fn upload_signatures(&self, session: &Session, signed: SignedKeys) -> Result<Failures> {
        if signed.values().map(BTreeMap::len).sum::<usize>() > MAX_SIGNED {
            return Err(Error::invalid_param("These are too many signed keys for one request."));
        }
        let mut failures = Failures::new();
        let tickets = {
            let _lock = self.locks.user(session.user);
            let (mut own, mut others) = (Vec::new(), Vec::new());
            for (user_id, keys) in signed {
                for (key_id, object) in keys {
                    match self.verify(session, &user_id, &key_id, &object) {
                        Ok(new) if new.target == session.user => own.push(new),
                        Ok(new) => others.push(new),
                        Err(error) if error.status >= 500 => return Err(error),
                        Err(error) => {
                            let what = json!({ "errcode": error.errcode, "error": error.message });
                            failures.entry(user_id.clone()).or_default().insert(key_id, what);
                        }
                    }
                }
            }
            let mut tickets: Vec<Ticket> = self.keep_own(session.user, own)?.into_iter().collect();
            for new in others {
                tickets.extend(self.keep_of_other(session.user, new)?);
            }
            tickets
        };
        for ticket in tickets {
            ticket.durable().await?;
        }
        Ok(failures)
    }

    /// What is new of the signatures of the session's user on a key.
    fn verify(
        &self,
        session: &Session,
        user_id: &OwnedUserId,
        key_id: &str,
        object: &Map<String, Value>,
    ) -> Result<NewSignatures> {
        let unknown = || Error::not_found("There is no such key.");
        let target = self.store.user_num(user_id)?.ok_or_else(unknown)?;
        let is_own = target == session.user;
        let of_signer = self.cross_signing_keys(&self.store.latest(), session.user)?;
        let [master, self_signing, user_signing] = &of_signer;
        let device = if is_own { self.identity(target, key_id)? } else { None };
        let is_device = device.is_some();
        let known = match device {
            Some(device) => device,
            None => {
                let of_target = if is_own { master.clone() } else { self.master_key(target)? };
                of_target.filter(|key| key.public == key_id).ok_or_else(unknown)?.object
            }
        };
        if unsigned(object) != unsigned(&known) {
            return Err(invalid("This is not the key that was uploaded."));
        }
        let by_signer = |object: &Map<String, Value>| -> Map<String, Value> {
            let all = object.get("signatures").and_then(|all| all.get(session.user_id.as_str()));
            all.and_then(Value::as_object).cloned().unwrap_or_default()
        };
        let (before, mut signatures) = (by_signer(&known), BTreeMap::new());
        let canonical = canonical(object).ok_or_else(|| invalid("The key has no canonical form."))?;
        for (name, signature) in by_signer(object) {
            if before.get(&name) == Some(&signature) {
                continue;
            }
            let id = name.strip_prefix("ed25519:").unwrap_or_default();
            let is_by = |key: &Option<CrossSigningKey>| key.as_ref().is_some_and(|key| key.public == id);
            let public = match (is_own, is_device) {
                (true, true) if is_by(self_signing) => Some(id.to_owned()),
                (true, false) => self.ed25519_key(target, id)?,
                (false, _) if is_by(user_signing) => Some(id.to_owned()),
                _ => None,
            };
            let public = public.and_then(|public| PublicKey::from_base64(&public));
            let signer = session.user_id.as_str();
            if !public.is_some_and(|public| is_signed_with(&canonical, signer, &name, &public)) {
                return Err(invalid("A signature is not of this key, or by a key that may not sign it."));
            }
            signatures.insert(name, signature.as_str().unwrap_or_default().to_owned());
        }
        Ok(NewSignatures { target, key_id: key_id.to_owned(), signatures })
    }

    fn master_key(&self, user: UserNum) -> Result<Option<CrossSigningKey>> {
        let [master, ..] = self.cross_signing_keys(&self.store.latest(), user)?;
        Ok(master)
    }

    /// The identity keys of a device, as they were uploaded.
    fn identity(&self, user: UserNum, device_id: &str) -> Result<Option<Map<String, Value>>> {
        let key = device_keys_key(user, <&DeviceId>::from(device_id));
        let json = self.store.latest().get(Family::Devices, &key)?;
        json.map(|json| serde_json::from_slice(&json).map_err(Error::internal)).transpose()
    }

    fn ed25519_key(&self, user: UserNum, device_id: &str) -> Result<Option<String>> {
        let identity = self.identity(user, device_id)?;
        let keys = identity.as_ref().and_then(|identity| identity.get("keys"));
        let key = keys.and_then(|keys| keys.get(format!("ed25519:{device_id}")));
        Ok(key.and_then(Value::as_str).map(str::to_owned))
    }

    /// Signatures on one's own keys: all who share a room are told.
    fn keep_own(&self, user: UserNum, new: Vec<NewSignatures>) -> Result<Option<Ticket>> {
        let mut rows = Vec::new();
        for new in new {
            let (key, before, after) = self.with_new(user, new)?;
            if before.signatures != after.signatures {
                rows.push((key, after));
            }
        }
        if rows.is_empty() {
            return Ok(None);
        }
        let list = ListChange::of(&self.store.latest(), user)?;
        Ok(Some(self.store.commit(|position| {
            let mut commit = Commit::new(LogEntry::User(user));
            for (key, row) in rows {
                commit.put_row(Family::Devices, key, &row);
            }
            list.write(&mut commit, position);
            commit
        })))
    }

    /// Signatures on somebody else's master key: the signer's other devices are told.
    fn keep_of_other(&self, user: UserNum, new: NewSignatures) -> Result<Option<Ticket>> {
        let entry = FeedEntry::Signatures(new.target, new.key_id.clone());
        let (key, before, mut after) = self.with_new(user, new)?;
        if before.signatures == after.signatures {
            return Ok(None);
        }
        Ok(Some(self.store.commit(|position| {
            let mut commit = Commit::new(LogEntry::User(user));
            if before.position.0 != 0 {
                commit.delete(Family::Feed, keys::user_position(user, before.position));
            }
            after.position = position;
            commit
                .put_row(Family::Devices, key, &after)
                .put_row(Family::Feed, keys::user_position(user, position), &entry)
                .notify(Notice::User(user));
            commit
        })))
    }

    /// The row of a signed key, before and after.
    fn with_new(&self, signer: UserNum, new: NewSignatures) -> Result<(Key, SignatureRow, SignatureRow)> {
        let key = signature_key(signer, new.target, &new.key_id);
        let before: SignatureRow = self.store.latest().get_row(Family::Devices, &key)?.unwrap_or_default();
        let mut after = before.clone();
        after.signatures.extend(new.signatures);
        Ok((key, before, after))
    }

    /// What a user signed of a key.
    pub(super) fn signatures_on(
        &self,
        read: &impl Read,
        (signer, target): (UserNum, UserNum),
        key_id: &str,
    ) -> Result<BTreeMap<String, String>> {
        let row: Option<SignatureRow> = read.get_row(Family::Devices, &signature_key(signer, target, key_id))?;
        Ok(row.unwrap_or_default().signatures)
    }

    /// All that a user has signed. What isn't published yet may be missing: it is void, and harms nobody.
    pub(super) fn signatures_by(&self, signer: UserNum) -> Result<Vec<OldSignature>> {
        let prefix = KeyBuilder::devices(signer, Devices::Signature).build();
        let snapshot = self.store.snapshot();
        let mut rows = snapshot.scan_prefix(Family::Devices, &prefix);
        let mut found = Vec::new();
        while let Some((key, value)) = rows.next()? {
            let SignatureRow { position, .. } = decode(Family::Devices, value)?;
            found.push(OldSignature { key: Key::from_slice(key), signer, position });
        }
        Ok(found)
    }
}

/// What is signed of an object.
fn unsigned(object: &Map<String, Value>) -> Map<String, Value> {
    let mut object = object.clone();
    object.remove("signatures");
    object.remove("unsigned");
    object
}

fn invalid(what: &'static str) -> Error {
    Error::bad_request("M_INVALID_SIGNATURE", what)
}
