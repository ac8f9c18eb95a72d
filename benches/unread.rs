//! What counting costs: a message in a room of 5,000 members, for each of those who wait for it. Their syncs whole, and
//! of that the counting alone, by the rules that most share and by rules of their own.

mod common;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use common::{Core, open_room};
use criterion::{Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use ruma::{CanonicalJsonObject, push::Action};
use salon::{
    app::App,
    ids::{Position, RoomNum, UserNum},
    push::{Kind, Place, Rule},
    rooms::NewEvent,
    sync::{Request, SyncToken, sync},
    users::{Session, filters::Filter},
};

const MEMBERS: usize = 5_000;
/// How many of them wait for the message.
const WAITING: usize = 500;

struct Server {
    core: Core,
    room: RoomNum,
    members: Vec<Session>,
}

impl Server {
    /// A server with a room of many members.
    fn start() -> Self {
        let core = Core::start();
        let members: Vec<Session> = (0..MEMBERS).map(|n| core.session(&format!("member{n}"))).collect();
        let room = core.create(open_room(&members[0].user_id));
        let server = Self { core, room, members };
        server.for_each_member(1..=MEMBERS - 1, |app, member| async move {
            let content = object(&[("membership", "join")]);
            let key = member.user_id.as_str();
            let join = NewEvent::state(member.user_id.clone(), "m.room.member", key, content);
            app.rooms.send(room, join).await.expect("joined");
        });
        server
    }

    /// Does something for some members, all at once.
    fn for_each_member<F: Future<Output = ()> + Send + 'static>(
        &self,
        which: std::ops::RangeInclusive<usize>,
        each: impl Fn(Arc<App>, Session) -> F,
    ) {
        self.core.runtime.block_on(async {
            let mut tasks = tokio::task::JoinSet::new();
            for member in &self.members[which] {
                tasks.spawn(each(self.core.app.clone(), member.clone()));
            }
            tasks.join_all().await;
        });
    }

    fn send(&self, event: NewEvent) {
        self.core.runtime.block_on(self.core.app.rooms.send(self.room, event)).expect("sent");
    }

    fn say(&self) {
        let content = object(&[("msgtype", "m.text"), ("body", "a message of a usual length, as people write them")]);
        self.send(NewEvent::message(self.members[0].user_id.clone(), "m.room.message", content));
    }

    fn sync(&self, member: &Session, since: SyncToken) {
        let request = Request {
            since: Some(since),
            filter: Filter::default(),
            full_state: false,
            use_state_after: false,
            timeout: Duration::ZERO,
        };
        let answer = self.core.runtime.block_on(sync(&self.core.app, member, &request)).expect("an answer");
        assert!(answer.len() > 500, "the message is told");
    }

    fn token(&self) -> SyncToken {
        let live = self.core.app.store.live();
        let position = self.core.app.store.published();
        SyncToken { position, boot: live.boot_id(), moment: live.moment(), to_device: position }
    }

    fn count(&self, user: UserNum) {
        let snapshot = self.core.app.store.snapshot();
        let unread = self.core.app.rooms.unread(&snapshot, user, (self.room, Position(0))).expect("counts");
        assert!(unread.changed > Position(0));
    }

    /// How long it takes those who wait to do something after a message.
    fn after_a_message(&self, times: u64, each: impl Fn(&Session, SyncToken)) -> Duration {
        let mut taken = Duration::ZERO;
        for _ in 0..times {
            let since = self.token();
            self.say();
            let begun = Instant::now();
            for member in &self.members[1..=WAITING] {
                each(member, since);
            }
            taken += begun.elapsed();
        }
        taken
    }
}

fn object(fields: &[(&str, &str)]) -> CanonicalJsonObject {
    fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned().into())).collect()
}

fn a_message_to_many(criterion: &mut Criterion) {
    let server = Server::start();
    let mut group = criterion.benchmark_group("a message to 5,000 members");
    group.sample_size(10).sampling_mode(SamplingMode::Flat).throughput(Throughput::Elements(WAITING as u64));
    group.bench_function("their syncs", |bench| {
        bench.iter_custom(|times| server.after_a_message(times, |member, since| server.sync(member, since)));
    });
    let count = |member: &Session, _| server.count(member.user);
    group.bench_function("their counting alone", |bench| {
        bench.iter_custom(|times| server.after_a_message(times, count));
    });
    server.for_each_member(1..=WAITING, |app, member| async move {
        for n in 0..10 {
            let pattern = Some(format!("keyword{n}"));
            let rule = Rule::own(Kind::Content, n.to_string(), vec![Action::Notify], (Vec::new(), pattern));
            let (rule, place) = (rule.expect("a rule"), Place::default());
            app.users.put_push_rule(&member, Kind::Content, rule, &place).await.expect("put");
        }
    });
    group.bench_function("their counting with ten keywords each", |bench| {
        bench.iter_custom(|times| server.after_a_message(times, count));
    });
    // Of those who have not asked yet nothing is kept: all that happened since the room was made is looked at.
    server.say();
    let mut strangers = server.members[WAITING + 1..].iter().cycle();
    group.throughput(Throughput::Elements(1)).bench_function("counting anew over 5,000 events", |bench| {
        bench.iter(|| server.count(strangers.next().expect("it never ends").user));
    });
    group.finish();
}

criterion_group!(benches, a_message_to_many);
criterion_main!(benches);
