//! The rows of media, as the domain writes them and the check of the database reads them.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    ids::UserNum,
    store::{
        Key,
        keys::{Index, KeyBuilder},
    },
};

/// The SHA-256 of a file's content, which names the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ContentHash(pub [u8; 32]);

impl ContentHash {
    /// Reads back what `Display` has written.
    pub fn parse(text: &str) -> Option<Self> {
        let mut hash = [0; 32];
        if text.len() != 2 * hash.len() || !text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
            return None;
        }
        for (byte, digits) in hash.iter_mut().zip(text.as_bytes().chunks(2)) {
            *byte = u8::from_str_radix(str::from_utf8(digits).ok()?, 16).ok()?;
        }
        Some(Self(hash))
    }
}

impl fmt::Display for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Media ID → who has uploaded it, or is to, and what it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MediaRow {
    /// Whose it is.
    pub owner: UserNum,
    /// Milliseconds since the epoch.
    pub created_at: u64,
    /// How far it is.
    pub state: MediaState,
}

/// An upload, done or to come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MediaState {
    /// Announced; whoever asks for it may wait.
    Pending {
        /// When it is too late, milliseconds since the epoch.
        expires_at: u64,
    },
    /// Uploaded.
    Stored(StoredMedia),
}

/// What was uploaded, and what its user said of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredMedia {
    /// The content.
    pub hash: ContentHash,
    /// Its bytes.
    pub length: u64,
    /// Its media type, fit for a header.
    pub content_type: String,
    /// The name of the file, if it has one.
    pub name: Option<String>,
}

/// Content → what it weighs, and how many uploads name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContentRow {
    /// Bytes.
    pub length: u64,
    /// Uploads; the file goes with the last.
    pub uses: u64,
}

/// An upload that its user has announced, and not made yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    /// Its media ID.
    pub media_id: String,
    /// When it is too late, milliseconds since the epoch.
    pub expires_at: u64,
}

/// What a user's uploads count for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Their weights together, bytes.
    pub bytes: u64,
    /// Everything was erased, and nothing is taken any more.
    pub closed: bool,
}

/// An upload counts for no less than this many bytes: a row and a file cost something, however small it is.
const LEAST_WEIGHT: u64 = 4096;

/// What an upload counts for in its user's quota, bytes.
pub fn weight(length: u64) -> u64 {
    length.max(LEAST_WEIGHT)
}

/// `index`: media ID → `MediaRow`.
pub fn media_key(media_id: &str) -> Key {
    KeyBuilder::global(Index::Media).tail(media_id.as_bytes()).build()
}

/// `index`: content → `ContentRow`.
pub fn content_key(hash: &ContentHash) -> Key {
    KeyBuilder::global(Index::MediaContent).tail(&hash.0).build()
}

/// `index`: user → media ID, for what they have uploaded. No value.
pub fn own_key(user: UserNum, media_id: &str) -> Key {
    KeyBuilder::user(user, Index::OwnMedia).tail(media_id.as_bytes()).build()
}

/// `index`: user → a list of `Pending`.
pub fn pending_key(user: UserNum) -> Key {
    KeyBuilder::user(user, Index::PendingMedia).build()
}

/// `index`: user → `Usage`.
pub fn usage_key(user: UserNum) -> Key {
    KeyBuilder::user(user, Index::MediaUsage).build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_reads_back_and_nothing_else_is_one() {
        let hash = ContentHash(std::array::from_fn(|n| n as u8 * 7));
        assert_eq!(ContentHash::parse(&hash.to_string()), Some(hash));
        let text = hash.to_string();
        for bad in ["", "..", &text[1..], &text.to_uppercase(), &text.replace('0', "/"), &format!("{text}0")] {
            assert_eq!(ContentHash::parse(bad), None, "{bad}");
        }
    }
}
