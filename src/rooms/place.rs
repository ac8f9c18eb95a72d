//! Where an event stands in its room: the state before and after it, what comes of its checks, and what the
//! room's current state is with it.

use std::{cell::RefCell, collections::HashSet, sync::Arc};

use ruma::events::StateEventType;

use super::{
    RoomGuard,
    ahead::{Ahead, Nodes},
    extremities::overtaken,
    guard::StateEntry,
    resolution,
    rows::Verdict,
    view::ViewError,
};
use crate::{
    error::{Error, Result},
    event::Pdu,
    ids::EventNum,
    state::{
        auth::{self, Denied},
        trie::{Change, EMPTY_ROOT, NodeHash},
    },
};

/// An event's place.
#[derive(Debug)]
pub(super) struct Placement {
    pub verdict: Verdict,
    pub before: NodeHash,
    pub after: NodeHash,
    pub replaces: Option<EventNum>,
    pub prev: Vec<EventNum>,
    /// The events that are no extremities any more.
    pub overtaken: HashSet<EventNum>,
    pub auth: Vec<EventNum>,
    /// What the current state becomes, and by which changes.
    pub current: NodeHash,
    pub changes: Vec<Change>,
    /// Nodes of the trie that are new.
    pub nodes: Nodes,
}

/// A state that another server has told, of events that are here.
#[derive(Debug)]
pub(super) struct Given {
    pub root: NodeHash,
    /// Its nodes that are new.
    pub nodes: Nodes,
}

impl RoomGuard<'_> {
    /// The place of an event of ours: behind extremities, authorised by the current state.
    ///
    /// # Errors
    /// 403 `M_FORBIDDEN` if the auth rules deny it.
    pub(super) fn place_own(&mut self, pdu: &Arc<Pdu>, prev: Vec<EventNum>, auth: &[StateEntry]) -> Result<Placement> {
        let mut nodes = Nodes::default();
        let before = self.state_behind(&prev, &mut nodes)?;
        let create = self.state_entry("m.room.create", "")?;
        let known = || auth.iter().chain(&create).map(|(_, event)| event);
        auth::check_dependent(self.rules(), pdu, |event_type, key| {
            known().find(|event| is_state(event, event_type, key)).cloned()
        })
        .map_err(|denied| Error::forbidden(denied.to_string()))?;
        let (after, replaces) = self.state_after(before, pdu, &mut nodes)?;
        // Where there are more extremities than an event may name, the others stay as they are.
        let overtaken: HashSet<EventNum> = prev.iter().copied().collect();
        let (current, changes) = if prev.len() == self.head().extremities.len() {
            (after, self.own_change(pdu, before, after, replaces))
        } else {
            self.current_with(&overtaken, pdu, after, &mut nodes)?
        };
        let auth = auth.iter().map(|(number, _)| *number).collect();
        let verdict = Verdict::Accepted;
        Ok(Placement { verdict, before, after, replaces, prev, overtaken, auth, current, changes, nodes })
    }

    /// The place of any signed event whose auth events are all here. Of previous events that are not, `given` is the
    /// state.
    ///
    /// # Errors
    /// Only what keeps an event from being judged at all; what the rules deny is a verdict.
    pub(super) fn place_any(
        &mut self,
        pdu: &Arc<Pdu>,
        (prev, auth): (Vec<EventNum>, Vec<EventNum>),
        given: Option<Given>,
    ) -> Result<Placement> {
        let (mut nodes, given) = given.map_or_else(Default::default, |given| (given.nodes, Some(given.root)));
        let before = self.state_before(&prev, given, &mut nodes)?;
        let current = self.head().root();
        let mut placement = Placement {
            verdict: Verdict::Rejected,
            before,
            after: before,
            replaces: None,
            prev,
            overtaken: HashSet::new(),
            auth,
            current,
            changes: Vec::new(),
            nodes,
        };
        if self.check_by_auth_events(pdu, &placement.auth, (before, &placement.nodes))?.is_err()
            || self.check_by_state(pdu, before, &placement.nodes)?.is_err()
        {
            return Ok(placement);
        }
        (placement.after, placement.replaces) = self.state_after(before, pdu, &mut placement.nodes)?;
        if self.filling {
            placement.verdict = Verdict::Accepted;
            return Ok(placement);
        }
        let resides = self.head().residents > 0;
        if resides && before != current && self.check_by_state(pdu, current, &placement.nodes)?.is_err() {
            placement.verdict = Verdict::SoftFailed;
            return Ok(placement);
        }
        placement.verdict = Verdict::Accepted;
        let oldest = self.head().extremities.iter().min().copied().unwrap_or_default();
        placement.overtaken = self.with_view(|view| overtaken(&placement.prev, oldest, |event| view.meta(event)))?;
        (placement.current, placement.changes) =
            self.current_with(&placement.overtaken, pdu, placement.after, &mut placement.nodes)?;
        Ok(placement)
    }

    /// Runs `f` on the room as it will be with `nodes` and the event that gets the next number.
    pub(super) fn with_ahead<T>(&self, nodes: &Nodes, pdu: &Arc<Pdu>, f: impl FnOnce(Ahead<'_>) -> T) -> T {
        self.ahead(nodes, Some(pdu), f)
    }

    fn ahead<T>(&self, nodes: &Nodes, pdu: Option<&Arc<Pdu>>, f: impl FnOnce(Ahead<'_>) -> T) -> T {
        let number = self.new_number();
        f(Ahead {
            view: self.rooms.view(&self.rooms.store.latest(), self.room),
            trie_key: &self.rooms.trie_key,
            room_id: self.room_id(),
            nodes,
            event: pdu.map(|pdu| (number, pdu)),
            next: self.head().next.max(EventNum(number.0 + u64::from(pdu.is_some()))),
        })
    }

    /// The state before an event that follows `prev`.
    fn state_behind(&self, prev: &[EventNum], nodes: &mut Nodes) -> Result<NodeHash> {
        if prev == self.head().extremities {
            return Ok(self.head().root());
        }
        self.resolved(self.roots_after(prev.iter())?, nodes)
    }

    /// The same where the state of some of them is given.
    fn state_before(&self, prev: &[EventNum], given: Option<NodeHash>, nodes: &mut Nodes) -> Result<NodeHash> {
        let Some(given) = given else { return self.state_behind(prev, nodes) };
        let mut roots = self.roots_after(prev.iter())?;
        roots.push(given);
        self.resolved(roots, nodes)
    }

    fn resolved(&self, roots: Vec<NodeHash>, nodes: &mut Nodes) -> Result<NodeHash> {
        match roots.as_slice() {
            [] => Ok(EMPTY_ROOT),
            [root, rest @ ..] if rest.iter().all(|other| other == root) => Ok(*root),
            _ => {
                let updated = self.ahead(nodes, None, |ahead| resolution::resolve(&ahead, self.rules(), &roots))?;
                Ok(nodes.keep(updated))
            }
        }
    }

    fn roots_after<'n>(&self, events: impl Iterator<Item = &'n EventNum>) -> Result<Vec<NodeHash>, ViewError> {
        self.with_view(|view| events.map(|number| Ok(NodeHash(view.meta(*number)?.after))).collect())
    }

    /// The state after an event that is not rejected, and the state event that it takes the place of.
    fn state_after(
        &self,
        before: NodeHash,
        pdu: &Arc<Pdu>,
        nodes: &mut Nodes,
    ) -> Result<(NodeHash, Option<EventNum>), ViewError> {
        let Some(state_key) = pdu.state_key() else { return Ok((before, None)) };
        let path = self.rooms.trie_key.path(pdu.type_str(), state_key);
        let number = self.new_number();
        let (updated, replaces) = self.with_ahead(nodes, pdu, |ahead| {
            let state = ahead.state(before);
            Ok::<_, ViewError>((state.update(&[(path, Some(number))])?, state.get(&path)?))
        })?;
        Ok((nodes.keep(updated), replaces))
    }

    /// The change of the current state by an event that follows all extremities.
    fn own_change(&self, pdu: &Pdu, before: NodeHash, after: NodeHash, replaces: Option<EventNum>) -> Vec<Change> {
        match pdu.state_key() {
            Some(state_key) if before != after => {
                let path = self.rooms.trie_key.path(pdu.type_str(), state_key);
                vec![Change { path, before: replaces, after: Some(self.new_number()) }]
            }
            _ => Vec::new(),
        }
    }

    /// The current state with a new event, beside the extremities that it doesn't overtake.
    fn current_with(
        &self,
        overtaken: &HashSet<EventNum>,
        pdu: &Arc<Pdu>,
        after: NodeHash,
        nodes: &mut Nodes,
    ) -> Result<(NodeHash, Vec<Change>)> {
        let mut roots = self.roots_after(self.head().extremities.iter().filter(|tip| !overtaken.contains(tip)))?;
        roots.push(after);
        let current = if roots.iter().all(|root| *root == after) {
            after
        } else {
            let updated = self.with_ahead(nodes, pdu, |ahead| resolution::resolve(&ahead, self.rules(), &roots))?;
            nodes.keep(updated)
        };
        let old = self.head().root();
        let changes = self.with_ahead(nodes, pdu, |ahead| ahead.state(old).diff(current).map_err(ViewError::from))?;
        Ok((current, changes))
    }

    fn check_by_auth_events(
        &self,
        pdu: &Arc<Pdu>,
        auth: &[EventNum],
        (before, nodes): (NodeHash, &Nodes),
    ) -> Result<Result<(), Denied>> {
        let rules = self.rules();
        let create = self.with_ahead(nodes, pdu, |ahead| ahead.state_event(before, "m.room.create", ""))?;
        let mut events = auth.iter().map(|number| self.judged(*number)).collect::<Result<Vec<_>, _>>()?;
        events.extend(create);
        let by_id = |id: &ruma::EventId| events.iter().find(|event| event.event_id() == id).cloned();
        if let Err(denied) = auth::check_independent(rules, pdu, by_id) {
            return Ok(Err(denied));
        }
        let by_key = |event_type: &StateEventType, key: &str| {
            events.iter().find(|event| is_state(event, event_type, key)).cloned()
        };
        Ok(auth::check_dependent(rules, pdu, by_key))
    }

    /// An event that says whether it was rejected.
    pub(super) fn judged(&self, number: EventNum) -> Result<Arc<Pdu>, ViewError> {
        self.with_view(|view| {
            let event = view.pdu(number, self.room_id())?;
            match view.meta(number)?.verdict {
                Verdict::Rejected => Ok(Arc::new((*event).clone().with_rejected(true))),
                _ => Ok(event),
            }
        })
    }

    fn check_by_state(&self, pdu: &Arc<Pdu>, root: NodeHash, nodes: &Nodes) -> Result<Result<(), Denied>> {
        let failed = RefCell::new(None);
        let verdict = self.with_ahead(nodes, pdu, |ahead| {
            auth::check_dependent(self.rules(), pdu, |event_type, key| {
                ahead.state_event(root, &event_type.to_string(), key).unwrap_or_else(|error| {
                    failed.replace(Some(error));
                    None
                })
            })
        });
        match failed.into_inner() {
            Some(error) => Err(error.into()),
            None => Ok(verdict),
        }
    }
}

pub(super) fn is_state(event: &Pdu, event_type: &StateEventType, state_key: &str) -> bool {
    event.state_key() == Some(state_key) && event.type_str() == event_type.to_string()
}
