//! TLS of the listeners: the certificate is read again when its files change.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant, SystemTime},
};

use rustls::{
    ServerConfig,
    crypto::ring::sign::any_supported_type,
    pki_types::{PrivateKeyDer, pem::PemObject},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use tokio_rustls::TlsAcceptor;

use crate::net::{certificates, provide_tls};

/// How often is looked whether the files have changed.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file can't be read, or is no PEM.
    #[error("{0}")]
    File(String),
    /// The key is not one that TLS can use, or another's.
    #[error("the key does not fit the certificate: {0}")]
    Key(rustls::Error),
}

/// Accepts connections with the certificate and the key of two files.
pub fn acceptor(cert: &Path, key: &Path) -> Result<TlsAcceptor, TlsError> {
    provide_tls();
    let certificate = Certificate::read(cert.to_owned(), key.to_owned())?;
    let mut config = ServerConfig::builder().with_no_client_auth().with_cert_resolver(Arc::new(certificate));
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// A certificate that is kept as new as its files.
#[derive(Debug)]
struct Certificate {
    cert: PathBuf,
    key: PathBuf,
    current: Mutex<Current>,
}

#[derive(Debug)]
struct Current {
    looked: Instant,
    /// When the files were last changed, as far as the system tells.
    changed: [Option<SystemTime>; 2],
    key: Arc<CertifiedKey>,
}

impl Certificate {
    fn read(cert: PathBuf, key: PathBuf) -> Result<Self, TlsError> {
        let changed = [&cert, &key].map(|path| changed(path));
        let current = Current { looked: Instant::now(), changed, key: load(&cert, &key)? };
        Ok(Self { cert, key, current: Mutex::new(current) })
    }

    fn newest(&self) -> Arc<CertifiedKey> {
        // A panic under the lock leaves the old certificate, whole.
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.looked.elapsed() < LOOK_EVERY {
            return current.key.clone();
        }
        current.looked = Instant::now();
        let changed = [&self.cert, &self.key].map(|path| changed(path));
        if changed != current.changed {
            // Between the two files' changes they don't fit each other: the old ones stay until they do.
            match load(&self.cert, &self.key) {
                Ok(key) => {
                    tracing::info!(cert = %self.cert.display(), "the certificate was read again");
                    (current.key, current.changed) = (key, changed);
                }
                Err(error) => tracing::warn!(%error, "the new certificate can't be used: the old one stays"),
            }
        }
        current.key.clone()
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.newest())
    }
}

fn changed(path: &Path) -> Option<SystemTime> {
    path.metadata().and_then(|metadata| metadata.modified()).ok()
}

fn load(cert: &Path, key: &Path) -> Result<Arc<CertifiedKey>, TlsError> {
    let chain = certificates(cert).map_err(TlsError::File)?;
    let secret =
        PrivateKeyDer::from_pem_file(key).map_err(|error| TlsError::File(format!("{}: {error}", key.display())))?;
    let signer = any_supported_type(&secret).map_err(TlsError::Key)?;
    let certified = CertifiedKey::new(chain, signer);
    certified.keys_match().map_err(TlsError::Key)?;
    Ok(Arc::new(certified))
}
