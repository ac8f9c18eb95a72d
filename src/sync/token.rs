//! The tokens of /sync: one position, and how far the client is in what lives in memory only.

use std::{fmt, str::FromStr};

use crate::{ids::Position, rooms::timeline::BadToken};

/// Where a client is. Written as `s<position>_<boot>_<moment>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SyncToken {
    /// All that was committed up to here, the client has.
    pub position: Position,
    /// Which run of the server `moment` belongs to.
    pub boot: u32,
    /// How far the client is in typing notices and presence.
    pub moment: u64,
}

impl fmt::Display for SyncToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s{}_{:x}_{}", self.position, self.boot, self.moment)
    }
}

impl FromStr for SyncToken {
    type Err = BadToken;

    fn from_str(token: &str) -> Result<Self, BadToken> {
        let mut parts = token.strip_prefix('s').ok_or(BadToken)?.split('_');
        let position = parts.next().and_then(|part| part.parse().ok()).ok_or(BadToken)?;
        let boot = parts.next().map_or(Some(0), |part| u32::from_str_radix(part, 16).ok()).ok_or(BadToken)?;
        let moment = parts.next().map_or(Some(0), |part| part.parse().ok()).ok_or(BadToken)?;
        Ok(Self { position: Position(position), boot, moment })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_survives_being_written() {
        let token = SyncToken { position: Position(72_594), boot: 0xbeef, moment: 7 };
        assert_eq!(token.to_string().parse(), Ok(token));
    }

    #[test]
    fn a_bare_position_is_a_token_and_rubbish_is_not() {
        assert_eq!("s12".parse(), Ok(SyncToken { position: Position(12), boot: 0, moment: 0 }));
        for rubbish in ["", "12", "s", "sx", "s1_zz", "t1.2"] {
            assert_eq!(rubbish.parse::<SyncToken>(), Err(BadToken), "{rubbish}");
        }
    }
}
