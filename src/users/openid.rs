//! OpenID tokens: with one, a user proves to somebody else's service who they are; it is good for nothing else.
//!
//! Nothing is stored: a token is a user, a time and a MAC over both, so it outlives a restart and costs no memory.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ruma::OwnedUserId;

use super::Users;
use crate::{
    error::{Error, Result},
    ids::UserNum,
};

/// How long a token can be redeemed, seconds.
pub const LIFETIME_S: u64 = 3600;
/// User, end in milliseconds since the epoch, and chance.
const CLAIM: usize = 4 + 8 + 8;

/// The key of the MACs.
pub(super) struct OpenIdKey([u8; 32]);

impl OpenIdKey {
    /// From any secret of this server that stays as it is.
    pub(super) fn derive(secret: &[u8]) -> Self {
        Self(blake3::derive_key("Salon, OpenID tokens, 2026", secret))
    }

    fn seal(&self, claim: &[u8]) -> blake3::Hash {
        blake3::keyed_hash(&self.0, claim)
    }
}

impl Users {
    /// A token by which others learn from this server, for an hour, who the user is.
    pub fn new_openid_token(&self, user: UserNum) -> String {
        let mut token = user.0.to_be_bytes().to_vec();
        token.extend((self.clock.now_ms() + LIFETIME_S * 1000).to_be_bytes());
        token.extend(self.randomness.bytes::<8>());
        let mac = self.openid.seal(&token);
        token.extend(mac.as_bytes());
        URL_SAFE_NO_PAD.encode(token)
    }

    /// Whose token it is; 401 `M_UNKNOWN_TOKEN` if it is none, is over, or its user's account is.
    pub fn redeem_openid_token(&self, token: &str) -> Result<OwnedUserId> {
        let unknown = || Error::new(401, "M_UNKNOWN_TOKEN", "This token is unknown, or it is over.");
        let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| unknown())?;
        let (claim, mac) = bytes.split_at_checked(CLAIM).ok_or_else(unknown)?;
        let mac: [u8; 32] = mac.try_into().map_err(|_| unknown())?;
        // Hashes compare in constant time.
        if self.openid.seal(claim) != mac {
            return Err(unknown());
        }
        let (user, rest) = claim.split_first_chunk::<4>().ok_or_else(unknown)?;
        let (end, _) = rest.split_first_chunk::<8>().ok_or_else(unknown)?;
        let user = UserNum(u32::from_be_bytes(*user));
        if self.clock.now_ms() >= u64::from_be_bytes(*end) || !self.is_active(user)? {
            return Err(unknown());
        }
        Ok(self.store.user_id(user)?)
    }
}
