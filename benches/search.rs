//! What searching costs: 100,000 messages in 50 rooms, of words as unequally frequent as those of a language.

use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use ruma::{CanonicalJsonObject, OwnedUserId, RoomVersionId, owned_device_id};
use salon::{
    app::App,
    clock::{Clock, Randomness},
    config::Config,
    ids::RoomNum,
    rooms::{
        NewEvent,
        create::{NewRoom, Preset},
        search::{Field, Order, SearchRequest},
    },
    users::{Restrictions, Session, filters::RoomEventFilter},
};
use serde_json::json;
use tokio::{runtime::Runtime, task::JoinSet};

const MESSAGES: usize = 100_000;
const ROOMS: usize = 50;
/// Messages that are sent at once.
const AT_ONCE: usize = 500;
/// Different words, of which the n-th stands in one of n.
const WORDS: usize = 20_000;
const WORDS_OF_MESSAGE: usize = 12;

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
        let user_id: OwnedUserId = "@searcher:localhost".try_into().expect("a user ID");
        let user = app.store.intern_user(&user_id).expect("a number");
        let session = Session {
            user_id,
            user,
            device_id: owned_device_id!("BENCH"),
            is_guest: false,
            restrictions: Restrictions::default(),
            token: Default::default(),
        };
        let server = Self { runtime, app, session, _folder: folder };
        server.runtime.block_on(server.fill());
        server
    }

    async fn fill(&self) {
        self.app.start();
        let mut rooms = Vec::new();
        for _ in 0..ROOMS {
            let new = NewRoom {
                creation_content: CanonicalJsonObject::new(),
                ..NewRoom::new(self.session.user_id.clone(), RoomVersionId::V12, Preset::PublicChat)
            };
            let room_id = self.app.rooms.create(new).await.expect("a room");
            rooms.push(self.app.rooms.number(&room_id).expect("its number"));
        }
        let mut random = StdRng::seed_from_u64(1);
        for _ in 0..MESSAGES / AT_ONCE {
            let mut tasks = JoinSet::new();
            for _ in 0..AT_ONCE {
                let room: RoomNum = rooms[random.random_range(0..ROOMS)];
                let body: Vec<String> = (0..WORDS_OF_MESSAGE).map(|_| word(&mut random)).collect();
                let content = json!({ "msgtype": "m.text", "body": body.join(" ") }).to_string();
                let content = salon::event::check_content(&content).expect("content");
                let event = NewEvent::message(self.session.user_id.clone(), "m.room.message", content);
                let app = self.app.clone();
                tasks.spawn(async move { app.rooms.send(room, event).await.expect("sent") });
            }
            tasks.join_all().await;
        }
        let begun = std::time::Instant::now();
        let mut waits = 0;
        while self.search("w1", Order::Recent) == 0 || waits < 2 {
            self.app.rooms.search_caught_up().await;
            waits += 1;
        }
        eprintln!("caught up {:?} after the last message", begun.elapsed());
    }

    /// Searches, and says how many results the first page has.
    fn search(&self, term: &str, order: Order) -> usize {
        let request = SearchRequest {
            term: term.to_owned(),
            fields: vec![Field::Body, Field::Name, Field::Topic],
            order,
            filter: RoomEventFilter::default(),
            limit: 10,
            from: None,
        };
        let snapshot = self.app.store.snapshot();
        let results = self.app.rooms.search(&snapshot, &self.app.users, &self.session, &request).expect("an answer");
        results.events.len()
    }
}

/// The n-th word with a chance of about one to n.
fn word(random: &mut StdRng) -> String {
    let rank = (WORDS as f64).powf(random.random::<f64>());
    format!("w{}", rank as usize)
}

fn search(c: &mut Criterion) {
    let server = Server::start();
    let mut group = c.benchmark_group("search in 100,000 messages");
    group.sample_size(20);
    for (name, term) in [
        ("a word of ten messages", "w15000"),
        ("a word of a thousand", "w100"),
        ("a word of half of them", "w1"),
        ("two frequent words", "w2 w3"),
        ("a frequent word and a rare one", "w1 w15000"),
        ("a word that nobody said", "nothing"),
    ] {
        for (order, label) in [(Order::Recent, "recent"), (Order::Rank, "rank")] {
            group.bench_function(format!("{name}, {label}"), |b| b.iter(|| server.search(term, order)));
        }
    }
    group.finish();
}

criterion_group!(benches, search);
criterion_main!(benches);
