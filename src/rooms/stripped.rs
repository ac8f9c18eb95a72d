//! The stripped state that comes with an invite or a knock, so that who gets it knows what room it is for
//! (client-server API, "Stripped state").

use serde::Deserialize;
use serde_json::{Map, Value};

use super::{ahead::Ahead, view::ViewError};
use crate::{
    event::{Pdu, StoredEvent, StrippedState},
    state::trie::NodeHash,
};

/// State events with an empty key that tell what a room is.
pub(super) const TELLING: &[&str] = &[
    "m.room.create",
    "m.room.name",
    "m.room.avatar",
    "m.room.topic",
    "m.room.join_rules",
    "m.room.canonical_alias",
    "m.room.encryption",
];

/// A JSON array of stripped state at `root`, with the sender's membership and the invite or knock itself.
pub(super) fn render(ahead: &Ahead<'_>, root: NodeHash, member: &Pdu) -> Result<Vec<u8>, ViewError> {
    let mut out = vec![b'['];
    for event_type in TELLING {
        if let Some(event) = ahead.state_event(root, event_type, "")? {
            push(&mut out, &event);
        }
    }
    if member.state_key() != Some(member.sender().as_str())
        && let Some(event) = ahead.state_event(root, "m.room.member", member.sender().as_str())?
    {
        push(&mut out, &event);
    }
    push(&mut out, member);
    out.push(b']');
    Ok(out)
}

/// An event of stripped state.
#[derive(Debug, Deserialize)]
pub struct Told {
    /// Its type.
    #[serde(rename = "type")]
    pub event_type: String,
    /// Its state key.
    pub state_key: String,
    /// Who is said to have sent it.
    pub sender: String,
    /// Its content.
    pub content: Map<String, Value>,
}

/// Reads the stripped state of an invite or a knock; nothing if it is malformed.
pub fn read(state: &[u8]) -> Vec<Told> {
    serde_json::from_slice(state).unwrap_or_default()
}

fn push(out: &mut Vec<u8>, event: &Pdu) {
    if out.len() > 1 {
        out.push(b',');
    }
    StrippedState(&StoredEvent::from(event)).write(out);
}
