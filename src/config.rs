//! Configuration: what an operator may choose, read once at the start.
//!
//! Defaults give way to the TOML file, the file to `SALON_*` environment variables, those to
//! command-line flags. A `Config` that exists has been checked whole: nobody checks it again.

mod error;
mod federation;
mod layer;
mod services;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use axum::http::Uri;
use figment::Figment;
use figment::providers::Serialized;
use ruma::{OwnedServerName, RoomVersionId, owned_server_name};
use serde::{Deserialize, Serialize};
use tracing_subscriber::EnvFilter;

pub use error::ConfigError;
pub use federation::{Federation, Testing, Tls};
use layer::{Layer, Text};
pub use services::{Calls, Contact, UrlPreviews, WellKnown};

/// The room versions in which a new room can be made.
pub const ROOM_VERSIONS: [RoomVersionId; 7] = [
    RoomVersionId::V6,
    RoomVersionId::V7,
    RoomVersionId::V8,
    RoomVersionId::V9,
    RoomVersionId::V10,
    RoomVersionId::V11,
    RoomVersionId::V12,
];

/// Everything that can be chosen; `config.toml.example` explains each key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The part of user IDs after the colon; may carry a port.
    pub server_name: OwnedServerName,
    /// Where clients reach the server, without a slash at the end. Follows from the other keys if not set.
    #[serde(default, skip_serializing)]
    pub public_baseurl: String,
    /// Addresses for plain HTTP, at least one. Port 0 lets the system choose.
    pub listen: Vec<SocketAddr>,
    /// The folder of the database and the media.
    pub data_dir: PathBuf,
    /// One of [`ROOM_VERSIONS`].
    pub default_room_version: RoomVersionId,
    pub registration: Registration,
    pub rate_limits: RateLimits,
    pub presence: Presence,
    pub push: Push,
    pub media: Media,
    pub url_previews: UrlPreviews,
    pub well_known: WellKnown,
    pub calls: Calls,
    pub tls: Tls,
    pub federation: Federation,
    pub testing: Testing,
    pub log: Log,
}

/// Who may make an account.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Registration {
    pub mode: RegistrationMode,
    /// What newcomers may know in mode `token`, instead of a token that was made for them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// Lets tools make accounts through `/_synapse/admin/v1/register`; absent: nobody can.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shared_secret: Option<String>,
    pub allow_guests: bool,
    /// The operator's word that open registration beyond this machine is meant.
    pub allow_open_to_the_world: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RegistrationMode {
    Open,
    Token,
    Closed,
}

/// Whether a client that asks too often is told to wait.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateLimits {
    pub enabled: bool,
}

/// Whether users see who else is online.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Presence {
    pub enabled: bool,
}

/// How gateways are told of notifications.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Push {
    /// Whether gateways may stand in private networks, and be spoken to by plain HTTP.
    pub allow_private_addresses: bool,
}

/// How much may be uploaded, and who may see it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Media {
    /// Of one file, bytes.
    pub max_upload_size: u64,
    /// Of all files of one user together, bytes.
    pub user_quota: u64,
    /// Files that one user has announced and not uploaded yet.
    pub max_pending_uploads: u32,
    /// Whether the endpoints that ask for no access token serve files too.
    pub unauthenticated: bool,
    /// Of one file that is fetched from another server, bytes.
    pub max_remote_size: u64,
    /// Of all files of other servers that are kept, bytes.
    pub remote_cache: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    /// A level, or directives such as `info,salon::sync=debug`.
    pub level: String,
    pub format: LogFormat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    Text,
    Json,
}

/// What the command line overrides: dotted keys and their values, such as `("log.level", "debug")`.
pub type Overrides = Vec<(&'static str, String)>;

impl Default for Config {
    fn default() -> Self {
        let mut config = Self {
            server_name: owned_server_name!("localhost"),
            public_baseurl: String::new(),
            listen: vec![SocketAddr::from(([127, 0, 0, 1], 6167))],
            data_dir: PathBuf::from("salon-data"),
            default_room_version: RoomVersionId::V12,
            registration: Registration {
                mode: RegistrationMode::Open,
                token: None,
                shared_secret: None,
                allow_guests: false,
                allow_open_to_the_world: false,
            },
            rate_limits: RateLimits { enabled: true },
            presence: Presence { enabled: true },
            push: Push { allow_private_addresses: false },
            media: Media {
                max_upload_size: 100 << 20,
                user_quota: 10 << 30,
                max_pending_uploads: 50,
                unauthenticated: false,
                max_remote_size: 100 << 20,
                remote_cache: 10 << 30,
            },
            url_previews: UrlPreviews::default(),
            well_known: WellKnown::default(),
            calls: Calls::default(),
            tls: Tls::default(),
            federation: Federation::default(),
            testing: Testing::default(),
            log: Log { level: "info".to_owned(), format: LogFormat::Text },
        };
        config.public_baseurl = config.derived_baseurl();
        config
    }
}

impl Config {
    /// Reads the file at `path` (if any), the environment and `overrides`, over the defaults.
    ///
    /// # Errors
    /// The first thing that is wrong, as one sentence naming its key and where that was set.
    pub fn load(path: Option<&Path>, overrides: Overrides) -> Result<Self, ConfigError> {
        let environment = std::env::vars_os().map(|(name, value)| {
            let text = |os: std::ffi::OsString| os.to_string_lossy().into_owned();
            (text(name), text(value))
        });
        Self::load_with(path, environment, overrides)
    }

    fn load_with(
        path: Option<&Path>,
        environment: impl Iterator<Item = (String, String)>,
        overrides: Overrides,
    ) -> Result<Self, ConfigError> {
        let mut figment = Figment::from(Serialized::defaults(Self::default()));
        if let Some(path) = path {
            figment = figment.merge(Layer::file(path)?);
        }
        let variables = environment.filter_map(|(name, value)| Text::variable(name, value));
        let flags = overrides.into_iter().map(|(key, v)| Text::flag(key, v));
        for text in variables.chain(flags) {
            let layer = text.layer(&figment);
            figment = figment.merge(layer);
        }
        let mut config: Self = figment.extract().map_err(ConfigError::from_figment)?;
        config.complete();
        config.check(&figment)?;
        Ok(config)
    }

    /// Fills in what follows from other keys, and brings the rest to one form.
    fn complete(&mut self) {
        if self.public_baseurl.is_empty() {
            self.public_baseurl = self.derived_baseurl();
        }
        let without_slash = self.public_baseurl.trim_end_matches('/').len();
        self.public_baseurl.truncate(without_slash);
    }

    fn derived_baseurl(&self) -> String {
        match self.listen.first() {
            Some(address) if address.ip().is_loopback() => {
                format!("http://localhost:{}", address.port())
            }
            _ => format!("https://{}", self.server_name),
        }
    }

    fn check(&self, figment: &Figment) -> Result<(), ConfigError> {
        let registration = &self.registration;
        let refuse = |key: &str, reason: &str| Err(ConfigError::at(figment, key, key, reason));
        if !is_http_url(&self.public_baseurl) {
            return refuse("public_baseurl", "must be an address such as \"https://chat.example.org\"");
        }
        if self.listen.is_empty() {
            return refuse("listen", "must name an address, such as \"127.0.0.1:6167\"");
        }
        if self.data_dir.as_os_str().is_empty() {
            return refuse("data_dir", "must name a folder");
        }
        if !ROOM_VERSIONS.contains(&self.default_room_version) {
            return refuse("default_room_version", "must be a version from \"6\" to \"12\"");
        }
        if self.log.level.trim().is_empty() || EnvFilter::try_new(&self.log.level).is_err() {
            return refuse(
                "log.level",
                "must be \"error\", \"warn\", \"info\", \"debug\" or \"trace\", or directives such as \"info,salon::sync=debug\"",
            );
        }
        if registration.shared_secret.as_deref() == Some("") {
            return refuse("registration.shared_secret", "must not be empty");
        }
        if registration.token.as_deref().is_some_and(|token| !is_registration_token(token)) {
            return refuse(
                "registration.token",
                "must be 1 to 64 of the characters A-Z, a-z, 0-9, \".\", \"_\", \"~\" and \"-\"",
            );
        }
        if let Err((key, reason)) = self.well_known.check().and_then(|()| self.calls.check()) {
            return refuse(key, reason);
        }
        if let Err((key, reason)) = self.tls.check().and_then(|()| self.federation.check()) {
            return refuse(key, reason);
        }
        let public = |address: &&SocketAddr| !address.ip().is_loopback();
        let beyond = self.listen.iter().find(public).map(|address| ("listen", address));
        let beyond = beyond.or_else(|| self.tls.listen.iter().find(public).map(|address| ("tls.listen", address)));
        let Some((key, address)) = beyond else { return Ok(()) };
        if !self.testing.addresses.is_empty() {
            return refuse("testing.addresses", "is for tests, in which every listener is on loopback");
        }
        if registration.mode == RegistrationMode::Open && !registration.allow_open_to_the_world {
            // The mode may well be the default: what the operator wrote is the address.
            let reason = format!(
                "is \"open\" while `{key}` has {address}, which others can reach: set it to \"token\" or \"closed\", \
                 or set `registration.allow_open_to_the_world = true`"
            );
            return Err(ConfigError::at(figment, key, "registration.mode", &reason));
        }
        Ok(())
    }
}

fn is_http_url(url: &str) -> bool {
    url.parse::<Uri>().is_ok_and(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https"))
            && uri.host().is_some_and(|host| !host.is_empty())
            && uri.query().is_none()
    })
}

/// The grammar that the specification gives registration tokens.
pub fn is_registration_token(token: &str) -> bool {
    (1..=64).contains(&token.len()) && token.bytes().all(|b| b.is_ascii_alphanumeric() || b"._~-".contains(&b))
}
