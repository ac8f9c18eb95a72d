//! The way out: HTTP requests of this server to others. Knows no rooms and no users.
//!
//! Invariant: nobody can be made to have this server connect to an address of a private network, unless the operator
//! allows it: addresses are looked at when the connection is made, after names are resolved; a redirect is not followed,
//! or is a request like the first.

mod addresses;
mod client;
mod page;

pub use self::{
    addresses::is_public,
    client::{Answer, HttpClient, NetError},
    page::Page,
};

/// Names the library whose cryptography TLS uses in this process. Whoever makes a client first calls it; again does nothing.
pub fn provide_tls() {
    // It fails if one is named already.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
