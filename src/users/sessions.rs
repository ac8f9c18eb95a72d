//! Logging in and out: sessions begin with a device and its tokens, are prolonged by refresh tokens, and end.

use std::net::IpAddr;

use ruma::{OwnedDeviceId, OwnedUserId};

use super::{
    Session, Users,
    devices::{self, DeviceRow, MAX_NAME, Removed, TokenPair},
    tokens::{self, TokenHash, TokenKind, TokenRow},
};
use crate::{
    error::{Error, Result},
    ids::{self, UserNum},
    store::{Commit, Family, LogEntry, Notice},
};

/// How long an access token that can be refreshed lives, milliseconds.
pub const ACCESS_LIFETIME_MS: u64 = 60 * 60 * 1000;
/// How long a refresh token lives unused, milliseconds.
pub const REFRESH_LIFETIME_MS: u64 = 90 * 24 * 60 * 60 * 1000;
/// Letters of a device ID that the server chooses.
const GENERATED_LENGTH: usize = 10;

/// How a client wants to be logged in.
#[derive(Debug, Default)]
pub struct NewSession {
    /// The device, if the client has one already.
    pub device_id: Option<String>,
    /// What a device that is new here is to be called.
    pub display_name: Option<String>,
    /// The client knows how to refresh its token.
    pub refreshable: bool,
    /// Where the client comes from.
    pub address: Option<IpAddr>,
}

/// What the client gets. Shows no token when it is printed.
pub struct StartedSession {
    /// The user.
    pub user_id: OwnedUserId,
    /// The device, new or known.
    pub device_id: OwnedDeviceId,
    /// The access token.
    pub access_token: String,
    /// For the next access token, if the client asked for it.
    pub refresh_token: Option<String>,
    /// How long the access token lives, milliseconds; `None`: until it is revoked.
    pub expires_in_ms: Option<u64>,
}

/// Whose tokens are minted.
struct Owner {
    user: UserNum,
    device_id: OwnedDeviceId,
    is_guest: bool,
}

/// New tokens, whose rows are in the commit already.
struct Minted {
    access: String,
    refresh: Option<String>,
    pair: TokenPair,
}

impl Users {
    /// Logs the user in. Tokens that the device had before are revoked.
    pub async fn start_session(&self, user: UserNum, new: NewSession) -> Result<StartedSession> {
        let device_id = self.device_id_of(&new)?;
        let display_name = new.display_name.filter(|name| name.len() <= MAX_NAME);
        let (ticket, minted) = {
            let _lock = self.locks.user(user);
            let account = self.account(user)?.filter(|row| !row.deactivated).ok_or_else(deactivated)?;
            self.check_unlocked(user)?;
            let owner = Owner { user, device_id: device_id.clone(), is_guest: account.guest };
            let mut commit = Commit::new(LogEntry::User(user));
            let before = self.device(user, &device_id)?;
            let removed = match &before {
                Some(row) => {
                    self.remove_pushers_of(&mut commit, user, |device| device == device_id)?;
                    Removed::tokens_only(devices::revoke(&mut commit, row))
                }
                None => {
                    self.check_device_id(user, device_id.as_str())?;
                    if self.dehydrated(user)?.is_some_and(|row| row.device_id == device_id) {
                        return Err(Error::invalid_param("A device of this ID is dehydrated."));
                    }
                    self.make_room_for_device(&mut commit, user)?
                }
            };
            let minted = self.mint_pair(&mut commit, &owner, new.refreshable, false);
            let row = DeviceRow {
                display_name: before.map_or(display_name, |row| row.display_name),
                last_seen_ts: self.clock.now_ms(),
                last_seen_ip: new.address.map(|address| address.to_string()),
                current: minted.pair.clone(),
                previous: None,
            };
            commit.put_row(Family::Index, devices::key(user, &device_id), &row).notify(Notice::User(user));
            let ticket = self.store.commit(|position| {
                removed.tell(&mut commit, position);
                commit
            });
            self.tokens.end(&removed.tokens);
            (ticket, minted)
        };
        ticket.durable().await?;
        self.wake_ended(user);
        self.started(user, device_id, minted)
    }

    /// A new access token and refresh token for an old refresh token, which stays valid until one of the new
    /// ones is used: the client may not have got them.
    pub async fn refresh_session(&self, refresh_token: &str) -> Result<StartedSession> {
        let hash = tokens::hash(refresh_token);
        let found = self.token(&hash, TokenKind::Refresh)?;
        let (user, device_id) = (found.user, found.device_id);
        let (ticket, minted) = {
            let _lock = self.locks.user(user);
            self.check_unlocked(user)?;
            // Read again: somebody may have used it, or logged out, in the meantime.
            let owner = Owner { user, device_id: device_id.clone(), is_guest: found.is_guest };
            let mut row = self.device(user, &device_id)?.ok_or_else(tokens::unknown_token)?;
            let mut commit = Commit::new(LogEntry::User(user));
            let revoked = if row.current.refresh == Some(hash) {
                let superseded = row.previous.replace(row.current.clone());
                superseded.map(|pair| pair.revoke(&mut commit)).unwrap_or_default()
            } else if row.previous.as_ref().is_some_and(|pair| pair.refresh == Some(hash)) {
                // The client never used what it was given last.
                row.current.revoke(&mut commit)
            } else {
                return Err(tokens::unknown_token());
            };
            let minted = self.mint_pair(&mut commit, &owner, true, true);
            row.current = minted.pair.clone();
            row.last_seen_ts = self.clock.now_ms();
            commit.put_row(Family::Index, devices::key(user, &device_id), &row);
            let ticket = self.store.commit(|_| commit);
            self.tokens.forget(&revoked);
            (ticket, minted)
        };
        ticket.durable().await?;
        self.started(user, device_id, minted)
    }

    /// Ends the session and deletes its device.
    pub async fn end_session(&self, session: &Session) -> Result<()> {
        self.delete_devices(session.user, std::slice::from_ref(&session.device_id)).await
    }

    /// A token that came out of a refresh is used for the first time: the ones before it go. Not awaited,
    /// since nothing is lost if it has to be done again.
    pub(super) fn settle_refresh(&self, token: &TokenRow, hash: &TokenHash) -> Result<()> {
        let _lock = self.locks.user(token.user);
        let Some(mut row) = self.device(token.user, &token.device_id)? else { return Ok(()) };
        if row.current.access != *hash {
            return Ok(());
        }
        let mut commit = Commit::new(LogEntry::Housekeeping);
        let revoked = row.previous.take().map(|pair| pair.revoke(&mut commit)).unwrap_or_default();
        commit.put_row(Family::Index, tokens::key(hash), &TokenRow { supersedes: false, ..token.clone() }).put_row(
            Family::Index,
            devices::key(token.user, &token.device_id),
            &row,
        );
        let _ = self.store.commit(|_| commit);
        self.tokens.forget(&revoked);
        Ok(())
    }

    fn mint_pair(&self, commit: &mut Commit, owner: &Owner, refreshable: bool, supersedes: bool) -> Minted {
        let now = self.clock.now_ms();
        let mut put = |kind, lifetime: Option<u64>| {
            let (token, hash) = tokens::mint(&self.randomness);
            let row = TokenRow {
                kind,
                user: owner.user,
                device_id: owner.device_id.clone(),
                is_guest: owner.is_guest,
                expires_at: lifetime.map(|lifetime| now + lifetime),
                supersedes: supersedes && kind == TokenKind::Access,
            };
            commit.put_row(Family::Index, tokens::key(&hash), &row);
            (token, hash)
        };
        let (access, access_hash) = put(TokenKind::Access, refreshable.then_some(ACCESS_LIFETIME_MS));
        let refresh = refreshable.then(|| put(TokenKind::Refresh, Some(REFRESH_LIFETIME_MS)));
        let (refresh, refresh_hash) = refresh.unzip();
        Minted { access, refresh, pair: TokenPair { access: access_hash, refresh: refresh_hash } }
    }

    fn started(&self, user: UserNum, device_id: OwnedDeviceId, minted: Minted) -> Result<StartedSession> {
        Ok(StartedSession {
            user_id: self.store.user_id(user)?,
            device_id,
            access_token: minted.access,
            expires_in_ms: minted.refresh.is_some().then_some(ACCESS_LIFETIME_MS),
            refresh_token: minted.refresh,
        })
    }

    fn device_id_of(&self, new: &NewSession) -> Result<OwnedDeviceId> {
        match new.device_id.as_deref() {
            None | Some("") => Ok(self.randomness.with(|rng| ids::random_string(rng, GENERATED_LENGTH)).into()),
            Some(id) if id.len() > MAX_NAME || id.chars().any(char::is_control) => {
                Err(Error::invalid_param("A device ID has at most 255 bytes and no control characters."))
            }
            Some(id) => Ok(id.into()),
        }
    }
}

/// 403 `M_USER_DEACTIVATED`.
pub(super) fn deactivated() -> Error {
    Error::new(403, "M_USER_DEACTIVATED", "This account was deactivated.")
}
