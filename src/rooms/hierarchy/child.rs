//! The rooms that a space names as its children, and their order.

use std::cmp::Reverse;

use ruma::{OwnedRoomId, OwnedServerName, RoomId, ServerName};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::MAX_CHILDREN;
use crate::{
    error::{Error, Result},
    event::StoredEvent,
    ids::RoomNum,
    json::ObjectWriter,
    rooms::{Rooms, view::ViewError},
    store::Snapshot,
};

const CHILD: &str = "m.space.child";
/// Servers of one child that may be asked about it.
const MAX_VIA: usize = 5;

/// A room that a space names as its child.
#[derive(Clone, Debug)]
pub struct Child {
    /// The room.
    pub room_id: OwnedRoomId,
    /// Servers that may know it.
    pub via: Vec<OwnedServerName>,
    /// Whether the space suggests it.
    pub suggested: bool,
    order: Option<String>,
    origin_server_ts: u64,
    event: Event,
}

#[derive(Clone, Debug)]
enum Event {
    /// One of ours.
    Stored(StoredEvent),
    /// As another server tells it.
    Told(Box<RawValue>),
}

/// A child as another server tells it.
#[derive(Deserialize)]
struct Stripped {
    #[serde(rename = "type")]
    event_type: String,
    state_key: OwnedRoomId,
    content: Content,
    origin_server_ts: u64,
    // It has to be there.
    #[serde(rename = "sender")]
    _sender: ruma::OwnedUserId,
}

#[derive(Deserialize)]
struct Content {
    via: Option<Vec<serde_json::Value>>,
    order: Option<serde_json::Value>,
    suggested: Option<serde_json::Value>,
}

impl Child {
    /// `None` for what names no child (any more).
    pub fn of(event: StoredEvent) -> Option<Self> {
        // The trie may hold another type under the same hash.
        let room_id: OwnedRoomId = serde_json::from_slice(event.state_key_json()?).ok()?;
        let content: Content = serde_json::from_slice(event.content()).ok()?;
        if event.type_json() != b"\"m.space.child\"" {
            return None;
        }
        Self::new(room_id, content, event.origin_server_ts(), Event::Stored(event))
    }

    /// The same for a stripped event.
    pub fn told(event: Box<RawValue>) -> Option<Self> {
        let stripped: Stripped = serde_json::from_str(event.get()).ok()?;
        if stripped.event_type != CHILD {
            return None;
        }
        Self::new(stripped.state_key, stripped.content, stripped.origin_server_ts, Event::Told(event))
    }

    fn new(room_id: OwnedRoomId, content: Content, origin_server_ts: u64, event: Event) -> Option<Self> {
        let named = content.via?;
        let servers = named.iter().filter_map(|name| <&ServerName>::try_from(name.as_str()?).ok());
        let order = content.order.and_then(|order| order.as_str().map(ToOwned::to_owned));
        Some(Self {
            room_id,
            via: servers.take(MAX_VIA).map(ToOwned::to_owned).collect(),
            suggested: content.suggested.is_some_and(|suggested| suggested == true),
            order: order.filter(|order| is_order(order)),
            origin_server_ts,
            event,
        })
    }

    /// "Ordering of children within a space": those with an order first, then by time, then by room.
    fn place(&self) -> (Reverse<bool>, Option<&str>, u64, &RoomId) {
        (Reverse(self.order.is_some()), self.order.as_deref(), self.origin_server_ts, &self.room_id)
    }

    /// The stripped event.
    pub fn render(&self) -> Result<Box<RawValue>> {
        let event = match &self.event {
            Event::Stored(event) => event,
            Event::Told(event) => return Ok(event.clone()),
        };
        let mut out = Vec::with_capacity(256);
        let mut object = ObjectWriter::open(&mut out);
        object.json("content", event.content());
        object.json("origin_server_ts", event.origin_server_ts_json());
        object.json("sender", event.sender_json());
        object.text("state_key", self.room_id.as_str());
        object.json("type", event.type_json());
        object.close();
        serde_json::from_slice(&out).map_err(Error::internal)
    }
}

/// Children in their order, no more than are told.
pub fn in_order(mut children: Vec<Child>) -> Vec<Child> {
    children.sort_unstable_by(|a, b| a.place().cmp(&b.place()));
    children.truncate(MAX_CHILDREN);
    children
}

impl Rooms {
    /// The valid children of a space, in their order.
    pub fn children(&self, snapshot: &Snapshot<'_>, space: RoomNum) -> Result<Vec<Child>> {
        let view = self.view(snapshot, space);
        let Some(head) = view.head()? else { return Ok(Vec::new()) };
        let mut children = Vec::new();
        for entry in view.state(head.root()).entries_of_type(CHILD) {
            let (_, number) = entry.map_err(ViewError::from)?;
            children.extend(Child::of(view.event(number)?));
        }
        Ok(in_order(children))
    }
}

/// Up to 50 characters of printable ASCII.
fn is_order(order: &str) -> bool {
    (1..=50).contains(&order.len()) && order.bytes().all(|byte| (b' '..=b'~').contains(&byte))
}
