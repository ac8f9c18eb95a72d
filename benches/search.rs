//! What searching costs: 100,000 messages in 50 rooms, of words as unequally frequent as those of a language.

mod common;

use common::{Core, open_room};
use criterion::{Criterion, criterion_group, criterion_main};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use salon::{
    ids::RoomNum,
    rooms::{
        NewEvent,
        search::{Field, Order, SearchRequest},
    },
    users::{Session, filters::RoomEventFilter},
};
use serde_json::json;
use tokio::task::JoinSet;

const MESSAGES: usize = 100_000;
const ROOMS: usize = 50;
/// Messages that are sent at once.
const AT_ONCE: usize = 500;
/// Different words, of which the n-th stands in one of n.
const WORDS: usize = 20_000;
const WORDS_OF_MESSAGE: usize = 12;

struct Server {
    core: Core,
    session: Session,
}

impl Server {
    fn start() -> Self {
        let core = Core::start();
        let session = core.session("searcher");
        let server = Self { core, session };
        server.core.runtime.block_on(server.fill());
        server
    }

    async fn fill(&self) {
        self.core.app.start();
        let mut rooms = Vec::new();
        for _ in 0..ROOMS {
            let room_id = self.core.app.rooms.create(open_room(&self.session.user_id)).await.expect("a room");
            rooms.push(self.core.app.rooms.number(&room_id).expect("its number"));
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
                let app = self.core.app.clone();
                tasks.spawn(async move { app.rooms.send(room, event).await.expect("sent") });
            }
            tasks.join_all().await;
        }
        let begun = std::time::Instant::now();
        let mut waits = 0;
        while self.search("w1", Order::Recent) == 0 || waits < 2 {
            self.core.app.rooms.search_caught_up().await;
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
        let snapshot = self.core.app.store.snapshot();
        let results =
            self.core.app.rooms.search(&snapshot, &self.core.app.users, &self.session, &request).expect("an answer");
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
