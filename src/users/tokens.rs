//! Access tokens: 256 random bits, of which only the hash is stored.

use quick_cache::sync::Cache;
use ruma::OwnedDeviceId;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Session, Users};
use crate::{
    error::{Error, Result},
    ids::UserNum,
    store::{
        Family, Key, Read,
        keys::{Index, KeyBuilder},
    },
};

/// Sessions kept in memory.
const CACHED: usize = 10_000;

type TokenHash = [u8; 32];

/// What an access token stands for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct TokenRow {
    pub user: UserNum,
    pub device_id: OwnedDeviceId,
    pub is_guest: bool,
    /// Milliseconds since the epoch; `None`: never.
    pub expires_at: Option<u64>,
}

pub(super) struct Tokens {
    cache: Cache<TokenHash, (Session, Option<u64>)>,
}

impl Tokens {
    pub(super) fn new() -> Self {
        Self { cache: Cache::new(CACHED) }
    }
}

pub(super) fn hash(token: &str) -> TokenHash {
    Sha256::digest(token.as_bytes()).into()
}

pub(super) fn key(hash: &TokenHash) -> Key {
    KeyBuilder::global(Index::Token).tail(hash).build()
}

impl Users {
    /// The session behind an access token; 401 `M_UNKNOWN_TOKEN` if there is none.
    pub fn authenticate(&self, token: &str) -> Result<Session> {
        let hash = hash(token);
        if let Some((session, expires_at)) = self.tokens.cache.get(&hash) {
            self.check_expiry(expires_at)?;
            return Ok(session);
        }
        let row: TokenRow =
            self.store.latest().get_row(Family::Index, &key(&hash))?.ok_or_else(|| unknown_token(false))?;
        self.check_expiry(row.expires_at)?;
        let session = Session {
            user_id: self.store.user_id(row.user)?,
            user: row.user,
            device_id: row.device_id,
            is_guest: row.is_guest,
        };
        self.tokens.cache.insert(hash, (session.clone(), row.expires_at));
        Ok(session)
    }

    fn check_expiry(&self, expires_at: Option<u64>) -> Result<()> {
        if expires_at.is_some_and(|at| at <= self.clock.now_ms()) { Err(unknown_token(true)) } else { Ok(()) }
    }
}

fn unknown_token(soft_logout: bool) -> Error {
    Error::new(401, "M_UNKNOWN_TOKEN", "This access token is not known here (any more): log in again.")
        .with_field("soft_logout", soft_logout)
}
