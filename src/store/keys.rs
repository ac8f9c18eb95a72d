//! Every key of the database is made here. Numbers are big-endian, so that keys sort as numbers do.
//!
//! `index` keys: a room, user or 0 (for what belongs to neither), then one letter for the kind, then the rest.

use sha2::{Digest, Sha256};
use smallvec::SmallVec;

use crate::ids::{EventNum, Position, RoomNum, UserNum};

/// A key's bytes; most fit without an allocation.
pub type Key = SmallVec<[u8; 40]>;

/// What an index row is for; with it, who or what its key names first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Index {
    /// Room → user: membership.
    Member = b'm',
    /// Room → alias.
    RoomAlias = b'a',
    /// Room → related event, point of the relating event.
    Relation = b'r',
    /// Room → point of an event in a thread: the thread's root.
    Thread = b'h',
    /// Room → related event that isn't here: how others relate to it.
    Awaited = b'w',
    /// Room → redacted event ID, redaction.
    Redaction = b'x',
    /// Room → `origin_server_ts`, event.
    Timestamp = b't',
    /// Room → server: how many members of it have joined.
    RoomServer = b's',
    /// Room → word, position of an event: it stands there.
    Word = b'S',
    /// Room → event: its words, or what it edits.
    Worded = b'j',
    /// Room → when and by whom it was listed in the directory.
    Listed = b'v',
    /// User → account.
    Account = b'U',
    /// User → profile field.
    Profile = b'P',
    /// User → room: own membership.
    OwnRoom = b'R',
    /// User → device.
    Device = b'D',
    /// User → room (0: global), type: account data.
    AccountData = b'A',
    /// User → bytes of all their account data.
    AccountDataSize = b'B',
    /// User → device, day, transaction: what it answered.
    Transaction = b'T',
    /// User → what they may not do for a time.
    Restrictions = b'X',
    /// User → filter.
    Filter = b'F',
    /// User → room, receipt type and thread: position of the receipt.
    OwnReceipt = b'e',
    /// User → pushers.
    Pushers = b'p',
    /// 0 → push key's hash, user who has a pusher for it.
    Pushkey = b'k',
    /// User → their upload.
    OwnMedia = b'O',
    /// User → their uploads that are yet to come.
    PendingMedia = b'W',
    /// User → what their uploads count for.
    MediaUsage = b'Q',
    /// 0 → media ID: an upload, done or to come.
    Media = b'M',
    /// 0 → SHA-256 of a file's content.
    MediaContent = b'C',
    /// 0 → access or refresh token's hash.
    Token = b'K',
    /// 0 → user, delay ID: an event that is to be sent later.
    Delayed = b'Y',
    /// 0 → report to the administrators.
    Report = b'N',
    /// 0 → registration token.
    RegistrationToken = b'G',
    /// 0 → alias: room.
    Alias = b'L',
    /// 0 → server: its last transaction and what that was answered.
    InboundTransaction = b'I',
    /// 0 → position, server: an EDU that the server is to have, canonical JSON.
    Outbox = b'E',
    /// 0 → server that could not be sent what it is to have: since when, and how often it was tried.
    Behind = b'H',
    /// 0 → room listed in the directory.
    Directory = b'V',
}

/// What a row of `devices` is for; its key starts with a user, or with 0 for what is of all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Devices {
    /// User → device: its identity keys, JSON.
    Keys = b'D',
    /// User → device: what there is of its one-time keys, and its fallback keys.
    Stock = b'S',
    /// User → device, algorithm, number: a one-time key.
    OneTimeKey = b'O',
    /// User → device, algorithm and key ID: the number of that one-time key.
    OneTimeKeyId = b'I',
    /// User → use of a cross-signing key: the key, JSON.
    CrossSigning = b'X',
    /// User who signed → user, device or public key: signatures.
    Signature = b'G',
    /// User → device: what waits for it.
    Inbox = b'N',
    /// User → their dehydrated device.
    Dehydrated = b'H',
    /// User → their key backups.
    Backups = b'B',
    /// User → version: a key backup.
    Backup = b'V',
    /// User → version, room, session: a key in a backup.
    BackedUpKey = b'K',
    /// User → position where their devices or their keys changed last.
    List = b'L',
    /// 0 → position: the user whose devices or keys changed there.
    Change = b'C',
}

/// Builds a key from its parts.
#[derive(Clone, Debug, Default)]
pub struct KeyBuilder(Key);

impl KeyBuilder {
    /// Starts with a 4-byte number.
    pub fn number(number: u32) -> Self {
        Self(Key::from_slice(&number.to_be_bytes()))
    }

    /// Starts an index key of a room.
    pub fn room(room: RoomNum, index: Index) -> Self {
        Self::number(room.0).byte(index as u8)
    }

    /// Starts an index key of a user.
    pub fn user(user: UserNum, index: Index) -> Self {
        Self::number(user.0).byte(index as u8)
    }

    /// Starts an index key that belongs to neither a room nor a user.
    pub fn global(index: Index) -> Self {
        Self::number(0).byte(index as u8)
    }

    /// Starts a key of `devices`.
    pub fn devices(user: UserNum, kind: Devices) -> Self {
        Self::number(user.0).byte(kind as u8)
    }

    /// Adds a byte.
    pub fn byte(mut self, byte: u8) -> Self {
        self.0.push(byte);
        self
    }

    /// Adds a 4-byte number.
    pub fn u32(mut self, number: u32) -> Self {
        self.0.extend_from_slice(&number.to_be_bytes());
        self
    }

    /// Adds an 8-byte number.
    pub fn u64(mut self, number: u64) -> Self {
        self.0.extend_from_slice(&number.to_be_bytes());
        self
    }

    /// Adds bytes up to the end of the key.
    pub fn tail(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    /// Adds a string that more parts follow: a NUL ends it, which no identifier of Matrix may hold.
    pub fn text(mut self, text: &str) -> Self {
        self.0.extend_from_slice(text.as_bytes());
        self.0.push(0);
        self
    }

    /// The key.
    pub fn build(self) -> Key {
        self.0
    }
}

/// The first key after all keys that start with `prefix`; `None` if there is none.
pub fn successor(prefix: &[u8]) -> Option<Key> {
    let mut end = Key::from_slice(prefix);
    while let Some(last) = end.pop() {
        if last < u8::MAX {
            end.push(last + 1);
            return Some(end);
        }
    }
    None
}

/// `meta`: a named value.
pub fn meta(name: &str) -> Key {
    Key::from_slice(name.as_bytes())
}

/// `names`: one of four maps, then the name or number.
pub fn name(map: u8, rest: &[u8]) -> Key {
    let mut key = Key::from_slice(&[map]);
    key.extend_from_slice(rest);
    key
}

/// `log`: a position.
pub fn log(position: Position) -> Key {
    Key::from_slice(&position.0.to_be_bytes())
}

/// `event_ids`: half of the event ID's SHA-256.
pub fn event_id(event_id: &str) -> Key {
    Key::from_slice(&Sha256::digest(event_id.as_bytes())[..16])
}

/// `event_meta` and `event_json`: room, number.
pub fn event(room: RoomNum, number: EventNum) -> Key {
    KeyBuilder::number(room.0).u64(number.0).build()
}

/// `timeline`: room, anchor position, place behind it.
pub fn timeline(room: RoomNum, anchor: Position, sub: u32) -> Key {
    KeyBuilder::number(room.0).u64(anchor.0).u32(sub).build()
}

/// `roots`, `ephemeral`: room, position.
pub fn room_position(room: RoomNum, position: Position) -> Key {
    KeyBuilder::number(room.0).u64(position.0).build()
}

/// `feed`: user, position.
pub fn user_position(user: UserNum, position: Position) -> Key {
    KeyBuilder::number(user.0).u64(position.0).build()
}

/// `index`: the start of the keys of what a user has delayed.
pub fn delayed(user: UserNum) -> KeyBuilder {
    KeyBuilder::global(Index::Delayed).u32(user.0)
}

/// `index`: the start of the keys of a device's transactions.
pub fn transactions(user: UserNum, device: &str) -> KeyBuilder {
    KeyBuilder::user(user, Index::Transaction).text(device)
}

/// `todevice`: the start of the keys of what waits for a device; a position follows.
pub fn to_device(user: UserNum, device: &str) -> KeyBuilder {
    KeyBuilder::number(user.0).text(device)
}

/// `devices`: a position where somebody's devices changed.
pub fn device_change(position: Position) -> Key {
    KeyBuilder::devices(UserNum(0), Devices::Change).u64(position.0).build()
}

/// `index`: what a server is to have that was queued at a position.
pub fn outbox(position: Position, server: &str) -> Key {
    KeyBuilder::global(Index::Outbox).u64(position.0).tail(server.as_bytes()).build()
}

/// `rooms`: room.
pub fn room(room: RoomNum) -> Key {
    KeyBuilder::number(room.0).build()
}

/// `state`: room, node hash.
pub fn state_node(room: RoomNum, hash: &[u8]) -> Key {
    KeyBuilder::number(room.0).tail(hash).build()
}

/// Reads a 4-byte number out of a key or value.
pub fn read_u32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

/// Reads an 8-byte number out of a key or value.
pub fn read_u64(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_be_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}
