//! Everything that a running server consists of: concrete parts, built once, shared as `Arc<App>`.

use std::sync::Arc;

use tokio::{sync::watch, task::JoinHandle};

use crate::{
    clock::{Clock, Randomness},
    config::Config,
    event::SigningKey,
    media::{Media, remote::RemoteMedia},
    net::{Keyring, NetError, PeerOptions, Peers},
    outbound,
    previews::Previews,
    rooms::{Rooms, remote::Transactions},
    store::{Commit, Family, LogEntry, Read, Store, StoreError, StoreOptions, keys},
    users::Users,
};

/// A running server, but for its listeners.
pub struct App {
    /// What the admin chose.
    pub config: Config,
    /// The time.
    pub clock: Clock,
    /// Randomness.
    pub randomness: Randomness,
    /// The database.
    pub store: Arc<Store>,
    /// Accounts.
    pub users: Arc<Users>,
    /// Uploaded files.
    pub media: Arc<Media>,
    /// Files of other servers.
    pub remote_media: Arc<RemoteMedia>,
    /// Previews of pages.
    pub previews: Previews,
    /// Requests to other servers.
    pub peers: Arc<Peers>,
    /// The keys of servers.
    pub keyring: Arc<Keyring>,
    /// Transactions of other servers.
    pub transactions: Transactions,
    /// Rooms.
    pub rooms: Rooms,
    stopping: watch::Sender<bool>,
}

/// Why a server could not be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The database can't be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The file with further certificate authorities can't be read.
    #[error("federation.extra_ca_file: {0}")]
    Authorities(String),
    /// Nothing can be asked over HTTP, since the system's certificates can't be read or the like.
    #[error("no HTTP client: {0}")]
    Net(#[from] NetError),
    /// The folder belongs to a server of another name.
    #[error(
        "the database in {data_dir} belongs to {found}, but server_name is {configured}; a server can't change its name"
    )]
    ServerName {
        /// The data folder.
        data_dir: String,
        /// The name in the database.
        found: String,
        /// The name in the configuration.
        configured: String,
    },
}

impl App {
    /// Opens the database and builds the server on it.
    pub fn build(config: Config, clock: Clock, randomness: Randomness) -> Result<Arc<Self>, BuildError> {
        let store = Arc::new(Store::open(&config.data_dir, StoreOptions::default())?);
        check_server_name(&store, &config)?;
        let signing_key =
            stored_secret(&store, "signing_key", || SigningKey::generate(&randomness.bytes()).to_bytes())?;
        let users = Arc::new(Users::new(
            store.clone(),
            config.server_name.clone(),
            (clock.clone(), randomness.clone()),
            config.presence.enabled,
            &signing_key,
        ));
        let media = Arc::new(Media::open(
            store.clone(),
            config.server_name.clone(),
            (clock.clone(), randomness.clone()),
            config.media.clone(),
        )?);
        let signing_key = SigningKey::from_bytes(&signing_key).ok_or(StoreError::Malformed(Family::Meta))?;
        let signing_key = Arc::new(signing_key);
        let peers = Peers::new(config.server_name.clone(), signing_key.clone(), peer_options(&config)?, clock.clone())?;
        let peers = Arc::new(peers);
        let stopping = watch::Sender::new(false);
        let remote_media = Arc::new(RemoteMedia::new(media.clone(), peers.clone(), stopping.subscribe()));
        let old_keys = store.latest().get_row(Family::Meta, &keys::meta("old_signing_keys"))?.unwrap_or_default();
        let keyring = Arc::new(Keyring::new(
            (store.clone(), peers.clone(), clock.clone()),
            config.server_name.clone(),
            signing_key.clone(),
            old_keys,
        ));
        let transactions = Transactions::new(store.clone());
        let trie_secret = stored_secret(&store, "trie_secret", || randomness.bytes::<32>().to_vec())?;
        let trie_secret = trie_secret.as_slice().try_into().map_err(|_| StoreError::Malformed(Family::Meta))?;
        let previews = Previews::new(media.clone(), clock.clone(), config.url_previews.clone())?;
        let rooms = Rooms::new(
            (store.clone(), users.clone(), media.clone()),
            config.server_name.clone(),
            (clock.clone(), randomness.clone()),
            (signing_key, peers.clone(), keyring.clone()),
            trie_secret,
        );
        Ok(Arc::new(Self {
            config,
            clock,
            randomness,
            store,
            users,
            media,
            remote_media,
            previews,
            peers,
            keyring,
            transactions,
            rooms,
            stopping,
        }))
    }

    /// Starts what runs beside the requests; it ends when the server is told to stop.
    pub fn start(self: &Arc<Self>) -> JoinHandle<()> {
        let app = Arc::clone(self);
        tokio::spawn(async move {
            let profiles = async {
                if let Err(error) = app.rooms.follow_profiles().await {
                    tracing::error!(%error, "changes of profiles reach rooms no more until the next start");
                }
            };
            let pushes = async {
                if let Err(error) = outbound::push::follow(app.clone()).await {
                    tracing::error!(%error, "notifications are pushed no more until the next start");
                }
            };
            let events = async {
                if let Err(error) = outbound::federation::follow(app.clone()).await {
                    tracing::error!(%error, "events reach other servers no more until the next start");
                }
            };
            let delayed = async {
                if let Err(error) = outbound::delayed::follow(app.clone()).await {
                    tracing::error!(%error, "delayed events are sent no more until the next start");
                }
            };
            let words = async {
                if let Err(error) = app.rooms.follow_search().await {
                    tracing::error!(%error, "what is new can't be searched until the next start");
                }
            };
            tokio::select! {
                ((), (), (), (), ()) = async { tokio::join!(profiles, pushes, events, words, delayed) } => {}
                () = app.stopped() => {}
            }
        })
    }

    /// Begins the end: listeners close, and requests that wait for news answer with what there is.
    pub fn stop(&self) {
        self.stopping.send_replace(true);
    }

    /// Returns once the server was told to stop.
    pub async fn stopped(&self) {
        // The sender lives as long as `self`, so waiting can't fail.
        let _ = self.stopping.subscribe().wait_for(|&stopping| stopping).await;
    }
}

/// How other servers are asked, by the configuration.
pub fn peer_options(config: &Config) -> Result<PeerOptions, BuildError> {
    let federation = &config.federation;
    let extra_authorities = match &federation.extra_ca_file {
        Some(path) => crate::net::certificates(path).map_err(BuildError::Authorities)?,
        None => Vec::new(),
    };
    Ok(PeerOptions {
        private: federation.allow_private_addresses,
        extra_authorities,
        enabled: federation.enabled,
        blocked: federation.blocked_servers.clone(),
        overrides: config.testing.addresses.clone(),
    })
}

fn check_server_name(store: &Store, config: &Config) -> Result<(), BuildError> {
    let key = keys::meta("server_name");
    let configured = config.server_name.to_string();
    match store.latest().get_row::<String>(Family::Meta, &key)? {
        Some(found) if found == configured => Ok(()),
        Some(found) => {
            Err(BuildError::ServerName { data_dir: config.data_dir.display().to_string(), found, configured })
        }
        None => {
            // Not awaited: whatever comes later lands behind it.
            let _ = store.commit(|_| {
                let mut commit = Commit::new(LogEntry::Housekeeping);
                commit.put_row(Family::Meta, key, &configured);
                commit
            });
            Ok(())
        }
    }
}

/// A secret of this database, made once.
fn stored_secret(store: &Store, name: &str, make: impl FnOnce() -> Vec<u8>) -> Result<Vec<u8>, StoreError> {
    let key = keys::meta(name);
    if let Some(secret) = store.latest().get(Family::Meta, &key)? {
        return Ok(secret.to_vec());
    }
    let secret = make();
    let _ = store.commit(|_| {
        let mut commit = Commit::new(LogEntry::Housekeeping);
        commit.put(Family::Meta, key, secret.clone());
        commit
    });
    Ok(secret)
}
