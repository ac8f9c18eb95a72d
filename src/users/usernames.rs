//! Which user IDs can be registered here, and which one somebody means who logs in.

use ruma::{OwnedUserId, UserId};
use serde::Deserialize;

use super::Users;
use crate::{
    error::{Error, Result},
    ids,
};

/// A whole user ID may have this many bytes.
const MAX_USER_ID: usize = 255;
/// Letters and digits of a localpart that the server chooses.
const GENERATED_LENGTH: usize = 12;

/// Whom a client names when it logs in (client-server API, "Identifier types").
#[derive(Debug, Deserialize)]
pub struct Identifier {
    /// `m.id.user` is the only type that we can resolve: accounts have no e-mail address or phone number.
    #[serde(rename = "type")]
    pub kind: String,
    /// A user ID or a localpart.
    pub user: Option<String>,
}

impl Identifier {
    /// Whether the specification has identifiers of this type.
    pub fn is_known(&self) -> bool {
        ["m.id.user", "m.id.thirdparty", "m.id.phone"].contains(&self.kind.as_str())
    }
}

impl Users {
    /// The user ID of a newcomer who wants this name: its capitals become small letters.
    pub fn wanted_user_id(&self, name: &str) -> Result<OwnedUserId> {
        self.new_user_id(&name.to_ascii_lowercase())
    }

    /// The user ID that a new account of this localpart has; `M_INVALID_USERNAME` if it is not allowed.
    pub fn new_user_id(&self, localpart: &str) -> Result<OwnedUserId> {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._=-/+".contains(&byte);
        if localpart.is_empty() || !localpart.bytes().all(allowed) {
            return Err(invalid(
                "A user name consists of lower-case letters a to z, digits and the characters . _ = - / +",
            ));
        }
        let user_id = format!("@{localpart}:{}", self.server_name);
        if user_id.len() > MAX_USER_ID {
            return Err(invalid("This user name is too long: with the server's name it would pass 255 bytes."));
        }
        user_id.try_into().map_err(|error| invalid("This is not a valid user name.").because(error))
    }

    /// A localpart for somebody who asked for none.
    pub fn random_localpart(&self) -> String {
        self.randomness.with(|rng| ids::random_string(rng, GENERATED_LENGTH)).to_ascii_lowercase()
    }

    /// The user whom a login means: by identifier, else by the older `user` field; a user ID of ours or a
    /// localpart, in any case of letters. There may be no such account.
    pub fn named_at_login(&self, identifier: Option<&Identifier>, user: Option<&str>) -> Option<OwnedUserId> {
        let name = match identifier {
            Some(identifier) if identifier.kind == "m.id.user" => identifier.user.as_deref()?,
            Some(_) => return None,
            None => user?,
        };
        let localpart = match name.strip_prefix('@') {
            Some(_) => {
                let user_id = <&UserId>::try_from(name).ok()?;
                self.is_local(user_id).then(|| user_id.localpart())?
            }
            None => name,
        };
        self.new_user_id(&localpart.to_ascii_lowercase()).ok()
    }

    /// Whether the user belongs to this server; they need not have an account.
    pub fn is_local(&self, user_id: &UserId) -> bool {
        user_id.server_name() == self.server_name
    }
}

fn invalid(message: &'static str) -> Error {
    Error::bad_request("M_INVALID_USERNAME", message)
}
