//! What administrators take from an account for a time: all use of it (a lock), or what others would notice (a
//! suspension). Both can be given back, unlike a deactivated account.
//!
//! Invariant: a session in the cache of tokens carries the restrictions of its user: who changes them has it read anew.

use ruma::UserId;
use serde::{Deserialize, Serialize};

use super::{Session, Users, accounts::no_account};
use crate::{
    error::{Error, Result},
    ids::UserNum,
    store::{
        Commit, Family, Key, LogEntry, Notice, Read,
        keys::{Index, KeyBuilder},
    },
};

/// What an account may not do at the moment; without a row, it may do all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restrictions {
    /// Its user can do nothing but log out.
    pub locked: bool,
    /// Its user can read and leave, but neither say nor change anything.
    pub suspended: bool,
}

/// `index`: user → restrictions.
fn key(user: UserNum) -> Key {
    KeyBuilder::user(user, Index::Restrictions).build()
}

impl Users {
    /// What the account may not do.
    pub fn restrictions(&self, user: UserNum) -> Result<Restrictions> {
        Ok(self.store.latest().get_row(Family::Index, &key(user))?.unwrap_or_default())
    }

    /// The restrictions of another's account, for an administrator.
    ///
    /// # Errors
    /// 403 `M_FORBIDDEN` for who is none, before anything is looked up, and if the other is one too; 400
    /// `M_INVALID_PARAM` for users of other servers; 404 `M_NOT_FOUND` if there is no such account (any more).
    pub fn restrictions_of(&self, admin: &Session, target: &UserId) -> Result<Restrictions> {
        self.restrictions(self.moderated(admin, target)?)
    }

    /// Changes the restrictions of another's account, at once for all of its sessions.
    ///
    /// # Errors
    /// As [`Users::restrictions_of`]; 403 `M_FORBIDDEN` for one's own account too.
    pub async fn restrict(
        &self,
        admin: &Session,
        target: &UserId,
        change: impl FnOnce(&mut Restrictions),
    ) -> Result<Restrictions> {
        let user = self.moderated(admin, target)?;
        if user == admin.user {
            return Err(Error::forbidden("Administrators can't lock or suspend themselves."));
        }
        let (ticket, restrictions) = {
            let _lock = self.locks.user(user);
            let mut restrictions = self.restrictions(user)?;
            change(&mut restrictions);
            let mut commit = Commit::new(LogEntry::User(user));
            commit.put_row(Family::Index, key(user), &restrictions).notify(Notice::User(user));
            let mut sessions = Vec::new();
            for device_id in self.device_ids(user)? {
                sessions.extend(self.device(user, &device_id)?.iter().flat_map(|device| device.token_hashes()));
            }
            let ticket = self.store.commit(|_| commit);
            self.tokens.forget(&sessions);
            (ticket, restrictions)
        };
        ticket.durable().await?;
        self.wake_ended(user);
        Ok(restrictions)
    }

    /// Refuses to begin or prolong a session of an account that is locked.
    pub(super) fn check_unlocked(&self, user: UserNum) -> Result<()> {
        if self.restrictions(user)?.locked { Err(locked()) } else { Ok(()) }
    }

    fn moderated(&self, admin: &Session, target: &UserId) -> Result<UserNum> {
        if !self.is_admin(admin.user)? {
            return Err(Error::forbidden("Only administrators of this server may do this."));
        }
        if !self.is_local(target) {
            return Err(Error::invalid_param("This user does not belong to this server."));
        }
        let user = self.local_user(target)?;
        if !self.is_active(user)? {
            return Err(no_account());
        }
        if user != admin.user && self.is_admin(user)? {
            return Err(Error::forbidden("This user administers the server too."));
        }
        Ok(user)
    }
}

/// 401 `M_USER_LOCKED`.
pub fn locked() -> Error {
    Error::new(401, "M_USER_LOCKED", "This account is locked: ask whoever runs this server.")
        .with_field("soft_logout", true)
}

/// 403 `M_USER_SUSPENDED`.
pub fn suspended() -> Error {
    Error::new(403, "M_USER_SUSPENDED", "This account is suspended and can't do this.")
}
