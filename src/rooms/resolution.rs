//! State resolution over the tries of one room: finds what the states differ in, and lets `state` resolve that.

use std::{cell::RefCell, collections::HashSet};

use ruma::{EventId, OwnedEventId, room_version_rules::RoomVersionRules};

use super::{ahead::Ahead, rows::Verdict, view::ViewError};
use crate::{
    error::{Error, Result},
    ids::EventNum,
    state::{
        auth::StateKey,
        chains::{self, AuthEvents, AuthGraph},
        resolve::{self, Conflict, ConflictedKey},
        trie::{NodeHash, Path, Updated},
    },
};

/// A resolution may look at this many events.
const MAX_EVENTS: usize = 200_000;

/// The resolution of the states at `roots`, which differ: its root, and the trie nodes that are new.
pub(super) fn resolve(ahead: &Ahead<'_>, rules: &RoomVersionRules, roots: &[NodeHash]) -> Result<Updated> {
    let paths = differing_paths(ahead, roots)?;
    let sets = roots.iter().map(|root| numbers_at(ahead, *root, &paths)).collect::<Result<Vec<_>>>()?;
    let graph = Graph { ahead, root: roots.first().copied(), conflicted: paths.iter().copied().collect() };
    let flat: Vec<Vec<EventNum>> = sets.iter().map(|set| set.iter().copied().flatten().collect()).collect();
    let difference = chains::auth_difference(&graph, &flat, MAX_EVENTS).map_err(Error::internal)?;
    let conflicted: HashSet<EventNum> = flat.iter().flatten().copied().collect();
    let subgraph = if rules.state_res.v2_rules().is_some_and(|rules| rules.consider_conflicted_state_subgraph) {
        chains::conflicted_subgraph(&graph, &conflicted, MAX_EVENTS).map_err(Error::internal)?
    } else {
        Vec::new()
    };
    let ids = |numbers: &[EventNum]| numbers.iter().map(|number| event_id(ahead, *number)).collect::<Result<Vec<_>>>();
    let conflict = Conflict {
        keys: conflicted_keys(ahead, paths.len(), &sets)?,
        auth_difference: ids(&difference)?,
        subgraph: ids(&subgraph)?,
    };
    let resolved = ask(ahead, rules, &conflict, graph.root)?;
    let changes = resolved
        .into_iter()
        .map(|((event_type, key), event)| {
            let number = event.map(|event| number_of(ahead, &event)).transpose()?;
            Ok((ahead.trie_key.path(&event_type.to_string(), &key), number))
        })
        .collect::<Result<Vec<_>>>()?;
    Ok(ahead.state(roots[0]).update(&changes).map_err(ViewError::from)?)
}

/// Lets `state` resolve, with the room to read from. A read that fails there is not lost.
fn ask(
    ahead: &Ahead<'_>,
    rules: &RoomVersionRules,
    conflict: &Conflict,
    root: Option<NodeHash>,
) -> Result<Vec<resolve::Resolved>> {
    let failed = RefCell::new(None);
    let keep = |error: Error| {
        failed.replace(Some(error));
    };
    let unconflicted = |event_type: &ruma::events::StateEventType, key: &str| -> Option<OwnedEventId> {
        let found = ahead.state_event(root?, &event_type.to_string(), key);
        found.map_err(|error| keep(error.into())).ok()?.map(|event| event.event_id().clone())
    };
    let fetch = |id: &EventId| {
        let found = ahead.find(id).and_then(|number| number.map(|number| judged(ahead, number)).transpose());
        found.map_err(|error| keep(error.into())).ok()?
    };
    let resolved = resolve::resolve(rules, conflict, unconflicted, fetch);
    match failed.into_inner() {
        Some(error) => Err(error),
        None => resolved.map_err(Error::internal),
    }
}

fn judged(ahead: &Ahead<'_>, number: EventNum) -> Result<std::sync::Arc<crate::event::Pdu>, ViewError> {
    let event = ahead.pdu(number)?;
    let is_new = ahead.event.is_some_and(|(new, _)| new == number);
    if !is_new && ahead.view.meta(number)?.verdict == Verdict::Rejected {
        return Ok(std::sync::Arc::new((*event).clone().with_rejected(true)));
    }
    Ok(event)
}

/// Where the states are not all alike.
fn differing_paths(ahead: &Ahead<'_>, roots: &[NodeHash]) -> Result<Vec<Path>, ViewError> {
    let mut paths = Vec::new();
    for root in &roots[1..] {
        paths.extend(ahead.state(roots[0]).diff(*root)?.into_iter().map(|change| change.path));
    }
    paths.sort_unstable();
    paths.dedup();
    Ok(paths)
}

fn numbers_at(ahead: &Ahead<'_>, root: NodeHash, paths: &[Path]) -> Result<Vec<Option<EventNum>>> {
    let state = ahead.state(root);
    paths.iter().map(|path| Ok(state.get(path).map_err(ViewError::from)?)).collect()
}

/// The conflicted keys by name. The events that stand there tell them.
fn conflicted_keys(ahead: &Ahead<'_>, paths: usize, sets: &[Vec<Option<EventNum>>]) -> Result<Vec<ConflictedKey>> {
    let mut keys = Vec::with_capacity(paths);
    for index in 0..paths {
        let numbers: Vec<Option<EventNum>> = sets.iter().map(|set| set[index]).collect();
        let Some(known) = numbers.iter().flatten().next() else { continue };
        let event = ahead.pdu(*known)?;
        let key: StateKey = (event.type_str().into(), event.state_key().unwrap_or_default().to_owned());
        let id = |number: Option<EventNum>| number.map(|number| event_id(ahead, number)).transpose();
        let values = numbers.into_iter().map(id).collect::<Result<_>>()?;
        keys.push(ConflictedKey { key, values });
    }
    Ok(keys)
}

fn event_id(ahead: &Ahead<'_>, number: EventNum) -> Result<OwnedEventId> {
    Ok(ahead.pdu(number)?.event_id().clone())
}

fn number_of(ahead: &Ahead<'_>, id: &EventId) -> Result<EventNum> {
    ahead.find(id)?.ok_or_else(|| Error::internal(format!("state resolution chose {id}, which is not here")))
}

/// The room's auth events by number.
struct Graph<'a> {
    ahead: &'a Ahead<'a>,
    root: Option<NodeHash>,
    conflicted: HashSet<Path>,
}

impl AuthGraph for Graph<'_> {
    type Error = ViewError;

    fn auth_events(&self, event: EventNum) -> Result<AuthEvents, ViewError> {
        match self.ahead.event {
            Some((new, pdu)) if new == event => {
                let numbers = pdu.auth_events().iter().filter_map(|id| self.ahead.find(id).transpose());
                numbers.collect()
            }
            _ => Ok(self.ahead.view.meta(event)?.auth.into_iter().collect()),
        }
    }

    fn is_unconflicted(&self, event: EventNum) -> Result<bool, ViewError> {
        let pdu = self.ahead.pdu(event)?;
        let (Some(key), Some(root)) = (pdu.state_key(), self.root) else { return Ok(false) };
        let path = self.ahead.trie_key.path(pdu.type_str(), key);
        if self.conflicted.contains(&path) {
            return Ok(false);
        }
        Ok(self.ahead.state(root).get(&path)? == Some(event))
    }

    fn newer_than(&self, event: EventNum) -> impl Iterator<Item = Result<EventNum, ViewError>> {
        let newest = self.ahead.next;
        (event.0 + 1..newest.0).rev().map(|number| Ok(EventNum(number)))
    }
}
