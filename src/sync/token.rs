//! The tokens of /sync: one position, how far the client is in what lives in memory only, and, where more waits for its
//! device than one answer brings, how far it is there.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, de::Error as _};

use crate::{
    ids::Position,
    rooms::timeline::{BadToken, Point},
};

/// Where a client is. Written as `s<position>_<boot>_<moment>`, with `_<to_device>` where that lies behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SyncToken {
    /// All that was committed up to here, the client has.
    pub position: Position,
    /// Which run of the server `moment` belongs to.
    pub boot: u32,
    /// How far the client is in typing notices and presence.
    pub moment: u64,
    /// Up to here it has the messages to its device.
    pub to_device: Position,
}

impl SyncToken {
    /// Of a client that read a room's history up to a point, and knows nothing else.
    pub fn behind(point: Point) -> Self {
        let position = Position(point.anchor.0.saturating_sub(1));
        Self { position, boot: 0, moment: 0, to_device: Position(0) }
    }
}

impl fmt::Display for SyncToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s{}_{:x}_{}", self.position, self.boot, self.moment)?;
        if self.to_device == self.position { Ok(()) } else { write!(f, "_{}", self.to_device) }
    }
}

impl FromStr for SyncToken {
    type Err = BadToken;

    fn from_str(token: &str) -> Result<Self, BadToken> {
        let mut parts = token.strip_prefix('s').ok_or(BadToken)?.split('_');
        let position = parts.next().and_then(|part| part.parse().ok()).map(Position).ok_or(BadToken)?;
        let boot = parts.next().map_or(Some(0), |part| u32::from_str_radix(part, 16).ok()).ok_or(BadToken)?;
        let moment = parts.next().map_or(Some(0), |part| part.parse().ok()).ok_or(BadToken)?;
        let to_device = parts.next().map_or(Some(position), |part| part.parse().ok().map(Position)).ok_or(BadToken)?;
        Ok(Self { position, boot, moment, to_device })
    }
}

impl<'de> Deserialize<'de> for SyncToken {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_survives_being_written() {
        for to_device in [Position(72_594), Position(70_000)] {
            let token = SyncToken { position: Position(72_594), boot: 0xbeef, moment: 7, to_device };
            assert_eq!(token.to_string().parse(), Ok(token));
        }
    }

    #[test]
    fn a_bare_position_is_a_token_and_rubbish_is_not() {
        let token = SyncToken { position: Position(12), boot: 0, moment: 0, to_device: Position(12) };
        assert_eq!("s12".parse(), Ok(token));
        for rubbish in ["", "12", "s", "sx", "s1_zz", "s1_1_1_x", "t1.2"] {
            assert_eq!(rubbish.parse::<SyncToken>(), Err(BadToken), "{rubbish}");
        }
    }
}
