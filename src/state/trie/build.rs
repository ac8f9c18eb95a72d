//! Making nodes from entries, and giving them their hashes.
//!
//! Invariant: a node is hashed and listed once it is certain that the new snapshot keeps it.

use bytes::Bytes;

use super::node::{BUCKET_MAX, Branch, Node};
use super::path::by_nibble;
use super::{EMPTY_ROOT, Entry, NodeHash, Path, Prefix, TrieKey, Updated};

/// The snapshot of `entries`, in any order, with all its nodes. The last entry of a path counts.
pub fn build(key: &TrieKey, entries: impl IntoIterator<Item = Entry>) -> Updated {
    let mut builder = Builder::new(key);
    let subtree = builder.grow(&sorted(entries), &OldBucket::EMPTY);
    builder.finish(subtree)
}

/// Sorted by path; of several with one path, only the last.
pub(super) fn sorted<V>(entries: impl IntoIterator<Item = (Path, V)>) -> Vec<(Path, V)> {
    let mut entries: Vec<_> = entries.into_iter().collect();
    // Reversed and then sorted stably, the last of a path comes first, which is the one kept.
    entries.reverse();
    entries.sort_by_key(|entry| entry.0);
    entries.dedup_by_key(|entry| entry.0);
    entries
}

/// A subtree of the snapshot that is being made.
pub(super) enum Subtree {
    /// It is stored already.
    Old(NodeHash),
    /// It isn't, and its top node has no hash yet: it may still be merged with its neighbours.
    New(Node),
}

impl Subtree {
    pub const EMPTY: Subtree = Subtree::Old(EMPTY_ROOT);

    pub fn is_empty(&self) -> bool {
        matches!(self, Subtree::Old(EMPTY_ROOT))
    }
}

/// A bucket of the old snapshot.
pub(super) struct OldBucket<'a> {
    pub hash: NodeHash,
    /// Its entries.
    pub entries: &'a [Entry],
}

impl OldBucket<'_> {
    pub const EMPTY: OldBucket<'static> = OldBucket { hash: EMPTY_ROOT, entries: &[] };
}

/// Collects the nodes of a new snapshot.
pub(super) struct Builder<'a> {
    key: &'a TrieKey,
    new_nodes: Vec<(NodeHash, Bytes)>,
}

impl<'a> Builder<'a> {
    pub fn new(key: &'a TrieKey) -> Self {
        Self { key, new_nodes: Vec::new() }
    }

    /// The subtree of `entries`, which are sorted and have distinct paths. They replace `old`, which
    /// may come out as a part of it.
    pub fn grow(&mut self, entries: &[Entry], old: &OldBucket<'_>) -> Subtree {
        if entries == old.entries {
            return Subtree::Old(old.hash);
        }
        let Some(prefix) = Prefix::of(entries) else {
            return Subtree::EMPTY;
        };
        if entries.len() <= BUCKET_MAX {
            return Subtree::New(Node::Bucket(entries.to_vec()));
        }
        let children = by_nibble(entries, prefix.len()).map(|part| self.grow(part, old));
        // Entries of 24 bytes that a u32 can't count don't fit into memory.
        self.branch(prefix, entries.len() as u32, children)
    }

    /// A branch over `children`, of which two or more aren't empty.
    pub fn branch(&mut self, prefix: Prefix, count: u32, children: [Subtree; 16]) -> Subtree {
        let children = children.map(|child| self.seal(child));
        Subtree::New(Node::Branch(Box::new(Branch { prefix, count, children })))
    }

    /// The new snapshot, `top` being all of it.
    pub fn finish(mut self, top: Subtree) -> Updated {
        let root = self.seal(top);
        Updated { root, new_nodes: self.new_nodes }
    }

    fn seal(&mut self, subtree: Subtree) -> NodeHash {
        match subtree {
            Subtree::Old(hash) => hash,
            Subtree::New(node) => {
                let encoding = node.encode();
                let hash = self.key.node_hash(&encoding);
                self.new_nodes.push((hash, encoding.into()));
                hash
            }
        }
    }
}
