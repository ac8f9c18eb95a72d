//! Transactions of other servers: each is answered once, and the same again when it comes again, also after a restart.
//!
//! Invariant: a server has one transaction under way; so the last one is all that can come again.

use std::sync::Arc;

use ruma::{OwnedServerName, ServerName};
use serde_json::Value;
use tokio::sync::OwnedMutexGuard;

use crate::{
    error::Result,
    net::Flights,
    store::{
        Commit, Family, Key, LogEntry, Read, Store,
        keys::{Index, KeyBuilder},
    },
};

/// The last transaction of each server.
pub struct Transactions {
    store: Arc<Store>,
    flights: Flights<OwnedServerName>,
}

impl Transactions {
    /// Over an open store.
    pub fn new(store: Arc<Store>) -> Self {
        Self { store, flights: Flights::default() }
    }

    /// Waits until no other transaction of the server is under way.
    pub async fn turn(&self, server: OwnedServerName) -> OwnedMutexGuard<()> {
        self.flights.turn(server).await
    }

    /// What a transaction was answered, if it was the server's last.
    pub fn answered(&self, server: &ServerName, id: &str) -> Result<Option<Value>> {
        let row: Option<(String, String)> = self.store.latest().get_row(Family::Index, &key(server))?;
        let answer = row.filter(|(known, _)| known == id).map(|(_, answer)| answer);
        Ok(answer.and_then(|answer| serde_json::from_str(&answer).ok()))
    }

    /// Remembers what a transaction was answered.
    pub async fn remember(&self, server: &ServerName, id: &str, answer: &Value) -> Result<()> {
        let mut commit = Commit::new(LogEntry::Housekeeping);
        commit.put_row(Family::Index, key(server), &(id, answer.to_string()));
        self.store.commit(|_| commit).durable().await?;
        Ok(())
    }
}

/// `index`: 0 → server: its last transaction and what that was answered.
fn key(server: &ServerName) -> Key {
    KeyBuilder::global(Index::InboundTransaction).tail(server.as_bytes()).build()
}
