//! What the database keeps of relations. All follows from the events: rows come with the event that relates to
//! another one, and go with its redaction.

use serde::{Deserialize, Serialize};

use super::{Kinds, ParentHash, RelType, Relation};
use crate::{
    event::Pdu,
    ids::{EventNum, RoomNum, UserNum},
    rooms::{rows::EventMeta, timeline::Point},
    store::{
        Key,
        keys::{Index, KeyBuilder},
    },
};

/// Room → event, point of an event that relates to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RelationRow<'a> {
    /// The event that relates.
    pub number: EventNum,
    /// In which way.
    pub rel_type: RelType,
    /// Its type.
    pub event_type: &'a str,
    /// Who sent it.
    pub sender: UserNum,
    /// When it says that it was sent, in ms.
    pub origin_server_ts: u64,
    /// Whether it has what a replacement needs, as far as a server can tell.
    pub replaces: bool,
}

/// Room → point of an event in a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ThreadRow {
    /// The thread's root.
    pub root: ParentHash,
    /// The event.
    pub number: EventNum,
    /// Who sent it.
    pub sender: UserNum,
}

/// The start of the keys of all that relates to an event.
pub(super) fn relations(room: RoomNum, parent: &ParentHash) -> KeyBuilder {
    KeyBuilder::room(room, Index::Relation).tail(parent)
}

/// The start of the keys of all that is in threads.
pub(super) fn threads(room: RoomNum) -> KeyBuilder {
    KeyBuilder::room(room, Index::Thread)
}

/// `index`: what `start` begins, and a point.
pub(super) fn at(start: KeyBuilder, point: Point) -> Key {
    start.u64(point.anchor.0).u32(point.sub).build()
}

/// `index`: room → event that others relate to, and that isn't here: in which ways.
pub fn awaited_key(room: RoomNum, parent: &ParentHash) -> Key {
    KeyBuilder::room(room, Index::Awaited).tail(parent).build()
}

/// The rows that an event has because it relates to another one.
pub struct RelationRows {
    parent: ParentHash,
    rel_type: RelType,
    event_type: String,
    origin_server_ts: u64,
    replaces: bool,
}

impl RelationRows {
    /// Reads what the event says of its relation, if it has one.
    pub fn of(pdu: &Pdu) -> Option<Self> {
        let relation = Relation::of_content(pdu.content().get().as_bytes())?;
        // Of an encrypted event only its recipients know the new content (client-server API, "Validity of replacement
        // events").
        let complete = relation.new_content || pdu.type_str() == "m.room.encrypted";
        let rows = Self {
            parent: relation.parent_hash(),
            replaces: relation.rel_type == RelType::Replace && complete && pdu.state_key().is_none(),
            rel_type: relation.rel_type,
            event_type: pdu.type_str().to_owned(),
            origin_server_ts: pdu.origin_server_ts(),
        };
        // A create event has nothing before it to relate to, and keeps its content when it is redacted.
        (pdu.type_str() != "m.room.create").then_some(rows)
    }

    /// What the event relates to.
    pub fn parent(&self) -> &ParentHash {
        &self.parent
    }

    /// In which way.
    pub fn kind(&self) -> Kinds {
        self.rel_type.kind()
    }

    /// The rows of the event of a number, which has a row in `event_meta`.
    pub fn rows(&self, room: RoomNum, number: EventNum, meta: &EventMeta) -> impl Iterator<Item = (Key, Vec<u8>)> {
        let row = RelationRow {
            number,
            rel_type: self.rel_type.clone(),
            event_type: &self.event_type,
            sender: meta.sender,
            origin_server_ts: self.origin_server_ts,
            replaces: self.replaces,
        };
        let mut values = vec![crate::store::encode(&row)];
        if self.rel_type == RelType::Thread {
            values.push(crate::store::encode(&ThreadRow { root: self.parent, number, sender: meta.sender }));
        }
        self.keys(room, meta.point()).zip(values)
    }

    /// The keys of these rows.
    pub fn keys(&self, room: RoomNum, point: Point) -> impl Iterator<Item = Key> + use<> {
        let thread = (self.rel_type == RelType::Thread).then(|| at(threads(room), point));
        [at(relations(room, &self.parent), point)].into_iter().chain(thread)
    }
}
