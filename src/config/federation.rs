//! How this server meets others: by TLS, and as one of the federation.

use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf};

use ruma::OwnedServerName;
use serde::{Deserialize, Serialize};

use super::services::Fault;

/// Listeners with a certificate.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// Their addresses; none: there is no such listener.
    pub listen: Vec<SocketAddr>,
    /// The file of the certificate with those that lead up from it, in PEM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cert: Option<PathBuf>,
    /// The file of its key, in PEM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<PathBuf>,
}

impl Tls {
    pub(super) fn check(&self) -> Result<(), Fault> {
        match (self.listen.is_empty(), &self.cert, &self.key) {
            (false, None, _) => Err(("tls.cert", "must name a file while `tls.listen` has an address")),
            (false, _, None) => Err(("tls.key", "must name a file while `tls.listen` has an address")),
            _ => Ok(()),
        }
    }
}

/// How other servers are dealt with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Federation {
    /// Whether other servers are dealt with at all.
    pub enabled: bool,
    /// Where other servers find this one, told at `/.well-known/matrix/server`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delegate_to: Option<OwnedServerName>,
    /// A file with certificates, in PEM, to trust beside the system's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extra_ca_file: Option<PathBuf>,
    /// Whether other servers may stand in private networks.
    pub allow_private_addresses: bool,
    /// Servers with which nothing is to be done, as patterns such as `*.example.org`.
    pub blocked_servers: Vec<String>,
}

impl Default for Federation {
    fn default() -> Self {
        Self {
            enabled: true,
            delegate_to: None,
            extra_ca_file: None,
            allow_private_addresses: false,
            blocked_servers: Vec::new(),
        }
    }
}

impl Federation {
    pub(super) fn check(&self) -> Result<(), Fault> {
        if self.blocked_servers.iter().any(String::is_empty) {
            return Err(("federation.blocked_servers", "must hold names, or patterns such as \"*.example.org\""));
        }
        Ok(())
    }
}

/// What makes sense in tests only; refused unless every listener is on loopback.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Testing {
    /// `host:port` of other servers → where they really are. If there is one, nothing else is there.
    pub addresses: BTreeMap<String, SocketAddr>,
}
