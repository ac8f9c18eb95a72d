//! Servers of one federation in the test process: they find each other by name and speak TLS, with certificates of an
//! authority that only they trust. The authority's key is gone; its certificates hold for a hundred years.

use std::{
    collections::{BTreeMap, HashMap},
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use axum::{Json, Router, extract::State, routing::get};
use ruma::{CanonicalJsonObject, CanonicalJsonValue, OwnedServerName, ServerName};
use salon::{
    clock::Clock,
    event::SigningKey,
    http::{self, limits::Patience},
    net::{Ask, PeerError, PeerOptions, Peers, certificates},
};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::{TestServer, server::Builder};

/// A file beside this one.
pub fn tls_file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/common/tls").join(name)
}

/// Names and where they are.
pub struct Federation {
    addresses: BTreeMap<String, SocketAddr>,
    listeners: HashMap<String, TcpListener>,
}

impl Federation {
    /// Servers with these names, each on port 8448 of its own.
    pub async fn of(names: &[&str]) -> Self {
        let mut federation = Self { addresses: BTreeMap::new(), listeners: HashMap::new() };
        for name in names {
            federation.place(name, 8448).await;
        }
        federation
    }

    /// Gives a name and port a place.
    pub async fn place(&mut self, name: &str, port: u16) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        self.addresses.insert(format!("{name}:{port}"), listener.local_addr().expect("a bound address"));
        self.listeners.insert(format!("{name}:{port}"), listener);
    }

    /// What listens at a name and port, for who serves it.
    pub fn listener(&mut self, name: &str, port: u16) -> TcpListener {
        self.listeners.remove(&format!("{name}:{port}")).expect("a name of the federation, once")
    }

    /// What `salon check-federation` says of a server, and whether all is well with it.
    pub async fn survey(&self, server: &str) -> (bool, String) {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("salon.toml");
        let mut config = format!("[federation]\nextra_ca_file = {:?}\n[testing.addresses]\n", tls_file("ca.pem"));
        for (name, address) in &self.addresses {
            config.push_str(&format!("\"{name}\" = \"{address}\"\n"));
        }
        std::fs::write(&file, config).expect("a file");
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_salon"));
        command.arg("--config").arg(&file).args(["check-federation", server]);
        let output = tokio::task::spawn_blocking(move || command.output()).await.expect("it ends");
        let output = output.expect("the binary");
        let said = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8(said).expect("text"))
    }

    /// A server that is yet to be started.
    pub fn builder(&mut self, name: &str) -> Builder {
        let addresses = self.addresses.clone();
        let listener = self.listener(name, 8448);
        let server_name: OwnedServerName = name.try_into().expect("a server name");
        TestServer::builder().tls(listener).config(|config| {
            config.server_name = server_name;
            config.testing.addresses = addresses;
            config.federation.extra_ca_file = Some(tls_file("ca.pem"));
        })
    }

    /// A server.
    pub async fn server(&mut self, name: &str) -> TestServer {
        self.builder(name).start().await
    }

    /// Something that is no Salon, with routes of its own beside its keys.
    pub fn peer(&mut self, name: &str, routes: Router) -> Peer {
        let key = Arc::new(SigningKey::generate(&rand::random()));
        let server_name: OwnedServerName = name.try_into().expect("a server name");
        let peers = Peers::new(server_name.clone(), key.clone(), self.options(), Clock::System).expect("a client");
        let shared = (server_name.clone(), key.clone());
        let routes = routes.merge(Router::new().route("/_matrix/key/v2/server", get(keys)).with_state(shared));
        serve(self.listener(name, 8448), routes);
        Peer { name: server_name, key, peers }
    }

    fn options(&self) -> PeerOptions {
        PeerOptions {
            private: false,
            extra_authorities: certificates(&tls_file("ca.pem")).expect("the authority"),
            enabled: true,
            blocked: Vec::new(),
            overrides: self.addresses.clone(),
        }
    }
}

/// Serves routes by TLS until the test ends.
pub fn serve(listener: TcpListener, routes: Router) {
    let tls = http::tls::acceptor(&tls_file("cert.pem"), &tls_file("key.pem")).expect("a certificate");
    tokio::spawn(http::serve_tls(listener, tls, routes, Patience::default(), std::future::pending()));
}

async fn keys(State((name, key)): State<(OwnedServerName, Arc<SigningKey>)>) -> Json<CanonicalJsonObject> {
    Json(signed_keys(&name, &key, Clock::System.now_ms() + 3_600_000))
}

/// The keys of a server as it publishes them.
pub fn signed_keys(name: &ServerName, key: &SigningKey, valid_until_ms: u64) -> CanonicalJsonObject {
    let mut keys = json!({
        "server_name": name,
        "verify_keys": {},
        "old_verify_keys": {},
        "valid_until_ts": valid_until_ms,
    });
    keys["verify_keys"][key.id().as_str()] = json!({ "key": key.public_base64() });
    let mut keys = object(keys);
    key.sign_object(name.as_str(), &mut keys);
    keys
}

/// JSON as canonical JSON.
pub fn object(value: Value) -> CanonicalJsonObject {
    match CanonicalJsonValue::try_from(value).expect("canonical JSON") {
        CanonicalJsonValue::Object(object) => object,
        other => panic!("no object: {other:?}"),
    }
}

/// A server made of a test's own routes, which may be evil.
pub struct Peer {
    pub name: OwnedServerName,
    pub key: Arc<SigningKey>,
    pub peers: Peers,
}

impl Peer {
    /// Asks another server, signed.
    pub async fn ask(&self, server: &str, ask: Ask) -> Result<Value, PeerError> {
        self.peers.ask(server.try_into().expect("a server name"), ask).await
    }

    /// The same for what has to be refused: status and errcode.
    #[track_caller]
    pub fn refused(answer: Result<Value, PeerError>, status: u16, errcode: &str) {
        match answer {
            Err(PeerError::Refused { status: found, errcode: code, message, .. }) => {
                assert_eq!((found, code.as_str()), (status, errcode), "{message}");
            }
            other => panic!("not refused: {other:?}"),
        }
    }
}
