//! Registration by a secret that an admin's tools share with the server: a nonce, and a MAC over it and the
//! account, prove that whoever asks knows the secret.

use hmac::{Hmac, KeyInit, Mac};
use quick_cache::sync::Cache;
use sha1::Sha1;

use super::Users;
use crate::{
    error::{Error, Result},
    ids,
};

/// Nonces kept in memory.
const MAX_NONCES: usize = 1000;
/// How long a nonce can be used, milliseconds.
const LIFETIME_MS: u64 = 60 * 1000;

/// What is asked for, and its proof.
pub struct SharedSecretRequest<'a> {
    /// Given out by `Users::new_nonce`.
    pub nonce: &'a str,
    /// The localpart.
    pub username: &'a str,
    /// The password.
    pub password: &'a str,
    /// Whether the user is to administer the server.
    pub admin: bool,
    /// Other servers' kinds of users; part of the MAC only.
    pub user_type: Option<&'a str>,
    /// HMAC-SHA1, in hexadecimal digits.
    pub mac: &'a str,
}

/// Nonces given out, and when.
pub(super) struct Nonces(Cache<String, u64>);

impl Nonces {
    pub(super) fn new() -> Self {
        Self(Cache::new(MAX_NONCES))
    }
}

impl Users {
    /// A nonce for one request within the next minute.
    pub fn new_nonce(&self) -> String {
        let nonce = self.randomness.with(|rng| ids::random_string(rng, 32));
        self.nonces.0.insert(nonce.clone(), self.clock.now_ms());
        nonce
    }

    /// Whether the request was made by somebody who knows `secret`. Its nonce can't be used again.
    pub fn check_shared_secret(&self, secret: &str, request: &SharedSecretRequest) -> Result<()> {
        let given_at = self.nonces.0.remove(request.nonce).map(|(_, given_at)| given_at);
        if given_at.is_none_or(|at| self.clock.now_ms() >= at + LIFETIME_MS) {
            return Err(Error::bad_request("M_UNKNOWN", "This nonce is unknown or was used: get a new one."));
        }
        // A NUL separates the parts, so it must not be within one.
        if [request.username, request.password].iter().any(|part| part.contains('\0')) {
            return Err(Error::invalid_param("User name and password must not hold a NUL."));
        }
        let mut mac = Hmac::<Sha1>::new_from_slice(secret.as_bytes()).map_err(Error::internal)?;
        let admin = if request.admin { "admin" } else { "notadmin" };
        let parts = [request.nonce, request.username, request.password, admin];
        mac.update(parts.join("\0").as_bytes());
        if let Some(user_type) = request.user_type {
            mac.update(b"\0");
            mac.update(user_type.as_bytes());
        }
        let given = decode_hex(request.mac).unwrap_or_default();
        mac.verify_slice(&given).map_err(|_| Error::forbidden("The MAC does not fit the request."))
    }
}

fn decode_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = text.chars().map(|c| c.to_digit(16).map(|digit| digit as u8)).collect::<Option<_>>()?;
    let (pairs, rest) = digits.as_chunks::<2>();
    rest.is_empty().then(|| pairs.iter().map(|[high, low]| high << 4 | low).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_digits_are_read_in_either_case() {
        assert_eq!(decode_hex("00fFa1"), Some(vec![0, 255, 161]));
        assert_eq!(decode_hex("0g"), None);
        assert_eq!(decode_hex("123"), None);
        assert_eq!(decode_hex(""), Some(Vec::new()));
    }
}
