//! The state trie from outside, with a BTreeMap as its oracle.

use std::cell::Cell;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::convert::Infallible;

use bytes::Bytes;
use proptest::prelude::*;
use proptest::sample::Index;
use salon::ids::EventNum;
use salon::state::trie::{BUCKET_MAX, EMPTY_ROOT, Entry, NodeHash, NodeSource, Path, Trie, TrieError, TrieKey, build};

type Nodes = HashMap<NodeHash, Bytes>;
type Model = BTreeMap<Path, EventNum>;
type Change = (Path, Option<EventNum>);

fn key() -> TrieKey {
    TrieKey::new(b"a secret of thirty-two bytes, ok")
}

/// Stores an empty trie and moves it on by batches of changes.
struct Store {
    key: TrieKey,
    nodes: Nodes,
    root: NodeHash,
}

impl Store {
    fn new() -> Self {
        Self { key: key(), nodes: Nodes::new(), root: EMPTY_ROOT }
    }

    fn of(entries: impl IntoIterator<Item = Entry>) -> Self {
        let key = key();
        let built = build(&key, entries);
        Self { key, nodes: built.new_nodes.into_iter().collect(), root: built.root }
    }

    fn trie(&self) -> Trie<'_, Nodes> {
        Trie::new(&self.key, &self.nodes, self.root)
    }

    /// Returns how many bytes of nodes the changes made.
    fn update(&mut self, changes: &[Change]) -> usize {
        let updated = self.trie().update(changes).unwrap();
        self.root = updated.root;
        let bytes = updated.new_nodes.iter().map(|(_, bytes)| bytes.len()).sum();
        self.nodes.extend(updated.new_nodes);
        bytes
    }

    fn reachable(&self) -> HashSet<NodeHash> {
        let mut seen = HashSet::new();
        self.trie().visit_nodes(|hash| seen.insert(*hash)).unwrap();
        seen
    }

    fn entries(&self) -> Vec<Entry> {
        self.trie().entries().map(Result::unwrap).collect()
    }
}

fn apply(model: &mut Model, changes: &[Change]) {
    for (path, event) in changes {
        match event {
            Some(event) => model.insert(*path, *event),
            None => model.remove(path),
        };
    }
}

/// Paths that share long prefixes often, so that small tries have every shape. There are few
/// enough of them for changes to hit what is there.
fn paths() -> impl Strategy<Value = Path> {
    let nibbles = prop::collection::vec(prop::sample::select(vec![0u8, 1, 7, 15]), 3);
    (prop::sample::select(vec![0u8, 0x11, 0xf0]), 0usize..30, nibbles).prop_map(|(stem, cut, nibbles)| {
        let cut = cut / 10 * 13;
        let mut path = [stem; 16];
        for (depth, nibble) in (cut..).zip(nibbles) {
            let byte = &mut path[depth / 2];
            *byte = if depth % 2 == 0 { *byte & 0x0f | nibble << 4 } else { *byte & 0xf0 | nibble };
        }
        Path(path)
    })
}

fn changes(most: usize) -> impl Strategy<Value = Vec<Change>> {
    let events = prop_oneof![3 => (0u64..4).prop_map(|event| Some(EventNum(event))), 2 => Just(None)];
    prop::collection::vec((paths(), events), 0..most)
}

fn models() -> impl Strategy<Value = Model> {
    prop::collection::btree_map(paths(), (0u64..4).prop_map(EventNum), 0..120)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_history_ends_in_the_trie_built_at_once(batches in prop::collection::vec(changes(60), 1..12)) {
        let mut store = Store::new();
        let mut model = Model::new();
        for changes in &batches {
            store.update(changes);
            apply(&mut model, changes);
            let built = build(&store.key, model.clone());
            prop_assert_eq!(store.root, built.root);
            prop_assert_eq!(store.reachable(), built.new_nodes.iter().map(|node| node.0).collect());
            prop_assert!(built.new_nodes.iter().all(|(hash, bytes)| store.nodes[hash] == bytes));
        }
        prop_assert_eq!(store.root == EMPTY_ROOT, model.is_empty());
    }

    #[test]
    fn an_update_reports_exactly_the_nodes_that_are_new(before in models(), changes in changes(20)) {
        let mut store = Store::of(before);
        let old = store.reachable();
        let new_nodes = store.trie().update(&changes).unwrap().new_nodes;
        store.update(&changes);
        let new: HashSet<_> = store.reachable().difference(&old).copied().collect();
        prop_assert_eq!(new_nodes.len(), new.len());
        prop_assert_eq!(new_nodes.iter().map(|node| node.0).collect::<HashSet<_>>(), new);
    }

    #[test]
    fn reads_agree_with_a_map(model in models(), others in prop::collection::vec(paths(), 20)) {
        let store = Store::of(model.clone());
        let trie = store.trie();
        for path in model.keys().chain(&others) {
            prop_assert_eq!(trie.get(path).unwrap(), model.get(path).copied());
        }
        prop_assert_eq!(trie.len().unwrap(), model.len() as u64);
        prop_assert_eq!(trie.is_empty(), model.is_empty());
        prop_assert_eq!(store.entries(), model.into_iter().collect::<Vec<_>>());
    }

    #[test]
    fn changing_nothing_makes_nothing(model in models(), picks in prop::collection::vec(any::<Index>(), 9), others in prop::collection::vec(paths(), 9)) {
        let store = Store::of(model.clone());
        let known: Vec<Entry> = model.clone().into_iter().collect();
        let again = picks.iter().filter(|_| !known.is_empty()).map(|pick| *pick.get(&known)).map(|(path, event)| (path, Some(event)));
        let absent = others.into_iter().filter(|path| !model.contains_key(path)).map(|path| (path, None));
        let updated = store.trie().update(&again.chain(absent).collect::<Vec<_>>()).unwrap();
        prop_assert_eq!(updated.root, store.root);
        prop_assert_eq!(updated.new_nodes, vec![]);
    }

    #[test]
    fn a_diff_leads_from_one_snapshot_to_the_other(before in models(), after in models(), changes in changes(6)) {
        // Both unrelated snapshots and close ones.
        let mut close = before.clone();
        apply(&mut close, &changes);
        for after in [after, close] {
            let (mut store, other) = (Store::of(before.clone()), Store::of(after.clone()));
            store.nodes.extend(other.nodes);
            let diff = store.trie().diff(other.root).unwrap();
            prop_assert!(diff.is_sorted_by(|a, b| a.path < b.path));
            for change in &diff {
                prop_assert_ne!(change.before, change.after);
                prop_assert_eq!(change.before, before.get(&change.path).copied());
                prop_assert_eq!(change.after, after.get(&change.path).copied());
            }
            store.update(&diff.iter().map(|change| (change.path, change.after)).collect::<Vec<_>>());
            prop_assert_eq!(store.root, other.root);
        }
    }

    #[test]
    fn broken_nodes_never_panic(model in models(), at in any::<Index>(), breakage in any::<[u8; 3]>(), changes in changes(20)) {
        let mut store = Store::of(model.clone());
        prop_assume!(!model.is_empty());
        let mut hashes: Vec<_> = store.nodes.keys().copied().collect();
        hashes.sort();
        let mut bytes = store.nodes[at.get(&hashes)].to_vec();
        let place = usize::from(breakage[0]) % bytes.len();
        match breakage[1] % 3 {
            0 => bytes.truncate(place),
            1 => bytes[place] = breakage[2],
            _ => bytes.extend_from_slice(&breakage),
        }
        store.nodes.insert(*at.get(&hashes), bytes.into());
        let trie = store.trie();
        // Whether each of these still succeeds depends on the breakage; that it returns is what counts.
        let _ = trie.update(&changes);
        let _ = trie.diff(EMPTY_ROOT);
        model.keys().for_each(|path| drop(trie.get(path)));
        prop_assert!(trie.entries().count() <= hashes.len() * BUCKET_MAX + 1);
        let _ = trie.visit_nodes(|_| true);
    }
}

/// A room with `members` members and the events that every room has.
fn room(key: &TrieKey, members: u64) -> Vec<Entry> {
    let once =
        ["m.room.create", "m.room.power_levels", "m.room.join_rules", "m.room.history_visibility", "m.room.name"];
    let once = once.iter().zip(1..).map(|(kind, event)| (key.path(kind, ""), EventNum(event)));
    once.chain((0..members).map(|n| (member(key, n), EventNum(10 + n)))).collect()
}

fn member(key: &TrieKey, n: u64) -> Path {
    key.path("m.room.member", &format!("@user{n}:example.org"))
}

#[test]
fn a_type_is_listed_alone() {
    let key = key();
    for members in [0, 3, 500] {
        let store = Store::of(room(&key, members));
        let listed = |kind| store.trie().entries_of_type(kind).map(Result::unwrap).collect::<Vec<_>>();
        let mut expected: Vec<_> = (0..members).map(|n| (member(&key, n), EventNum(10 + n))).collect();
        expected.sort();
        assert_eq!(listed("m.room.member"), expected);
        assert_eq!(listed("m.room.create"), [(key.path("m.room.create", ""), EventNum(1))]);
        assert_eq!(listed("m.room.topic"), []);
    }
}

#[test]
fn a_path_depends_on_type_state_key_and_secret() {
    let (key, other) = (key(), TrieKey::new(&[7; 32]));
    assert_ne!(key.path("ab", "c"), key.path("a", "bc"));
    assert_ne!(key.path("a", "b"), other.path("a", "b"));
    assert_eq!(key.path("a", "b").0[..4], key.path("a", "c").0[..4]);
    assert!(key.type_prefix("a").contains(&key.path("a", "b")));
    assert!(!key.type_prefix("b").contains(&key.path("a", "b")));
}

#[test]
fn the_last_change_of_a_path_counts() {
    let (key, path) = (key(), Path([3; 16]));
    let mut store = Store::new();
    store.update(&[(path, Some(EventNum(1))), (path, None), (path, Some(EventNum(2)))]);
    assert_eq!(store.root, build(&key, [(path, EventNum(5)), (path, EventNum(2))]).root);
    assert_eq!(store.trie().get(&path), Ok(Some(EventNum(2))));
}

#[test]
fn a_full_bucket_that_gets_a_sibling_is_not_written_again() {
    let full = (0..BUCKET_MAX as u8).map(|n| (Path([n; 16]), EventNum(1)));
    let store = Store::of(full);
    let updated = store.trie().update(&[(Path([0xff; 16]), Some(EventNum(2)))]).unwrap();
    let top = updated.root;
    assert_eq!(updated.new_nodes.len(), 2, "the sibling and the branch above both");
    let nodes: Nodes = store.nodes.into_iter().chain(updated.new_nodes).collect();
    let back = Trie::new(&store.key, &nodes, top).update(&[(Path([0xff; 16]), None)]).unwrap();
    assert_eq!((back.root, back.new_nodes), (store.root, vec![]));
}

/// Databases outlive versions of Salon: a root that changes here means that every stored room is lost.
#[test]
fn the_format_stays_as_it_is() {
    let key = key();
    assert_eq!(format!("{:?}", key.path("m.room.member", "@a:b")), "092a12dafb3b20c8c45585fa50cb731c");
    assert_eq!(format!("{:?}", Store::of(room(&key, 3)).root), "1338db6b1ea57441e34cb00a19639049");
    assert_eq!(format!("{:?}", Store::of(room(&key, 300)).root), "c2aa8440bc2b6c4f47332dc7f542d916");
}

struct Counting {
    nodes: Nodes,
    reads: Cell<usize>,
}

impl NodeSource for Counting {
    type Error = Infallible;

    fn node(&self, hash: &NodeHash) -> Result<Option<Bytes>, Infallible> {
        self.reads.set(self.reads.get() + 1);
        self.nodes.node(hash)
    }
}

#[test]
fn cost_follows_change_in_a_room_of_50_000() {
    let mut store = Store::of(room(&key(), 50_000));
    let mut roots = vec![store.root];
    for n in 0..300 {
        let bytes = store.update(&[(member(&store.key, n * 151), Some(EventNum(100_000 + n)))]);
        assert!(bytes < 1600, "change {n} writes {bytes} bytes");
        roots.push(store.root);
    }
    let source = Counting { nodes: store.nodes, reads: Cell::new(0) };
    for pair in roots.windows(3) {
        source.reads.set(0);
        let diff = Trie::new(&store.key, &source, pair[0]).diff(pair[2]).unwrap();
        assert_eq!(diff.len(), 2);
        assert!(source.reads.get() <= 22, "{} nodes read for two keys", source.reads.get());
    }
}

#[test]
fn a_subtree_that_was_seen_is_not_read_again() {
    let mut store = Store::of(room(&key(), 5_000));
    let seen = store.reachable();
    store.update(&[(member(&store.key, 9), None)]);
    let source = Counting { nodes: store.nodes, reads: Cell::new(0) };
    let mut new = 0;
    let descend = |hash: &NodeHash| {
        new += usize::from(!seen.contains(hash));
        !seen.contains(hash)
    };
    Trie::new(&store.key, &source, store.root).visit_nodes(descend).unwrap();
    assert_eq!(source.reads.get(), new);
    assert!(new < 8);
}

#[test]
fn a_missing_node_is_an_error_everywhere() {
    let store = Store::of(room(&key(), 500));
    let gone = NodeHash([9; 16]);
    let trie = Trie::new(&store.key, &store.nodes, gone);
    let path = Path([0; 16]);
    assert_eq!(trie.get(&path), Err(TrieError::Missing(gone)));
    assert_eq!(trie.len(), Err(TrieError::Missing(gone)));
    assert_eq!(trie.update(&[(path, Some(EventNum(1)))]), Err(TrieError::Missing(gone)));
    assert_eq!(trie.diff(store.root), Err(TrieError::Missing(gone)));
    assert_eq!(store.trie().diff(gone), Err(TrieError::Missing(gone)));
    assert_eq!(trie.visit_nodes(|_| true), Err(TrieError::Missing(gone)));
    assert_eq!(trie.entries().collect::<Vec<_>>(), [Err(TrieError::Missing(gone))]);
}

#[test]
fn the_sources_own_error_comes_through() {
    struct Failing;
    impl NodeSource for Failing {
        type Error = &'static str;
        fn node(&self, _: &NodeHash) -> Result<Option<Bytes>, &'static str> {
            Err("the disk is gone")
        }
    }
    let key = key();
    let trie = Trie::new(&key, &Failing, NodeHash([9; 16]));
    assert_eq!(trie.get(&Path([0; 16])), Err(TrieError::Source("the disk is gone")));
}

/// Stores `bytes` as the only node and tells what reading it says.
fn reading(bytes: &[u8]) -> Result<u64, TrieError<Infallible>> {
    let root = NodeHash([1; 16]);
    let nodes = Nodes::from([(root, Bytes::copy_from_slice(bytes))]);
    Trie::new(&key(), &nodes, root).len()
}

fn bucket(entries: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0];
    for first in entries {
        bytes.extend([*first; 24]);
    }
    bytes
}

/// A branch's bytes: prefix length, prefix, bitmap, count, children's hashes.
fn branch(len: u8, prefix: &[u8], bitmap: u16, count: u32, children: &[[u8; 16]]) -> Vec<u8> {
    let mut bytes = vec![1, len];
    bytes.extend_from_slice(prefix);
    bytes.extend(bitmap.to_be_bytes());
    bytes.extend(count.to_be_bytes());
    bytes.extend(children.concat());
    bytes
}

#[test]
fn what_is_not_a_nodes_only_encoding_is_malformed() {
    let two = [[2; 16], [3; 16]];
    assert_eq!(reading(&bucket(&[1, 2])), Ok(2));
    assert_eq!(reading(&branch(3, &[0x12, 0x30], 0b11, 17, &two)), Ok(17));
    let mut cut = bucket(&[1, 2]);
    cut.pop();
    let malformed = [
        vec![],
        vec![2],
        vec![1],
        cut,
        bucket(&[]),
        bucket(&[2, 1]),
        bucket(&[1, 1]),
        bucket(&(0..17).collect::<Vec<_>>()),
        branch(3, &[0x12, 0x34], 0b11, 17, &two),
        branch(3, &[0x12], 0b11, 17, &[]),
        branch(32, &[0; 16], 0b11, 17, &two),
        branch(255, &[0; 128], 0b11, 17, &two),
        branch(0, &[], 0b11, 16, &two),
        branch(0, &[], 0b1, 17, &two),
        branch(0, &[], 0b111, 17, &two),
        branch(0, &[], 0b1, 17, &two[..1]),
        branch(0, &[], 0, 17, &[]),
        branch(0, &[], 0b11, 17, &[[2; 16], [0; 16]]),
    ];
    for bytes in malformed {
        assert!(matches!(reading(&bytes), Err(TrieError::Malformed { .. })), "{bytes:?}");
    }
}

#[test]
fn a_node_in_the_wrong_place_is_malformed() {
    let (key, root, child) = (key(), NodeHash([1; 16]), NodeHash([2; 16]));
    let malformed = |found: Result<Option<EventNum>, TrieError<Infallible>>, at| {
        assert!(matches!(found, Err(TrieError::Malformed { hash, .. }) if hash == at), "{found:?}");
    };
    // A branch that is its own child would never end.
    let own = branch(0, &[], 0b11, 17, &[root.0, child.0]);
    let nodes = Nodes::from([(root, own.clone().into()), (child, bucket(&[0x21]).into())]);
    let trie = Trie::new(&key, &nodes, root);
    malformed(trie.get(&Path([0; 16])), root);
    assert!(trie.visit_nodes(|_| true).is_err());
    assert!(trie.diff(EMPTY_ROOT).is_err());
    assert_eq!(trie.entries().filter(Result::is_err).count(), 1);
    // Entries that begin with 2 below nibble 1.
    malformed(trie.get(&Path([0x10; 16])), child);
}

#[test]
fn a_wrong_count_is_found_when_it_matters() {
    let (key, root) = (key(), NodeHash([1; 16]));
    let (left, right) = (NodeHash([2; 16]), NodeHash([3; 16]));
    let buckets = [(left, bucket(&[1, 2]).into()), (right, bucket(&[0x11, 0x12]).into())];
    let top = branch(0, &[], 0b11, 17, &[left.0, right.0]);
    let nodes: Nodes = buckets.into_iter().chain([(root, top.into())]).collect();
    let updated = Trie::new(&key, &nodes, root).update(&[(Path([1; 16]), None)]);
    assert!(matches!(updated, Err(TrieError::Malformed { hash, .. }) if hash == root));
}
