//! What the trimmed resolution finds, against ruma's resolution of whole states on random histories.

use std::collections::BTreeSet;

use proptest::prelude::*;
use rand::{SeedableRng, rngs::StdRng};
use ruma::RoomVersionId;
use serde_json::json;

use super::*;
use crate::ids::EventNum;
use crate::state::{
    chains::{WalkError, auth_difference, conflicted_subgraph},
    tests::{Branch, New, TestGraph, TestRoom, user},
};

type State = StateMap<OwnedEventId>;

const VERSIONS: [RoomVersionId; 3] = [RoomVersionId::V6, RoomVersionId::V10, RoomVersionId::V12];

/// The keys that the states disagree on.
fn conflicted_keys(states: &[State]) -> Vec<ConflictedKey> {
    let keys: HashSet<_> = states.iter().flat_map(|state| state.keys()).collect();
    let values = |key: &StateKey| states.iter().map(|state| state.get(key).cloned()).collect::<Vec<_>>();
    keys.into_iter()
        .map(|key| ConflictedKey { key: key.clone(), values: values(key) })
        .filter(|key| key.values.iter().any(|value| *value != key.values[0]))
        .collect()
}

/// The conflict as the server finds it: by number, from what differs.
fn conflict(room: &TestRoom, states: &[State]) -> Conflict {
    let keys = conflicted_keys(states);
    let sets: Vec<Vec<_>> = (0..states.len())
        .map(|n| keys.iter().filter_map(|key| key.values[n].as_ref()).map(|id| room.number(id)).collect())
        .collect();
    let graph = TestGraph { room, states };
    let ids = |numbers: Vec<_>| numbers.into_iter().map(|number| room.id(number)).collect();
    let conflicted = sets.iter().flatten().copied().collect();
    Conflict {
        auth_difference: ids(auth_difference(&graph, &sets, 10_000).unwrap()),
        subgraph: ids(conflicted_subgraph(&graph, &conflicted, 10_000).unwrap()),
        keys,
    }
}

fn trimmed(room: &TestRoom, states: &[State]) -> State {
    let conflict = conflict(room, states);
    let keys: HashSet<_> = conflict.keys.iter().map(|key| key.key.clone()).collect();
    let unconflicted = |event_type: &StateEventType, state_key: &str| {
        let key = (event_type.clone(), state_key.to_owned());
        assert!(!keys.contains(&key), "asked for a conflicted key");
        states[0].get(&key).cloned()
    };
    let answer = resolve(room.rules, &conflict, unconflicted, |id| room.event(id)).unwrap();
    let mut state = states[0].clone();
    for (key, event) in answer {
        match event {
            Some(event) => state.insert(key, event),
            None => state.remove(&key),
        };
    }
    state
}

/// The conflicted state subgraph by its definition: what lies between two conflicted events.
fn full_subgraph(room: &TestRoom, conflicted: &[OwnedEventId]) -> EventIdSet<OwnedEventId> {
    let all = room.reachable(conflicted);
    let leads_to_one = |id: &&OwnedEventId| conflicted.iter().any(|end| room.reachable([*id]).contains(end));
    all.iter().filter(leads_to_one).cloned().collect()
}

/// ruma's resolution of whole states with whole chains: the oracle.
fn full(room: &TestRoom, states: &[State]) -> State {
    state_res::resolve(
        &room.rules.authorization,
        room.rules.state_res.v2_rules().unwrap(),
        states,
        states.iter().map(|state| room.reachable(state.values())).collect(),
        |id| room.event(id),
        |conflicted| Some(full_subgraph(room, &conflicted.values().flatten().cloned().collect::<Vec<_>>())),
    )
    .unwrap()
}

fn sorted<'a>(ids: impl IntoIterator<Item = &'a OwnedEventId>) -> BTreeSet<OwnedEventId> {
    ids.into_iter().cloned().collect()
}

/// Compares what the walks find and what follows from it with the whole thing.
fn check(room: &TestRoom, states: &[State]) -> State {
    let conflict = conflict(room, states);
    let conflicted: Vec<_> = conflict.keys.iter().flat_map(|key| key.values.iter().flatten()).cloned().collect();
    let chains: Vec<_> = states.iter().map(|state| room.reachable(state.values())).collect();
    let union = sorted(chains.iter().flat_map(|chain| chain.iter()));
    let differs = |id: &&OwnedEventId| !chains.iter().all(|chain| chain.contains(id)) && !conflicted.contains(id);
    assert_eq!(sorted(&conflict.auth_difference), sorted(union.iter().filter(differs)), "auth difference");
    assert_eq!(sorted(&conflict.subgraph), sorted(full_subgraph(room, &conflicted).iter()), "subgraph");

    let full = full(room, states);
    assert_eq!(trimmed(room, states), full);
    // Another server, to which the events came in another order, and which has the branches in another one.
    let mut random = StdRng::seed_from_u64(room.events.len() as u64);
    let (other, mut backwards) = (room.reordered(&mut random), states.to_vec());
    backwards.reverse();
    assert_eq!(trimmed(&other, &backwards), full, "the order of delivery made a difference");
    full
}

/// One step of a random history.
#[derive(Clone, Debug)]
struct Step {
    branch: usize,
    kind: u8,
    sender: usize,
    target: usize,
    level: i64,
    ts: u64,
    /// How many states back the auth events are chosen from.
    stale: usize,
}

fn step() -> impl Strategy<Value = Step> {
    let stale = prop_oneof![4 => Just(0_usize), 1 => 1..4_usize];
    (0..3_usize, 0..16_u8, 0..5_usize, 0..5_usize, prop::sample::select(vec![0, 25, 50, 75]), 0..1000_u64, stale)
        .prop_map(|(branch, kind, sender, target, level, ts, stale)| Step {
            branch,
            kind,
            sender,
            target,
            level,
            ts,
            stale,
        })
}

/// A room with up to three branches, and the states that each went through.
struct World {
    room: TestRoom,
    branches: Vec<(Branch, Vec<State>)>,
}

impl World {
    fn new(version: &RoomVersionId) -> Self {
        let (room, branch) = TestRoom::new(version);
        let state = branch.state.clone();
        Self { room, branches: vec![(branch, vec![state]); 3] }
    }

    fn take(&mut self, step: &Step) {
        match step.kind {
            0 => self.merge(&[step.branch, (step.branch + 1) % 3]),
            1 => self.merge(&[0, 1, 2]),
            _ => self.send(step),
        }
    }

    /// Resolves branches; all of them go on from the result.
    fn merge(&mut self, which: &[usize]) {
        let states: Vec<_> = which.iter().map(|n| self.branches[*n].0.state.clone()).collect();
        let heads: BTreeSet<_> = which.iter().flat_map(|n| self.branches[*n].0.heads.clone()).collect();
        let merged = Branch { heads: heads.into_iter().take(20).collect(), state: check(&self.room, &states) };
        // One branch goes on as it was, so that old differences stay.
        for n in &which[1..] {
            self.branches[*n] = (merged.clone(), vec![merged.state.clone()]);
        }
    }

    fn send(&mut self, step: &Step) {
        let (sender, target) = (user(step.sender), user(step.target));
        let member = |membership: &str| json!({"membership": membership});
        let ts = step.ts;
        let note = json!({"note": ts});
        let new = match step.kind {
            2..=4 => New::state(sender, "m.room.member", sender.as_str(), json!({"membership": "join", "x": ts})),
            5 => New::state(sender, "m.room.member", sender.as_str(), member("leave")),
            6 => New::state(sender, "m.room.member", target.as_str(), member("leave")),
            7 | 8 => New::state(sender, "m.room.member", target.as_str(), member("ban")),
            9 => New::state(sender, "m.room.member", target.as_str(), member("invite")),
            10 => New::state(sender, "m.room.topic", "", note),
            11 => New::state(sender, "org.example.note", target.as_str().trim_start_matches('@'), note),
            12 => {
                let rule = if step.level > 25 { "public" } else { "invite" };
                New::state(sender, "m.room.join_rules", "", json!({"join_rule": rule, "x": ts}))
            }
            _ => New::state(sender, "m.room.power_levels", "", self.levels(step)),
        };
        let (branch, past) = &mut self.branches[step.branch];
        let cited = past[past.len() - 1 - step.stale.min(past.len() - 1)].clone();
        if self.room.send_citing(branch, &cited, New { ts, ..new }).is_ok() {
            past.push(branch.state.clone());
        }
    }

    /// The branch's power levels with one of them changed. Version 2 of state resolution may have lost them, where
    /// who set them has left.
    fn levels(&self, step: &Step) -> serde_json::Value {
        let current = self.branches[step.branch].0.state.get(&key("m.room.power_levels", ""));
        let content = current.map(|id| self.room.event(id).unwrap().content().to_owned());
        let mut content: serde_json::Value =
            content.map_or(json!({"users": {}}), |content| serde_json::from_str(content.get()).unwrap());
        content["users"][user(step.target.max(1)).as_str()] = step.level.into();
        content
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn trimmed_equals_full_in_any_order(version in prop::sample::select(VERSIONS.to_vec()), steps in prop::collection::vec(step(), 10..60)) {
        let mut world = World::new(&version);
        for step in &steps {
            world.take(step);
        }
        world.merge(&[0, 1, 2]);
    }
}

fn key(event_type: &str, state_key: &str) -> StateKey {
    (event_type.into(), state_key.to_owned())
}

/// A moderator is demoted on one side while they ban somebody on the other: the demotion comes first.
#[test]
fn a_ban_by_who_is_demoted_meanwhile_does_not_count() {
    for version in VERSIONS {
        let (mut room, base) = TestRoom::new(&version);
        let (mut left, mut right) = (base.clone(), base.clone());
        let levels = &base.state[&key("m.room.power_levels", "")];
        let mut content: serde_json::Value = serde_json::from_str(room.event(levels).unwrap().content().get()).unwrap();
        content["users"].as_object_mut().unwrap().remove(user(1).as_str());
        let creator = user(0);
        let demotion = New::state(creator, "m.room.power_levels", "", content);
        let demotion = room.send(&mut left, demotion).unwrap();
        let ban = room.set_membership(&mut right, 1, 3, "ban").unwrap();
        assert_eq!(right.state[&key("m.room.member", user(3).as_str())], ban);

        let state = check(&room, &[left.state, right.state]);
        assert_eq!(state[&key("m.room.power_levels", "")], demotion);
        assert_eq!(state.get(&key("m.room.member", user(3).as_str())), None, "absent on both sides or refused");
    }
}

/// Joins on two sides don't concern each other, and nothing of the members that agree is looked at.
#[test]
fn concurrent_joins_both_count_and_cost_little() {
    for version in VERSIONS {
        let (mut room, base) = TestRoom::new(&version);
        let (mut left, mut right) = (base.clone(), base);
        room.set_membership(&mut left, 3, 3, "join").unwrap();
        room.set_membership(&mut right, 4, 4, "join").unwrap();
        let states = [left.state, right.state];
        let state = check(&room, &states);
        assert!(state.contains_key(&key("m.room.member", user(3).as_str())));
        assert!(state.contains_key(&key("m.room.member", user(4).as_str())));

        let conflict = conflict(&room, &states);
        assert_eq!(conflict.auth_difference, Vec::<OwnedEventId>::new());
        let asked = RefCell::new(HashSet::new());
        let unconflicted = |event_type: &StateEventType, state_key: &str| {
            asked.borrow_mut().insert((event_type.to_string(), state_key.to_owned()));
            states[0].get(&(event_type.clone(), state_key.to_owned())).cloned()
        };
        resolve(room.rules, &conflict, unconflicted, |id| room.event(id)).unwrap();
        assert!(asked.borrow().iter().all(|(event_type, _)| event_type != "m.room.member"), "{asked:?}");
    }
}

/// ruma knows some types by two names; the state has them under the one that was sent.
#[test]
fn a_type_with_an_alias_keeps_its_name() {
    let alias = "org.matrix.call.sdp_stream_metadata_changed";
    let (mut room, base) = TestRoom::new(&RoomVersionId::V12);
    let (mut left, mut right) = (base.clone(), base);
    let creator = user(0);
    room.send(&mut left, New::state(creator, alias, "", json!({"x": 1}))).unwrap();
    let later = New { ts: 2, ..New::state(creator, alias, "", json!({"x": 2})) };
    let later = room.send(&mut right, later).unwrap();
    assert_eq!(trimmed(&room, &[left.state, right.state])[&key(alias, "")], later);
}

#[test]
fn walks_are_bounded() {
    let (mut room, base) = TestRoom::new(&RoomVersionId::V10);
    let (mut left, mut right) = (base.clone(), base);
    for n in 0..20 {
        let join = json!({"membership": "join", "n": n});
        room.send(&mut left, New::state(user(3), "m.room.member", user(3).as_str(), join)).unwrap();
    }
    let topic = room.send(&mut left, New::state(user(1), "m.room.topic", "", json!({}))).unwrap();
    room.set_membership(&mut right, 2, 2, "leave").unwrap();
    let states = [left.state.clone(), right.state];
    let graph = TestGraph { room: &room, states: &states };
    let last = room.number(&left.state[&key("m.room.member", user(3).as_str())]);
    let sets = [vec![last, room.number(&topic)], vec![EventNum(room.events.len() as u64 - 1)]];
    assert!(auth_difference(&graph, &sets, 100).is_ok());
    assert!(matches!(auth_difference(&graph, &sets, 10), Err(WalkError::TooFar)));
    let ends = HashSet::from([last, EventNum(0)]);
    assert!(matches!(conflicted_subgraph(&graph, &ends, 10), Err(WalkError::TooFar)));
    assert!(conflicted_subgraph(&graph, &ends, 100).unwrap().len() > 20);
}
