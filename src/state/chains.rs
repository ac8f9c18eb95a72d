//! Walks over the `auth_events` of a room, by event number: what state resolution needs of the auth chains, found by
//! going only as far as the states differ.
//!
//! Everything here rests on one invariant of the store: an event has a larger number than each of its auth events, as
//! it isn't stored before they are.

use std::collections::{BTreeMap, HashSet};

use smallvec::SmallVec;
use thiserror::Error;

use crate::ids::EventNum;

/// The numbers of an event's auth events.
pub type AuthEvents = SmallVec<[EventNum; 8]>;

/// What the walks read of a room.
pub trait AuthGraph {
    /// Why a read failed.
    type Error;

    /// An event's auth events.
    fn auth_events(&self, event: EventNum) -> Result<AuthEvents, Self::Error>;

    /// Whether the event stands at its key in each of the states that are resolved.
    fn is_unconflicted(&self, event: EventNum) -> Result<bool, Self::Error>;

    /// The room's events with larger numbers, the newest first. Events that were never state may be left out.
    fn newer_than(&self, event: EventNum) -> impl Iterator<Item = Result<EventNum, Self::Error>>;
}

/// Why a walk ended early.
#[derive(Debug, Error)]
pub enum WalkError<E> {
    /// It touched more events than allowed.
    #[error("the auth chains differ in too many events")]
    TooFar,
    /// A read failed.
    #[error(transparent)]
    Read(#[from] E),
}

/// The auth difference of some states: the events that are in the auth chain of some but not of all. Those that are
/// conflicted themselves are left out, as they are part of the full conflicted set anyway.
///
/// A state's own events count as part of its chain. The specification's wording leaves them out, but then an
/// unconflicted event that only one side cites would be ordered anew, with the conflicting ones.
///
/// `sets` has the conflicted events of each state. At most `limit` events are read.
pub fn auth_difference<G: AuthGraph>(
    graph: &G,
    sets: &[Vec<EventNum>],
    limit: usize,
) -> Result<Vec<EventNum>, WalkError<G::Error>> {
    let mut budget = Budget(limit);
    let mut candidates = reached_by_some(graph, sets, &mut budget)?;
    sets.iter().flatten().for_each(|event| {
        candidates.remove(event);
    });
    drop_below_unconflicted(graph, candidates, &mut budget)
}

/// Who reaches an event.
#[derive(Clone, Default)]
struct Reach {
    /// The states that do, by index.
    sets: SmallVec<[bool; 8]>,
    /// Whether all do, through an event that they share.
    all: bool,
}

impl Reach {
    fn by(set: usize, sets: usize) -> Self {
        Self { sets: (0..sets).map(|index| index == set).collect(), all: false }
    }

    fn merge(&mut self, other: &Self) {
        self.all |= other.all;
        self.sets.resize(self.sets.len().max(other.sets.len()), false);
        for (mine, theirs) in self.sets.iter_mut().zip(&other.sets) {
            *mine |= theirs;
        }
        self.all |= !self.sets.is_empty() && self.sets.iter().all(|set| *set);
    }
}

/// Goes down from the conflicted events, the newest first, so that all who reach an event are known when it is its
/// turn, and ends where every state reaches all that is left.
fn reached_by_some<G: AuthGraph>(
    graph: &G,
    sets: &[Vec<EventNum>],
    budget: &mut Budget,
) -> Result<HashSet<EventNum>, WalkError<G::Error>> {
    let mut frontier: BTreeMap<EventNum, Reach> = BTreeMap::new();
    for (index, set) in sets.iter().enumerate() {
        for event in set {
            frontier.entry(*event).or_default().merge(&Reach::by(index, sets.len()));
        }
    }
    let mut partial = frontier.values().filter(|reach| !reach.all).count();
    let mut found = HashSet::new();
    while partial > 0 {
        let Some((event, mut reach)) = frontier.pop_last() else { break };
        budget.spend()?;
        if !reach.all {
            partial -= 1;
            reach.all = graph.is_unconflicted(event)?;
        }
        if !reach.all {
            found.insert(event);
        }
        for auth_event in graph.auth_events(event)? {
            let known = frontier.get(&auth_event).map(|reach| reach.all);
            let entry = frontier.entry(auth_event).or_default();
            entry.merge(&reach);
            match (known, entry.all) {
                (Some(false), true) => partial -= 1,
                (None, false) => partial += 1,
                _ => {}
            }
        }
    }
    Ok(found)
}

/// Drops the candidates that some unconflicted event reaches without passing through what was walked: all states have
/// those. Such an event is newer than the candidate, so the room's newer events tell.
fn drop_below_unconflicted<G: AuthGraph>(
    graph: &G,
    mut candidates: HashSet<EventNum>,
    budget: &mut Budget,
) -> Result<Vec<EventNum>, WalkError<G::Error>> {
    let Some(oldest) = candidates.iter().min().copied() else { return Ok(vec![]) };
    let mut below = HashSet::new();
    for event in graph.newer_than(oldest) {
        if candidates.is_empty() {
            break;
        }
        let event = event?;
        budget.spend()?;
        if below.remove(&event) || graph.is_unconflicted(event)? {
            for auth_event in graph.auth_events(event)? {
                candidates.remove(&auth_event);
                if auth_event > oldest {
                    below.insert(auth_event);
                }
            }
        }
    }
    Ok(candidates.into_iter().collect())
}

/// The conflicted state subgraph (state resolution 2.1): all events on auth paths between conflicted events, these
/// included. At most `limit` events are read.
pub fn conflicted_subgraph<G: AuthGraph>(
    graph: &G,
    conflicted: &HashSet<EventNum>,
    limit: usize,
) -> Result<Vec<EventNum>, WalkError<G::Error>> {
    let mut budget = Budget(limit);
    let Some(oldest) = conflicted.iter().min().copied() else { return Ok(vec![]) };
    // Down from all of them, no further than the oldest: no path leads from below it to any of them.
    let mut pending: Vec<EventNum> = conflicted.iter().copied().collect();
    let mut edges: BTreeMap<EventNum, AuthEvents> = BTreeMap::new();
    while let Some(event) = pending.pop() {
        if edges.contains_key(&event) {
            continue;
        }
        budget.spend()?;
        let mut auth_events = graph.auth_events(event)?;
        auth_events.retain(|auth_event| *auth_event >= oldest);
        pending.extend(&auth_events);
        edges.insert(event, auth_events);
    }
    // Then up again: an event is on a path if it is an end of one or cites an event that is on one.
    let mut on_path = HashSet::new();
    for (event, auth_events) in &edges {
        if conflicted.contains(event) || auth_events.iter().any(|auth_event| on_path.contains(auth_event)) {
            on_path.insert(*event);
        }
    }
    Ok(on_path.into_iter().collect())
}

/// How many more events a walk may touch.
struct Budget(usize);

impl Budget {
    fn spend<E>(&mut self) -> Result<(), WalkError<E>> {
        self.0 = self.0.checked_sub(1).ok_or(WalkError::TooFar)?;
        Ok(())
    }
}
