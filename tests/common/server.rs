//! A server: the whole `App` behind its router, on a folder and a port of its own.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::Router;
use salon::{
    app::App,
    clock::{Clock, Randomness},
    config::Config,
    http::{self, limits::Patience},
    store::{Store, StoreOptions},
};
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};

use super::TestClient;

/// Everybody's password.
pub const PASSWORD: &str = "correct horse battery staple";

/// What a test's server shall be like, if not as usual: no rate limits, guests and registration open.
pub struct Builder {
    config: Config,
    clock: Clock,
    patience: Patience,
    routes: Router<Arc<App>>,
    tls: Option<SocketAddr>,
    /// What listens there before the first start, so that nobody else gets the port.
    tls_listener: Mutex<Option<TcpListener>>,
}

impl Builder {
    /// Changes the configuration.
    pub fn config(mut self, change: impl FnOnce(&mut Config)) -> Self {
        change(&mut self.config);
        self
    }

    /// A clock that stands still but for `TestServer::advance`.
    pub fn manual_clock(mut self) -> Self {
        self.clock = Clock::Manual(Arc::new(AtomicU64::new(Clock::System.now_ms())));
        self
    }

    /// Another patience with slow clients.
    pub fn patience(mut self, patience: Patience) -> Self {
        self.patience = patience;
        self
    }

    /// Listens there by TLS as well.
    pub fn tls(mut self, listener: TcpListener) -> Self {
        self.tls = Some(listener.local_addr().expect("a bound address"));
        self.tls_listener = Mutex::new(Some(listener));
        self
    }

    /// Routes beside the server's own, as well protected.
    pub fn routes(mut self, routes: Router<Arc<App>>) -> Self {
        self.routes = routes;
        self
    }

    pub async fn start(self) -> TestServer {
        let folder = tempfile::tempdir().expect("a folder for the database");
        let mut setup = self;
        setup.config.data_dir = folder.path().to_owned();
        let running = Running::start(&setup).await;
        TestServer { setup, running: Some(running), _folder: folder }
    }
}

/// A server in this process. It ends, and its folder goes, when it is dropped.
pub struct TestServer {
    setup: Builder,
    running: Option<Running>,
    _folder: tempfile::TempDir,
}

impl Drop for TestServer {
    /// The committer ends before its folder goes: a write that fails would stop the whole process.
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            running.app.stop();
            running.app.store.close();
        }
    }
}

struct Running {
    app: Arc<App>,
    base_url: String,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<()>,
    serving_tls: Option<JoinHandle<()>>,
}

impl Running {
    async fn start(setup: &Builder) -> Self {
        let (config, clock) = (setup.config.clone(), setup.clock.clone());
        let app = App::build(config, clock, Randomness::from_system()).expect("the server starts");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let base_url = format!("http://{}", listener.local_addr().expect("a bound address"));
        let (stop, stopped) = oneshot::channel();
        let until = async move {
            let _ = stopped.await;
        };
        let router = http::router(app.clone()).merge(http::protected(app.clone(), setup.routes.clone()));
        let serving_tls = match setup.tls {
            Some(address) => Some(Self::start_tls(setup, &app, address, router.clone()).await),
            None => None,
        };
        let serving = tokio::spawn(http::serve(listener, router, setup.patience, until));
        app.start();
        Self { app, base_url, stop, serving, serving_tls }
    }

    async fn start_tls(setup: &Builder, app: &Arc<App>, address: SocketAddr, router: Router) -> JoinHandle<()> {
        let waiting = setup.tls_listener.lock().unwrap().take();
        let listener = match waiting {
            Some(listener) => listener,
            None => TcpListener::bind(address).await.expect("the port is free again"),
        };
        let (cert, key) = (super::federation::tls_file("cert.pem"), super::federation::tls_file("key.pem"));
        let tls = http::tls::acceptor(&cert, &key).expect("a certificate");
        let (app, patience) = (app.clone(), setup.patience);
        tokio::spawn(async move { http::serve_tls(listener, tls, router, patience, app.stopped()).await })
    }
}

impl TestServer {
    /// A server as tests usually need it.
    pub async fn start() -> Self {
        Self::builder().start().await
    }

    pub fn builder() -> Builder {
        let mut config = Config::default();
        config.rate_limits.enabled = false;
        config.registration.allow_guests = true;
        Builder {
            config,
            clock: Clock::System,
            patience: Patience::default(),
            routes: Router::new(),
            tls: None,
            tls_listener: Mutex::new(None),
        }
    }

    /// Stops the server and starts it again on the same folder. Clients from before have the old address.
    pub async fn restart(&mut self) {
        self.stop().await;
        self.running = Some(Running::start(&self.setup).await);
    }

    /// Stops the server as SIGTERM does, and waits until its database is closed.
    pub async fn stop(&mut self) {
        let Some(running) = self.running.take() else { return };
        let _ = running.stop.send(());
        running.app.stop();
        running.serving.await.expect("the server ends");
        if let Some(serving) = running.serving_tls {
            serving.await.expect("the server ends");
        }
        running.app.store.close();
        let mut app = running.app;
        // Connections that end, and jobs of the password pool, may hold it for a moment.
        for _ in 0..500 {
            match Arc::try_unwrap(app) {
                Ok(_) => return,
                Err(held) => app = held,
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("somebody holds on to the stopped server");
    }

    /// Stops the server and proves its database whole.
    pub async fn stop_whole(&mut self) {
        self.stop().await;
        let store = Store::open(&self.setup.config.data_dir, StoreOptions::default()).expect("a closed database");
        let report = salon::check::check(&store).expect("a readable database");
        assert!(report.is_clean(), "{report}");
    }

    /// The server's inside.
    pub fn app(&self) -> &Arc<App> {
        &self.running.as_ref().expect("the server runs").app
    }

    pub fn base_url(&self) -> &str {
        &self.running.as_ref().expect("the server runs").base_url
    }

    /// Where the database is.
    pub fn config(&self) -> &Config {
        &self.setup.config
    }

    /// Moves a manual clock on.
    pub fn advance(&self, time: Duration) {
        let Clock::Manual(now) = &self.setup.clock else { panic!("the server has the machine's clock") };
        now.fetch_add(time.as_millis() as u64, Ordering::SeqCst);
    }

    /// A client that is not logged in.
    pub fn anonymous(&self) -> TestClient {
        TestClient::anonymous(self.base_url())
    }

    /// A new user, logged in, with `PASSWORD`.
    pub async fn register(&self, username: &str) -> TestClient {
        self.register_with(json!({ "username": username, "password": PASSWORD })).await
    }

    /// A new user by any body of the request, `auth` aside.
    pub async fn register_with(&self, mut body: Value) -> TestClient {
        let client = self.anonymous();
        body["auth"] = json!({ "type": "m.login.dummy" });
        let session = client.post("/v3/register", body).await.ok();
        client.with_session(&session)
    }

    /// Another device of a user who has `PASSWORD`.
    pub async fn log_in(&self, username: &str) -> TestClient {
        self.log_in_with(username, PASSWORD).await
    }

    /// Another device of a user who has another password.
    pub async fn log_in_with(&self, username: &str, password: &str) -> TestClient {
        let body = json!({
            "type": "m.login.password",
            "identifier": { "type": "m.id.user", "user": username },
            "password": password,
        });
        let client = self.anonymous();
        let session = client.post("/v3/login", body).await.ok();
        client.with_session(&session)
    }
}
