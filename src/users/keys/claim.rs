//! Claiming one-time keys (client-server API, `/keys/claim`).

use std::collections::BTreeMap;

use ruma::{OwnedDeviceId, OwnedUserId};
use serde::Serialize;
use serde_json::{Map, Value, value::RawValue};

use super::StockChange;
use crate::{
    error::{Error, Result},
    ids::UserNum,
    store::{Commit, LogEntry, Ticket},
    users::Users,
};

/// A device's keys by their names.
type Keys = BTreeMap<String, Box<RawValue>>;
/// The keys of a user's devices.
type ByDevice = BTreeMap<OwnedDeviceId, Keys>;

/// Keys that were handed out.
#[derive(Debug, Default, Serialize)]
pub struct Claimed {
    /// By user.
    pub one_time_keys: BTreeMap<OwnedUserId, ByDevice>,
    /// Servers that could not be asked.
    pub failures: Map<String, Value>,
}

impl Users {
    /// Hands out a key of each device and algorithm of users of this server, each to nobody else ever: they are out of
    /// the database, on disk, when this returns. Users, devices and keys that aren't there are passed over.
    pub async fn claim_keys(&self, wanted: BTreeMap<OwnedUserId, BTreeMap<OwnedDeviceId, String>>) -> Result<Claimed> {
        let mut claimed = Claimed::default();
        let mut tickets = Vec::new();
        for (user_id, devices) in wanted {
            let Some(user) = self.store.user_num(&user_id)? else { continue };
            let (keys, ticket) = self.claim_of(user, devices)?;
            tickets.extend(ticket);
            if !keys.is_empty() {
                claimed.one_time_keys.insert(user_id, keys);
            }
        }
        for ticket in tickets {
            ticket.durable().await?;
        }
        Ok(claimed)
    }

    fn claim_of(&self, user: UserNum, devices: BTreeMap<OwnedDeviceId, String>) -> Result<(ByDevice, Option<Ticket>)> {
        let _lock = self.locks.user(user);
        let (mut keys, mut changes) = (ByDevice::new(), Vec::new());
        for (device_id, algorithm) in &devices {
            let mut stock = StockChange::of(self.store.latest(), user, device_id)?;
            let Some((name, json)) = stock.claim(algorithm)? else { continue };
            let json = RawValue::from_string(json).map_err(Error::internal)?;
            keys.insert(device_id.clone(), Keys::from([(name, json)]));
            if stock.is_changed() {
                changes.push(stock);
            }
        }
        if changes.is_empty() {
            return Ok((keys, None));
        }
        let ticket = self.store.commit(|position| {
            let mut commit = Commit::new(LogEntry::User(user));
            for change in changes {
                change.write(&mut commit, position);
            }
            commit
        });
        Ok((keys, Some(ticket)))
    }
}
