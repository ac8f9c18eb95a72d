//! A room in memory, for the tests of this module: events are made and authorised for real, states are whole maps.

use std::{collections::HashMap, sync::Arc};

use rand::{RngExt, rngs::StdRng};
use ruma::{
    EventId, OwnedEventId, RoomId, RoomVersionId, UserId,
    events::StateEventType,
    room_version_rules::RoomVersionRules,
    server_name,
    state_res::{StateMap, utils::event_id_set::EventIdSet},
};
use serde_json::{Value, json};

use super::{
    auth::{Denied, auth_types_of_draft, check_dependent, check_independent},
    chains::{AuthEvents, AuthGraph},
};
use crate::{
    event::{Draft, DraftRoom, Pdu, Seal, SigningKey, check_content, rules},
    ids::EventNum,
};

pub struct TestRoom {
    pub rules: &'static RoomVersionRules,
    pub events: Vec<Arc<Pdu>>,
    pub numbers: HashMap<OwnedEventId, EventNum>,
    key: SigningKey,
}

/// One end of the graph and the state there.
#[derive(Clone)]
pub struct Branch {
    pub heads: Vec<OwnedEventId>,
    pub state: StateMap<OwnedEventId>,
}

/// An event to make.
pub struct New<'a> {
    pub sender: &'a UserId,
    pub event_type: &'a str,
    pub state_key: Option<&'a str>,
    pub content: Value,
    pub ts: u64,
}

impl<'a> New<'a> {
    pub fn state(sender: &'a UserId, event_type: &'a str, state_key: &'a str, content: Value) -> Self {
        Self { sender, event_type, state_key: Some(state_key), content, ts: 1 }
    }
}

pub fn user(n: usize) -> &'static UserId {
    let users = ["@creator:salon.test", "@a:salon.test", "@b:salon.test", "@c:other.test", "@d:other.test"];
    users[n % users.len()].try_into().unwrap()
}

impl TestRoom {
    /// A public room of `user(0)`, where `user(1)` and `user(2)` have level 50 and are joined.
    pub fn new(version: &RoomVersionId) -> (Self, Branch) {
        let rules = rules(version).unwrap();
        let mut room = Self { rules, events: vec![], numbers: HashMap::new(), key: SigningKey::generate(&[1; 32]) };
        let mut branch = Branch { heads: vec![], state: StateMap::new() };
        let creator = user(0);
        let content = json!({"creator": creator, "room_version": version});
        room.send(&mut branch, New::state(creator, "m.room.create", "", content)).unwrap();
        room.set_membership(&mut branch, 0, 0, "join").unwrap();
        let mut users = json!({user(1).as_str(): 50, user(2).as_str(): 50});
        if !rules.authorization.explicitly_privilege_room_creators {
            users[creator.as_str()] = json!(100);
        }
        let levels = New::state(creator, "m.room.power_levels", "", json!({"users": users}));
        room.send(&mut branch, levels).unwrap();
        let public = New::state(creator, "m.room.join_rules", "", json!({"join_rule": "public"}));
        room.send(&mut branch, public).unwrap();
        for n in [1, 2] {
            room.set_membership(&mut branch, n, n, "join").unwrap();
        }
        (room, branch)
    }

    pub fn set_membership(
        &mut self,
        branch: &mut Branch,
        sender: usize,
        target: usize,
        membership: &str,
    ) -> Result<OwnedEventId, Denied> {
        let (sender, target) = (user(sender), user(target));
        self.send(branch, New::state(sender, "m.room.member", target.as_str(), json!({"membership": membership})))
    }

    /// Makes an event on a branch, if the rules allow it there.
    pub fn send(&mut self, branch: &mut Branch, new: New<'_>) -> Result<OwnedEventId, Denied> {
        let cited = branch.state.clone();
        self.send_citing(branch, &cited, new)
    }

    /// The same with auth events from another state, as a remote server might choose them.
    pub fn send_citing(
        &mut self,
        branch: &mut Branch,
        cited: &StateMap<OwnedEventId>,
        new: New<'_>,
    ) -> Result<OwnedEventId, Denied> {
        let event = self.make(&branch.heads, cited, new)?;
        check_independent(self.rules, &event, |id| self.event(id))?;
        let own: Vec<_> = event.auth_events().iter().filter_map(|id| self.event(id)).collect();
        check_dependent(self.rules, &event, |event_type, key| {
            let at = |event: &&Arc<Pdu>| event.type_str() == event_type.to_string() && event.state_key() == Some(key);
            let create = || self.events.first().filter(at).cloned();
            own.iter().find(at).cloned().or_else(create)
        })?;
        check_dependent(self.rules, &event, self.at(&branch.state))?;
        Ok(self.append(branch, event))
    }

    /// Puts an event at the end of a branch, whatever the rules say.
    pub fn append(&mut self, branch: &mut Branch, event: Pdu) -> OwnedEventId {
        let id = event.event_id().clone();
        branch.heads = vec![id.clone()];
        if let Some(key) = event.state_key() {
            branch.state.insert((event.type_str().into(), key.to_owned()), id.clone());
        }
        self.numbers.insert(id.clone(), EventNum(self.events.len() as u64));
        self.events.push(Arc::new(event));
        id
    }

    /// An event that isn't part of the room yet.
    pub fn make(&self, heads: &[OwnedEventId], cited: &StateMap<OwnedEventId>, new: New<'_>) -> Result<Pdu, Denied> {
        let draft = Draft {
            room: self.draft_room(),
            sender: new.sender.to_owned(),
            event_type: new.event_type.to_owned(),
            state_key: new.state_key.map(ToOwned::to_owned),
            content: check_content(&new.content.to_string()).unwrap(),
            redacts: None,
            origin_server_ts: new.ts,
        };
        let keys = auth_types_of_draft(self.rules, &draft)?;
        let auth_events: Vec<_> = keys.iter().filter_map(|key| cited.get(key).cloned()).collect();
        let seal = Seal {
            rules: self.rules,
            prev_events: heads,
            auth_events: &auth_events,
            depth: self.events.len() as u64,
            key: &self.key,
            server_name: server_name!("salon.test"),
        };
        Ok(draft.seal(seal).unwrap())
    }

    /// The same room where its events came in another order, each still behind those that it cites.
    pub fn reordered(&self, random: &mut StdRng) -> Self {
        let mut waiting = self.events.clone();
        let mut room =
            Self { rules: self.rules, events: vec![], numbers: HashMap::new(), key: SigningKey::generate(&[1; 32]) };
        while !waiting.is_empty() {
            let comes = |event: &Arc<Pdu>| event.auth_events().iter().all(|id| room.numbers.contains_key(id));
            let ready: Vec<_> = (0..waiting.len()).filter(|at| comes(&waiting[*at])).collect();
            let event = waiting.remove(ready[random.random_range(0..ready.len())]);
            room.numbers.insert(event.event_id().clone(), EventNum(room.events.len() as u64));
            room.events.push(event);
        }
        room
    }

    fn draft_room(&self) -> DraftRoom {
        match self.events.first() {
            Some(create) => DraftRoom::Existing(create.room_id().to_owned()),
            None if self.rules.authorization.room_create_event_id_as_room_id => DraftRoom::New { nonce: [0; 12] },
            None => DraftRoom::Existing(RoomId::parse("!room:salon.test").unwrap()),
        }
    }

    pub fn event(&self, id: &EventId) -> Option<Arc<Pdu>> {
        self.numbers.get(id).map(|number| self.events[number.0 as usize].clone())
    }

    pub fn at(&self, state: &StateMap<OwnedEventId>) -> impl Fn(&StateEventType, &str) -> Option<Arc<Pdu>> {
        |event_type, key| state.get(&(event_type.clone(), key.to_owned())).and_then(|id| self.event(id))
    }

    pub fn number(&self, id: &EventId) -> EventNum {
        self.numbers[id]
    }

    pub fn id(&self, number: EventNum) -> OwnedEventId {
        self.events[number.0 as usize].event_id().clone()
    }

    /// Everything that can be reached from some events over `auth_events`, with these events.
    pub fn reachable<'a>(&self, from: impl IntoIterator<Item = &'a OwnedEventId>) -> EventIdSet<OwnedEventId> {
        let mut found = EventIdSet::new();
        let mut pending: Vec<_> = from.into_iter().cloned().collect();
        while let Some(id) = pending.pop() {
            if found.insert(id.clone()) {
                pending.extend(self.event(&id).unwrap().auth_events().iter().cloned());
            }
        }
        found
    }
}

/// A room and the states that are to be resolved.
pub struct TestGraph<'a> {
    pub room: &'a TestRoom,
    pub states: &'a [StateMap<OwnedEventId>],
}

impl AuthGraph for TestGraph<'_> {
    type Error = std::convert::Infallible;

    fn auth_events(&self, event: EventNum) -> Result<AuthEvents, Self::Error> {
        let event = &self.room.events[event.0 as usize];
        Ok(event.auth_events().iter().map(|id| self.room.number(id)).collect())
    }

    fn is_unconflicted(&self, event: EventNum) -> Result<bool, Self::Error> {
        let event = &self.room.events[event.0 as usize];
        let Some(key) = event.state_key() else { return Ok(false) };
        let key = (event.type_str().into(), key.to_owned());
        Ok(self.states.iter().all(|state| state.get(&key) == Some(event.event_id())))
    }

    fn newer_than(&self, event: EventNum) -> impl Iterator<Item = Result<EventNum, Self::Error>> {
        (event.0 + 1..self.room.events.len() as u64).rev().map(|number| Ok(EventNum(number)))
    }
}
