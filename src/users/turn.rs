//! Names and passwords for TURN servers, which know the same secret (the "TURN REST API", as coturn reads it): a name
//! is when it ends and whose it is, its password the name's MAC. Nothing is stored.

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use ruma::UserId;
use sha1::Sha1;

use super::Users;
use crate::error::{Error, Result};

impl Users {
    /// A name and its password, good for so many seconds.
    pub fn turn_credentials(&self, secret: &str, user_id: &UserId, lifetime_s: u64) -> Result<(String, String)> {
        credentials(secret, user_id, (self.clock.now_ms() / 1000).saturating_add(lifetime_s))
    }
}

fn credentials(secret: &str, user_id: &UserId, end_s: u64) -> Result<(String, String)> {
    let username = format!("{end_s}:{user_id}");
    let mut mac = Hmac::<Sha1>::new_from_slice(secret.as_bytes()).map_err(Error::internal)?;
    mac.update(username.as_bytes());
    Ok((username, STANDARD.encode(mac.finalize().into_bytes())))
}

#[cfg(test)]
mod tests {
    use ruma::user_id;

    use super::*;

    #[test]
    fn the_password_is_the_names_mac() {
        let (username, password) = credentials("north", user_id!("@user:example.com"), 1_443_779_631).unwrap();
        assert_eq!(username, "1443779631:@user:example.com");
        assert_eq!(password, "lamN4QwbavBEEp/krb3yR5mgsEg=");
    }
}
