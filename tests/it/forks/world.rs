//! A room whose events are made on any older ones, and ruma's resolution of whole states as the oracle of what the
//! state before and after each has to be.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

use ruma::{
    EventId, OwnedEventId, OwnedRoomId, OwnedUserId,
    events::StateEventType,
    room_version_rules::RoomVersionRules,
    state_res::{self, StateMap, utils::event_id_set::EventIdSet},
};
use salon::{
    app::App,
    event::{self, Draft, DraftRoom, Pdu, Seal, SigningKey, check_content},
    ids::{EventNum, RoomNum},
    rooms::{
        Appended,
        rows::{EventMeta, RoomHead, Root, Verdict},
    },
    state::{auth, trie::NodeHash},
    store::{Family, Read, keys},
};
use serde_json::Value;

pub type State = StateMap<OwnedEventId>;

/// An event to make.
pub struct New<'a> {
    pub sender: &'a str,
    pub event_type: &'a str,
    pub state_key: Option<&'a str>,
    pub content: Value,
    pub timestamp: u64,
}

/// The events of a room, wherever they are delivered, and the state after each.
#[derive(Clone)]
pub struct World {
    pub room_id: OwnedRoomId,
    pub rules: &'static RoomVersionRules,
    key: Arc<SigningKey>,
    pub events: HashMap<OwnedEventId, Arc<Pdu>>,
    /// In the order in which they were made.
    pub order: Vec<OwnedEventId>,
    after: HashMap<OwnedEventId, State>,
    rejected: HashSet<OwnedEventId>,
}

pub fn user(name: &str) -> OwnedUserId {
    format!("@{name}:localhost").try_into().unwrap()
}

impl World {
    /// The world as a server's room is, which has not forked yet.
    pub fn of(app: &App, room: RoomNum) -> Self {
        let latest = app.store.latest();
        let key = latest.get(Family::Meta, &keys::meta("signing_key")).unwrap().unwrap();
        let head = head(app, room);
        let mut world = Self {
            room_id: app.store.room_id(room).unwrap(),
            rules: event::rules(&head.version).unwrap(),
            key: Arc::new(SigningKey::from_bytes(&key).unwrap()),
            events: HashMap::new(),
            order: vec![],
            after: HashMap::new(),
            rejected: HashSet::new(),
        };
        for number in (1..head.next.0).map(EventNum) {
            let pdu = app.rooms.view(&latest, room).pdu(number, &world.room_id).unwrap();
            world.take(pdu);
        }
        world
    }

    /// Makes an event behind `prev`, authorised by the state there.
    pub fn make(&self, new: New<'_>, prev: &[OwnedEventId]) -> Arc<Pdu> {
        let before = self.before(prev);
        let draft = Draft {
            room: DraftRoom::Existing(self.room_id.clone()),
            sender: user(new.sender),
            event_type: new.event_type.to_owned(),
            state_key: new.state_key.map(str::to_owned),
            content: check_content(&new.content.to_string()).unwrap(),
            redacts: None,
            origin_server_ts: new.timestamp,
        };
        let types = auth::auth_types_of_draft(self.rules, &draft).unwrap();
        let auth_events: Vec<_> = types.iter().filter_map(|key| before.get(key).cloned()).collect();
        let depth = prev.iter().map(|id| self.events[id].depth()).max().unwrap_or(0) + 1;
        let server_name = ruma::server_name!("localhost");
        let seal = Seal {
            rules: self.rules,
            prev_events: prev,
            auth_events: &auth_events,
            depth,
            key: &self.key,
            server_name,
        };
        Arc::new(draft.seal(seal).unwrap())
    }

    /// Makes an event and takes it into the world.
    pub fn add(&mut self, new: New<'_>, prev: &[&Arc<Pdu>]) -> Arc<Pdu> {
        let prev: Vec<_> = prev.iter().map(|pdu| pdu.event_id().clone()).collect();
        let pdu = self.make(new, &prev);
        self.take(pdu.clone());
        pdu
    }

    /// Takes an event into the world.
    pub fn take(&mut self, pdu: Arc<Pdu>) {
        let before = self.before(pdu.prev_events());
        let mut after = before.clone();
        self.events.insert(pdu.event_id().clone(), pdu.clone());
        if !self.is_allowed(&pdu, &before) {
            self.rejected.insert(pdu.event_id().clone());
        } else if let Some(key) = pdu.state_key() {
            after.insert((pdu.type_str().into(), key.to_owned()), pdu.event_id().clone());
        }
        self.after.insert(pdu.event_id().clone(), after);
        self.order.push(pdu.event_id().clone());
    }

    /// Whether the rules allow an event by what it cites and by the state before it.
    pub fn is_allowed(&self, pdu: &Pdu, before: &State) -> bool {
        let cited: Vec<_> = pdu.auth_events().iter().map(|id| self.events[id].clone()).collect();
        let create = self.order.first().map(|id| self.events[id].clone());
        let by_key = |event_type: &StateEventType, key: &str| {
            let mut known = cited.iter().chain(&create);
            known.find(|pdu| pdu.type_str() == event_type.to_string() && pdu.state_key() == Some(key)).cloned()
        };
        let at = |event_type: &StateEventType, key: &str| {
            before.get(&(event_type.clone(), key.to_owned())).map(|id| self.events[id].clone())
        };
        auth::check_independent(self.rules, pdu, |id| self.judged(id)).is_ok()
            && auth::check_dependent(self.rules, pdu, by_key).is_ok()
            && auth::check_dependent(self.rules, pdu, at).is_ok()
    }

    pub fn is_rejected(&self, id: &OwnedEventId) -> bool {
        self.rejected.contains(id)
    }

    /// The state before an event that follows `prev`: by ruma's resolution, given everything.
    pub fn before(&self, prev: &[OwnedEventId]) -> State {
        let states: Vec<State> = prev.iter().map(|id| self.after[id].clone()).collect();
        match states.as_slice() {
            [] => State::new(),
            [state, rest @ ..] if rest.iter().all(|other| other == state) => state.clone(),
            _ => state_res::resolve(
                &self.rules.authorization,
                self.rules.state_res.v2_rules().unwrap(),
                &states,
                states.iter().map(|state| self.reachable(state.values())).collect(),
                |id| self.judged(id),
                |conflicted| Some(self.between(&conflicted.values().flatten().cloned().collect::<Vec<_>>())),
            )
            .unwrap(),
        }
    }

    fn judged(&self, id: &EventId) -> Option<Arc<Pdu>> {
        let pdu = self.events.get(id)?;
        Some(if self.rejected.contains(id) { Arc::new((**pdu).clone().with_rejected(true)) } else { pdu.clone() })
    }

    /// Some events and their auth chains.
    fn reachable<'a>(&self, from: impl IntoIterator<Item = &'a OwnedEventId>) -> EventIdSet<OwnedEventId> {
        let mut found = EventIdSet::new();
        let mut pending: Vec<_> = from.into_iter().cloned().collect();
        while let Some(id) = pending.pop() {
            if found.insert(id.clone()) {
                pending.extend(self.events[&id].auth_events().iter().cloned());
            }
        }
        found
    }

    /// The conflicted state subgraph by its definition: what lies between two conflicted events.
    fn between(&self, conflicted: &[OwnedEventId]) -> EventIdSet<OwnedEventId> {
        let leads_to_one = |id: &&OwnedEventId| {
            let below = self.reachable([*id]);
            conflicted.iter().any(|end| below.contains(end))
        };
        self.reachable(conflicted).iter().filter(leads_to_one).cloned().collect()
    }

    /// The events that nothing follows.
    pub fn leaves(&self) -> Vec<OwnedEventId> {
        let followed: HashSet<_> = self.events.values().flat_map(|pdu| pdu.prev_events()).collect();
        self.order.iter().filter(|id| !followed.contains(id)).cloned().collect()
    }
}

pub fn head(app: &App, room: RoomNum) -> RoomHead {
    app.rooms.view(&app.store.latest(), room).head().unwrap().unwrap()
}

/// Delivers an event, and waits until it is on disk.
pub async fn deliver(app: &App, room: RoomNum, pdu: &Arc<Pdu>) -> Verdict {
    let appended: Appended = app.rooms.lock(room).await.unwrap().append_signed(pdu.clone()).unwrap();
    let verdict = appended.verdict;
    appended.durable().await.unwrap();
    verdict
}

pub fn meta(app: &App, room: RoomNum, id: &EventId) -> EventMeta {
    let latest = app.store.latest();
    let view = app.rooms.view(&latest, room);
    view.meta(view.find(id).unwrap().unwrap()).unwrap()
}

/// A server's state at a root, as a map to compare.
pub fn state_at(app: &App, room: RoomNum, root: Root) -> BTreeMap<(String, String), OwnedEventId> {
    let latest = app.store.latest();
    let view = app.rooms.view(&latest, room);
    let state = view.state(NodeHash(root));
    let name = |number| {
        let event = view.event(number).unwrap();
        let key = (event.event_type().into_owned(), event.state_key().unwrap().into_owned());
        (key, event.event_id().to_owned())
    };
    state.entries().map(|entry| name(entry.unwrap().1)).collect()
}

pub fn sorted(state: &State) -> BTreeMap<(String, String), OwnedEventId> {
    state.iter().map(|((event_type, key), id)| ((event_type.to_string(), key.clone()), id.clone())).collect()
}
