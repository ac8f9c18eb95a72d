//! Rooms that fork: what state there is, who sees what, and that the order of delivery makes no difference.

mod relations;
mod world;

use std::sync::Arc;

use rand::{RngExt, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use ruma::{OwnedEventId, RoomVersionId, room_version_rules::RoomVersionRules};
use salon::{
    app::App,
    check,
    clock::{Clock, Randomness},
    config::Config,
    event::Pdu,
    ids::RoomNum,
    rooms::{
        NewEvent,
        create::{NewRoom, Preset},
        rows::{Membership, Verdict},
    },
};
use serde_json::{Value, json};
use tempfile::TempDir;

use self::world::{New, World, deliver, head, meta, sorted, state_at, user};

/// After the events that the room began with: of two that don't know each other, the later one wins.
const LATER: u64 = 4_000_000_000_000;

/// A server without its HTTP side.
struct Server {
    app: Arc<App>,
    folder: TempDir,
}

impl Server {
    fn start(folder: TempDir) -> Self {
        let config = Config { data_dir: folder.path().to_owned(), ..Config::default() };
        let app = App::build(config, Clock::System, Randomness::from_system()).unwrap();
        Self { app, folder }
    }

    /// Another server that is as far as this one, which ends.
    fn split(self) -> (Self, Self) {
        let folder = self.stop();
        let copy = tempfile::tempdir().unwrap();
        crate::common::copy_folder(folder.path(), copy.path());
        (Self::start(folder), Self::start(copy))
    }

    fn stop(self) -> TempDir {
        self.app.store.close();
        self.folder
    }

    fn assert_whole(&self) {
        let report = check::check(&self.app.store).unwrap();
        assert!(report.is_clean(), "{report}");
    }
}

/// A public room of Alice's, where Bob and Carol are moderators, and Dave is a member.
async fn room_of(app: &App, version: RoomVersionId) -> RoomNum {
    let users = levels(salon::event::rules(&version).unwrap(), None);
    let mut new = NewRoom::new(user("alice"), version, Preset::PublicChat);
    let levels = json!({ "users": users, "ban": 50, "kick": 50, "invite": 0 });
    new.power_levels = salon::event::check_content(&levels.to_string()).unwrap();
    let room = app.rooms.number(&app.rooms.create(new).await.unwrap()).unwrap();
    for name in ["bob", "carol", "dave"] {
        let content = salon::event::check_content(r#"{"membership":"join"}"#).unwrap();
        let join = NewEvent::state(user(name), "m.room.member", user(name).as_str(), content);
        app.rooms.send(room, join).await.unwrap();
    }
    room
}

/// Who has which level: from version 12 on the creator is above all, and must not be named.
fn levels(rules: &RoomVersionRules, dave: Option<i64>) -> Value {
    let mut users = json!({ user("bob").as_str(): 50, user("carol").as_str(): 50 });
    if !rules.authorization.explicitly_privilege_room_creators {
        users[user("alice").as_str()] = json!(100);
    }
    if let Some(level) = dave {
        users[user("dave").as_str()] = json!(level);
    }
    users
}

fn state<'a>(sender: &'a str, event_type: &'a str, state_key: &'a str, content: Value) -> New<'a> {
    New { sender, event_type, state_key: Some(state_key), content, timestamp: LATER }
}

fn message<'a>(sender: &'a str, body: &str) -> New<'a> {
    New { sender, event_type: "m.room.message", state_key: None, content: json!({ "body": body }), timestamp: LATER }
}

async fn forking(version: RoomVersionId) -> (Server, RoomNum, World, Arc<Pdu>) {
    let server = Server::start(tempfile::tempdir().unwrap());
    let room = room_of(&server.app, version).await;
    let world = World::of(&server.app, room);
    let tip = world.events[world.order.last().unwrap()].clone();
    (server, room, world, tip)
}

fn membership(app: &App, room: RoomNum, name: &str) -> (Membership, Membership) {
    let latest = app.store.latest();
    let view = app.rooms.view(&latest, room);
    let number = app.store.user_num(&user(name)).unwrap().unwrap();
    (view.member(number).unwrap().unwrap().membership, view.own(number).unwrap().unwrap().membership)
}

#[tokio::test]
async fn a_member_whom_resolution_takes_away_is_gone_from_every_index() {
    for version in [RoomVersionId::V6, RoomVersionId::V11, RoomVersionId::V12] {
        let (server, room, mut world, tip) = forking(version).await;
        let (app, erin) = (&server.app, user("erin"));
        // Erin joins while, unseen by her, the room is closed.
        let join = world.add(state("erin", "m.room.member", erin.as_str(), json!({ "membership": "join" })), &[&tip]);
        let closed = world.add(state("alice", "m.room.join_rules", "", json!({ "join_rule": "invite" })), &[&tip]);
        assert_eq!(deliver(app, room, &join).await, Verdict::Accepted);
        assert_eq!(head(app, room).joined, 5);
        assert_eq!(membership(app, room, "erin"), (Membership::Join, Membership::Join));
        assert_eq!(deliver(app, room, &closed).await, Verdict::Accepted);

        let resolved = world.before(&[join.event_id().clone(), closed.event_id().clone()]);
        assert_eq!(state_at(app, room, head(app, room).state), sorted(&resolved));
        assert_eq!(head(app, room).joined, 4, "the count follows the resolution");
        assert_eq!(membership(app, room, "erin"), (Membership::Leave, Membership::Leave));
        assert_eq!(head(app, room).extremities.len(), 2);

        // The next local event joins the branches again.
        let content = salon::event::check_content(r#"{"body":"both"}"#).unwrap();
        let both = app.rooms.send(room, NewEvent::message(user("alice"), "m.room.message", content)).await.unwrap();
        let row = meta(app, room, &both);
        assert_eq!(row.prev.len(), 2);
        assert_eq!(head(app, room).extremities.len(), 1);
        assert_eq!(state_at(app, room, row.before), sorted(&resolved));
        server.assert_whole();
    }
}

#[tokio::test]
async fn who_was_banned_meanwhile_is_heard_no_more() {
    let (server, room, mut world, tip) = forking(RoomVersionId::V12).await;
    let (app, bob) = (&server.app, user("bob"));
    let ban = world.add(state("alice", "m.room.member", bob.as_str(), json!({ "membership": "ban" })), &[&tip]);
    let topic = world.add(state("bob", "m.room.topic", "", json!({ "topic": "mine" })), &[&tip]);
    let more = world.add(message("bob", "and more"), &[&topic]);
    let never = world.add(message("erin", "I was never there"), &[&tip]);
    assert_eq!(deliver(app, room, &ban).await, Verdict::Accepted);
    let (before, root) = (head(app, room).extremities, head(app, room).state);
    assert_eq!(deliver(app, room, &topic).await, Verdict::SoftFailed);
    assert_eq!(deliver(app, room, &more).await, Verdict::SoftFailed);
    assert_eq!(deliver(app, room, &never).await, Verdict::Rejected);
    assert_eq!((head(app, room).extremities, head(app, room).state), (before, root), "they change nothing");
    assert!(app.rooms.lock(room).await.unwrap().append_signed(topic).is_err(), "once is enough");

    // What follows them all leaves no extremity behind that it has overtaken.
    let after = [&ban, &more].map(|pdu| pdu.event_id().clone());
    let merge = world.make(message("alice", "on we go"), &after);
    assert_eq!(deliver(app, room, &merge).await, Verdict::Accepted);
    assert_eq!(head(app, room).extremities.len(), 1);
    server.assert_whole();
}

#[tokio::test]
async fn an_extremity_that_is_reached_through_a_refused_event_is_overtaken() {
    let (server, room, mut world, tip) = forking(RoomVersionId::V12).await;
    let app = &server.app;
    let refused = world.add(message("erin", "I was never there"), &[&tip]);
    let next = world.add(message("alice", "behind it"), &[&refused]);
    assert_eq!(deliver(app, room, &refused).await, Verdict::Rejected);
    assert_eq!(deliver(app, room, &next).await, Verdict::Accepted);
    assert_eq!(head(app, room).extremities.len(), 1, "the event before the refused one is no end any more");
    server.assert_whole();
}

#[tokio::test]
async fn an_event_that_cannot_name_all_extremities_has_the_state_of_those_it_names() {
    let (server, room, mut world, tip) = forking(RoomVersionId::V12).await;
    let app = &server.app;
    for number in 0..25 {
        let key = number.to_string();
        let fork = world.add(state("alice", "org.example", &key, json!({})), &[&tip]);
        assert_eq!(deliver(app, room, &fork).await, Verdict::Accepted);
    }
    let content = salon::event::check_content(r#"{"body":"among many"}"#).unwrap();
    let event = app.rooms.send(room, NewEvent::message(user("alice"), "m.room.message", content)).await.unwrap();
    let latest = app.store.latest();
    let view = app.rooms.view(&latest, room);
    let pdu = view.pdu(view.find(&event).unwrap().unwrap(), &world.room_id).unwrap();
    assert_eq!((pdu.prev_events().len(), head(app, room).extremities.len()), (20, 6));
    assert_eq!(state_at(app, room, meta(app, room, &event).before), sorted(&world.before(pdu.prev_events())));
    server.assert_whole();
}

/// One more event of a random history, behind one or two events that are there.
fn random_event(world: &World, random: &mut StdRng, number: u64) -> Option<Arc<Pdu>> {
    const NAMES: [&str; 5] = ["alice", "bob", "carol", "dave", "erin"];
    let sender = *NAMES.choose(random).unwrap();
    // Alice stays: she has the last word.
    let target = user(NAMES[1..].choose(random).unwrap());
    let level = *[0, 25, 50, 75].choose(random).unwrap();
    let mut new = match random.random_range(0..10) {
        0 | 1 => message(sender, "hello"),
        2 => state(sender, "m.room.topic", "", json!({ "topic": number })),
        3 => state(sender, "m.room.member", target.as_str(), json!({ "membership": "ban" })),
        4 => state(sender, "m.room.member", target.as_str(), json!({ "membership": "leave" })),
        5 => state(sender, "m.room.member", target.as_str(), json!({ "membership": "invite" })),
        6 => {
            let users = levels(world.rules, Some(level));
            state(sender, "m.room.power_levels", "", json!({ "users": users, "ban": 50, "kick": 50 }))
        }
        7 => {
            let rule = if random.random_bool(0.5) { "public" } else { "invite" };
            state(sender, "m.room.join_rules", "", json!({ "join_rule": rule }))
        }
        _ => state(sender, "m.room.member", "", json!({ "membership": "join" })),
    };
    let own = user(sender);
    if new.state_key == Some("") && new.event_type == "m.room.member" {
        new.state_key = Some(own.as_str());
    }
    new.timestamp = random.random_range(0..1_000);
    let recent = &world.order[world.order.len().saturating_sub(8)..];
    let mut prev: Vec<OwnedEventId> =
        (0..random.random_range(1..4)).map(|_| recent.choose(random).unwrap().clone()).collect();
    prev.sort();
    prev.dedup();
    let pdu = world.make(new, &prev);
    // A few that the rules refuse are good to have; many teach nothing.
    let wanted = world.is_allowed(&pdu, &world.before(&prev)) || random.random_bool(0.1);
    (wanted && !world.events.contains_key(pdu.event_id())).then_some(pdu)
}

/// The events in another order in which each still comes behind those that it names.
fn shuffled(events: &[Arc<Pdu>], random: &mut StdRng) -> Vec<Arc<Pdu>> {
    let mut left: Vec<_> = events.to_vec();
    let mut order = vec![];
    while !left.is_empty() {
        let named = |pdu: &Arc<Pdu>| pdu.prev_events().iter().chain(pdu.auth_events()).cloned().collect::<Vec<_>>();
        let ready: Vec<usize> = (0..left.len())
            .filter(|at| named(&left[*at]).iter().all(|id| left.iter().all(|other| other.event_id() != id)))
            .collect();
        order.push(left.remove(*ready.choose(random).unwrap()));
    }
    order
}

#[tokio::test]
async fn the_order_of_delivery_makes_no_difference() {
    for (seed, version) in
        [RoomVersionId::V6, RoomVersionId::V10, RoomVersionId::V12].iter().cycle().take(6).enumerate()
    {
        let mut random = StdRng::seed_from_u64(seed as u64);
        let (server, room, mut world, _) = forking(version.clone()).await;
        let known = world.order.len();
        for number in 0..60 {
            if let Some(pdu) = random_event(&world, &mut random, number) {
                world.take(pdu);
            }
        }
        let leaves = world.leaves();
        for chunk in leaves.chunks(20) {
            let last = world.make(message("alice", "to end with"), chunk);
            world.take(last);
        }
        let last = world.make(message("alice", "at last"), &world.leaves());
        world.take(last.clone());
        let events: Vec<_> = world.order[known..].iter().map(|id| world.events[id].clone()).collect();
        let (one, other) = server.split();
        for (server, events) in [(&one, events.clone()), (&other, shuffled(&events, &mut random))] {
            for pdu in &events {
                let verdict = deliver(&server.app, room, pdu).await;
                assert_eq!(verdict == Verdict::Rejected, world.is_rejected(pdu.event_id()), "seed {seed}, {pdu:?}");
                let row = meta(&server.app, room, pdu.event_id());
                let before = sorted(&world.before(pdu.prev_events()));
                assert_eq!(state_at(&server.app, room, row.before), before, "seed {seed}, {pdu:?}");
            }
            server.assert_whole();
            assert_eq!(head(&server.app, room).extremities.len(), 1, "seed {seed}");
            let current = state_at(&server.app, room, head(&server.app, room).state);
            assert_eq!(current, sorted(&world.before(&[last.event_id().clone()])), "seed {seed}");
        }
        assert_eq!(head(&one.app, room).joined, head(&other.app, room).joined, "seed {seed}");
    }
}
