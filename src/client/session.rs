//! What login, registration and refreshing answer, and what a session may do to whom.

use ruma::{OwnedDeviceId, OwnedServerName, OwnedUserId, UserId};
use serde::Serialize;

use crate::{
    error::{Error, Result},
    users::{Session, StartedSession},
};

/// The tokens of a session, and whose they are.
#[derive(Serialize)]
pub struct SessionAnswer {
    user_id: OwnedUserId,
    device_id: OwnedDeviceId,
    /// Deprecated; old clients want it.
    home_server: OwnedServerName,
    #[serde(flatten)]
    tokens: TokensAnswer,
}

/// The tokens alone.
#[derive(Serialize)]
pub struct TokensAnswer {
    access_token: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_in_ms: Option<u64>,
}

impl From<StartedSession> for SessionAnswer {
    fn from(started: StartedSession) -> Self {
        let (user_id, device_id) = (started.user_id.clone(), started.device_id.clone());
        let home_server = user_id.server_name().to_owned();
        Self { user_id, device_id, home_server, tokens: started.into() }
    }
}

impl From<StartedSession> for TokensAnswer {
    fn from(started: StartedSession) -> Self {
        Self {
            access_token: started.access_token,
            refresh_token: started.refresh_token,
            expires_in_ms: started.expires_in_ms,
        }
    }
}

/// Refuses what a user may do to their own things only.
pub fn require_self(session: &Session, user_id: &UserId) -> Result<()> {
    if session.user_id == user_id {
        Ok(())
    } else {
        Err(Error::forbidden("The user in the path must be the one whose access token this is."))
    }
}
