//! Dehydrated devices (MSC3814): a device of a user that is nowhere logged in. Its keys are published as any device's, and
//! messages wait for it, until a new login of the user takes it up by what is kept here, encrypted.
//!
//! Invariants: a user has one at the most; its ID is that of no device that is logged in.

use bytes::Bytes;
use ruma::{DeviceId, OwnedDeviceId};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{KeysUpload, StockChange, shape};
use crate::{
    error::{Error, Result},
    ids::{Position, UserNum},
    store::{
        Commit, Family, Key, LogEntry, Read,
        keys::{Devices, KeyBuilder},
    },
    users::{
        Session, Users,
        devices::{MAX_NAME, Removed},
    },
};

/// What is kept to take it up, as JSON, may have this many bytes.
const MAX_DATA: usize = 64 << 10;

/// User → their dehydrated device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DehydratedRow {
    /// Its ID.
    pub device_id: OwnedDeviceId,
    /// What the user calls it.
    pub display_name: Option<String>,
    /// What a client needs to take it up: a JSON object.
    pub data: String,
}

/// `devices`: user → their dehydrated device.
pub fn dehydrated_key(user: UserNum) -> Key {
    KeyBuilder::devices(user, Devices::Dehydrated).build()
}

/// A dehydrated device that somebody uploads.
#[derive(Deserialize)]
pub struct NewDehydrated {
    device_id: String,
    device_data: Map<String, Value>,
    initial_device_display_name: Option<String>,
    #[serde(flatten)]
    keys: KeysUpload,
}

/// A part of what waits for a dehydrated device.
#[derive(Serialize)]
pub struct DehydratedEvents {
    /// The messages.
    pub events: Vec<Box<serde_json::value::RawValue>>,
    /// Where to read on; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_batch: Option<String>,
}

impl Users {
    /// Keeps a dehydrated device in place of the one that there was.
    ///
    /// # Errors
    /// 400 `M_INVALID_PARAM` for a device that is logged in, or keys that are not its own.
    pub async fn set_dehydrated_device(&self, session: &Session, new: NewDehydrated) -> Result<OwnedDeviceId> {
        let (user, device_id) = (session.user, OwnedDeviceId::from(new.device_id));
        if device_id.as_str().is_empty()
            || device_id.as_str().len() > MAX_NAME
            || device_id.as_str().chars().any(char::is_control)
        {
            return Err(Error::invalid_param("A device ID has 1 to 255 bytes and no control characters."));
        }
        let keys = new.keys.check(&session.user_id, &device_id)?;
        let identity = keys.identity.ok_or_else(|| {
            Error::bad_request("M_MISSING_PARAM", "A dehydrated device needs keys that others can send to.")
        })?;
        let data = Value::Object(new.device_data).to_string();
        if data.len() > MAX_DATA {
            return Err(shape::too_large());
        }
        let display_name = new.initial_device_display_name.filter(|name| name.len() <= MAX_NAME);
        let row = DehydratedRow { device_id: device_id.clone(), display_name, data };
        let ticket = {
            let _lock = self.locks.user(user);
            if self.device(user, &device_id)?.is_some() {
                return Err(Error::invalid_param("A device of this ID is logged in."));
            }
            self.check_device_id(user, device_id.as_str())?;
            let mut commit = Commit::new(LogEntry::User(user));
            let mut removed = self.remove_dehydrated(&mut commit, user)?.unwrap_or_default();
            removed.tell_of_keys(super::ListChange::of(&self.store.latest(), user)?);
            let mut stock = StockChange::of_new_device(self.store.latest(), user, &device_id);
            stock.add(keys.one_time)?;
            stock.set_fallback(keys.fallback)?;
            self.store.commit(|position| {
                commit.put(Family::Devices, super::device_keys_key(user, &device_id), identity).put_row(
                    Family::Devices,
                    dehydrated_key(user),
                    &row,
                );
                stock.write(&mut commit, position);
                removed.tell(&mut commit, position);
                commit
            })
        };
        ticket.durable().await?;
        Ok(device_id)
    }

    /// The user's dehydrated device: its ID, and what a client needs to take it up.
    ///
    /// # Errors
    /// 404 `M_NOT_FOUND` if there is none.
    pub fn dehydrated_device(&self, user: UserNum) -> Result<Value> {
        let row = self.dehydrated(user)?.ok_or_else(no_device)?;
        let data: Value = serde_json::from_str(&row.data).map_err(Error::internal)?;
        Ok(json!({ "device_id": row.device_id, "device_data": data }))
    }

    /// Deletes the user's dehydrated device with its keys and messages. Its ID.
    ///
    /// # Errors
    /// 404 `M_NOT_FOUND` if there is none.
    pub async fn delete_dehydrated_device(&self, user: UserNum) -> Result<OwnedDeviceId> {
        let (ticket, device_id) = {
            let _lock = self.locks.user(user);
            let device_id = self.dehydrated(user)?.ok_or_else(no_device)?.device_id;
            let mut commit = Commit::new(LogEntry::User(user));
            let removed = self.remove_dehydrated(&mut commit, user)?.unwrap_or_default();
            let ticket = self.store.commit(|position| {
                removed.tell(&mut commit, position);
                commit
            });
            (ticket, device_id)
        };
        ticket.durable().await?;
        Ok(device_id)
    }

    /// What waits for the user's dehydrated device behind a place that an earlier answer named. It stays there until the
    /// device goes: who takes it up may fail half-way.
    ///
    /// # Errors
    /// 404 `M_NOT_FOUND` if it isn't the user's dehydrated device.
    pub fn dehydrated_events(
        &self,
        user: UserNum,
        device_id: &DeviceId,
        from: Option<&str>,
    ) -> Result<DehydratedEvents> {
        self.dehydrated(user)?.filter(|row| row.device_id == device_id).ok_or_else(no_device)?;
        let bad_token = || Error::invalid_param("This is not a place that this server named.");
        let from =
            from.map_or(Ok(0), |from| from.strip_prefix('d').and_then(|from| from.parse().ok()).ok_or_else(bad_token))?;
        let delivery = self.to_device(&self.store.snapshot(), (user, device_id), Position(from))?;
        let next_batch = (!delivery.events.is_empty()).then(|| format!("d{}", delivery.until));
        let event = |event: Bytes| {
            let text = String::from_utf8(event.to_vec()).map_err(Error::internal)?;
            serde_json::value::RawValue::from_string(text).map_err(Error::internal)
        };
        Ok(DehydratedEvents { events: delivery.events.into_iter().map(event).collect::<Result<_>>()?, next_batch })
    }

    /// The row of the user's dehydrated device.
    pub(in crate::users) fn dehydrated(&self, user: UserNum) -> Result<Option<DehydratedRow>> {
        Ok(self.store.latest().get_row(Family::Devices, &dehydrated_key(user))?)
    }

    /// Adds the deletion of the user's dehydrated device to a commit that the caller queues under the user's lock.
    pub(in crate::users) fn remove_dehydrated(&self, commit: &mut Commit, user: UserNum) -> Result<Option<Removed>> {
        let Some(row) = self.dehydrated(user)? else { return Ok(None) };
        commit.delete(Family::Devices, dehydrated_key(user));
        self.delete_device_keys(commit, user, &row.device_id)?;
        self.delete_inbox(commit, user, &row.device_id)?;
        let mut removed = Removed::default();
        removed.tell_of_keys(super::ListChange::of(&self.store.latest(), user)?);
        Ok(Some(removed))
    }
}

fn no_device() -> Error {
    Error::not_found("There is no such dehydrated device.")
}
