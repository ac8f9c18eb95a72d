//! Walks over a whole snapshot: its entries, and its nodes.

use std::vec;

use super::node::Node;
use super::{EMPTY_ROOT, Entry, NodeHash, NodeSource, Prefix, Trie, TrieError};

impl<'a, S: NodeSource> Trie<'a, S> {
    /// All entries, in the order of their paths, read as the iterator goes on.
    pub fn entries(&self) -> Entries<'a, S> {
        self.entries_within(Prefix::ALL)
    }

    /// The entries of one event type, as [`entries`](Self::entries). An entry of another type whose hash begins
    /// alike may be among them.
    pub fn entries_of_type(&self, event_type: &str) -> Entries<'a, S> {
        self.entries_within(self.key.type_prefix(event_type))
    }

    fn entries_within(&self, wanted: Prefix) -> Entries<'a, S> {
        let trie = Trie::new(self.key, self.source, self.root);
        Entries { trie, wanted, pending: vec![(self.root, Prefix::ALL)], ready: Vec::new().into_iter() }
    }

    /// Tells `f` the hash of each node, parents first. If `f` returns false the node isn't read, and
    /// nothing below it is told: for subtrees that were seen before.
    pub fn visit_nodes(&self, mut f: impl FnMut(&NodeHash) -> bool) -> Result<(), TrieError<S::Error>> {
        let mut pending = vec![(self.root, Prefix::ALL)];
        while let Some((hash, within)) = pending.pop() {
            if hash == EMPTY_ROOT || !f(&hash) {
                continue;
            }
            if let Node::Branch(branch) = self.load(hash, &within)? {
                pending.extend(branch.subtrees());
            }
        }
        Ok(())
    }
}

/// An iterator over entries. It ends after the first error.
pub struct Entries<'a, S> {
    trie: Trie<'a, S>,
    wanted: Prefix,
    pending: Vec<(NodeHash, Prefix)>,
    ready: vec::IntoIter<Entry>,
}

impl<S: NodeSource> Entries<'_, S> {
    /// Reads one node: its entries become ready, or its children pending.
    fn open(&mut self, hash: NodeHash, within: &Prefix) -> Result<(), TrieError<S::Error>> {
        match self.trie.load(hash, within)? {
            Node::Bucket(mut entries) => {
                entries.retain(|(path, _)| self.wanted.contains(path));
                self.ready = entries.into_iter();
            }
            Node::Branch(branch) => {
                let wanted = self.wanted;
                self.pending.extend(branch.subtrees().filter(|(_, prefix)| prefix.overlaps(&wanted)));
            }
        }
        Ok(())
    }
}

impl<S: NodeSource> Iterator for Entries<'_, S> {
    type Item = Result<Entry, TrieError<S::Error>>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(entry) = self.ready.next() {
                return Some(Ok(entry));
            }
            let (hash, within) = self.pending.pop()?;
            if let Err(error) = self.open(hash, &within) {
                self.pending.clear();
                return Some(Err(error));
            }
        }
    }
}
