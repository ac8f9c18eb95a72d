//! The account itself: whether it is there, its password, what it may do, its end.

use ruma::{OwnedUserId, UserId};
use serde::{Deserialize, Serialize};

use super::{Users, keys::ListChange, profiles, sessions::deactivated};
use crate::{
    error::{Error, Result},
    ids::UserNum,
    store::{
        Commit, Family, Key, LogEntry, Notice, Read,
        keys::{self, Index, KeyBuilder},
    },
};

/// The row of an account.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountRow {
    /// A PHC string; `None` for guests and for who was deactivated.
    pub password: Option<String>,
    pub admin: bool,
    pub guest: bool,
    pub deactivated: bool,
    /// At deactivation, the user wanted to be forgotten.
    pub erased: bool,
    /// Milliseconds since the epoch.
    pub created_at: u64,
}

fn key(user: UserNum) -> Key {
    KeyBuilder::user(user, Index::Account).build()
}

/// An account to be made.
pub struct NewAccount<'a> {
    /// Made by `Users::new_user_id`.
    pub user_id: OwnedUserId,
    /// `None`: nobody can log in to it.
    pub password: Option<&'a str>,
    /// Whether the user administers the server.
    pub admin: bool,
    /// Whether it is a guest's.
    pub guest: bool,
    /// The registration token whose use this is, if it is one that is counted.
    pub token: Option<&'a str>,
}

impl Users {
    /// `M_USER_IN_USE` if there is, or was, an account of this name.
    pub fn check_available(&self, user_id: &UserId) -> Result<()> {
        match self.account_of(user_id)? {
            Some(_) => Err(in_use()),
            None => Ok(()),
        }
    }

    /// Makes an account; `M_USER_IN_USE` if there is one already.
    pub async fn create_account(&self, new: NewAccount<'_>) -> Result<UserNum> {
        let password = match new.password {
            Some(password) => Some(self.hash_password(password).await?),
            None => None,
        };
        let row = AccountRow {
            password,
            admin: new.admin,
            guest: new.guest,
            created_at: self.clock.now_ms(),
            ..AccountRow::default()
        };
        let user = self.store.intern_user(&new.user_id)?;
        let ticket = {
            let _lock = self.locks.user(user);
            if self.account(user)?.is_some() {
                return Err(in_use());
            }
            let used = new.token.map(|token| self.use_registration_token(token)).transpose()?;
            self.store.commit(|_| {
                // Followers that list users learn of this one as of a new profile.
                let mut commit = Commit::new(LogEntry::Profile(user));
                commit.put_row(Family::Index, key(user), &row).notify(Notice::User(user));
                if !row.guest {
                    commit.put(Family::Index, profiles::key(user), profiles::initial(new.user_id.localpart()));
                }
                if let Some(used) = &used {
                    used.count(&mut commit);
                }
                commit
            })
        };
        ticket.durable().await?;
        Ok(user)
    }

    /// Ends an account for good: nobody can log in to it any more, and its name stays taken. A follower of the
    /// log makes the user leave their rooms. `erase`: what the account kept goes as well.
    pub async fn deactivate(&self, user: UserNum, erase: bool) -> Result<()> {
        let ticket = {
            let _lock = self.locks.user(user);
            let mut row = self.account(user)?.ok_or_else(no_account)?;
            row.password = None;
            row.deactivated = true;
            row.erased |= erase;
            let mut commit = Commit::new(LogEntry::Deactivated(user));
            let mut removed = self.remove_devices(&mut commit, user, &self.device_ids(user)?)?;
            let had_dehydrated = self.remove_dehydrated(&mut commit, user)?.is_some();
            if self.delete_cross_signing(&mut commit, user)? || had_dehydrated {
                removed.tell_of_keys(ListChange::of(&self.store.latest(), user)?);
            }
            self.delete_backups(&mut commit, user)?;
            let delayed = keys::delayed(user).build();
            if let Some(end) = keys::successor(&delayed) {
                commit.delete_range(Family::Index, delayed, end);
            }
            if erase {
                commit.delete(Family::Index, profiles::key(user));
                self.erase_account_data(&mut commit, user)?;
                self.erase_filters(&mut commit, user)?;
            }
            commit.put_row(Family::Index, key(user), &row).notify(Notice::User(user));
            let ticket = self.store.commit(|position| {
                removed.tell(&mut commit, position);
                commit
            });
            self.tokens.end(&removed.tokens);
            ticket
        };
        ticket.durable().await?;
        self.wake_ended(user);
        Ok(())
    }

    /// Makes a user an administrator of the server, or one no more.
    pub async fn set_admin(&self, user: UserNum, admin: bool) -> Result<()> {
        self.change_account(user, |row| row.admin = admin).await
    }

    /// Whether the user administers the server.
    pub fn is_admin(&self, user: UserNum) -> Result<bool> {
        Ok(self.account(user)?.is_some_and(|row| row.admin && !row.deactivated))
    }

    /// Whether it is a guest of this server.
    pub fn is_guest(&self, user: UserNum) -> Result<bool> {
        Ok(self.account(user)?.is_some_and(|row| row.guest))
    }

    /// Whether it is a local user who can log in.
    pub fn is_active(&self, user: UserNum) -> Result<bool> {
        Ok(self.account(user)?.is_some_and(|row| !row.deactivated))
    }

    /// Whether the user wanted to be forgotten: who comes later sees their events redacted.
    pub fn is_erased(&self, user: UserNum) -> Result<bool> {
        Ok(self.account(user)?.is_some_and(|row| row.erased))
    }

    /// The number of a local user who has, or had, an account; 404 `M_NOT_FOUND` else.
    pub fn local_user(&self, user_id: &UserId) -> Result<UserNum> {
        let user = self.store.user_num(user_id)?.ok_or_else(no_account)?;
        self.account(user)?.map(|_| user).ok_or_else(no_account)
    }

    /// Sets a new password, and nothing else.
    pub async fn set_password(&self, user: UserNum, password: &str) -> Result<()> {
        let phc = self.hash_password(password).await?;
        self.change_account(user, |row| row.password = Some(phc)).await
    }

    /// The user of that ID, if `password` is theirs; else 403 `M_FORBIDDEN`, or `M_USER_DEACTIVATED`.
    pub async fn log_in(&self, user_id: Option<&UserId>, password: &str) -> Result<UserNum> {
        let user = user_id.map(|user_id| self.store.user_num(user_id)).transpose()?.flatten();
        let row = user.map(|user| self.account(user)).transpose()?.flatten();
        if row.as_ref().is_some_and(|row| row.deactivated) {
            return Err(deactivated());
        }
        let fits = self.verify_password(password, row.and_then(|row| row.password)).await?;
        user.filter(|_| fits).ok_or_else(|| Error::forbidden("Wrong user name or password."))
    }

    /// Whether `password` is the user's.
    pub(super) async fn check_password(&self, user: UserNum, password: &str) -> Result<bool> {
        let row = self.account(user)?;
        self.verify_password(password, row.and_then(|row| row.password)).await
    }

    /// Makes a guest's account a user's, by the use of a registration token if it is one that is counted. Their
    /// session as a guest is over.
    pub async fn upgrade_guest(&self, user: UserNum, password: &str, token: Option<&str>) -> Result<()> {
        let phc = self.hash_password(password).await?;
        let change = |row: &mut AccountRow| {
            row.password = Some(phc);
            row.guest = false;
        };
        self.change_account_by(user, token, change).await?;
        self.delete_other_devices(user, None).await
    }

    /// The account of that number, `None` if it is another server's user or never registered.
    pub(super) fn account(&self, user: UserNum) -> Result<Option<AccountRow>> {
        Ok(self.store.latest().get_row(Family::Index, &key(user))?)
    }

    fn account_of(&self, user_id: &UserId) -> Result<Option<AccountRow>> {
        match self.store.user_num(user_id)? {
            Some(user) => self.account(user),
            None => Ok(None),
        }
    }

    /// Changes the row of an account that exists.
    async fn change_account(&self, user: UserNum, change: impl FnOnce(&mut AccountRow)) -> Result<()> {
        self.change_account_by(user, None, change).await
    }

    async fn change_account_by(
        &self,
        user: UserNum,
        token: Option<&str>,
        change: impl FnOnce(&mut AccountRow),
    ) -> Result<()> {
        let ticket = {
            let _lock = self.locks.user(user);
            let mut row = self.account(user)?.ok_or_else(no_account)?;
            change(&mut row);
            let used = token.map(|token| self.use_registration_token(token)).transpose()?;
            self.store.commit(|_| {
                let mut commit = Commit::new(LogEntry::User(user));
                commit.put_row(Family::Index, key(user), &row).notify(Notice::User(user));
                if let Some(used) = &used {
                    used.count(&mut commit);
                }
                commit
            })
        };
        ticket.durable().await?;
        Ok(())
    }
}

fn in_use() -> Error {
    Error::bad_request("M_USER_IN_USE", "This user name is taken.")
}

/// 404 `M_NOT_FOUND`.
pub(super) fn no_account() -> Error {
    Error::not_found("There is no such user here.")
}
