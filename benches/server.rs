//! What a server's core costs without HTTP: appending events alone and many at once, and a sync of a user in few
//! and in many rooms of which one changed. The second must not depend on the number of rooms.

use std::{sync::Arc, time::Duration};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use ruma::{
    CanonicalJsonObject, CanonicalJsonValue, EventId, OwnedEventId, OwnedUserId, RoomVersionId, owned_device_id,
};
use salon::{
    app::App,
    clock::{Clock, Randomness},
    config::Config,
    ids::RoomNum,
    rooms::{
        NewEvent,
        create::{NewRoom, Preset},
        history::Stretch,
        select::EventSelector,
        timeline::{Direction, Point},
    },
    sync::{Request, SyncToken, sync},
    users::{
        Restrictions, Session,
        filters::{Filter, RoomEventFilter},
    },
};
use tokio::runtime::Runtime;

/// Events that are sent at once in the grouped case.
const GROUP: usize = 128;

struct Server {
    runtime: Runtime,
    app: Arc<App>,
    session: Session,
    _folder: tempfile::TempDir,
}

impl Server {
    fn start() -> Self {
        let runtime = Runtime::new().expect("a runtime");
        let folder = tempfile::tempdir().expect("a folder");
        let config = Config { data_dir: folder.path().to_owned(), ..Config::default() };
        let app = runtime
            .block_on(async { App::build(config, Clock::System, Randomness::seeded(1)) })
            .expect("the server starts");
        let user_id: OwnedUserId = "@alice:localhost".try_into().expect("a user ID");
        let user = app.store.intern_user(&user_id).expect("a number");
        let session = Session {
            user_id,
            user,
            device_id: owned_device_id!("BENCH"),
            is_guest: false,
            token: Default::default(),
            restrictions: Restrictions::default(),
        };
        Self { runtime, app, session, _folder: folder }
    }

    fn room(&self) -> RoomNum {
        let new = NewRoom::new(self.session.user_id.clone(), RoomVersionId::V12, Preset::PublicChat);
        let room_id = self.runtime.block_on(self.app.rooms.create(new)).expect("the room is made");
        self.app.rooms.number(&room_id).expect("the room is there")
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
        self.runtime.block_on(self.app.rooms.send(room, event)).expect("sent")
    }

    fn sync(&self, since: Option<SyncToken>) -> (Vec<u8>, SyncToken) {
        let request = Request {
            since,
            filter: Filter::default(),
            full_state: false,
            use_state_after: false,
            timeout: Duration::ZERO,
        };
        let answer = self.runtime.block_on(sync(&self.app, &self.session, &request)).expect("an answer");
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
        bench.iter(|| server.runtime.block_on(server.app.rooms.send(room, server.message())).expect("sent"));
    });
    let rooms: Vec<RoomNum> = (0..8).map(|_| server.room()).collect();
    group.throughput(Throughput::Elements(GROUP as u64));
    group.bench_function("grouped", |bench| {
        bench.iter(|| {
            server.runtime.block_on(async {
                let mut tasks = tokio::task::JoinSet::new();
                for index in 0..GROUP {
                    let (app, event, room) = (server.app.clone(), server.message(), rooms[index % rooms.len()]);
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
        server.runtime.block_on(server.app.rooms.send(first, server.message())).expect("sent");
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
        let end = Point::after(server.app.store.published());
        for parent in &parents {
            for number in 0..each {
                server.send(room, server.relating(rel_type, parent, number));
            }
        }
        let snapshot = server.app.store.snapshot();
        let room_id = server.app.store.room_id(room).expect("a room ID");
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
                let pages = server.app.rooms.pages(&snapshot, &server.app.users, &server.session, &room_id);
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
