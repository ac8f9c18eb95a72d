//! The state of a room as a persistent hash trie: a snapshot is one 16-byte root,
//! snapshots share every node that they have in common.
//!
//! Invariant: a node is a function of the set of entries below it, whatever the order in
//! which they came and went and wherever the node hangs. Equal states have therefore
//! equal roots, and equal hashes are a reason not to look further.
//!
//! A set of at most [`BUCKET_MAX`] entries is a *bucket*, which lists them. A larger one is a
//! *branch* at the first nibble where its paths differ: a chain of nodes with one child never exists.

mod build;
mod diff;
mod node;
mod path;
mod update;
mod verify;
mod walk;

use std::collections::HashMap;
use std::convert::Infallible;
use std::fmt;

use bytes::Bytes;

pub use build::build;
pub use diff::Change;
pub use node::BUCKET_MAX;
pub use path::{Path, Prefix, TrieKey};
pub use verify::Verified;
pub use walk::Entries;

use crate::ids::EventNum;
use node::Node;

/// The root of the trie without entries; no node is stored under it.
pub const EMPTY_ROOT: NodeHash = NodeHash([0; 16]);

/// What a state event is found by, and its number.
pub type Entry = (Path, EventNum);

/// The name of a node: the keyed hash of its encoding. That of the top node is the snapshot's root.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeHash(pub [u8; 16]);

impl fmt::Debug for NodeHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

/// Where nodes are read from: one room's stored nodes, as the caller sees them.
pub trait NodeSource {
    /// Why a read failed.
    type Error;

    /// The encoding of the node `hash`, or `None` if there is no such node.
    fn node(&self, hash: &NodeHash) -> Result<Option<Bytes>, Self::Error>;
}

/// A trie that isn't stored.
impl NodeSource for HashMap<NodeHash, Bytes> {
    type Error = Infallible;

    fn node(&self, hash: &NodeHash) -> Result<Option<Bytes>, Infallible> {
        Ok(self.get(hash).cloned())
    }
}

/// Why a trie couldn't be read. `E` is the source's own error.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TrieError<E> {
    /// The source has no node of this hash.
    #[error("state node {0:?} is missing")]
    Missing(NodeHash),
    /// The node can't be decoded, or doesn't belong where it was found.
    #[error("state node {hash:?} is malformed: {why}")]
    Malformed {
        /// The node.
        hash: NodeHash,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The source failed.
    #[error("a state node can't be read")]
    Source(#[source] E),
}

/// A new snapshot, and what has to be stored for it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct Updated {
    /// The new snapshot's root.
    pub root: NodeHash,
    /// The nodes that the old snapshot doesn't have, children before their parents.
    pub new_nodes: Vec<(NodeHash, Bytes)>,
}

/// One snapshot of a room's state. Making one reads nothing.
pub struct Trie<'a, S> {
    key: &'a TrieKey,
    source: &'a S,
    root: NodeHash,
}

impl<'a, S: NodeSource> Trie<'a, S> {
    /// The snapshot `root`, whose nodes are in `source`, under the database's `key`.
    pub fn new(key: &'a TrieKey, source: &'a S, root: NodeHash) -> Self {
        Self { key, source, root }
    }

    /// How many entries there are.
    pub fn len(&self) -> Result<u64, TrieError<S::Error>> {
        Ok(match self.load(self.root, &Prefix::ALL)? {
            Node::Bucket(entries) => entries.len() as u64,
            Node::Branch(branch) => branch.count.into(),
        })
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.root == EMPTY_ROOT
    }

    /// The number of the event at `path`.
    pub fn get(&self, path: &Path) -> Result<Option<EventNum>, TrieError<S::Error>> {
        let mut hash = self.root;
        let mut within = Prefix::ALL;
        loop {
            match self.load(hash, &within)? {
                Node::Bucket(entries) => {
                    let found = entries.binary_search_by_key(path, |entry| entry.0);
                    return Ok(found.ok().map(|at| entries[at].1));
                }
                Node::Branch(branch) if !branch.prefix.contains(path) => return Ok(None),
                Node::Branch(branch) => {
                    let nibble = path.nibble(branch.prefix.len());
                    hash = branch.children[nibble];
                    within = branch.prefix.child(nibble);
                }
            }
        }
    }

    /// Reads the node `hash`, all entries of which must lie `within` a prefix. What an
    /// encoding claims is checked here, so that walks are bounded by the length of a path.
    fn load(&self, hash: NodeHash, within: &Prefix) -> Result<Node, TrieError<S::Error>> {
        if hash == EMPTY_ROOT {
            return Ok(Node::Bucket(Vec::new()));
        }
        let bytes = self.source.node(&hash).map_err(TrieError::Source)?;
        let bytes = bytes.ok_or(TrieError::Missing(hash))?;
        match Node::decode(&bytes) {
            Ok(node) if node.lies_within(within) => Ok(node),
            Ok(_) => Err(TrieError::Malformed { hash, why: "it belongs to another place" }),
            Err(why) => Err(TrieError::Malformed { hash, why }),
        }
    }
}
