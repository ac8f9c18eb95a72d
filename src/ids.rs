//! The numbers that stand for names and events inside the database, and the identifiers that we mint.

use rand::Rng;
use serde::{Deserialize, Serialize};

macro_rules! number {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub struct $name(pub $inner);

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

number! {
    /// Stands for a room ID. Minted once, never reused; the first is 1.
    RoomNum(u32)
}
number! {
    /// Stands for a user ID, ours or another server's. Minted once, never reused; the first is 1.
    UserNum(u32)
}
number! {
    /// An event's number within its room, in the order in which we came to know of events; the first is 1.
    EventNum(u64)
}
number! {
    /// A place in the log of all commits. Consecutive, the first commit is 1.
    Position(u64)
}

/// A random string of `length` ASCII letters and digits, for device IDs, transaction names and the like.
pub fn random_string(rng: &mut impl Rng, length: usize) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    (0..length).map(|_| char::from(ALPHABET[(rng.next_u32() as usize) % ALPHABET.len()])).collect()
}
