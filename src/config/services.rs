//! What the operator tells clients of services beside the homeserver: whom to ask for help, and where calls go.

use ruma::OwnedUserId;
use serde::{Deserialize, Serialize};

use super::is_http_url;

/// What `/.well-known/matrix/…` tells, beside where the server is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WellKnown {
    /// A page with help for users.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub support_page: Option<String>,
    /// Who looks after the server.
    pub contacts: Vec<Contact>,
    /// The ed25519 key, unpadded base64, of the policy server that stands behind this server's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy_server_key: Option<String>,
}

/// Somebody who looks after the server; with a Matrix ID, an e-mail address, or both.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contact {
    /// What for: `m.role.admin`, `m.role.security`, or a name of one's own.
    pub role: String,
    /// Where they are on Matrix, perhaps on another server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub matrix_id: Option<OwnedUserId>,
    /// Their e-mail address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email_address: Option<String>,
}

/// What calls need beside this server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calls {
    /// Addresses of TURN servers, `turn:` or `turns:`; none: clients connect directly or not at all.
    pub turn_uris: Vec<String>,
    /// What Salon shares with the TURN servers, so that each user gets a name and password of their own, for a time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub turn_shared_secret: Option<String>,
    /// The same name for everybody, where there is no shared secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub turn_username: Option<String>,
    /// Its password.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub turn_password: Option<String>,
    /// How long a name and password are good, seconds.
    pub turn_lifetime: u64,
    /// The LiveKit service through which calls of many (MatrixRTC) go.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub livekit_service_url: Option<String>,
}

impl Default for Calls {
    fn default() -> Self {
        Self {
            turn_uris: Vec::new(),
            turn_shared_secret: None,
            turn_username: None,
            turn_password: None,
            turn_lifetime: 24 * 60 * 60,
            livekit_service_url: None,
        }
    }
}

/// Previews of pages that people link to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UrlPreviews {
    /// Whether there are any.
    pub enabled: bool,
    /// Sites that are not asked, with all that is part of them: `example.org` stands for `www.example.org` too.
    pub blocked_sites: Vec<String>,
    /// Whether pages may stand in private networks.
    pub allow_private_addresses: bool,
}

impl Default for UrlPreviews {
    fn default() -> Self {
        Self { enabled: true, blocked_sites: Vec::new(), allow_private_addresses: false }
    }
}

/// A key that is wrong, and why.
pub(super) type Fault = (&'static str, &'static str);

impl WellKnown {
    pub(super) fn check(&self) -> Result<(), Fault> {
        if self.support_page.as_deref().is_some_and(|page| !is_http_url(page)) {
            return Err(("well_known.support_page", "must be an address such as \"https://example.org/help\""));
        }
        let reachable = |contact: &Contact| contact.matrix_id.is_some() || contact.email_address.is_some();
        if !self.contacts.iter().all(reachable) {
            return Err(("well_known.contacts", "must have a matrix_id or an email_address each"));
        }
        Ok(())
    }
}

impl Calls {
    pub(super) fn check(&self) -> Result<(), Fault> {
        let is_turn = |uri: &String| uri.starts_with("turn:") || uri.starts_with("turns:");
        if !self.turn_uris.iter().all(is_turn) {
            return Err(("calls.turn_uris", "must be addresses such as \"turn:turn.example.org:3478?transport=udp\""));
        }
        let named = self.turn_username.is_some() && self.turn_password.is_some();
        if !self.turn_uris.is_empty() && !named && self.turn_shared_secret.as_deref().is_none_or(str::is_empty) {
            let reason = "needs calls.turn_shared_secret, or calls.turn_username and calls.turn_password";
            return Err(("calls.turn_uris", reason));
        }
        if self.turn_lifetime == 0 {
            return Err(("calls.turn_lifetime", "must be above 0"));
        }
        if self.livekit_service_url.as_deref().is_some_and(|url| !is_http_url(url)) {
            return Err(("calls.livekit_service_url", "must be an address such as \"https://livekit.example.org\""));
        }
        Ok(())
    }
}
