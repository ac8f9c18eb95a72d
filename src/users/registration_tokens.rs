//! Tokens that let people register: so often, and so long, as whoever runs the server says.
//!
//! Invariant: a use is counted in the commit that makes the account, under one lock, so that a token lets in no more
//! than it may.

use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

use super::Users;
use crate::{
    config::is_registration_token,
    error::{Error, Result},
    ids,
    store::{
        Commit, Family, Key, LogEntry, Read, StoreError, Ticket, decode,
        keys::{Index, KeyBuilder},
    },
};

/// Letters and digits of a token that is made up here.
const GENERATED_LENGTH: usize = 16;

/// What a token may still do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegistrationToken {
    /// How many accounts it may make; `None`: any number.
    pub uses_allowed: Option<u32>,
    /// How many it has made.
    pub used: u32,
    /// When it ends, milliseconds since the epoch; `None`: never.
    pub expires_at: Option<u64>,
}

impl RegistrationToken {
    fn is_valid(&self, now_ms: u64) -> bool {
        self.expires_at.is_none_or(|end| now_ms < end) && self.uses_allowed.is_none_or(|allowed| self.used < allowed)
    }
}

/// `index`: 0 → registration token.
fn key(token: &str) -> Key {
    KeyBuilder::global(Index::RegistrationToken).tail(token.as_bytes()).build()
}

/// Held by who counts a use, or changes which tokens there are.
#[derive(Default)]
pub(super) struct TokenLock(Mutex<()>);

/// A use of a token that is about to be counted; nobody else counts one meanwhile.
pub(super) struct Use<'a> {
    key: Key,
    row: RegistrationToken,
    _lock: MutexGuard<'a, ()>,
}

impl Use<'_> {
    /// Adds the use to the commit that makes the account.
    pub(super) fn count(&self, commit: &mut Commit) {
        commit.put_row(Family::Index, self.key.clone(), &self.row);
    }
}

impl Users {
    /// Makes a token, made up if none is given.
    ///
    /// # Errors
    /// 400 `M_INVALID_PARAM` if it has not the form of one, or is there already.
    pub async fn create_registration_token(
        &self,
        token: Option<String>,
        uses_allowed: Option<u32>,
        lifetime_ms: Option<u64>,
    ) -> Result<String> {
        let token = token.unwrap_or_else(|| self.randomness.with(|rng| ids::random_string(rng, GENERATED_LENGTH)));
        if !is_registration_token(&token) {
            let form = "A registration token is 1 to 64 letters, digits, \".\", \"_\", \"~\" and \"-\".";
            return Err(Error::invalid_param(form));
        }
        let expires_at = lifetime_ms.map(|lifetime| self.clock.now_ms().saturating_add(lifetime));
        let row = RegistrationToken { uses_allowed, used: 0, expires_at };
        let ticket = {
            let _lock = self.lock_registration_tokens();
            if self.registration_token(&token)?.is_some() {
                return Err(Error::invalid_param("There is a registration token of this name already."));
            }
            self.change_registration_tokens(|commit| {
                commit.put_row(Family::Index, key(&token), &row);
            })
        };
        ticket.durable().await?;
        Ok(token)
    }

    /// All tokens that were made, in order of the alphabet; those that are used up or over too.
    pub fn registration_tokens(&self) -> Result<Vec<(String, RegistrationToken)>> {
        let snapshot = self.store.snapshot();
        let prefix = KeyBuilder::global(Index::RegistrationToken).build();
        let mut rows = snapshot.scan_prefix(Family::Index, &prefix);
        let mut tokens = Vec::new();
        while let Some((key, value)) = rows.next()? {
            let token = key.get(prefix.len()..).and_then(|token| String::from_utf8(token.to_vec()).ok());
            tokens.push((token.ok_or(StoreError::Malformed(Family::Index))?, decode(Family::Index, value)?));
        }
        Ok(tokens)
    }

    /// Ends a token; 404 `M_NOT_FOUND` if there is none.
    pub async fn revoke_registration_token(&self, token: &str) -> Result<()> {
        let ticket = {
            let _lock = self.lock_registration_tokens();
            if self.registration_token(token)?.is_none() {
                return Err(Error::not_found("There is no such registration token."));
            }
            self.change_registration_tokens(|commit| {
                commit.delete(Family::Index, key(token));
            })
        };
        ticket.durable().await?;
        Ok(())
    }

    /// Whether `token` lets somebody register: as `configured`, which has no end, or as one that was made.
    pub fn may_register_with(&self, configured: Option<&str>, token: &str) -> Result<bool> {
        Ok(is_configured(configured, token) || self.is_stored(token)?)
    }

    /// Whether `token` is one that was made, and has uses left.
    pub(super) fn is_stored(&self, token: &str) -> Result<bool> {
        let row = if is_registration_token(token) { self.registration_token(token)? } else { None };
        Ok(row.is_some_and(|row| row.is_valid(self.clock.now_ms())))
    }

    /// Takes a use of a token; 403 `M_FORBIDDEN` if it has none left, which may have changed since it was looked at.
    pub(super) fn use_registration_token(&self, token: &str) -> Result<Use<'_>> {
        let lock = self.lock_registration_tokens();
        let row = self.registration_token(token)?.filter(|row| row.is_valid(self.clock.now_ms()));
        let mut row = row.ok_or_else(|| Error::forbidden("This registration token is used up or over."))?;
        row.used = row.used.saturating_add(1);
        Ok(Use { key: key(token), row, _lock: lock })
    }

    fn lock_registration_tokens(&self) -> MutexGuard<'_, ()> {
        // A panic under the lock leaves nothing half done: a commit is queued in one step.
        self.token_lock.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn registration_token(&self, token: &str) -> Result<Option<RegistrationToken>, StoreError> {
        self.store.latest().get_row(Family::Index, &key(token))
    }

    fn change_registration_tokens(&self, change: impl FnOnce(&mut Commit)) -> Ticket {
        self.store.commit(|_| {
            let mut commit = Commit::new(LogEntry::Housekeeping);
            change(&mut commit);
            commit
        })
    }
}

/// Whether `token` is the one of the configuration.
pub(super) fn is_configured(configured: Option<&str>, token: &str) -> bool {
    configured.is_some_and(|configured| configured.as_bytes().ct_eq(token.as_bytes()).into())
}
