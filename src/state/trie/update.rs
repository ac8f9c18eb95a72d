//! From one snapshot to the next: a batch of changes, each shared ancestor made anew once.

use std::mem;

use super::build::{Builder, OldBucket, Subtree, sorted};
use super::node::{BUCKET_MAX, Branch, Node};
use super::path::by_nibble;
use super::{Entry, NodeHash, NodeSource, Path, Prefix, Trie, TrieError, Updated};
use crate::ids::EventNum;

/// The event that is to be at a path, or none.
type Set = (Path, Option<EventNum>);

impl<S: NodeSource> Trie<'_, S> {
    /// The snapshot after `changes`, in any order; the last for a path counts. Changes that
    /// change nothing give this root again and no new nodes.
    pub fn update(&self, changes: &[Set]) -> Result<Updated, TrieError<S::Error>> {
        let changes = sorted(changes.iter().copied());
        let mut update = Update { trie: self, builder: Builder::new(self.key) };
        let (top, _) = update.stored(self.root, &Prefix::ALL, &changes)?;
        Ok(update.builder.finish(top))
    }
}

struct Update<'a, S> {
    trie: &'a Trie<'a, S>,
    builder: Builder<'a>,
}

/// A changed subtree, and by how many entries it grew.
type Changed<E> = Result<(Subtree, i64), TrieError<E>>;

/// The children of a changed branch, and by how many entries they grew.
type Children<E> = Result<([Subtree; 16], i64), TrieError<E>>;

/// A node over given children, if they are what they should be.
type Joined<E> = Result<Option<Subtree>, TrieError<E>>;

impl<S: NodeSource> Update<'_, S> {
    fn stored(&mut self, hash: NodeHash, within: &Prefix, changes: &[Set]) -> Changed<S::Error> {
        if changes.is_empty() {
            return Ok((Subtree::Old(hash), 0));
        }
        match self.trie.load(hash, within)? {
            Node::Bucket(entries) => {
                let entries = &entries;
                Ok(self.bucket(&OldBucket { hash, entries }, changes))
            }
            Node::Branch(branch) => self.branch(hash, &branch, changes),
        }
    }

    fn bucket(&mut self, old: &OldBucket<'_>, changes: &[Set]) -> (Subtree, i64) {
        let new = changed(old.entries, changes);
        let growth = new.len() as i64 - old.entries.len() as i64;
        (self.builder.grow(&new, old), growth)
    }

    fn branch(&mut self, hash: NodeHash, branch: &Branch, changes: &[Set]) -> Changed<S::Error> {
        let prefix = Prefix::of(changes).map_or(branch.prefix, |changed| changed.common(&branch.prefix));
        let (children, growth) = if prefix == branch.prefix {
            self.children(branch, changes)?
        } else {
            self.siblings(hash, branch, &prefix, changes)?
        };
        let unchanged = |(child, old): (&Subtree, &NodeHash)| matches!(child, Subtree::Old(hash) if hash == old);
        if prefix == branch.prefix && children.iter().zip(&branch.children).all(unchanged) {
            return Ok((Subtree::Old(hash), 0));
        }
        let count = u32::try_from(i64::from(branch.count) + growth).map_err(|_| miscounted(hash))?;
        let subtree = self.join(prefix, count, children)?.ok_or_else(|| miscounted(hash))?;
        Ok((subtree, growth))
    }

    /// The children of a branch when all changes lie below it.
    fn children(&mut self, branch: &Branch, changes: &[Set]) -> Children<S::Error> {
        let mut children = [Subtree::EMPTY; 16];
        let mut growth = 0;
        for (nibble, part) in by_nibble(changes, branch.prefix.len()).into_iter().enumerate() {
            let (child, grown) = self.stored(branch.children[nibble], &branch.prefix.child(nibble), part)?;
            children[nibble] = child;
            growth += grown;
        }
        Ok((children, growth))
    }

    /// When changes lie beside a branch: the children of `prefix`, which it shares with them. It is one.
    fn siblings(&mut self, hash: NodeHash, branch: &Branch, prefix: &Prefix, changes: &[Set]) -> Children<S::Error> {
        let own = branch.prefix.path().nibble(prefix.len());
        let mut children = [Subtree::EMPTY; 16];
        let mut growth = 0;
        for (nibble, part) in by_nibble(changes, prefix.len()).into_iter().enumerate() {
            let (child, grown) = match (nibble == own, part.is_empty()) {
                (true, true) => (Subtree::Old(hash), 0),
                (true, false) => self.branch(hash, branch, part)?,
                (false, _) => self.bucket(&OldBucket::EMPTY, part),
            };
            children[nibble] = child;
            growth += grown;
        }
        Ok((children, growth))
    }

    /// The node over `children`; `None` if they don't hold `count` entries.
    fn join(&mut self, prefix: Prefix, count: u32, mut children: [Subtree; 16]) -> Joined<S::Error> {
        let mut present = (0..16).filter(|nibble| !children[*nibble].is_empty());
        match (present.next(), present.next()) {
            (None, _) => Ok(Some(Subtree::EMPTY)),
            // A node doesn't depend on where it hangs: an only child takes its parent's place as it is.
            (Some(only), None) => Ok(Some(mem::replace(&mut children[only], Subtree::EMPTY))),
            _ if count as usize > BUCKET_MAX => Ok(Some(self.builder.branch(prefix, count, children))),
            _ => self.gather(prefix, count, children),
        }
    }

    /// One bucket from children that have shrunk; `None` if they don't hold `count` entries.
    fn gather(&self, prefix: Prefix, count: u32, children: [Subtree; 16]) -> Joined<S::Error> {
        let mut entries = Vec::with_capacity(BUCKET_MAX);
        for (nibble, child) in children.into_iter().enumerate() {
            let node = match child {
                Subtree::Old(hash) => self.trie.load(hash, &prefix.child(nibble))?,
                Subtree::New(node) => node,
            };
            match node {
                Node::Bucket(part) => entries.extend(part),
                Node::Branch(_) => return Ok(None),
            }
        }
        let whole = entries.len() == count as usize;
        Ok(whole.then_some(Subtree::New(Node::Bucket(entries))))
    }
}

fn miscounted<E>(hash: NodeHash) -> TrieError<E> {
    TrieError::Malformed { hash, why: "it counts its entries wrongly" }
}

/// `old` after `changes`; all are sorted.
fn changed(old: &[Entry], changes: &[Set]) -> Vec<Entry> {
    let untouched = |entry: &&Entry| changes.binary_search_by_key(&entry.0, |change| change.0).is_err();
    let set = changes.iter().filter_map(|(path, event)| Some((*path, (*event)?)));
    let mut new: Vec<Entry> = old.iter().filter(untouched).copied().chain(set).collect();
    new.sort_unstable_by_key(|entry| entry.0);
    new
}
