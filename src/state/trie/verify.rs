//! Proves a snapshot whole: each node is there, lies where it may and counts its entries rightly.

use std::collections::HashMap;

use super::node::Node;
use super::{EMPTY_ROOT, Entry, NodeHash, NodeSource, Prefix, Trie, TrieError};

/// Subtrees that were proved already. Snapshots of one room share it, since they share most of their nodes.
#[derive(Debug, Default)]
pub struct Verified(HashMap<NodeHash, Subtree>);

/// What a parent needs to know of a subtree.
#[derive(Clone, Copy, Debug)]
struct Subtree {
    count: u64,
    /// What all its entries begin with.
    prefix: Prefix,
}

impl Verified {
    /// How many nodes were proved.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether none was.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether this node was.
    pub fn contains(&self, hash: &NodeHash) -> bool {
        self.0.contains_key(hash)
    }
}

impl<S: NodeSource> Trie<'_, S> {
    /// Walks all nodes that aren't in `verified` yet and adds them to it, telling `entry` each entry of those.
    /// That a node's bytes hash to its name is for the caller to check.
    pub fn verify(&self, verified: &mut Verified, mut entry: impl FnMut(&Entry)) -> Result<(), TrieError<S::Error>> {
        if self.root != EMPTY_ROOT {
            self.verify_subtree(self.root, &Prefix::ALL, verified, &mut entry)?;
        }
        Ok(())
    }

    /// Goes no deeper than a path is long, as each child's prefix is longer than its parent's.
    fn verify_subtree(
        &self,
        hash: NodeHash,
        within: &Prefix,
        verified: &mut Verified,
        entry: &mut impl FnMut(&Entry),
    ) -> Result<u64, TrieError<S::Error>> {
        if let Some(known) = verified.0.get(&hash) {
            let why = "it belongs to another place";
            return if within.covers(&known.prefix) {
                Ok(known.count)
            } else {
                Err(TrieError::Malformed { hash, why })
            };
        }
        let subtree = match self.load(hash, within)? {
            Node::Bucket(entries) => {
                entries.iter().for_each(&mut *entry);
                Subtree { count: entries.len() as u64, prefix: Prefix::of(&entries).unwrap_or(*within) }
            }
            Node::Branch(branch) => {
                let mut count = 0;
                for (child, prefix) in branch.subtrees().filter(|(child, _)| *child != EMPTY_ROOT) {
                    count += self.verify_subtree(child, &prefix, verified, entry)?;
                }
                if count != u64::from(branch.count) {
                    return Err(TrieError::Malformed { hash, why: "it counts its entries wrongly" });
                }
                Subtree { count, prefix: branch.prefix }
            }
        };
        verified.0.insert(hash, subtree);
        Ok(subtree.count)
    }
}
