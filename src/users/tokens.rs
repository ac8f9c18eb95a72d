//! Access and refresh tokens: 256 random bits, of which only the hash is stored.
//!
//! Invariant: a token that was revoked is neither in the database nor in the cache once its commit is queued.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use quick_cache::sync::Cache;
use ruma::OwnedDeviceId;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Session, Users, restrictions::locked};
use crate::{
    clock::Randomness,
    error::{Error, Result},
    ids::UserNum,
    store::{
        Family, Key, Read,
        keys::{Index, KeyBuilder},
    },
};

/// Sessions kept in memory.
const CACHED: usize = 10_000;

/// A token's SHA-256.
pub type TokenHash = [u8; 32];

/// What a token is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TokenKind {
    Access,
    Refresh,
}

/// What a token stands for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TokenRow {
    pub kind: TokenKind,
    pub user: UserNum,
    pub device_id: OwnedDeviceId,
    pub is_guest: bool,
    /// Milliseconds since the epoch; `None`: never.
    pub expires_at: Option<u64>,
    /// It came out of a refresh: its first use revokes the tokens before it.
    pub supersedes: bool,
}

#[derive(Clone)]
struct Cached {
    session: Session,
    expires_at: Option<u64>,
    /// When it was last used, milliseconds since the epoch.
    seen: Arc<AtomicU64>,
}

pub(super) struct Tokens {
    cache: Cache<TokenHash, Cached>,
    /// Counts revocations, so that a row read before one isn't cached after it.
    revocations: AtomicU64,
    /// Tokens that were ended by somebody, so that requests that wait learn of it. Not those that a refresh replaced:
    /// their client knows.
    ended: Cache<TokenHash, ()>,
}

impl Tokens {
    pub(super) fn new() -> Self {
        Self { cache: Cache::new(CACHED), revocations: AtomicU64::new(0), ended: Cache::new(CACHED) }
    }

    /// Drops tokens whose deletion was queued just now.
    pub(super) fn forget(&self, revoked: &[TokenHash]) {
        self.revocations.fetch_add(1, Ordering::SeqCst);
        for hash in revoked {
            self.cache.remove(hash);
        }
    }

    /// The same for tokens of which requests may be waiting: `Users::wake_ended` follows.
    pub(super) fn end(&self, revoked: &[TokenHash]) {
        self.forget(revoked);
        for hash in revoked {
            self.ended.insert(*hash, ());
        }
    }

    /// When the token was last used since it came into the cache.
    pub(super) fn last_seen(&self, hash: &TokenHash) -> Option<u64> {
        self.cache.get(hash).map(|cached| cached.seen.load(Ordering::Relaxed))
    }
}

/// A new token: what the client gets, and what is stored.
pub(super) fn mint(randomness: &Randomness) -> (String, TokenHash) {
    let token = URL_SAFE_NO_PAD.encode(randomness.bytes::<32>());
    let hash = hash(&token);
    (token, hash)
}

pub(super) fn hash(token: &str) -> TokenHash {
    Sha256::digest(token.as_bytes()).into()
}

/// `index`: 0 → token.
pub fn key(hash: &TokenHash) -> Key {
    KeyBuilder::global(Index::Token).tail(hash).build()
}

impl Users {
    /// The session behind an access token; 401 `M_UNKNOWN_TOKEN` if there is none.
    pub fn authenticate(&self, token: &str) -> Result<Session> {
        let hash = hash(token);
        let now = self.clock.now_ms();
        if let Some(cached) = self.tokens.cache.get(&hash) {
            check_expiry(cached.expires_at, now)?;
            cached.seen.store(now, Ordering::Relaxed);
            return Ok(cached.session);
        }
        let revocations = self.tokens.revocations.load(Ordering::SeqCst);
        let row = self.token(&hash, TokenKind::Access)?;
        if row.supersedes {
            self.settle_refresh(&row, &hash)?;
        }
        let session = Session {
            user_id: self.store.user_id(row.user)?,
            user: row.user,
            device_id: row.device_id,
            is_guest: row.is_guest,
            token: hash,
            restrictions: self.restrictions(row.user)?,
        };
        let seen = Arc::new(AtomicU64::new(now));
        self.tokens.cache.insert(hash, Cached { session: session.clone(), expires_at: row.expires_at, seen });
        if self.tokens.revocations.load(Ordering::SeqCst) != revocations {
            self.tokens.cache.remove(&hash);
        }
        Ok(session)
    }

    /// 401 `M_UNKNOWN_TOKEN` if the session was ended while its request waited, `M_USER_LOCKED` if its account was locked.
    pub fn check_session(&self, session: &Session) -> Result<()> {
        if self.tokens.ended.get(&session.token).is_some() {
            return Err(unknown_token());
        }
        // Of whom the restrictions change, the sessions leave the cache.
        if self.tokens.cache.get(&session.token).is_none() && self.restrictions(session.user)?.locked {
            return Err(locked());
        }
        Ok(())
    }

    /// Has the user's waiting requests see whether their sessions were ended, or their account locked. The commit has woken them already, but maybe
    /// before that was known.
    pub(super) fn wake_ended(&self, user: UserNum) {
        self.store.live().wake_user(user);
    }

    /// The row of a token that is known, of that kind and not expired.
    pub(super) fn token(&self, hash: &TokenHash, kind: TokenKind) -> Result<TokenRow> {
        let row: Option<TokenRow> = self.store.latest().get_row(Family::Index, &key(hash))?;
        let row = row.filter(|row| row.kind == kind).ok_or_else(unknown_token)?;
        check_expiry(row.expires_at, self.clock.now_ms())?;
        Ok(row)
    }
}

fn check_expiry(expires_at: Option<u64>, now: u64) -> Result<()> {
    match expires_at {
        Some(at) if at <= now => Err(unknown_token().with_field("soft_logout", true)),
        _ => Ok(()),
    }
}

pub(super) fn unknown_token() -> Error {
    Error::new(401, "M_UNKNOWN_TOKEN", "This token is not known here (any more): log in again.")
        .with_field("soft_logout", false)
}
