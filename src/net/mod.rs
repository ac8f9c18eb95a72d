//! The way out: HTTP requests of this server to others. Knows no rooms and no users.
//!
//! Invariant: nobody can be made to have this server connect to an address of a private network, unless the operator
//! allows it: addresses are looked at when the connection is made, after names are resolved; a redirect is not followed,
//! or is a request like the first.

use std::path::Path;

use rustls::pki_types::{
    CertificateDer,
    pem::{self, PemObject},
};

mod addresses;
mod client;
mod connect;
mod discovery;
mod dns;
mod flights;
mod health;
mod https;
mod key_answer;
pub mod keys;
mod multipart;
mod page;
mod peers;
mod streamed;
mod survey;

pub use self::{
    addresses::is_public,
    client::{Answer, HttpClient, NetError},
    flights::Flights,
    key_answer::KeyAnswer,
    keys::Keyring,
    multipart::Multipart,
    page::Page,
    peers::{Ask, PeerError, PeerOptions, Peers, RequestToSign, segment},
    streamed::Streamed,
    survey::{Step, survey},
};

/// The certificates of a PEM file, of which there is at least one; else a sentence that says what is wrong.
pub fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let failed = |error: pem::Error| format!("{}: {error}", path.display());
    let found = CertificateDer::pem_file_iter(path).map_err(failed)?.collect::<Result<Vec<_>, _>>().map_err(failed)?;
    if found.is_empty() { Err(format!("there is no certificate in {}", path.display())) } else { Ok(found) }
}

/// Names the library whose cryptography TLS uses in this process. Whoever makes a client first calls it; again does nothing.
pub fn provide_tls() {
    // It fails if one is named already.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
