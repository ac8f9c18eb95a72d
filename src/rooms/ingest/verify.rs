//! The first checks of an event of another server: form, signatures by keys that were valid at its time, hash.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use ruma::{
    CanonicalJsonObject, CanonicalJsonValue, OwnedServerName, RoomId,
    room_version_rules::RoomVersionRules,
    serde::Base64,
    signatures::{PublicKeyMap, Verified, required_server_signatures_to_verify_event, verify_event},
};

use crate::{
    event::{Pdu, PublicKey, redact_pdu},
    net::Keyring,
};

/// Signatures of one server on one event that are looked at.
const MAX_SIGNATURES: usize = 5;
/// Servers whose keys are fetched at one time.
const MAX_FETCHES: usize = 32;

/// The keys of some servers: server → key ID → key, and until when it was valid.
type Keys = BTreeMap<OwnedServerName, BTreeMap<String, (PublicKey, u64)>>;

/// An event with what its signatures ask for.
struct Claim {
    pdu: Pdu,
    object: CanonicalJsonObject,
    /// Who has to have signed it, with the IDs of the keys that they say to have used.
    signers: Vec<(OwnedServerName, Vec<String>)>,
}

/// Reads and checks events of a room. What does not hold is left out; of an event whose content was changed comes what
/// redaction leaves of it.
pub async fn verified(
    keyring: &Arc<Keyring>,
    room: &RoomId,
    rules: &'static RoomVersionRules,
    objects: Vec<CanonicalJsonObject>,
) -> Vec<Arc<Pdu>> {
    let claims: Vec<Claim> = objects.into_iter().filter_map(|object| Claim::read(object, room, rules).ok()).collect();
    let keys = keys_for(keyring, &claims).await;
    let check = move || on_all_cores(&claims, |claim| claim.check(&keys, rules).ok());
    tokio::task::spawn_blocking(check).await.unwrap_or_default().into_iter().flatten().collect()
}

/// The same for one event, with what is wrong with it.
pub async fn verified_one(
    keyring: &Arc<Keyring>,
    room: &RoomId,
    rules: &'static RoomVersionRules,
    object: CanonicalJsonObject,
) -> Result<Arc<Pdu>, String> {
    let claims = [Claim::read(object, room, rules)?];
    let keys = keys_for(keyring, &claims).await;
    claims[0].check(&keys, rules)
}

impl Claim {
    fn read(object: CanonicalJsonObject, room: &RoomId, rules: &RoomVersionRules) -> Result<Self, String> {
        let pdu = Pdu::from_object(object.clone(), rules).map_err(|error| error.to_string())?;
        if pdu.room_id() != room {
            return Err(format!("it belongs to {}", pdu.room_id()));
        }
        let required = required_server_signatures_to_verify_event(&object, &rules.signatures)
            .map_err(|error| error.to_string())?;
        let signatures = object.get("signatures").and_then(CanonicalJsonValue::as_object);
        let signers = required.into_iter().map(|server| {
            let own = signatures.and_then(|signatures| signatures.get(server.as_str())?.as_object());
            let ids = own.into_iter().flat_map(|own| own.keys()).filter(|id| id.starts_with("ed25519:"));
            let ids = ids.take(MAX_SIGNATURES).cloned().collect();
            (server, ids)
        });
        let signers = signers.collect();
        Ok(Self { signers, pdu, object })
    }

    fn check(&self, keys: &Keys, rules: &RoomVersionRules) -> Result<Arc<Pdu>, String> {
        let at_ms = if rules.enforce_key_validity { self.pdu.origin_server_ts() } else { 0 };
        let mut map = PublicKeyMap::new();
        for (server, ids) in &self.signers {
            let known = keys.get(server);
            let valid = ids.iter().filter_map(|id| {
                let (key, until_ms) = known?.get(id)?;
                (*until_ms >= at_ms).then(|| (id.clone(), Base64::new(key.as_bytes().to_vec())))
            });
            map.insert(server.to_string(), valid.collect());
        }
        match verify_event(&map, &self.object, rules) {
            Ok(Verified::All) => Ok(Arc::new(self.pdu.clone())),
            Ok(Verified::Signatures) => redact_pdu(&self.pdu, rules).map(Arc::new).map_err(|error| error.to_string()),
            Err(error) => Err(format!("its signatures do not hold: {error}")),
        }
    }
}

/// Fetches the keys that some events were signed with, of many servers at once.
async fn keys_for(keyring: &Arc<Keyring>, claims: &[Claim]) -> Keys {
    let mut wanted: BTreeMap<&OwnedServerName, (BTreeSet<&str>, u64)> = BTreeMap::new();
    for claim in claims {
        for (server, ids) in &claim.signers {
            let (known, latest) = wanted.entry(server).or_default();
            known.extend(ids.iter().map(String::as_str));
            *latest = (*latest).max(claim.pdu.origin_server_ts());
        }
    }
    let mut keys = Keys::new();
    let mut fetches = tokio::task::JoinSet::new();
    for (server, (ids, latest)) in wanted {
        let (keyring, server) = (keyring.clone(), server.clone());
        let ids: Vec<String> = ids.into_iter().map(ToOwned::to_owned).collect();
        if fetches.len() >= MAX_FETCHES
            && let Some(Ok((server, found))) = fetches.join_next().await
        {
            keys.insert(server, found);
        }
        fetches.spawn(async move {
            let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
            let found = keyring.keys_for(&server, &ids, latest).await;
            (server, found.into_iter().map(|(id, key, until_ms)| (id, (key, until_ms))).collect())
        });
    }
    while let Some(fetched) = fetches.join_next().await {
        keys.extend(fetched.ok());
    }
    keys
}

/// Maps with all the cores that there are.
fn on_all_cores<T: Sync, U: Send>(items: &[T], f: impl Fn(&T) -> U + Sync) -> Vec<U> {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let share = items.len().div_ceil(cores).max(16);
    std::thread::scope(|scope| {
        let f = &f;
        let shares: Vec<_> =
            items.chunks(share).map(|items| scope.spawn(move || items.iter().map(f).collect::<Vec<U>>())).collect();
        // A thread that panicked has lost its share.
        shares.into_iter().flat_map(|share| share.join().unwrap_or_default()).collect()
    })
}
