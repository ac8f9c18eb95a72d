//! What the database keeps of a room beside its events' JSON: the rows and their meaning.

use ruma::{RoomVersionId, events::room::member::MembershipState};
use serde::{Deserialize, Serialize};

use super::{relations::Kinds, timeline::Point};
use crate::{
    ids::{EventNum, Position, UserNum},
    state::trie::{EMPTY_ROOT, NodeHash},
};

/// A trie root as a row holds it.
pub type Root = [u8; 16];

/// A room's ref: where its DAG ends and what its state is there. Present for rooms that this server resides in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomHead {
    /// The room's version.
    pub version: RoomVersionId,
    /// Events that nothing follows yet, oldest first.
    pub extremities: Vec<EventNum>,
    /// The greatest depth among them.
    pub depth: u64,
    /// Root of the current state: the resolution over the extremities.
    pub state: Root,
    /// The number that the next event gets.
    pub next: EventNum,
    /// Where the room's last event or state change was published.
    pub tail: Position,
    /// How many members have joined.
    pub joined: u64,
    /// How many are invited.
    pub invited: u64,
    /// How many of those who have joined are users of this server; without one it hears of the room no more.
    pub residents: u64,
    /// Commits to this room so far.
    pub sequence: u64,
}

impl RoomHead {
    /// A room without events.
    pub fn new(version: RoomVersionId) -> Self {
        Self {
            version,
            extremities: Vec::new(),
            depth: 0,
            state: EMPTY_ROOT.0,
            next: EventNum(1),
            tail: Position(0),
            joined: 0,
            invited: 0,
            residents: 0,
            sequence: 0,
        }
    }

    /// The current state's root.
    pub fn root(&self) -> NodeHash {
        NodeHash(self.state)
    }
}

/// What came of an event's checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Verdict {
    /// It is part of the room.
    Accepted,
    /// It is allowed where it stands, but not by the current state: kept, never shown, never an extremity.
    SoftFailed,
    /// It is not allowed where it stands: kept, never shown, without effect.
    Rejected,
}

/// Where an event stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Place {
    /// In the timeline, where it was committed.
    Live,
    /// In the timeline, filled in before the event that was published at its anchor; the sub counts down.
    Filled(u32),
    /// Nowhere: it is known for what others cite it for. It may get a place later.
    Outlier,
}

/// What a client called the event that it sent, or this server one that was delayed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transaction {
    /// The device that sent it; empty, which no device's ID is, of one that was delayed.
    pub device: String,
    /// Its transaction ID, or its delay ID.
    pub id: String,
}

impl Transaction {
    /// Of an event that was delayed.
    pub fn of_delayed(delay_id: String) -> Self {
        Self { device: String::new(), id: delay_id }
    }

    /// The transaction ID, for the device that chose it.
    pub fn id_for(&self, device: &str) -> Option<&str> {
        (!self.device.is_empty() && self.device == device).then_some(&*self.id)
    }

    /// The delay ID of an event that was delayed.
    pub fn delay_id(&self) -> Option<&str> {
        self.device.is_empty().then_some(&*self.id)
    }
}

/// What walks over the DAG need to know of an event without its JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventMeta {
    /// What came of its checks.
    pub verdict: Verdict,
    /// Where it stands.
    pub place: Place,
    /// Where it was committed; of an event that was filled in: the position right before its anchor.
    pub position: Position,
    /// Its depth.
    pub depth: u64,
    /// Its sender.
    pub sender: UserNum,
    /// Root of the state before it.
    pub before: Root,
    /// Root of the state after it; differs only for accepted state events.
    pub after: Root,
    /// The state event that it took the place of.
    pub replaces: Option<EventNum>,
    /// The events that it follows, as far as they were here.
    pub prev: Vec<EventNum>,
    /// Whether some of them were not, so that there is a gap before it.
    pub gap: bool,
    /// Whether this server has to tell others of it, though another one sent it: it let that one in, or out.
    pub vouched: bool,
    /// The events that authorise it.
    pub auth: Vec<EventNum>,
    /// The redaction in effect, if any.
    pub redacted_by: Option<EventNum>,
    /// In which ways others relate to it; none that does is missing here, some may be redacted by now.
    pub children: Kinds,
    /// What the client that sent it called it.
    pub transaction: Option<Transaction>,
}

impl EventMeta {
    /// Whether the event is part of the room for clients.
    pub fn is_visible(&self) -> bool {
        self.verdict == Verdict::Accepted && self.place != Place::Outlier
    }

    /// Where it stands in the timeline, if clients see it at all.
    pub fn point(&self) -> Point {
        match self.place {
            Place::Filled(sub) => Point { anchor: Position(self.position.0 + 1), sub },
            Place::Live | Place::Outlier => Point::live(self.position),
        }
    }
}

/// A membership as rows hold it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Membership {
    /// A member.
    Join,
    /// Asked to join.
    Invite,
    /// Asks to join.
    Knock,
    /// No member (any more).
    Leave,
    /// May not join.
    Ban,
}

impl Membership {
    /// From the content of a member event. An unknown membership counts as none.
    pub fn of_content(content: &str) -> Self {
        #[derive(Deserialize)]
        struct Content {
            membership: MembershipState,
        }
        match serde_json::from_str::<Content>(content).map(|content| content.membership) {
            Ok(MembershipState::Join) => Self::Join,
            Ok(MembershipState::Invite) => Self::Invite,
            Ok(MembershipState::Knock) => Self::Knock,
            Ok(MembershipState::Ban) => Self::Ban,
            _ => Self::Leave,
        }
    }

    /// As it is written in events.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Join => "join",
            Self::Invite => "invite",
            Self::Knock => "knock",
            Self::Leave => "leave",
            Self::Ban => "ban",
        }
    }
}

/// Room → user: the membership in the current state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberRow {
    /// The membership.
    pub membership: Membership,
    /// The member event; `None` if resolution took the last one away.
    pub event: Option<EventNum>,
}

/// User → room, for users of this server: how they stand to the room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnRoom {
    /// The membership.
    pub membership: Membership,
    /// The member event; `None` if resolution took the last one away.
    pub event: Option<EventNum>,
    /// Where the membership became what it is: a new display name doesn't move this.
    pub since: Position,
    /// Where the user's last time as a member ended, if they are none any more but were.
    pub joined_until: Option<Position>,
    /// The user wants to hear no more of it.
    pub forgotten: bool,
    /// Of an invite or a knock: the stripped state that comes with it, a JSON array.
    pub stripped_state: Option<Vec<u8>>,
}

impl OwnRoom {
    /// Whether there is something of the room that the user may read as a member, present or former.
    pub fn was_joined(&self) -> bool {
        !self.forgotten && (self.membership == Membership::Join || self.joined_until.is_some())
    }
}

/// `index`: a server that could not be sent what it is to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BehindRow {
    /// What was published from here on it may not have.
    pub since: Position,
    /// How often it was tried in vain.
    pub failures: u32,
    /// When it is tried again, ms.
    pub retry_ms: u64,
}
