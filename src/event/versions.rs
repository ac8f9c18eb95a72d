//! The room versions that we know, and their rules.

use ruma::{RoomVersionId, room_version_rules::RoomVersionRules};

/// The version of new rooms, if the configuration names no other.
pub const DEFAULT_VERSION: RoomVersionId = RoomVersionId::V12;

/// The rules of a room version, or `None` if rooms of that version can't be had here.
///
/// Versions 3 to 5 are taken on a best-effort basis: numbers that canonical JSON forbids are refused there too.
pub fn rules(version: &RoomVersionId) -> Option<&'static RoomVersionRules> {
    Some(match version {
        RoomVersionId::V3 => &RoomVersionRules::V3,
        RoomVersionId::V4 => &RoomVersionRules::V4,
        RoomVersionId::V5 => &RoomVersionRules::V5,
        RoomVersionId::V6 => &RoomVersionRules::V6,
        RoomVersionId::V7 => &RoomVersionRules::V7,
        RoomVersionId::V8 => &RoomVersionRules::V8,
        RoomVersionId::V9 => &RoomVersionRules::V9,
        RoomVersionId::V10 => &RoomVersionRules::V10,
        RoomVersionId::V11 => &RoomVersionRules::V11,
        RoomVersionId::V12 => &RoomVersionRules::V12,
        _ => return None,
    })
}

/// The versions of rooms that can be had here.
pub fn known() -> [RoomVersionId; 10] {
    use RoomVersionId::*;
    [V3, V4, V5, V6, V7, V8, V9, V10, V11, V12]
}

/// The versions that clients may choose for new rooms, all stable.
pub fn offered() -> [RoomVersionId; 7] {
    use RoomVersionId::*;
    [V6, V7, V8, V9, V10, V11, V12]
}
