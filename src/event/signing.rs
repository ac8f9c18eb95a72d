//! The server's signing key, and signatures of others.

use std::fmt;

use base64::{
    Engine,
    engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD},
};
use ed25519_dalek::Signer;
use ruma::{
    CanonicalJsonObject, CanonicalJsonValue, OwnedServerSigningKeyId, ServerSigningKeyId, SigningKeyAlgorithm,
    signatures::{KeyPair, Signature},
};

/// An Ed25519 key with its ID (`ed25519:a_1b2c3d4e`). Also a [`KeyPair`] for ruma's functions that sign JSON.
pub struct SigningKey {
    key: ed25519_dalek::SigningKey,
    id: OwnedServerSigningKeyId,
}

impl SigningKey {
    /// A key from 32 random bytes. Its version comes from the public half, so two keys hardly ever share an ID.
    pub fn generate(random: &[u8; 32]) -> Self {
        let key = ed25519_dalek::SigningKey::from_bytes(random);
        let [a, b, c, d, ..] = key.verifying_key().to_bytes();
        let id = key_id(&format!("a_{a:02x}{b:02x}{c:02x}{d:02x}"));
        // A version may hold letters, digits and underscores: "a_" and hexadecimal digits always do.
        Self { key, id: id.expect("hexadecimal digits make a valid version") }
    }

    /// A key from what [`Self::to_bytes`] gave; `None` if these bytes aren't one.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (secret, version) = bytes.split_first_chunk::<32>()?;
        let id = key_id(str::from_utf8(version).ok()?)?;
        Some(Self { key: ed25519_dalek::SigningKey::from_bytes(secret), id })
    }

    /// The secret half and the version, for storage.
    pub fn to_bytes(&self) -> Vec<u8> {
        let version = self.id.key_name().as_str();
        [self.key.as_bytes().as_slice(), version.as_bytes()].concat()
    }

    /// The key's ID, with its algorithm.
    pub fn id(&self) -> &ServerSigningKeyId {
        &self.id
    }

    /// The public half in unpadded base64, as `/_matrix/key/v2/server` shows it.
    pub fn public_base64(&self) -> String {
        STANDARD_NO_PAD.encode(self.key.verifying_key().as_bytes())
    }

    /// The signature of some bytes in unpadded base64.
    pub fn sign_base64(&self, message: &[u8]) -> String {
        STANDARD_NO_PAD.encode(self.key.sign(message).to_bytes())
    }
}

impl SigningKey {
    /// Signs a JSON object, beside those who have signed it already.
    pub fn sign_object(&self, entity: &str, object: &mut CanonicalJsonObject) {
        let mut signatures = match object.remove("signatures") {
            Some(CanonicalJsonValue::Object(signatures)) => signatures,
            _ => CanonicalJsonObject::new(),
        };
        let signature = self.sign_base64(to_sign(object).as_bytes());
        let mut own = match signatures.remove(entity) {
            Some(CanonicalJsonValue::Object(own)) => own,
            _ => CanonicalJsonObject::new(),
        };
        own.insert(self.id.to_string(), signature.into());
        signatures.insert(entity.to_owned(), CanonicalJsonValue::Object(own));
        object.insert("signatures".to_owned(), CanonicalJsonValue::Object(signatures));
    }
}

/// The text of an object that is signed.
fn to_sign(object: &CanonicalJsonObject) -> String {
    let mut signed = object.clone();
    signed.remove("signatures");
    signed.remove("unsigned");
    CanonicalJsonValue::Object(signed).to_string()
}

/// The public half of a server's Ed25519 key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublicKey(ed25519_dalek::VerifyingKey);

impl PublicKey {
    /// A key in base64 of either alphabet; `None` if it is none.
    pub fn from_base64(base64: &str) -> Option<Self> {
        verifying_key(base64.trim_end_matches('=')).map(Self)
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// In unpadded base64.
    pub fn to_base64(&self) -> String {
        STANDARD_NO_PAD.encode(self.0.as_bytes())
    }

    /// Whether it has signed a message; the signature is in base64.
    pub fn has_signed(&self, message: &[u8], signature: &str) -> bool {
        let bytes = STANDARD_NO_PAD.decode(signature.trim_end_matches('=')).ok();
        let signature = bytes.and_then(|bytes| ed25519_dalek::Signature::from_slice(&bytes).ok());
        signature.is_some_and(|signature| self.0.verify_strict(message, &signature).is_ok())
    }
}

/// Whether an entity has signed a JSON object with the key of an ID.
pub fn is_signed_with(object: &CanonicalJsonObject, entity: &str, key_id: &str, key: &PublicKey) -> bool {
    let signatures = object.get("signatures").and_then(CanonicalJsonValue::as_object);
    let of_entity = signatures.and_then(|signatures| signatures.get(entity)?.as_object());
    let signature = of_entity.and_then(|signatures| signatures.get(key_id)?.as_str());
    signature.is_some_and(|signature| key.has_signed(to_sign(object).as_bytes(), signature))
}

fn key_id(version: &str) -> Option<OwnedServerSigningKeyId> {
    ServerSigningKeyId::parse(format!("ed25519:{version}")).ok()
}

impl KeyPair for SigningKey {
    fn sign(&self, message: &[u8]) -> Signature {
        let id = ruma::SigningKeyId::from_parts(SigningKeyAlgorithm::Ed25519, self.id.key_name().as_str().into());
        Signature::new(id, self.key.sign(message).to_bytes().to_vec())
    }
}

/// Whether one of the signatures of a JSON object is by this Ed25519 key, in base64 of either alphabet.
pub fn is_signed_by(object: &CanonicalJsonObject, public_key: &str) -> bool {
    let Some(key) = verifying_key(public_key) else { return false };
    let mut signed = object.clone();
    signed.remove("unsigned");
    let Some(CanonicalJsonValue::Object(entities)) = signed.remove("signatures") else { return false };
    let text = CanonicalJsonValue::Object(signed).to_string();
    let signatures = entities.values().filter_map(CanonicalJsonValue::as_object).flatten();
    let is_ours = |(id, signature): (&String, &CanonicalJsonValue)| {
        let bytes = signature.as_str().and_then(|signature| STANDARD_NO_PAD.decode(signature).ok());
        let signature = bytes.and_then(|bytes| ed25519_dalek::Signature::from_slice(&bytes).ok());
        id.starts_with("ed25519:")
            && signature.is_some_and(|signature| key.verify_strict(text.as_bytes(), &signature).is_ok())
    };
    signatures.into_iter().any(is_ours)
}

fn verifying_key(base64: &str) -> Option<ed25519_dalek::VerifyingKey> {
    let bytes = STANDARD_NO_PAD.decode(base64).or_else(|_| URL_SAFE_NO_PAD.decode(base64)).ok()?;
    ed25519_dalek::VerifyingKey::from_bytes(bytes.as_slice().try_into().ok()?).ok()
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SigningKey").field(&self.id).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_keys_come_back_and_their_secret_stays_out_of_logs() {
        let key = SigningKey::generate(&[7; 32]);
        let again = SigningKey::from_bytes(&key.to_bytes()).unwrap();
        assert_eq!(key.id(), again.id());
        assert_eq!(key.public_base64(), again.public_base64());
        assert_eq!(key.sign_base64(b"x"), again.sign_base64(b"x"));
        assert_eq!(format!("{key:?}"), format!("SigningKey({:?})", key.id()));
        assert!(key.id().as_str().starts_with("ed25519:a_"));
    }

    #[test]
    fn broken_keys_are_refused() {
        assert!(SigningKey::from_bytes(&[1; 31]).is_none());
        assert!(SigningKey::from_bytes(&[1; 32]).is_none(), "without a version");
        assert!(SigningKey::from_bytes(&[&[1; 32][..], b"a b"].concat()).is_none());
    }
}
