//! Accounts and what belongs to them: devices, tokens, profiles, account data. Knows no rooms.
//!
//! Invariant: what is read and then written (an account, its devices, its tokens) is read from `Store::latest`
//! and queued under the user's lock, so that no two writers build on the same row.

mod account_data;
mod accounts;
mod attention;
pub mod backups;
mod devices;
mod directory;
pub mod feed;
pub mod filters;
mod interactive;
pub mod keys;
mod locks;
pub mod login_tokens;
pub mod openid;
mod passwords;
pub mod presence;
mod profiles;
mod push_rules;
mod pushers;
mod registration_tokens;
pub mod restrictions;
pub mod rows;
mod sessions;
mod shared_secret;
mod tags;
pub mod to_device;
mod tokens;
mod transactions;
mod turn;
mod usernames;

use std::sync::Arc;

use ruma::{OwnedDeviceId, OwnedServerName, OwnedUserId};

pub use self::{
    account_data::{AccountData, IGNORED_USERS},
    accounts::NewAccount,
    attention::Attention,
    devices::Device,
    interactive::{AuthData, Operation, Stage},
    profiles::Profile,
    pushers::Pusher,
    registration_tokens::RegistrationToken,
    restrictions::Restrictions,
    sessions::{NewSession, StartedSession},
    shared_secret::SharedSecretRequest,
    transactions::NewTransaction,
    usernames::Identifier,
};
use self::{
    interactive::InteractiveSessions,
    locks::Locks,
    login_tokens::LoginTokens,
    openid::OpenIdKey,
    passwords::Passwords,
    presence::Presence,
    registration_tokens::TokenLock,
    shared_secret::Nonces,
    to_device::Delivered,
    tokens::{TokenHash, Tokens},
    transactions::Trimmed,
};
use crate::{
    clock::{Clock, Randomness},
    ids::UserNum,
    store::Store,
};

/// Who makes a request.
#[derive(Clone, Debug)]
pub struct Session {
    /// The user.
    pub user_id: OwnedUserId,
    /// The user's number.
    pub user: UserNum,
    /// The device that the access token belongs to.
    pub device_id: OwnedDeviceId,
    /// Guests may do less (client-server API, "Guest Access").
    pub is_guest: bool,
    /// The hash of the access token.
    pub token: TokenHash,
    /// What an administrator has taken from the account for a time.
    pub restrictions: Restrictions,
}

/// The accounts of this server.
pub struct Users {
    store: Arc<Store>,
    server_name: OwnedServerName,
    clock: Clock,
    randomness: Randomness,
    locks: Locks,
    passwords: Passwords,
    tokens: Tokens,
    interactive: InteractiveSessions,
    login_tokens: LoginTokens,
    nonces: Nonces,
    directory: directory::Directory,
    attentions: attention::Attentions,
    openid: OpenIdKey,
    token_lock: TokenLock,
    trimmed: Trimmed,
    delivered: Delivered,
    /// Who is there.
    pub presence: Presence,
}

impl Users {
    /// Over an open store. `secret` never changes for a database.
    pub fn new(
        store: Arc<Store>,
        server_name: OwnedServerName,
        (clock, randomness): (Clock, Randomness),
        presence_enabled: bool,
        secret: &[u8],
    ) -> Self {
        let presence = Presence::new(store.clone(), clock.clone(), presence_enabled);
        Self {
            store,
            server_name,
            clock,
            randomness,
            locks: Locks::default(),
            passwords: Passwords::new(),
            tokens: Tokens::new(),
            interactive: InteractiveSessions::new(),
            login_tokens: LoginTokens::new(),
            nonces: Nonces::new(),
            directory: directory::Directory::default(),
            attentions: attention::Attentions::default(),
            openid: OpenIdKey::derive(secret),
            token_lock: TokenLock::default(),
            trimmed: Trimmed::default(),
            delivered: Delivered::default(),
            presence,
        }
    }
}
