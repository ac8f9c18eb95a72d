//! Everything that a running server consists of: concrete parts, built once, shared as `Arc<App>`.

use std::sync::Arc;

use crate::{
    clock::{Clock, Randomness},
    config::Config,
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
    pub users: Users,
}

/// Why a server could not be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The database can't be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
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
        let users = Users::new(store.clone(), config.server_name.clone(), clock.clone(), randomness.clone());
        Ok(Arc::new(Self { config, clock, randomness, store, users }))
    }
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
