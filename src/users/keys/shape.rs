//! What keys look like (client-server API, "Key algorithms"): checked before they are kept. What they sign and who
//! signed them is for clients to judge.

use base64::{
    Engine,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use ruma::{DeviceId, UserId};
use serde_json::{Map, Value};

use crate::error::{Error, Result};

/// Unpadded base64 is what is asked for; padding harms nobody.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);
/// The identity keys of a device, as JSON, may have this many bytes.
const MAX_DEVICE_KEYS: usize = 16 << 10;
/// A one-time or fallback key, as JSON, may have this many bytes.
const MAX_KEY: usize = 4 << 10;
/// A key's name, with its algorithm, may have this many bytes.
const MAX_NAME: usize = 255;

/// A one-time or fallback key to be kept.
pub(super) struct NewKey {
    pub algorithm: String,
    pub id: String,
    /// As it came.
    pub json: String,
}

impl NewKey {
    /// What requests call it: `<algorithm>:<key ID>`.
    pub fn name(&self) -> String {
        format!("{}:{}", self.algorithm, self.id)
    }
}

/// A key's 32 bytes.
pub(super) fn decode(key: &str) -> Option<[u8; 32]> {
    BASE64.decode(key).ok()?.try_into().ok()
}

/// The JSON of a device's identity keys, if they are that device's and have the right form.
pub(super) fn device_keys(mut keys: Map<String, Value>, user_id: &UserId, device_id: &DeviceId) -> Result<String> {
    // Servers write it, not clients.
    keys.remove("unsigned");
    if keys.get("user_id").and_then(Value::as_str) != Some(user_id.as_str()) {
        return Err(Error::invalid_param("`device_keys.user_id` must be who uploads them."));
    }
    if keys.get("device_id").and_then(Value::as_str) != Some(device_id.as_str()) {
        return Err(Error::invalid_param("`device_keys.device_id` must be the device that uploads them."));
    }
    let algorithms = keys.get("algorithms").and_then(Value::as_array);
    if !algorithms.is_some_and(|algorithms| algorithms.iter().all(Value::is_string)) {
        return Err(Error::bad_json("`device_keys.algorithms` must be an array of strings."));
    }
    if !keys.get("signatures").is_some_and(are_signatures) {
        return Err(Error::bad_json("`device_keys.signatures` must map users to keys to signatures."));
    }
    let identity = keys.get("keys").and_then(Value::as_object);
    if !identity.is_some_and(|keys| keys.values().all(Value::is_string)) {
        return Err(Error::bad_json("`device_keys.keys` must map names to strings."));
    }
    let json = Value::Object(keys).to_string();
    if json.len() > MAX_DEVICE_KEYS {
        return Err(too_large());
    }
    Ok(json)
}

/// A one-time or fallback key, if it has the form of its algorithm.
pub(super) fn one_time_key(name: &str, key: &Value) -> Result<NewKey> {
    let (algorithm, id) = name.split_once(':').unwrap_or_default();
    let named = !algorithm.is_empty() && !id.is_empty() && name.len() <= MAX_NAME;
    if !named || name.chars().any(char::is_control) {
        return Err(Error::invalid_param("A key's name is its algorithm, a colon and its ID: 255 bytes at the most."));
    }
    let known = match algorithm {
        "signed_curve25519" => {
            key.get("key").is_some_and(Value::is_string) && key.get("signatures").is_some_and(are_signatures)
        }
        "curve25519" => key.is_string(),
        // Of what we don't know, we know no form.
        _ => key.is_object() || key.is_string(),
    };
    if !known {
        return Err(Error::invalid_param(format!("{name} does not have the form of its algorithm.")));
    }
    let json = key.to_string();
    if json.len() > MAX_KEY {
        return Err(too_large());
    }
    Ok(NewKey { algorithm: algorithm.to_owned(), id: id.to_owned(), json })
}

/// A map from users to a map from keys to strings.
pub(super) fn are_signatures(value: &Value) -> bool {
    let of_user = |signatures: &Value| signatures.as_object().is_some_and(|map| map.values().all(Value::is_string));
    value.as_object().is_some_and(|users| users.values().all(of_user))
}

pub(super) fn too_large() -> Error {
    Error::new(413, "M_TOO_LARGE", "These keys are too large.")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const KEY: &str = "3C5BFWi2Y8MaVvjM8M22DBmh24PmgR0nPvJOIArzgyI";

    #[test]
    fn keys_have_the_form_of_their_algorithm() {
        let good = [
            ("curve25519:A", json!(KEY)),
            ("signed_curve25519:A", json!({ "key": KEY, "signatures": { "@a:b": { "ed25519:D": "x" } } })),
            ("signed_curve25519:A", json!({ "key": "of any make", "signatures": {} })),
            ("new:A", json!("anything")),
        ];
        for (name, key) in good {
            assert!(one_time_key(name, &key).is_ok(), "{name}");
        }
        let bad = [
            ("curve25519:A", json!({ "key": KEY })),
            ("signed_curve25519:A", json!(KEY)),
            ("signed_curve25519:A", json!({ "key": KEY })),
            ("curve25519", json!(KEY)),
            (":A", json!(KEY)),
            ("new:A", json!(1)),
            ("new:A\0", json!("x")),
        ];
        for (name, key) in bad {
            assert!(one_time_key(name, &key).is_err(), "{name} {key}");
        }
    }
}
