//! Connections by TLS to other servers: to public addresses only, with the certificate that was asked for.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use hyper_util::rt::TokioIo;
use rustls::pki_types::{CertificateDer, ServerName as TlsName};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::{NetError, dns::Dns};

/// A connection to one address is there after this time, TLS included, or not at all.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(8);
/// Addresses of one server that are tried.
const MAX_ADDRESSES: usize = 6;

/// Where to connect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// An address.
    Address(SocketAddr),
    /// A name that is yet to be resolved, and a port.
    Name(String, u16),
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Name(name, port) => write!(f, "{name}:{port}"),
        }
    }
}

/// A connection on which HTTP is spoken.
pub(super) type TlsConnection = TokioIo<TlsStream<TcpStream>>;

/// Makes connections. Cheap to clone.
#[derive(Clone)]
pub(super) struct Connect {
    dns: Dns,
    tls: TlsConnector,
}

impl Connect {
    /// Trusts the system's certificate authorities, and `extra` ones.
    pub fn new(dns: Dns, extra: Vec<CertificateDer<'static>>) -> Result<Self, NetError> {
        super::provide_tls();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = rustls_platform_verifier::Verifier::new_with_extra_roots(extra, provider)?;
        let mut config = rustls::ClientConfig::builder()
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { dns, tls: TlsConnector::from(Arc::new(config)) })
    }

    /// Connects to the first of some targets that answers and shows the certificate.
    pub async fn to(&self, targets: &[Target], certificate: &str) -> Result<TlsConnection, NetError> {
        let mut last = None;
        let mut left = MAX_ADDRESSES;
        for target in targets {
            for address in self.dns.addresses(target).await {
                if left == 0 {
                    break;
                }
                left -= 1;
                match self.at(address, certificate).await {
                    Ok(stream) => return Ok(stream),
                    Err(error) => last = Some(error),
                }
            }
        }
        let nowhere = || NetError::Connect(format!("{certificate} has no address that this server asks"));
        Err(last.unwrap_or_else(nowhere))
    }

    /// Connects to an address that `Dns` gave.
    pub async fn at(&self, address: SocketAddr, certificate: &str) -> Result<TlsConnection, NetError> {
        let name = TlsName::try_from(certificate.to_owned()).map_err(|_| NetError::Address(certificate.to_owned()))?;
        match tokio::time::timeout(CONNECT_TIMEOUT, self.to_address(address, name)).await {
            Ok(connected) => connected.map(TokioIo::new).map_err(|error| NetError::Connect(error.to_string())),
            Err(_) => Err(NetError::Connect(format!("{address} does not answer in time"))),
        }
    }

    async fn to_address(&self, address: SocketAddr, name: TlsName<'static>) -> std::io::Result<TlsStream<TcpStream>> {
        let stream = TcpStream::connect(address).await?;
        // Requests are small and must not wait for a full packet; a socket that can't be told so works as well.
        let _ = stream.set_nodelay(true);
        self.tls.connect(name, stream).await
    }
}
