//! A node and its bytes.
//!
//! Bucket: `0`, then each entry's path (16) and event number (8), sorted by path.
//! Branch: `1`, the prefix's length in nibbles (1), the prefix (half a byte a nibble, rounded up), a bit for
//! each child that is there (2, nibble 0 lowest), the number of entries below (4), the children's hashes (16 each).
//!
//! Invariant: a set of entries has one encoding, and nothing else decodes.

use super::{EMPTY_ROOT, Entry, NodeHash, Path, Prefix};
use crate::ids::EventNum;

/// The most entries that are listed in one bucket.
pub const BUCKET_MAX: usize = 16;

const BUCKET: u8 = 0;
const BRANCH: u8 = 1;
const ENTRY_BYTES: usize = 24;

/// A decoded node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Node {
    /// The entries, sorted; none only in the trie without entries.
    Bucket(Vec<Entry>),
    /// More entries than fit into a bucket.
    Branch(Box<Branch>),
}

/// A node with other nodes below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Branch {
    /// The longest prefix that all entries below share.
    pub prefix: Prefix,
    /// How many entries there are below.
    pub count: u32,
    /// The subtree for each next nibble, [`EMPTY_ROOT`] where there is none. Two or more are there.
    pub children: [NodeHash; 16],
}

impl Node {
    /// The bytes that are hashed and stored.
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Node::Bucket(entries) => encode_bucket(entries),
            Node::Branch(branch) => branch.encode(),
        }
    }

    /// Reads what [`Node::encode`] wrote, or says what is wrong with it.
    pub fn decode(bytes: &[u8]) -> Result<Self, &'static str> {
        match bytes.split_first() {
            Some((&BUCKET, rest)) => Ok(Node::Bucket(decode_bucket(rest)?)),
            Some((&BRANCH, rest)) => Ok(Node::Branch(Box::new(Branch::decode(rest)?))),
            Some(_) => Err("its kind is unknown"),
            None => Err("it has no bytes"),
        }
    }

    /// Whether all entries below begin with `prefix`.
    pub fn lies_within(&self, prefix: &Prefix) -> bool {
        match self {
            Node::Bucket(entries) => entries.iter().all(|(path, _)| prefix.contains(path)),
            Node::Branch(branch) => prefix.covers(&branch.prefix),
        }
    }
}

fn encode_bucket(entries: &[Entry]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(1 + entries.len() * ENTRY_BYTES);
    bytes.push(BUCKET);
    for (path, event) in entries {
        bytes.extend_from_slice(&path.0);
        bytes.extend_from_slice(&event.0.to_be_bytes());
    }
    bytes
}

fn decode_bucket(bytes: &[u8]) -> Result<Vec<Entry>, &'static str> {
    let (chunks, []) = bytes.as_chunks::<ENTRY_BYTES>() else {
        return Err("an entry is cut short");
    };
    if chunks.is_empty() || chunks.len() > BUCKET_MAX {
        return Err("a bucket holds 1 to 16 entries");
    }
    let entries: Vec<Entry> = chunks.iter().map(decode_entry).collect();
    if !entries.is_sorted_by(|a, b| a.0 < b.0) {
        return Err("its entries are out of order");
    }
    Ok(entries)
}

fn decode_entry(bytes: &[u8; ENTRY_BYTES]) -> Entry {
    let (mut path, mut event) = ([0; 16], [0; 8]);
    path.copy_from_slice(&bytes[..16]);
    event.copy_from_slice(&bytes[16..]);
    (Path(path), EventNum(u64::from_be_bytes(event)))
}

impl Branch {
    /// What hangs at each next nibble, and the prefix of that place; the last nibble first, as a stack wants them.
    pub fn subtrees(&self) -> impl Iterator<Item = (NodeHash, Prefix)> {
        (0..16).rev().map(|nibble| (self.children[nibble], self.prefix.child(nibble)))
    }

    fn encode(&self) -> Vec<u8> {
        let len = self.prefix.len();
        let mut bytes = Vec::with_capacity(1 + 1 + 16 + 2 + 4 + 16 * 16);
        bytes.extend_from_slice(&[BRANCH, len as u8]);
        bytes.extend_from_slice(&self.prefix.path().0[..len.div_ceil(2)]);
        let present = |nibble: &usize| self.children[*nibble] != EMPTY_ROOT;
        let bitmap = (0..16).filter(present).fold(0u16, |map, nibble| map | 1 << nibble);
        bytes.extend_from_slice(&bitmap.to_be_bytes());
        bytes.extend_from_slice(&self.count.to_be_bytes());
        for nibble in (0..16).filter(present) {
            bytes.extend_from_slice(&self.children[nibble].0);
        }
        bytes
    }

    fn decode(bytes: &[u8]) -> Result<Self, &'static str> {
        const SHORT: &str = "a branch is cut short";
        let (&len, rest) = bytes.split_first().ok_or(SHORT)?;
        let len = usize::from(len);
        if len >= Path::NIBBLES {
            return Err("its prefix is too long");
        }
        let (prefix, rest) = rest.split_at_checked(len.div_ceil(2)).ok_or(SHORT)?;
        let (bitmap, rest) = rest.split_first_chunk().ok_or(SHORT)?;
        let (count, rest) = rest.split_first_chunk().ok_or(SHORT)?;
        let count = u32::from_be_bytes(*count);
        if count as usize <= BUCKET_MAX {
            return Err("a branch has more entries than a bucket");
        }
        Ok(Self {
            prefix: decode_prefix(prefix, len)?,
            count,
            children: decode_children(rest, u16::from_be_bytes(*bitmap))?,
        })
    }
}

/// `bytes` are at most 16.
fn decode_prefix(bytes: &[u8], len: usize) -> Result<Prefix, &'static str> {
    let mut path = Path([0; 16]);
    path.0[..bytes.len()].copy_from_slice(bytes);
    let prefix = Prefix::new(&path, len);
    if *prefix.path() != path {
        return Err("its prefix isn't padded with zero");
    }
    Ok(prefix)
}

fn decode_children(bytes: &[u8], bitmap: u16) -> Result<[NodeHash; 16], &'static str> {
    let (hashes, []) = bytes.as_chunks::<16>() else {
        return Err("a child's hash is cut short");
    };
    if hashes.len() < 2 || hashes.len() != bitmap.count_ones() as usize {
        return Err("a branch has two children or more, as many as its bitmap says");
    }
    if hashes.contains(&EMPTY_ROOT.0) {
        return Err("a child is empty");
    }
    let mut children = [EMPTY_ROOT; 16];
    let present = (0..16).filter(|nibble| bitmap & 1 << nibble != 0);
    for (nibble, hash) in present.zip(hashes) {
        children[nibble] = NodeHash(*hash);
    }
    Ok(children)
}
