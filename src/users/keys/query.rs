//! Asking for the identity keys of devices (client-server API, `/keys/query`).

use std::collections::BTreeMap;

use ruma::{DeviceId, OwnedDeviceId, OwnedUserId, UserId};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{
    cross_signing::CrossSigningKey,
    dehydrated::{DehydratedRow, dehydrated_key},
};
use crate::{
    error::{Error, Result},
    ids::UserNum,
    store::{
        Family, Read, Snapshot,
        keys::{Devices, KeyBuilder},
    },
    users::{Users, devices::DeviceRow},
};

/// The keys of users, as somebody may see them.
#[derive(Debug, Default, Serialize)]
pub struct Queried {
    /// By user, the identity keys of their devices.
    pub device_keys: BTreeMap<OwnedUserId, BTreeMap<OwnedDeviceId, Value>>,
    /// By user.
    pub master_keys: BTreeMap<OwnedUserId, Value>,
    /// By user.
    pub self_signing_keys: BTreeMap<OwnedUserId, Value>,
    /// Of the asking user alone.
    pub user_signing_keys: BTreeMap<OwnedUserId, Value>,
    /// Servers that could not be asked.
    pub failures: Map<String, Value>,
}

impl Users {
    /// The keys of users of this server and those of their devices that are named, or of all where none is. Users and
    /// devices that aren't there are passed over. `asking`: a user of this server, who sees what they signed themselves.
    pub fn query_keys(
        &self,
        asking: Option<UserNum>,
        wanted: BTreeMap<OwnedUserId, Vec<OwnedDeviceId>>,
    ) -> Result<Queried> {
        let snapshot = self.store.snapshot();
        let mut queried = Queried::default();
        for (user_id, devices) in wanted {
            let Some(user) = self.store.user_num(&user_id)? else { continue };
            if self.account(user)?.is_none() {
                continue;
            }
            let devices = if devices.is_empty() { self.devices_with_keys(&snapshot, user)? } else { devices };
            let mut keys = BTreeMap::new();
            for device_id in devices {
                if let Some(found) = self.device_keys(&snapshot, user, &device_id)? {
                    keys.insert(device_id, found);
                }
            }
            queried.device_keys.insert(user_id.clone(), keys);
            let [master, self_signing, user_signing] = self.cross_signing_keys(&snapshot, user)?;
            if let Some(CrossSigningKey { mut object, public }) = master {
                for signer in std::iter::once(user).chain(asking.filter(|asking| *asking != user)) {
                    let signatures = self.signatures_on(&snapshot, (signer, user), &public)?;
                    add_signatures(&mut object, &self.store.user_id(signer)?, signatures);
                }
                queried.master_keys.insert(user_id.clone(), Value::Object(object));
            }
            if let Some(key) = self_signing {
                queried.self_signing_keys.insert(user_id.clone(), Value::Object(key.object));
            }
            if let Some(key) = user_signing.filter(|_| asking == Some(user)) {
                queried.user_signing_keys.insert(user_id, Value::Object(key.object));
            }
        }
        Ok(queried)
    }

    /// The devices of a user that have published identity keys.
    pub fn devices_with_keys(&self, snapshot: &Snapshot<'_>, user: UserNum) -> Result<Vec<OwnedDeviceId>> {
        let prefix = KeyBuilder::devices(user, Devices::Keys).build();
        let mut rows = snapshot.scan_prefix(Family::Devices, &prefix);
        let mut devices = Vec::new();
        while let Some((key, _)) = rows.next()? {
            // What was stored came out of a string.
            devices.push(String::from_utf8_lossy(&key[prefix.len()..]).into());
        }
        Ok(devices)
    }

    fn device_keys(&self, snapshot: &Snapshot<'_>, user: UserNum, device_id: &DeviceId) -> Result<Option<Value>> {
        let Some(json) = snapshot.get(Family::Devices, &super::device_keys_key(user, device_id))? else {
            return Ok(None);
        };
        let mut keys: Map<String, Value> = serde_json::from_slice(&json).map_err(Error::internal)?;
        let signatures = self.signatures_on(snapshot, (user, user), device_id.as_str())?;
        add_signatures(&mut keys, &self.store.user_id(user)?, signatures);
        let row: Option<DeviceRow> = snapshot.get_row(Family::Index, &crate::users::devices::key(user, device_id))?;
        let name = match row {
            Some(row) => row.display_name,
            // Its keys are here, so it is dehydrated.
            None => {
                let row: Option<DehydratedRow> = snapshot.get_row(Family::Devices, &dehydrated_key(user))?;
                row.filter(|row| row.device_id == device_id).and_then(|row| row.display_name)
            }
        };
        if let Some(name) = name {
            keys.insert("unsigned".to_owned(), json!({ "device_display_name": name }));
        }
        Ok(Some(Value::Object(keys)))
    }
}

/// Adds signatures of one user to those that an object has.
fn add_signatures(object: &mut Map<String, Value>, signer: &UserId, signatures: BTreeMap<String, String>) {
    if signatures.is_empty() {
        return;
    }
    let all = object.entry("signatures").or_insert_with(|| json!({}));
    // Both are objects in all that is kept.
    let of_signer = all.as_object_mut().map(|all| all.entry(signer.as_str()).or_insert_with(|| json!({})));
    if let Some(of_signer) = of_signer.and_then(Value::as_object_mut) {
        of_signer.extend(signatures.into_iter().map(|(name, signature)| (name, Value::String(signature))));
    }
}
