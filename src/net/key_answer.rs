//! What a server publishes as its keys (server-server API, "Retrieving server keys"), read and checked.

use std::collections::BTreeMap;

use ruma::{CanonicalJsonObject, CanonicalJsonValue, OwnedServerName, ServerName};
use serde::Deserialize;

use crate::event::{PublicKey, is_signed_with};

/// However long a server says that its keys are valid: after this time they are asked for again, ms.
const MAX_VALIDITY_MS: u64 = 7 * 24 * 60 * 60 * 1000;
/// Keys that are taken of one answer.
const MAX_KEYS: usize = 50;

/// The keys of a server, as it published them.
#[derive(Clone, Debug)]
pub struct KeyAnswer {
    /// The whole object, signed by the server.
    pub object: CanonicalJsonObject,
    /// Key ID → the key, and until when it is valid, ms.
    pub keys: BTreeMap<String, (PublicKey, u64)>,
    /// Until when the keys that are in use are valid, ms.
    pub valid_until_ms: u64,
}

#[derive(Deserialize)]
struct Fields {
    server_name: OwnedServerName,
    verify_keys: BTreeMap<String, VerifyKey>,
    #[serde(default)]
    old_verify_keys: BTreeMap<String, OldKey>,
    valid_until_ts: u64,
}

#[derive(Deserialize)]
struct VerifyKey {
    key: String,
}

#[derive(Deserialize)]
struct OldKey {
    key: String,
    expired_ts: u64,
}

impl KeyAnswer {
    /// Reads what `server` is said to have published by `now_ms`.
    ///
    /// # Errors
    /// A sentence that says what is wrong: it is another server's, or not signed by one of its own keys.
    pub fn read(object: CanonicalJsonObject, server: &ServerName, now_ms: u64) -> Result<Self, String> {
        let fields: Fields = serde_json::from_value(CanonicalJsonValue::Object(object.clone()).into())
            .map_err(|error| format!("the keys are malformed: {error}"))?;
        if fields.server_name != server {
            return Err(format!("the keys are those of {}", fields.server_name));
        }
        let valid_until_ms = fields.valid_until_ts.min(now_ms + MAX_VALIDITY_MS);
        let mut keys = BTreeMap::new();
        let mut signed = false;
        for (id, VerifyKey { key }) in fields.verify_keys.into_iter().take(MAX_KEYS) {
            let Some(key) = PublicKey::from_base64(&key).filter(|_| is_known_algorithm(&id)) else { continue };
            signed |= is_signed_with(&object, server.as_str(), &id, &key);
            keys.insert(id, (key, valid_until_ms));
        }
        if !signed {
            return Err("none of the keys that are in use has signed the answer".to_owned());
        }
        for (id, OldKey { key, expired_ts }) in fields.old_verify_keys.into_iter().take(MAX_KEYS) {
            let Some(key) = PublicKey::from_base64(&key).filter(|_| is_known_algorithm(&id)) else { continue };
            keys.entry(id).or_insert((key, expired_ts.min(now_ms)));
        }
        Ok(Self { object, keys, valid_until_ms })
    }
}

fn is_known_algorithm(id: &str) -> bool {
    id.strip_prefix("ed25519:").is_some_and(|version| !version.is_empty() && version.len() <= 100)
}
