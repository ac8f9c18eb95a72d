//! What a server's core costs without HTTP: appending events alone and many at once, and a sync of a user in few
//! and in many rooms of which one changed. The second must not depend on the number of rooms.

mod common;

use std::time::Duration;

use common::{Core, open_room};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use ruma::{CanonicalJsonObject, CanonicalJsonValue, EventId, OwnedEventId};
use salon::{
    ids::RoomNum,
    rooms::{
        NewEvent,
        history::Stretch,
        select::EventSelector,
        timeline::{Direction, Point},
    },
    sync::{Request, SyncToken, sync},
    users::{
        Session,
        filters::{Filter, RoomEventFilter},
    },
};

/// Events that are sent at once in the grouped case.
const GROUP: usize = 128;

struct Server {
    core: Core,
    session: Session,
}

impl Server {
    fn start() -> Self {
        let core = Core::start();
        let session = core.session("alice");
        Self { core, session }
    }

    fn room(&self) -> RoomNum {
        self.core.create(open_room(&self.session.user_id))
    }

    fn message(&self) -> NewEvent {
        let mut content = CanonicalJsonObject::new();
        content.insert("msgtype".to_owned(), "m.text".to_owned().into());
        content.insert("body".to_owned(), "a message of a usual length, as people write them".to_owned().into());
        NewEvent::message(self.session.user_id.clone(), "m.room.message", content)
    }

    fn relating(&self, rel_type: &str, parent: &EventId, number: usize) -> NewEvent {
        let mut event = self.message();
        let text = |text: &str| CanonicalJsonValue::from(text.to_owned());
        let relates_to = [("rel_type", rel_type), ("event_id", parent.as_str()), ("key", &number.to_string())]
            .map(|(key, value)| (key.to_owned(), text(value)));
        event.content.insert("m.relates_to".to_owned(), CanonicalJsonValue::Object(relates_to.into()));
        event.content.insert("m.new_content".to_owned(), CanonicalJsonValue::Object(Default::default()));
        event
    }

    fn send(&self, room: RoomNum, event: NewEvent) -> OwnedEventId {
        self.core.runtime.block_on(self.core.app.rooms.send(room, event)).expect("sent")
    }

    fn sync(&self, since: Option<SyncToken>) -> (Vec<u8>, SyncToken) {
        let request = Request {
            since,
            filter: Filter::default(),
            full_state: false,
            use_state_after: false,
            timeout: Duration::ZERO,
        };
        let answer = self.core.runtime.block_on(sync(&self.core.app, &self.session, &request)).expect("an answer");
        let parsed: serde_json::Value = serde_json::from_slice(&answer).expect("JSON");
        let token = parsed["next_batch"].as_str().and_then(|token| token.parse().ok()).expect("a token");
        (answer, token)
    }
}

fn append(criterion: &mut Criterion) {
    let server = Server::start();
    let room = server.room();
    let mut group = criterion.benchmark_group("append");
    group.bench_function("alone", |bench| {
        bench.iter(|| server.core.runtime.block_on(server.core.app.rooms.send(room, server.message())).expect("sent"));
    });
    let rooms: Vec<RoomNum> = (0..8).map(|_| server.room()).collect();
    group.throughput(Throughput::Elements(GROUP as u64));
    group.bench_function("grouped", |bench| {
        bench.iter(|| {
            server.core.runtime.block_on(async {
                let mut tasks = tokio::task::JoinSet::new();
                for index in 0..GROUP {
                    let (app, event, room) = (server.core.app.clone(), server.message(), rooms[index % rooms.len()]);
                    tasks.spawn(async move { app.rooms.send(room, event).await });
                }
                for sent in tasks.join_all().await {
                    sent.expect("sent");
                }
            });
        });
    });
    group.finish();
}

fn sync_of_one_changed_room(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("sync, one room of many changed");
    for rooms in [10, 1_000, 5_000] {
        let server = Server::start();
        let first = server.room();
        for _ in 1..rooms {
            server.room();
        }
        let (_, before) = server.sync(None);
        server.core.runtime.block_on(server.core.app.rooms.send(first, server.message())).expect("sent");
        group.bench_with_input(BenchmarkId::from_parameter(rooms), &before, |bench, before| {
            bench.iter(|| server.sync(Some(*before)));
        });
        let (_, idle) = server.sync(Some(before));
        group.bench_with_input(BenchmarkId::new("nothing new", rooms), &idle, |bench, idle| {
            bench.iter(|| server.sync(Some(*idle)));
        });
    }
    group.finish();
}

/// A page of 100 messages: to which nothing relates, with a reaction each, with an edit each, and with a thread of
/// ten each.
fn page_with_relations(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("page of 100 messages");
    for (name, rel_type, each) in
        [("plain", "", 0), ("reacted to", "m.annotation", 1), ("edited", "m.replace", 1), ("threads", "m.thread", 10)]
    {
        let server = Server::start();
        let room = server.room();
        let parents: Vec<_> = (0..100).map(|_| server.send(room, server.message())).collect();
        let end = Point::after(server.core.app.store.published());
        for parent in &parents {
            for number in 0..each {
                server.send(room, server.relating(rel_type, parent, number));
            }
        }
        let snapshot = server.core.app.store.snapshot();
        let room_id = server.core.app.store.room_id(room).expect("a room ID");
        let filter = RoomEventFilter::default();
        let stretch = Stretch {
            from: end,
            to: Point::START,
            direction: Direction::Backward,
            limit: 100,
            selector: EventSelector::new(&filter),
        };
        group.bench_function(name, |bench| {
            bench.iter(|| {
                let pages = server.core.app.rooms.pages(&snapshot, &server.core.app.users, &server.session, &room_id);
                let mut history = pages.expect("a history");
                let page = history.walk(&stretch).expect("a page");
                assert_eq!(page.events.len(), 100);
                let mut out = Vec::new();
                history.render_all(&mut out, &page.events).expect("JSON");
                out
            });
        });
    }
    group.finish();
}

criterion_group!(benches, append, sync_of_one_changed_room, page_with_relations);
criterion_main!(benches);
