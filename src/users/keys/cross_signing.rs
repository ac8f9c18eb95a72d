//! Cross-signing keys (client-server API, "Cross-signing"): a user's master key, and the keys that it signs.
//!
//! Invariants: the self-signing and the user-signing key that are there are signed by the master key that is there; no
//! device has the public key of one of them as its ID.

use ruma::{CanonicalJsonObject, DeviceId, UserId};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{ListChange, shape};
use crate::{
    error::{Error, Result},
    event::{PublicKey, is_signed_with},
    ids::UserNum,
    store::{
        Commit, Family, Key, LogEntry, Read,
        keys::{Devices, KeyBuilder},
    },
    users::{Session, Users, devices},
};

/// A key, as JSON, may have this many bytes.
const MAX_KEY: usize = 16 << 10;

/// What a key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Usage {
    /// It is who the user is, and signs the two others.
    Master = b'm',
    /// It signs the user's devices.
    SelfSigning = b's',
    /// It signs other users' master keys.
    UserSigning = b'u',
}

impl Usage {
    /// All of them, the one that signs the others first.
    pub const ALL: [Self; 3] = [Self::Master, Self::SelfSigning, Self::UserSigning];

    fn name(self) -> &'static str {
        match self {
            Self::Master => "master",
            Self::SelfSigning => "self_signing",
            Self::UserSigning => "user_signing",
        }
    }
}

/// `devices`: user → use: the key as it was uploaded, JSON.
pub fn cross_signing_key(user: UserNum, usage: Usage) -> Key {
    KeyBuilder::devices(user, Devices::CrossSigning).byte(usage as u8).build()
}

/// Cross-signing keys that somebody uploads.
#[derive(Deserialize)]
pub struct CrossSigningUpload {
    master_key: Option<Map<String, Value>>,
    self_signing_key: Option<Map<String, Value>>,
    user_signing_key: Option<Map<String, Value>>,
}

/// A key that is, or is to be, kept.
#[derive(Clone, PartialEq)]
pub(super) struct CrossSigningKey {
    /// The whole of it.
    pub object: Map<String, Value>,
    /// Its public half, which is its ID as well.
    pub public: String,
}

impl CrossSigningKey {
    /// A key of a user for a use, if it has the right form.
    fn new(object: Map<String, Value>, user_id: &UserId, usage: Usage) -> Result<Self> {
        let name = usage.name();
        if object.get("user_id").and_then(Value::as_str) != Some(user_id.as_str()) {
            return Err(Error::invalid_param(format!("The {name} key must be of who uploads it.")));
        }
        let usages = object.get("usage").and_then(Value::as_array);
        if !usages.is_some_and(|usages| usages.iter().any(|usage| usage == name)) {
            return Err(Error::invalid_param(format!("The usage of the {name} key must name it.")));
        }
        if object.get("signatures").is_some_and(|signatures| !shape::are_signatures(signatures)) {
            return Err(Error::bad_json("Signatures must map users to keys to signatures."));
        }
        if Value::Object(object.clone()).to_string().len() > MAX_KEY {
            return Err(shape::too_large());
        }
        let malformed = || Error::invalid_param(format!("The {name} key must be one Ed25519 key under its own name."));
        let public = public_of(&object).ok_or_else(malformed)?;
        Ok(Self { public, object })
    }

    /// Whether another key of the same user signed it.
    fn is_signed_by(&self, key: &Self) -> bool {
        let user = self.object.get("user_id").and_then(Value::as_str).unwrap_or_default();
        let (object, public) = (canonical(&self.object), PublicKey::from_base64(&key.public));
        let name = format!("ed25519:{}", key.public);
        object.zip(public).is_some_and(|(object, public)| is_signed_with(&object, user, &name, &public))
    }
}

/// The one key of an object, whose name must be its algorithm and itself.
fn public_of(object: &Map<String, Value>) -> Option<String> {
    let keys = object.get("keys")?.as_object()?;
    let (name, key) = keys.iter().next().filter(|_| keys.len() == 1)?;
    let key = key.as_str()?;
    (name.strip_prefix("ed25519:") == Some(key) && shape::decode(key).is_some()).then(|| key.to_owned())
}

/// An object as it is signed.
pub(super) fn canonical(object: &Map<String, Value>) -> Option<CanonicalJsonObject> {
    ruma::canonical_json::try_from_json_map(object.clone()).ok()
}

/// An upload whose form is right.
pub struct CrossSigningKeys([Option<CrossSigningKey>; 3]);

impl CrossSigningUpload {
    /// The keys, if each has the right form.
    ///
    /// # Errors
    /// 400 `M_INVALID_PARAM` or `M_BAD_JSON` if one has not.
    pub fn check(self, user_id: &UserId) -> Result<CrossSigningKeys> {
        let key = |object: Option<Map<String, Value>>, usage| {
            object.map(|object| CrossSigningKey::new(object, user_id, usage)).transpose()
        };
        Ok(CrossSigningKeys([
            key(self.master_key, Usage::Master)?,
            key(self.self_signing_key, Usage::SelfSigning)?,
            key(self.user_signing_key, Usage::UserSigning)?,
        ]))
    }
}

impl Users {
    /// Whether the user must prove who they are before these keys are kept: unless there are none yet, or these are the
    /// ones that there are.
    pub fn must_authenticate_for(&self, user: UserNum, keys: &CrossSigningKeys) -> Result<bool> {
        let stored = self.cross_signing_keys(&self.store.latest(), user)?;
        Ok(stored[0].is_some() && brings_news(&stored, keys))
    }

    /// Keeps cross-signing keys. `authenticated`: the user has just proved who they are.
    ///
    /// # Errors
    /// 400 `M_MISSING_PARAM` if there is no master key, `M_INVALID_SIGNATURE` if it did not sign another; 403
    /// `M_FORBIDDEN` if a device has a key's name, or others came in between.
    pub async fn set_cross_signing_keys(
        &self,
        session: &Session,
        keys: CrossSigningKeys,
        authenticated: bool,
    ) -> Result<()> {
        let user = session.user;
        let ticket = {
            let _lock = self.locks.user(user);
            let latest = self.store.latest();
            let stored = self.cross_signing_keys(&latest, user)?;
            if !brings_news(&stored, &keys) {
                return if stored[0].is_some() { Ok(()) } else { Err(no_master_key()) };
            }
            if stored[0].is_some() && !authenticated {
                return Err(Error::forbidden("Other keys were uploaded just now: authenticate to replace them."));
            }
            let kept = self.merged(user, &stored, keys)?;
            let list = ListChange::of(&latest, user)?;
            let void = if kept[0] == stored[0] { Vec::new() } else { self.signatures_by(user)? };
            self.store.commit(|position| {
                let mut commit = Commit::new(LogEntry::User(user));
                for (usage, key) in Usage::ALL.into_iter().zip(kept) {
                    match key {
                        Some(key) => {
                            let json = Value::Object(key.object).to_string();
                            commit.put(Family::Devices, cross_signing_key(user, usage), json)
                        }
                        None => commit.delete(Family::Devices, cross_signing_key(user, usage)),
                    };
                }
                for signature in void {
                    signature.delete(&mut commit);
                }
                list.write(&mut commit, position);
                commit
            })
        };
        ticket.durable().await?;
        Ok(())
    }

    /// What is there once an upload is kept. A new master key ends what the old one has signed.
    fn merged(
        &self,
        user: UserNum,
        stored: &[Option<CrossSigningKey>; 3],
        CrossSigningKeys(new): CrossSigningKeys,
    ) -> Result<[Option<CrossSigningKey>; 3]> {
        let master = new[0].as_ref().or(stored[0].as_ref()).cloned().ok_or_else(no_master_key)?;
        for key in new.iter().flatten() {
            if self
                .store
                .latest()
                .get(Family::Index, &devices::key(user, <&DeviceId>::from(key.public.as_str())))?
                .is_some()
            {
                return Err(Error::forbidden("A device has this key as its ID."));
            }
        }
        for (key, usage) in new.iter().zip(Usage::ALL).skip(1) {
            if key.as_ref().is_some_and(|key| !key.is_signed_by(&master)) {
                let what = format!("The {} key is not signed by the master key.", usage.name());
                return Err(Error::bad_request("M_INVALID_SIGNATURE", what));
            }
        }
        let [_, self_signing, user_signing] = new;
        let or_stored = |key: Option<CrossSigningKey>, at: usize| {
            key.or_else(|| stored[at].clone().filter(|stored| stored.is_signed_by(&master)))
        };
        Ok([Some(master.clone()), or_stored(self_signing, 1), or_stored(user_signing, 2)])
    }

    /// A user's keys, in the order of `Usage::ALL`.
    pub(super) fn cross_signing_keys(&self, read: &impl Read, user: UserNum) -> Result<[Option<CrossSigningKey>; 3]> {
        let read = |usage| -> Result<Option<CrossSigningKey>> {
            let Some(json) = read.get(Family::Devices, &cross_signing_key(user, usage))? else { return Ok(None) };
            let object: Map<String, Value> = serde_json::from_slice(&json).map_err(Error::internal)?;
            Ok(public_of(&object).map(|public| CrossSigningKey { object, public }))
        };
        Ok([read(Usage::Master)?, read(Usage::SelfSigning)?, read(Usage::UserSigning)?])
    }

    /// Refuses to give a device the name of one of the user's cross-signing keys. Under the user's lock.
    pub(in crate::users) fn check_device_id(&self, user: UserNum, device_id: &str) -> Result<()> {
        let keys = self.cross_signing_keys(&self.store.latest(), user)?;
        if keys.iter().flatten().any(|key| key.public == device_id) {
            return Err(Error::invalid_param("A device can't have the ID of a cross-signing key."));
        }
        Ok(())
    }

    /// Adds the deletion of all cross-signing keys and signatures of a user to a commit that the caller queues under the
    /// user's lock.
    pub(in crate::users) fn delete_cross_signing(&self, commit: &mut Commit, user: UserNum) -> Result<bool> {
        let had_keys = self.cross_signing_keys(&self.store.latest(), user)?.iter().any(Option::is_some);
        for usage in Usage::ALL {
            commit.delete(Family::Devices, cross_signing_key(user, usage));
        }
        for signature in self.signatures_by(user)? {
            signature.delete(commit);
        }
        Ok(had_keys)
    }
}

/// Whether a key is uploaded that isn't stored just so.
fn brings_news(stored: &[Option<CrossSigningKey>; 3], CrossSigningKeys(new): &CrossSigningKeys) -> bool {
    new.iter().zip(stored).any(|(new, stored)| new.is_some() && new != stored)
}

fn no_master_key() -> Error {
    Error::bad_request("M_MISSING_PARAM", "There is no master key: upload one first.")
}
