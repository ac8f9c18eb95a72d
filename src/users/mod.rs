//! Accounts and what belongs to them: devices, tokens, profiles, account data. Knows no rooms.

pub mod feed;
mod tokens;

use std::sync::Arc;

use ruma::{OwnedDeviceId, OwnedServerName, OwnedUserId};

use self::tokens::Tokens;
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
}

/// The accounts of this server.
pub struct Users {
    store: Arc<Store>,
    server_name: OwnedServerName,
    clock: Clock,
    randomness: Randomness,
    tokens: Tokens,
}

impl Users {
    /// Over an open store.
    pub fn new(store: Arc<Store>, server_name: OwnedServerName, clock: Clock, randomness: Randomness) -> Self {
        Self { store, server_name, clock, randomness, tokens: Tokens::new() }
    }
}
