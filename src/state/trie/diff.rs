//! What differs between two snapshots, found without looking at what they share.

use std::array;
use std::collections::BTreeMap;

use super::node::{Branch, Node};
use super::path::by_nibble;
use super::{EMPTY_ROOT, Entry, NodeHash, NodeSource, Path, Prefix, Trie, TrieError};
use crate::ids::EventNum;

/// A path whose event is not the same in two snapshots: `before` and `after` are never equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// The path.
    pub path: Path,
    /// The event's number in the first snapshot, if there was one.
    pub before: Option<EventNum>,
    /// The event's number in the second snapshot, if there is one.
    pub after: Option<EventNum>,
}

impl<S: NodeSource> Trie<'_, S> {
    /// What leads from this snapshot to `after`, in the order of the paths. Reads the nodes on the way
    /// to a difference and no others.
    pub fn diff(&self, after: NodeHash) -> Result<Vec<Change>, TrieError<S::Error>> {
        let mut diff = Diff { trie: self, changes: Vec::new() };
        diff.compare(Side::Stored(self.root), Side::Stored(after), &Prefix::ALL)?;
        Ok(diff.changes)
    }
}

/// One snapshot's part of the place that is being compared.
enum Side {
    /// Not read yet.
    Stored(NodeHash),
    /// A branch, with its hash.
    Branch(NodeHash, Box<Branch>),
    /// All its entries, sorted: a bucket, or a part of one.
    Entries(Vec<Entry>),
}

impl Side {
    fn hash(&self) -> Option<NodeHash> {
        match self {
            Side::Stored(hash) | Side::Branch(hash, _) => Some(*hash),
            Side::Entries(_) => None,
        }
    }

    /// What all its entries begin with; `None` if it has none.
    fn prefix(&self) -> Option<Prefix> {
        match self {
            Side::Stored(_) => None,
            Side::Branch(_, branch) => Some(branch.prefix),
            Side::Entries(entries) => Prefix::of(entries),
        }
    }

    /// The parts for each nibble at `depth`, up to where its entries share their nibbles.
    fn split(self, depth: usize) -> [Side; 16] {
        match self {
            Side::Branch(_, branch) if branch.prefix.len() == depth => branch.children.map(Side::Stored),
            Side::Entries(entries) => by_nibble(&entries, depth).map(|part| Side::Entries(part.to_vec())),
            whole => {
                let own = whole.prefix().map(|prefix| prefix.path().nibble(depth));
                let mut whole = Some(whole);
                array::from_fn(|nibble| {
                    let here = whole.take_if(|_| own == Some(nibble));
                    here.unwrap_or(Side::Stored(EMPTY_ROOT))
                })
            }
        }
    }
}

struct Diff<'a, S> {
    trie: &'a Trie<'a, S>,
    changes: Vec<Change>,
}

impl<S: NodeSource> Diff<'_, S> {
    /// Each call is a nibble deeper than its caller, so that they are at most as deep as a path is long.
    fn compare(&mut self, before: Side, after: Side, within: &Prefix) -> Result<(), TrieError<S::Error>> {
        if before.hash().is_some() && before.hash() == after.hash() {
            return Ok(());
        }
        match (self.open(before, within)?, self.open(after, within)?) {
            (Side::Entries(before), Side::Entries(after)) => self.merge(before, after),
            (before, after) => {
                let Some(prefix) = common(before.prefix(), after.prefix()) else {
                    return Ok(());
                };
                let depth = prefix.len();
                for (nibble, (before, after)) in before.split(depth).into_iter().zip(after.split(depth)).enumerate() {
                    self.compare(before, after, &prefix.child(nibble))?;
                }
            }
        }
        Ok(())
    }

    fn open(&self, side: Side, within: &Prefix) -> Result<Side, TrieError<S::Error>> {
        let Side::Stored(hash) = side else {
            return Ok(side);
        };
        Ok(match self.trie.load(hash, within)? {
            Node::Bucket(entries) => Side::Entries(entries),
            Node::Branch(branch) => Side::Branch(hash, branch),
        })
    }

    fn merge(&mut self, before: Vec<Entry>, after: Vec<Entry>) {
        let mut merged: BTreeMap<Path, (Option<EventNum>, Option<EventNum>)> = BTreeMap::new();
        for (path, event) in before {
            merged.entry(path).or_default().0 = Some(event);
        }
        for (path, event) in after {
            merged.entry(path).or_default().1 = Some(event);
        }
        let changes = merged.into_iter().map(|(path, (before, after))| Change { path, before, after });
        self.changes.extend(changes.filter(|change| change.before != change.after));
    }
}

/// What the entries of both sides begin with; `None` if there are none.
fn common(before: Option<Prefix>, after: Option<Prefix>) -> Option<Prefix> {
    match (before, after) {
        (Some(before), Some(after)) => Some(before.common(&after)),
        (one, other) => one.or(other),
    }
}
