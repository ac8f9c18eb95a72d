//! Login tokens: a client that is logged in lets another one in, once and within two minutes.
//!
//! They live in memory: who loses one to a restart asks for another.

use quick_cache::sync::Cache;

use super::{
    Users,
    sessions::deactivated,
    tokens::{self, TokenHash},
};
use crate::{
    error::{Error, Result},
    ids::UserNum,
};

/// How long a token can be used, milliseconds.
pub const LIFETIME_MS: u64 = 2 * 60 * 1000;
/// Tokens kept in memory.
const MAX_TOKENS: usize = 10_000;

#[derive(Clone, Copy)]
struct LoginToken {
    user: UserNum,
    given_at: u64,
}

/// Tokens that were given out and not used yet.
pub(super) struct LoginTokens(Cache<TokenHash, LoginToken>);

impl LoginTokens {
    pub(super) fn new() -> Self {
        Self(Cache::new(MAX_TOKENS))
    }
}

impl Users {
    /// A token with which one more client can log in as the user.
    pub fn new_login_token(&self, user: UserNum) -> String {
        let (token, hash) = tokens::mint(&self.randomness);
        self.login_tokens.0.insert(hash, LoginToken { user, given_at: self.clock.now_ms() });
        token
    }

    /// Whose token it is, which is none from then on; 403 `M_FORBIDDEN` if it was none, or is over.
    pub fn redeem_login_token(&self, token: &str) -> Result<UserNum> {
        let found = self.login_tokens.0.remove(&tokens::hash(token)).map(|(_, found)| found);
        let found = found.filter(|found| self.clock.now_ms() < found.given_at + LIFETIME_MS);
        let user = found.ok_or_else(|| Error::forbidden("This login token is unknown, used up or over."))?.user;
        if self.is_active(user)? { Ok(user) } else { Err(deactivated()) }
    }
}
