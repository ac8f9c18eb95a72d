//! Where an entry lies in the trie, and the keyed hashes that decide it.

use std::fmt;

use super::NodeHash;

/// Nibbles of a path that stand for the event type.
const TYPE_NIBBLES: usize = 8;

/// The database's secret, made into the keys of the trie's hashes. Nobody who doesn't know it
/// can make two states collide, or crowd the entries of a room into one corner.
#[derive(Clone)]
pub struct TrieKey {
    types: [u8; 32],
    entries: [u8; 32],
    nodes: [u8; 32],
}

impl TrieKey {
    /// The key made from the 32-byte secret of the database, which must never change.
    pub fn new(secret: &[u8; 32]) -> Self {
        let derive = |purpose: &[u8]| *blake3::keyed_hash(secret, purpose).as_bytes();
        Self {
            types: derive(b"salon state trie: event types"),
            entries: derive(b"salon state trie: entries"),
            nodes: derive(b"salon state trie: nodes"),
        }
    }

    /// The path of a state event: 4 bytes from its type, so that a type is one subtree, and
    /// 12 bytes from its type and state key.
    pub fn path(&self, event_type: &str, state_key: &str) -> Path {
        let mut hasher = blake3::Hasher::new_keyed(&self.entries);
        // The length in front keeps ("ab", "c") and ("a", "bc") apart.
        hasher.update(&(event_type.len() as u64).to_be_bytes());
        hasher.update(event_type.as_bytes());
        hasher.update(state_key.as_bytes());
        let mut path = first_16(&hasher.finalize());
        path[..4].copy_from_slice(&self.type_hash(event_type));
        Path(path)
    }

    /// What the paths of all events of one type begin with. A few other types may share it: who
    /// lists a type looks at the type of each event that is found.
    pub fn type_prefix(&self, event_type: &str) -> Prefix {
        let mut path = [0; 16];
        path[..4].copy_from_slice(&self.type_hash(event_type));
        Prefix::new(&Path(path), TYPE_NIBBLES)
    }

    /// The hash under which a node's encoding is stored.
    pub fn node_hash(&self, encoding: &[u8]) -> NodeHash {
        NodeHash(first_16(&blake3::keyed_hash(&self.nodes, encoding)))
    }

    fn type_hash(&self, event_type: &str) -> [u8; 4] {
        let [a, b, c, d, ..] = *blake3::keyed_hash(&self.types, event_type.as_bytes()).as_bytes();
        [a, b, c, d]
    }
}

/// Shows nothing: a secret has no place in a log.
impl fmt::Debug for TrieKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TrieKey")
    }
}

fn first_16(hash: &blake3::Hash) -> [u8; 16] {
    let mut first = [0; 16];
    first.copy_from_slice(&hash.as_bytes()[..16]);
    first
}

/// The place of an entry: 32 nibbles, from the root downwards.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Path(pub [u8; 16]);

impl Path {
    /// Nibbles in a path.
    pub(super) const NIBBLES: usize = 32;

    /// The nibble at `depth`, which is below [`Path::NIBBLES`].
    pub(super) fn nibble(&self, depth: usize) -> usize {
        let byte = self.0[depth / 2];
        usize::from(if depth.is_multiple_of(2) { byte >> 4 } else { byte & 15 })
    }

    /// How many leading nibbles two paths share.
    fn shared(&self, other: &Path) -> usize {
        (u128::from_be_bytes(self.0) ^ u128::from_be_bytes(other.0)).leading_zeros() as usize / 4
    }
}

impl fmt::Debug for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

/// The first nibbles of paths: a place where a subtree may hang.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Prefix {
    /// Zero behind the first `len` nibbles.
    path: Path,
    len: usize,
}

impl Prefix {
    /// What all paths begin with: nothing.
    pub const ALL: Prefix = Prefix { path: Path([0; 16]), len: 0 };

    /// The first `len` nibbles of `path`, at most all of them.
    pub(super) fn new(path: &Path, len: usize) -> Self {
        let len = len.min(Path::NIBBLES);
        let behind = u128::MAX.checked_shr(4 * len as u32).unwrap_or(0);
        let path = Path((u128::from_be_bytes(path.0) & !behind).to_be_bytes());
        Self { path, len }
    }

    /// Its length in nibbles.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Its nibbles, two a byte, zero behind the end.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether `path` begins with this.
    pub fn contains(&self, path: &Path) -> bool {
        self.path.shared(path) >= self.len
    }

    /// Whether all that begins with `other` begins with this.
    pub(super) fn covers(&self, other: &Prefix) -> bool {
        self.len <= other.len && self.contains(&other.path)
    }

    /// Whether a path can begin with both.
    pub(super) fn overlaps(&self, other: &Prefix) -> bool {
        self.covers(other) || other.covers(self)
    }

    /// The longest prefix of both.
    pub(super) fn common(&self, other: &Prefix) -> Prefix {
        let shared = self.path.shared(&other.path);
        Prefix::new(&self.path, shared.min(self.len).min(other.len))
    }

    /// What all of `entries`, which are sorted, begin with; `None` if there are none.
    pub(super) fn of<V>(entries: &[(Path, V)]) -> Option<Prefix> {
        let (first, last) = (entries.first()?.0, entries.last()?.0);
        Some(Prefix::new(&first, first.shared(&last)))
    }

    /// This and one nibble more.
    pub(super) fn child(&self, nibble: usize) -> Prefix {
        let mut path = self.path;
        if let Some(byte) = path.0.get_mut(self.len / 2) {
            *byte |= (nibble as u8 & 15) << if self.len.is_multiple_of(2) { 4 } else { 0 };
        }
        Prefix::new(&path, self.len + 1)
    }
}

/// Cuts `entries`, which are sorted and share their first `depth` nibbles, by the next nibble.
pub(super) fn by_nibble<V>(entries: &[(Path, V)], depth: usize) -> [&[(Path, V)]; 16] {
    let mut rest = entries;
    std::array::from_fn(|nibble| {
        let end = rest.partition_point(|(path, _)| path.nibble(depth) <= nibble);
        let (these, others) = rest.split_at(end);
        rest = others;
        these
    })
}
