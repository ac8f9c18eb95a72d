//! State resolution, versions 2 and 2.1, by ruma. It is given what the states differ in and what that depends on,
//! not whole states, and so costs what the conflict does and not what the room does.

use std::{
    cell::RefCell,
    collections::{HashMap, HashSet},
    sync::Arc,
};

use ruma::{
    EventId, OwnedEventId,
    events::StateEventType,
    room_version_rules::RoomVersionRules,
    state_res::{self, StateMap, utils::event_id_set::EventIdSet},
};
use thiserror::Error;

use super::auth::{StateKey, auth_types};
use crate::event::Pdu;

/// What two or more states of a room disagree on.
#[derive(Clone, Debug, Default)]
pub struct Conflict {
    /// The keys that haven't the same value in each state.
    pub keys: Vec<ConflictedKey>,
    /// [`super::chains::auth_difference`] of the states.
    pub auth_difference: Vec<OwnedEventId>,
    /// [`super::chains::conflicted_subgraph`]; only version 2.1 reads it.
    pub subgraph: Vec<OwnedEventId>,
}

/// A key and its value in each state, in the same order for all keys; `None` where a state hasn't got it.
#[derive(Clone, Debug)]
pub struct ConflictedKey {
    /// The type and the state key.
    pub key: StateKey,
    /// One value a state.
    pub values: Vec<Option<OwnedEventId>>,
}

/// A key of the resolved state and its event, or `None` if the key is absent from it.
pub type Resolved = (StateKey, Option<OwnedEventId>);

/// Why there is no resolution.
#[derive(Debug, Error)]
pub enum ResolveError {
    /// Room versions 1 and older ways to resolve aren't supported.
    #[error("the room version's state resolution isn't supported")]
    Unsupported,
    /// An event is missing or broken.
    #[error("state resolution failed: {0}")]
    Failed(#[from] state_res::Error),
}

/// Resolves a conflict. The answer has each conflicted key, and those that the auth difference brings in.
///
/// `unconflicted` says what stands at a key in all states, and is asked only for keys that aren't conflicted;
/// `fetch` finds any event of the room.
pub fn resolve(
    rules: &RoomVersionRules,
    conflict: &Conflict,
    unconflicted: impl Fn(&StateEventType, &str) -> Option<OwnedEventId>,
    fetch: impl Fn(&EventId) -> Option<Arc<Pdu>>,
) -> Result<Vec<Resolved>, ResolveError> {
    let state_res_rules = rules.state_res.v2_rules().ok_or(ResolveError::Unsupported)?;
    // ruma fetches an event again and again.
    let cache: RefCell<HashMap<OwnedEventId, Option<Arc<Pdu>>>> = RefCell::default();
    let fetch = |id: &EventId| -> Option<Arc<Pdu>> {
        if let Some(event) = cache.borrow().get(id) {
            return event.clone();
        }
        let event = fetch(id);
        cache.borrow_mut().insert(id.to_owned(), event.clone());
        event
    };

    let common = needed_unconflicted(rules, conflict, unconflicted, fetch);
    let maps = state_maps(conflict, &common);
    // The difference of one chain and empty ones is that chain.
    let mut chains = vec![EventIdSet::new(); maps.len()];
    if let Some(first) = chains.first_mut() {
        first.extend(conflict.auth_difference.iter().cloned());
    }
    let subgraph = |_: &StateMap<Vec<OwnedEventId>>| Some(conflict.subgraph.iter().cloned().collect());
    let resolved = state_res::resolve(&rules.authorization, state_res_rules, &maps, chains, &fetch, subgraph)?;
    // ruma may have filed an event under another name of its type.
    let mut resolved: StateMap<OwnedEventId> = resolved
        .into_values()
        .filter_map(|id| Some((own_key(&*fetch(&id)?)?, id)))
        .filter(|(key, _)| !common.contains_key(key))
        .collect();
    let mut answer: Vec<Resolved> =
        conflict.keys.iter().map(|key| (key.key.clone(), resolved.remove(&key.key))).collect();
    answer.extend(resolved.into_iter().map(|(key, event)| (key, Some(event))));
    Ok(answer)
}

/// The unconflicted state that resolution looks at: what the events of the full conflicted set are authorised by. The
/// power levels that order them are always part of it, and so are the keys of those events that aren't conflicted
/// themselves, as each is there because another cites it.
fn needed_unconflicted(
    rules: &RoomVersionRules,
    conflict: &Conflict,
    unconflicted: impl Fn(&StateEventType, &str) -> Option<OwnedEventId>,
    fetch: impl Fn(&EventId) -> Option<Arc<Pdu>>,
) -> StateMap<OwnedEventId> {
    let conflicted: HashSet<&StateKey> = conflict.keys.iter().map(|key| &key.key).collect();
    let values = conflict.keys.iter().flat_map(|key| key.values.iter().flatten());
    let events = values.chain(&conflict.auth_difference).chain(&conflict.subgraph).filter_map(|id| fetch(id));
    let needed: HashSet<StateKey> = events.flat_map(|event| auth_types(rules, &event).unwrap_or_default()).collect();
    needed
        .into_iter()
        .filter(|key| !conflicted.contains(key))
        .filter_map(|key| unconflicted(&key.0, &key.1).map(|event| (key, event)))
        .collect()
}

/// Where a state event stands.
fn own_key(event: &Pdu) -> Option<StateKey> {
    event.state_key().map(|key| (StateEventType::from(event.type_str()), key.to_owned()))
}

/// As many maps as there are states, each with the common part and its own values.
fn state_maps(conflict: &Conflict, common: &StateMap<OwnedEventId>) -> Vec<StateMap<OwnedEventId>> {
    let states = conflict.keys.iter().map(|key| key.values.len()).max().unwrap_or(0);
    let mut maps = vec![common.clone(); states];
    for key in &conflict.keys {
        for (map, value) in maps.iter_mut().zip(&key.values) {
            map.extend(value.clone().map(|event| (key.key.clone(), event)));
        }
    }
    maps
}

#[cfg(test)]
mod tests;
