//! Keys of users of other servers' devices, asked of those servers each time: they alone know.

use std::{collections::BTreeMap, time::Duration};

use ruma::{CanonicalJsonObject, CanonicalJsonValue, OwnedDeviceId, OwnedServerName, OwnedUserId};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value, json, value::RawValue};
use tokio::task::JoinSet;

use crate::{
    error::{Error, Result},
    ids::UserNum,
    net::{Ask, PeerError},
    rooms::Rooms,
    users::keys::{Claimed, Queried},
};

/// Servers that one request asks, at the most.
const MAX_SERVERS: usize = 200;
/// How long each is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// Something of users, by the server that knows.
type ByServer<T> = BTreeMap<OwnedServerName, BTreeMap<OwnedUserId, T>>;

#[derive(Default, Deserialize)]
#[serde(default)]
struct QueryAnswer {
    device_keys: BTreeMap<OwnedUserId, BTreeMap<OwnedDeviceId, Value>>,
    master_keys: BTreeMap<OwnedUserId, Value>,
    self_signing_keys: BTreeMap<OwnedUserId, Value>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ClaimAnswer {
    one_time_keys: BTreeMap<OwnedUserId, BTreeMap<OwnedDeviceId, BTreeMap<String, Box<RawValue>>>>,
}

impl Rooms {
    /// The keys of users of any servers, as a user here may see them.
    pub async fn query_all_keys(
        &self,
        asking: UserNum,
        wanted: BTreeMap<OwnedUserId, Vec<OwnedDeviceId>>,
    ) -> Result<Queried> {
        let (here, elsewhere) = self.by_server(wanted);
        let mut queried = self.users.query_keys(Some(asking), here)?;
        for (server, answer) in self.ask_all::<_, QueryAnswer>("query", "device_keys", elsewhere).await? {
            let Ok(answer) = answer else {
                queried.failures.insert(server.to_string(), unreachable());
                continue;
            };
            let is_theirs = |user_id: &OwnedUserId| user_id.server_name() == server;
            let names = |user_id: &OwnedUserId, key: &Value| key["user_id"].as_str() == Some(user_id.as_str());
            for (user_id, mut devices) in answer.device_keys {
                devices.retain(|id, keys| names(&user_id, keys) && keys["device_id"].as_str() == Some(id.as_str()));
                if is_theirs(&user_id) {
                    queried.device_keys.insert(user_id, devices);
                }
            }
            let own = |keys: BTreeMap<OwnedUserId, Value>| {
                keys.into_iter().filter(|(user_id, key)| is_theirs(user_id) && names(user_id, key)).collect::<Vec<_>>()
            };
            queried.master_keys.extend(own(answer.master_keys));
            queried.self_signing_keys.extend(own(answer.self_signing_keys));
        }
        Ok(queried)
    }

    /// Claims one-time keys of devices on any servers.
    pub async fn claim_all_keys(
        &self,
        wanted: BTreeMap<OwnedUserId, BTreeMap<OwnedDeviceId, String>>,
    ) -> Result<Claimed> {
        let (here, elsewhere) = self.by_server(wanted);
        let mut claimed = self.users.claim_keys(here).await?;
        for (server, answer) in self.ask_all::<_, ClaimAnswer>("claim", "one_time_keys", elsewhere).await? {
            let Ok(answer) = answer else {
                claimed.failures.insert(server.to_string(), unreachable());
                continue;
            };
            let theirs = answer.one_time_keys.into_iter().filter(|(user_id, _)| user_id.server_name() == server);
            claimed.one_time_keys.extend(theirs);
        }
        Ok(claimed)
    }

    /// What is asked of this server, and of others.
    fn by_server<T>(&self, wanted: BTreeMap<OwnedUserId, T>) -> (BTreeMap<OwnedUserId, T>, ByServer<T>) {
        let (mut here, mut elsewhere) = (BTreeMap::new(), ByServer::new());
        for (user_id, what) in wanted {
            match self.users.is_local(&user_id) {
                true => here.insert(user_id, what),
                false => elsewhere.entry(user_id.server_name().to_owned()).or_default().insert(user_id, what),
            };
        }
        (here, elsewhere)
    }

    async fn ask_all<T: Serialize, A: DeserializeOwned + Send + 'static>(
        &self,
        endpoint: &str,
        field: &str,
        elsewhere: ByServer<T>,
    ) -> Result<Vec<(OwnedServerName, Result<A, PeerError>)>> {
        if elsewhere.len() > MAX_SERVERS {
            return Err(Error::invalid_param("A request may ask of users of 200 servers."));
        }
        let mut asking = JoinSet::new();
        for (server, users) in elsewhere {
            let users = CanonicalJsonValue::try_from(json!(users)).map_err(Error::internal)?;
            let body = CanonicalJsonObject::from([(field.to_owned(), users)]);
            let ask = Ask::post(format!("/_matrix/federation/v1/user/keys/{endpoint}"), body);
            let (ask, peers) = (ask.within(PATIENCE).up_to(8 << 20), self.peers.clone());
            asking.spawn(async move {
                let answer = peers.ask(&server, ask).await;
                (server, answer)
            });
        }
        Ok(asking.join_all().await)
    }
}

/// What is said of a server that could not be asked.
fn unreachable() -> Value {
    json!({ "errcode": "M_UNREACHABLE", "error": "This server can't be asked at the moment." })
}
