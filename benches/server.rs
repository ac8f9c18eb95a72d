//! What a server's core costs without HTTP: appending events alone and many at once, and a sync of a user in few
//! and in many rooms of which one changed. The second must not depend on the number of rooms.

use std::{sync::Arc, time::Duration};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use ruma::{CanonicalJsonObject, OwnedUserId, RoomVersionId, owned_device_id};
use salon::{
    app::App,
    clock::{Clock, Randomness},
    config::Config,
    ids::RoomNum,
    rooms::{
        NewEvent,
        create::{NewRoom, Preset},
    },
    sync::{Request, SyncToken, sync},
    users::{Session, filters::Filter},
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
        let session = Session { user_id, user, device_id: owned_device_id!("BENCH"), is_guest: false };
        Self { runtime, app, session, _folder: folder }
    }

    fn room(&self) -> RoomNum {
        let new = NewRoom {
            creator: self.session.user_id.clone(),
            version: RoomVersionId::V12,
            creation_content: CanonicalJsonObject::new(),
            preset: Preset::PublicChat,
            power_levels: CanonicalJsonObject::new(),
            initial_state: Vec::new(),
            name: None,
            topic: None,
            alias_localpart: None,
            listed: false,
            invite: Vec::new(),
            is_direct: false,
        };
        let room_id = self.runtime.block_on(self.app.rooms.create(new)).expect("the room is made");
        self.app.rooms.number(&room_id).expect("the room is there")
    }

    fn message(&self) -> NewEvent {
        let mut content = CanonicalJsonObject::new();
        content.insert("msgtype".to_owned(), "m.text".to_owned().into());
        content.insert("body".to_owned(), "a message of a usual length, as people write them".to_owned().into());
        NewEvent::message(self.session.user_id.clone(), "m.room.message", content)
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

criterion_group!(benches, append, sync_of_one_changed_room);
criterion_main!(benches);
