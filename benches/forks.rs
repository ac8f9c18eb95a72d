//! What a fork costs in a big room: an event behind two branches that differ in few or many power levels, bans and
//! kicks, judged and resolved; and, beside it, a message in the same room without a fork. All must depend on what the
//! branches differ in, not on how many members the room has.

mod common;

use std::{cell::RefCell, sync::Arc};

use common::{Core, open_room};
use criterion::{BatchSize, BenchmarkId, Criterion, criterion_group, criterion_main};
use ruma::{OwnedEventId, OwnedUserId, server_name};
use salon::{
    event::{Draft, DraftRoom, Pdu, Seal, SigningKey, check_content},
    ids::RoomNum,
    rooms::{NewEvent, RoomGuard},
    state::{auth, trie::NodeHash},
    store::{Family, Read, keys},
};
use serde_json::{Value, json};

const MEMBERS: [usize; 3] = [100, 10_000, 50_000];
/// State events of both branches together that the other one doesn't know.
const CONFLICTING: [usize; 3] = [2, 10, 100];
/// Members who wait for the disk together while the room fills.
const GROUP: usize = 500;

/// A room of many members: Alice made it, Bob may ban.
struct BigRoom {
    core: Core,
    room: RoomNum,
    key: SigningKey,
    rounds: u64,
}

fn user(name: impl std::fmt::Display) -> OwnedUserId {
    format!("@{name}:localhost").try_into().expect("a user ID")
}

fn content(content: &Value) -> ruma::CanonicalJsonObject {
    check_content(&content.to_string()).expect("content")
}

/// What a branch does next.
struct Move {
    sender: OwnedUserId,
    event_type: &'static str,
    state_key: String,
    content: Value,
}

impl BigRoom {
    fn new(members: usize) -> Self {
        let core = Core::start();
        let mut new = open_room(&user("alice"));
        new.power_levels = content(&json!({ "users": { user("bob").as_str(): 50 } }));
        let room = core.create(new);
        let key = core.app.store.latest().get(Family::Meta, &keys::meta("signing_key")).expect("read").expect("a key");
        let key = SigningKey::from_bytes(&key).expect("a key");
        let big = Self { core, room, key, rounds: 0 };
        big.core.runtime.block_on(big.fill(members));
        big
    }

    async fn fill(&self, members: usize) {
        let names = std::iter::once(user("bob")).chain((0..members).map(|n| user(format!("member{n}"))));
        for (number, name) in names.enumerate() {
            let joined = content(&json!({ "membership": "join" }));
            let join = NewEvent::state(name.clone(), "m.room.member", name.as_str(), joined);
            let appended = self.core.app.rooms.lock(self.room).await.expect("free").append(join).expect("joins");
            if number.is_multiple_of(GROUP) {
                appended.durable().await.expect("written");
            }
        }
    }

    /// An event of somebody, behind `prev` and authorised by the state there.
    fn sign(&self, guard: &RoomGuard<'_>, step: Move, prev: &OwnedEventId) -> Arc<Pdu> {
        let draft = Draft {
            room: DraftRoom::Existing(guard.room_id().clone()),
            sender: step.sender,
            event_type: step.event_type.to_owned(),
            state_key: Some(step.state_key),
            content: content(&step.content),
            redacts: None,
            origin_server_ts: self.core.app.clock.now_ms(),
        };
        let rules = guard.rules();
        let (depth, auth_events) = guard.with_view(|view| {
            let meta = view.meta(view.find(prev).expect("read").expect("it is here")).expect("its row");
            let types = auth::auth_types_of_draft(rules, &draft).expect("types");
            let events = types.iter().filter_map(|(event_type, key)| {
                let number = view.state_at(NodeHash(meta.after), &event_type.to_string(), key).expect("read")?;
                Some(view.event(number).expect("read").event_id().to_owned())
            });
            (meta.depth + 1, events.collect::<Vec<_>>())
        });
        let prev_events = std::slice::from_ref(prev);
        let (key, server_name) = (&self.key, server_name!("localhost"));
        let seal = Seal { rules, prev_events, auth_events: &auth_events, depth, key, server_name };
        Arc::new(draft.seal(seal).expect("a valid event"))
    }

    /// Joins what forked before, forks anew, delivers all but the last event, and hands that out.
    fn fork(&mut self, conflicting: usize) -> Arc<Pdu> {
        self.rounds += 1;
        let rounds = self.rounds;
        self.core.runtime.block_on(async {
            let mut guard = self.core.app.rooms.lock(self.room).await.expect("free");
            let message = NewEvent::message(user("alice"), "m.room.message", content(&json!({ "body": rounds })));
            let base = guard.append(message).expect("sent").pdu.event_id().clone();
            let (mut left, mut right) = (base.clone(), base);
            for number in 0..conflicting - 1 {
                let tip = if number.is_multiple_of(2) { &mut left } else { &mut right };
                let pdu = self.sign(&guard, step(rounds, number), tip);
                *tip = pdu.event_id().clone();
                drop(guard.append_signed(pdu).expect("delivered"));
            }
            self.sign(&guard, step(rounds, conflicting - 1), &right)
        })
    }

    fn deliver(&self, pdu: Arc<Pdu>) {
        self.core.runtime.block_on(async {
            let mut guard = self.core.app.rooms.lock(self.room).await.expect("free");
            drop(guard.append_signed(pdu).expect("delivered"));
        });
    }

    fn say(&self) {
        self.core.runtime.block_on(async {
            let mut guard = self.core.app.rooms.lock(self.room).await.expect("free");
            let message = NewEvent::message(user("alice"), "m.room.message", content(&json!({ "body": "hello" })));
            drop(guard.append(message).expect("sent"));
        });
    }
}

/// Even ones are Alice's: levels, and bans every second time. Odd ones are Bob's, who bans and unbans.
fn step(rounds: u64, number: usize) -> Move {
    let target = |name: String| user(name).to_string();
    let member = |sender: &str, name: String, membership: &str| Move {
        sender: user(sender),
        event_type: "m.room.member",
        state_key: target(name),
        content: json!({ "membership": membership, "reason": rounds.to_string() }),
    };
    match number % 4 {
        0 => Move {
            sender: user("alice"),
            event_type: "m.room.power_levels",
            state_key: String::new(),
            content: json!({ "users": { user("bob").as_str(): 50, user("carol").as_str(): rounds % 50 } }),
        },
        2 => member("alice", format!("stranger{number}"), "ban"),
        _ => member("bob", format!("stranger{number}"), if rounds.is_multiple_of(2) { "ban" } else { "leave" }),
    }
}

fn forks(criterion: &mut Criterion) {
    for members in MEMBERS {
        let mut big = BigRoom::new(members);
        let mut group = criterion.benchmark_group("big room");
        group.bench_function(BenchmarkId::new("message", members), |bench| bench.iter(|| big.say()));
        for conflicting in CONFLICTING {
            let name = format!("last of {conflicting} conflicting events");
            group.sample_size(20).bench_function(BenchmarkId::new(name, members), |bench| {
                // Making a fork and delivering its last event take turns.
                let big = RefCell::new(&mut big);
                bench.iter_batched(
                    || big.borrow_mut().fork(conflicting),
                    |pdu| big.borrow().deliver(pdu),
                    BatchSize::PerIteration,
                );
            });
        }
        group.finish();
    }
}

criterion_group!(benches, forks);
criterion_main!(benches);
