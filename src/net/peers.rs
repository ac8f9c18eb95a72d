//! Signed requests to other servers (server-server API, "Request Authentication").
//!
//! Invariant: what another server answers is bounded in size and time, and one that can't be reached is not asked
//! again at once.

use std::{
    collections::BTreeMap,
    future::Future,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    Method, Request, Response,
    body::Incoming,
    http::{Uri, header},
};
use hyper_util::{
    client::legacy::{
        Client,
        connect::{Connected, Connection},
    },
    rt::{TokioExecutor, TokioIo, TokioTimer},
};
use ruma::{
    CanonicalJsonObject, CanonicalJsonValue, OwnedServerName, ServerName,
    events::room::server_acl::RoomServerAclEventContent,
};
use rustls::pki_types::CertificateDer;
use serde::{Deserialize, de::DeserializeOwned};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use super::{NetError, connect::Connect, discovery::Discovery, dns::Dns, health::Health, https};
use crate::{clock::Clock, event::SigningKey};

/// Idle connections are closed after this time.
const IDLE: Duration = Duration::from_secs(60);

/// How requests to other servers are made.
#[derive(Clone, Debug, Default)]
pub struct PeerOptions {
    /// Whether servers may stand in private networks.
    pub private: bool,
    /// Certificate authorities to trust beside the system's.
    pub extra_authorities: Vec<CertificateDer<'static>>,
    /// Whether other servers are dealt with at all.
    pub enabled: bool,
    /// Servers with which nothing is to be done, as patterns.
    pub blocked: Vec<String>,
    /// `host:port` → where a test has it. If there is one, nothing else is there.
    pub overrides: BTreeMap<String, SocketAddr>,
}

/// What another server is asked.
#[derive(Clone, Debug)]
pub struct Ask {
    method: Method,
    path: String,
    /// Canonical JSON.
    body: Option<String>,
    timeout: Duration,
    max_answer: usize,
}

impl Ask {
    /// A GET of a path with its query.
    pub fn get(path: impl Into<String>) -> Self {
        let timeout = Duration::from_secs(20);
        Self { method: Method::GET, path: path.into(), body: None, timeout, max_answer: 1 << 20 }
    }

    /// A PUT of JSON.
    pub fn put(path: impl Into<String>, body: CanonicalJsonObject) -> Self {
        Self::put_canonical(path, CanonicalJsonValue::Object(body).to_string())
    }

    /// A PUT of JSON that is written in its canonical form.
    pub fn put_canonical(path: impl Into<String>, body: String) -> Self {
        Self { method: Method::PUT, body: Some(body), ..Self::get(path) }
    }

    /// A POST of JSON.
    pub fn post(path: impl Into<String>, body: CanonicalJsonObject) -> Self {
        let body = Some(CanonicalJsonValue::Object(body).to_string());
        Self { method: Method::POST, body, ..Self::get(path) }
    }

    /// The answer has come whole after this time, or not at all.
    #[must_use]
    pub fn within(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// How long the answer may take, and how many bytes it may have.
    pub(super) fn bounds(&self) -> (Duration, usize) {
        (self.timeout, self.max_answer)
    }

    /// The answer may have this many bytes.
    #[must_use]
    pub fn up_to(mut self, max_answer: usize) -> Self {
        self.max_answer = max_answer;
        self
    }
}

/// Why another server gave no good answer.
#[derive(Debug, thiserror::Error)]
pub enum PeerError {
    /// It was not asked, as it could not be reached a moment ago.
    #[error("{0} could not be reached a moment ago")]
    Unreachable(OwnedServerName),
    /// The operator wants no dealings with it.
    #[error("this server does not deal with {0}")]
    Blocked(OwnedServerName),
    /// It can't be reached, or its answer can't be had.
    #[error("{server}: {error}")]
    Net {
        /// Which server.
        server: OwnedServerName,
        /// Why.
        error: NetError,
    },
    /// It refused.
    #[error("{server} answered {status} {errcode}: {message}")]
    Refused {
        /// Which server.
        server: OwnedServerName,
        /// The HTTP status.
        status: u16,
        /// The errcode, empty if there was none.
        errcode: String,
        /// Its sentence.
        message: String,
    },
    /// Its answer is not what the specification says.
    #[error("{server} gave a malformed answer: {why}")]
    Malformed {
        /// Which server.
        server: OwnedServerName,
        /// What is wrong.
        why: String,
    },
}

impl PeerError {
    /// What a server says that refuses.
    pub(super) fn refusal(server: &ServerName, status: u16, body: &[u8]) -> Self {
        #[derive(Default, Deserialize)]
        #[serde(default)]
        struct Body {
            errcode: String,
            error: String,
        }
        let Body { errcode, error } = serde_json::from_slice(body).unwrap_or_default();
        let cut = |text: &str, most| text.chars().take(most).collect();
        let (errcode, message) = (cut(&errcode, 100), cut(&error, 500));
        Self::Refused { server: server.to_owned(), status, errcode, message }
    }
}

/// Asks other servers in the name of this one.
pub struct Peers {
    server_name: OwnedServerName,
    key: Arc<SigningKey>,
    http: Client<Connector, Full<Bytes>>,
    pub(super) connect: Connect,
    discovery: Arc<Discovery>,
    enabled: bool,
    blocked: RoomServerAclEventContent,
    /// Which servers can be reached.
    pub health: Health,
}

impl Peers {
    /// In the name of `server_name`, signed by its key.
    pub fn new(
        server_name: OwnedServerName,
        key: Arc<SigningKey>,
        options: PeerOptions,
        clock: Clock,
    ) -> Result<Self, NetError> {
        let blocked = RoomServerAclEventContent::new(true, vec!["*".to_owned()], options.blocked);
        let enabled = options.enabled;
        let dns = Dns::new(options.overrides, options.private);
        let connect = Connect::new(dns.clone(), options.extra_authorities)?;
        let discovery = Arc::new(Discovery::new(connect.clone(), dns, clock.clone()));
        let http = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(IDLE)
            .pool_timer(TokioTimer::new())
            .pool_max_idle_per_host(4)
            .build(Connector { connect: connect.clone(), discovery: discovery.clone() });
        Ok(Self { server_name, key, http, connect, discovery, enabled, blocked, health: Health::new(clock) })
    }

    /// Whether the operator lets this server deal with another one.
    pub fn allows(&self, server: &ServerName) -> bool {
        self.enabled && server != self.server_name && self.blocked.is_allowed(server)
    }

    /// Asks a server, signed; its answer as JSON of type `T`.
    pub async fn ask<T: DeserializeOwned>(&self, server: &ServerName, ask: Ask) -> Result<T, PeerError> {
        let body = self.ask_raw(server, ask).await?;
        serde_json::from_slice(&body)
            .map_err(|error| PeerError::Malformed { server: server.to_owned(), why: error.to_string() })
    }

    /// Asks a server, signed; its answer's body.
    pub async fn ask_raw(&self, server: &ServerName, ask: Ask) -> Result<Bytes, PeerError> {
        self.check(server)?;
        let asked = tokio::time::timeout(ask.timeout, self.exchange(server, &ask)).await;
        let (status, body) = match asked.unwrap_or(Err(NetError::Slow)) {
            Ok(answer) => answer,
            Err(error) => {
                self.health.failed(server);
                return Err(PeerError::Net { server: server.to_owned(), error });
            }
        };
        self.health.worked(server);
        if status == 200 { Ok(body) } else { Err(PeerError::refusal(server, status, &body)) }
    }

    /// Whether a server is to be asked now.
    pub(super) fn check(&self, server: &ServerName) -> Result<(), PeerError> {
        if !self.allows(server) {
            return Err(PeerError::Blocked(server.to_owned()));
        }
        if self.health.is_down(server) {
            return Err(PeerError::Unreachable(server.to_owned()));
        }
        Ok(())
    }

    async fn exchange(&self, server: &ServerName, ask: &Ask) -> Result<(u16, Bytes), NetError> {
        let response = self.respond(server, ask).await?;
        let status = response.status().as_u16();
        Ok((status, https::read(response.into_body(), ask.max_answer).await?))
    }

    /// The answer of a server, whose body is yet to be read.
    pub(super) async fn respond(&self, server: &ServerName, ask: &Ask) -> Result<Response<Incoming>, NetError> {
        let refused = || NetError::Address(server.to_string());
        let uri = format!("matrix://{server}{}", ask.path).parse::<Uri>().map_err(|_| refused())?;
        let request = Request::builder()
            .method(ask.method.clone())
            .uri(uri)
            .header(header::HOST, self.discovery.delegated(server).await.as_str())
            .header(header::USER_AGENT, https::USER_AGENT)
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::AUTHORIZATION, self.authorization(server, ask));
        let body = ask.body.clone().unwrap_or_default();
        let request = request.body(https::body(body.into_bytes())).map_err(|_| refused())?;
        self.http.request(request).await.map_err(NetError::request)
    }

    /// The `Authorization` header of a request.
    fn authorization(&self, server: &ServerName, ask: &Ask) -> String {
        let request = RequestToSign {
            method: ask.method.as_str(),
            uri: &ask.path,
            origin: &self.server_name,
            destination: server,
            content: ask.body.as_deref(),
        };
        let signature = self.key.sign_base64(request.canonical().as_bytes());
        let (origin, key) = (&self.server_name, self.key.id());
        format!("X-Matrix origin=\"{origin}\",destination=\"{server}\",key=\"{key}\",sig=\"{signature}\"")
    }
}

/// Text as one segment of a path, or a value of a query.
pub fn segment(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

/// What of a request is signed.
pub struct RequestToSign<'a> {
    /// The HTTP method.
    pub method: &'a str,
    /// The path with its query, as it was sent.
    pub uri: &'a str,
    /// Who asks.
    pub origin: &'a ServerName,
    /// Who is asked.
    pub destination: &'a ServerName,
    /// The body in canonical JSON, if there is one.
    pub content: Option<&'a str>,
}

impl RequestToSign<'_> {
    /// The bytes that are signed.
    pub fn canonical(self) -> String {
        let content = self.content.map(|content| format!("\"content\":{content},")).unwrap_or_default();
        let text = |text: &str| CanonicalJsonValue::String(text.to_owned()).to_string();
        let (destination, method) = (text(self.destination.as_str()), text(self.method));
        let (origin, uri) = (text(self.origin.as_str()), text(self.uri));
        // The keys stand in the order of the alphabet.
        format!("{{{content}\"destination\":{destination},\"method\":{method},\"origin\":{origin},\"uri\":{uri}}}")
    }
}

/// Connects to the server whose name is the authority of a `matrix://` address.
#[derive(Clone)]
struct Connector {
    connect: Connect,
    discovery: Arc<Discovery>,
}

impl tower::Service<Uri> for Connector {
    type Response = PeerStream;
    type Error = NetError;
    type Future = Pin<Box<dyn Future<Output = Result<PeerStream, NetError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), NetError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let Self { connect, discovery } = self.clone();
        Box::pin(async move {
            let refused = || NetError::Address(uri.to_string());
            let authority = uri.authority().ok_or_else(refused)?.as_str();
            let server = <&ServerName>::try_from(authority).map_err(|_| refused())?;
            let destination = discovery.find(server).await;
            let stream = connect.to(&destination.targets, &destination.certificate).await?;
            Ok(PeerStream(stream))
        })
    }
}

/// A connection of the pool.
struct PeerStream(TokioIo<TlsStream<TcpStream>>);

impl Connection for PeerStream {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl hyper::rt::Read for PeerStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: hyper::rt::ReadBufCursor<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl hyper::rt::Write for PeerStream {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}
