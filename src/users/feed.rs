//! A user's feed: what changed for that user alone, by position.

use serde::{Deserialize, Serialize};

use crate::ids::{RoomNum, UserNum};

/// User, position → what changed for that user alone. One row for each room's membership, each type of
/// account data, each private receipt and each key that the user signed: a newer one takes the place of the older.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FeedEntry {
    /// The user's own membership in a room.
    Membership(RoomNum),
    /// Account data of a type, in a room or global.
    AccountData(Option<RoomNum>, String),
    /// A receipt in a room that only this user learns of.
    PrivateReceipt(RoomNum),
    /// The user's signatures on somebody else's key.
    Signatures(UserNum, String),
}
