//! The HTTP client: bounded in time and in what it reads, and shy of private addresses.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use reqwest::{
    Url,
    dns::{Addrs, Name, Resolve, Resolving},
    redirect,
};

use super::addresses::is_public;

/// A connection is there after this time, or not at all.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// An answer has come whole after this time, or not at all.
const TIMEOUT: Duration = Duration::from_secs(30);
/// An answer may have this many bytes.
const MAX_ANSWER: usize = 64 << 10;

/// Why a request came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum NetError {
    /// The address is not one that can be asked.
    #[error("{0} is no address that this server asks")]
    Address(String),
    /// The other side can't be reached, or does not answer.
    #[error("the request failed: {0}")]
    Failed(#[from] reqwest::Error),
    /// The other side has nothing to give.
    #[error("the answer has status {0}")]
    Status(u16),
    /// The answer is too large.
    #[error("the answer is too large")]
    TooLarge,
    /// The answer did not come in time.
    #[error("there was no answer in time")]
    Slow,
    /// No connection can be made.
    #[error("no connection: {0}")]
    Connect(String),
    /// TLS can't be set up.
    #[error("TLS: {0}")]
    Tls(#[from] rustls::Error),
    /// The connection broke, or what came was no HTTP.
    #[error("HTTP: {0}")]
    Http(#[from] hyper::Error),
    /// A request on a connection of the pool failed.
    #[error("the request failed: {0}")]
    Request(String),
}

impl NetError {
    /// With the causes, which the error's own words leave out.
    pub(super) fn request(error: hyper_util::client::legacy::Error) -> Self {
        let mut words = error.to_string();
        let mut source = std::error::Error::source(&error);
        while let Some(cause) = source {
            words.push_str(": ");
            words.push_str(&cause.to_string());
            source = cause.source();
        }
        Self::Request(words)
    }
}

/// What the other side answered.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body.
    pub body: Bytes,
}

/// Asks other servers. Cheap to clone.
#[derive(Clone, Debug)]
pub struct HttpClient {
    pub(super) http: reqwest::Client,
    private: bool,
}

impl HttpClient {
    /// `private`: whether addresses of private networks may be asked.
    pub fn new(private: bool) -> Result<Self, NetError> {
        super::provide_tls();
        let http = reqwest::Client::builder()
            .user_agent(concat!("Salon/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(TIMEOUT)
            .no_proxy()
            .dns_resolver(Arc::new(Resolver { private }))
            .build()?;
        Ok(Self { http, private })
    }

    /// Posts JSON.
    pub async fn post_json(&self, url: &str, body: Vec<u8>) -> Result<Answer, NetError> {
        let url = self.checked(url)?;
        let request = self.http.post(url).header("content-type", "application/json").body(body);
        let mut response = request.send().await?;
        let status = response.status().as_u16();
        let mut body = BytesMut::new();
        while let Some(chunk) = response.chunk().await? {
            if body.len() + chunk.len() > MAX_ANSWER {
                return Err(NetError::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer { status, body: body.freeze() })
    }

    /// An address whose host is a number never meets the resolver.
    pub(super) fn checked(&self, url: &str) -> Result<Url, NetError> {
        let refused = || NetError::Address(url.to_owned());
        let parsed = Url::parse(url).map_err(|_| refused())?;
        let host = parsed.host_str().ok_or_else(refused)?;
        let number = host.trim_start_matches('[').trim_end_matches(']').parse();
        if number.is_ok_and(|address| !self.private && !is_public(address)) {
            return Err(refused());
        }
        Ok(parsed)
    }
}

/// Resolves names with the system's resolver, to public addresses only.
struct Resolver {
    private: bool,
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let private = self.private;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let allowed: Vec<SocketAddr> = found.filter(|address| private || is_public(address.ip())).collect();
            if allowed.is_empty() {
                return Err(NetError::Address(name.as_str().to_owned()).into());
            }
            let allowed: Addrs = Box::new(allowed.into_iter());
            Ok(allowed)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    use super::*;

    /// A server on this machine that counts who connects, and gives everybody the same answer.
    async fn listen(answer: &'static str) -> (u16, Arc<AtomicUsize>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (port, connected) = (listener.local_addr().unwrap().port(), Arc::new(AtomicUsize::new(0)));
        let counter = connected.clone();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                counter.fetch_add(1, Ordering::SeqCst);
                let _ = stream.read(&mut [0; 1024]).await;
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        (port, connected)
    }

    #[tokio::test]
    async fn private_addresses_are_asked_neither_by_name_nor_by_number() {
        let (port, connected) = listen("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").await;
        let (shy, open) = (HttpClient::new(false).unwrap(), HttpClient::new(true).unwrap());
        for host in ["localhost", "127.0.0.1", "0x7f.1", "2130706433", "[::ffff:127.0.0.1]"] {
            let asked = shy.post_json(&format!("http://{host}:{port}/"), Vec::new()).await;
            assert!(asked.is_err(), "{host}: {asked:?}");
        }
        assert_eq!(connected.load(Ordering::SeqCst), 0);
        let answer = open.post_json(&format!("http://localhost:{port}/"), Vec::new()).await.unwrap();
        assert_eq!((answer.status, &*answer.body), (200, &b"{}"[..]));
        assert_eq!(connected.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn redirects_are_not_followed() {
        let (port, connected) = listen("HTTP/1.1 302 Found\r\nlocation: /\r\ncontent-length: 0\r\n\r\n").await;
        let open = HttpClient::new(true).unwrap();
        let answer = open.post_json(&format!("http://127.0.0.1:{port}/"), Vec::new()).await.unwrap();
        assert_eq!((answer.status, connected.load(Ordering::SeqCst)), (302, 1));
    }
}
