//! The state trie in rooms of 100, 10,000 and 100,000 members. An update and a difference
//! of two keys must cost about the same in all of them.

use std::collections::HashMap;
use std::hint::black_box;

use bytes::Bytes;
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use salon::ids::EventNum;
use salon::state::trie::{NodeHash, Path, Trie, TrieKey, build};

const MEMBERS: [u64; 3] = [100, 10_000, 100_000];

struct Room {
    key: TrieKey,
    nodes: HashMap<NodeHash, Bytes>,
    root: NodeHash,
}

impl Room {
    fn new(members: u64) -> Self {
        let key = TrieKey::new(&[7; 32]);
        let built = build(&key, (0..members).map(|n| (member(&key, n), EventNum(n))));
        Self { nodes: built.new_nodes.into_iter().collect(), root: built.root, key }
    }

    fn trie(&self) -> Trie<'_, HashMap<NodeHash, Bytes>> {
        Trie::new(&self.key, &self.nodes, self.root)
    }
}

fn member(key: &TrieKey, n: u64) -> Path {
    key.path("m.room.member", &format!("@user{n}:example.org"))
}

fn bench(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("state_trie");
    for members in MEMBERS {
        let mut room = Room::new(members);
        let (one, two) = (member(&room.key, 11), member(&room.key, 77));
        group.bench_function(BenchmarkId::new("get", members), |bencher| {
            bencher.iter(|| room.trie().get(black_box(&one)).unwrap());
        });
        group.bench_function(BenchmarkId::new("update_one", members), |bencher| {
            bencher.iter(|| room.trie().update(black_box(&[(one, Some(EventNum(u64::MAX)))])).unwrap());
        });
        let after = room.trie().update(&[(one, Some(EventNum(u64::MAX))), (two, None)]).unwrap();
        room.nodes.extend(after.new_nodes);
        group.bench_function(BenchmarkId::new("diff_two", members), |bencher| {
            bencher.iter(|| room.trie().diff(black_box(after.root)).unwrap());
        });
    }
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
