//! What an event is told of those that relate to it: in its own row, or until it is here in a row that awaits it.

use ruma::EventId;

use super::{Kinds, RelationRows, parent_hash, rows::awaited_key};
use crate::{
    ids::{EventNum, RoomNum},
    rooms::{RoomGuard, rows::EventMeta, view::ViewError},
    store::{Commit, Family, Key, Read, keys},
};

/// What the first relation of its kind changes for the event that it points at.
pub enum NewKind {
    /// That event's row.
    Parent(EventNum, EventMeta),
    /// What awaits that event.
    Awaited(Key, Kinds),
}

impl NewKind {
    /// The change, if there is one. `redacted` is the event that the same commit redacts: its row is changed where it
    /// is.
    pub fn of(
        guard: &RoomGuard<'_>,
        relation: &RelationRows,
        redacted: Option<(EventNum, &mut EventMeta)>,
    ) -> Result<Option<Self>, ViewError> {
        guard.with_view(|view| {
            let Some(number) = view.find_by_hash(relation.parent())? else {
                let key = awaited_key(view.room(), relation.parent());
                let known: Kinds = view.read().get_row(Family::Index, &key)?.unwrap_or_default();
                let kinds = known.with(relation.kind());
                return Ok((kinds != known).then_some(Self::Awaited(key, kinds)));
            };
            if let Some((_, meta)) = redacted.filter(|(redacted, _)| *redacted == number) {
                meta.children = meta.children.with(relation.kind());
                return Ok(None);
            }
            let mut meta = view.meta(number)?;
            if meta.children.contains(relation.kind()) {
                return Ok(None);
            }
            meta.children = meta.children.with(relation.kind());
            Ok(Some(Self::Parent(number, meta)))
        })
    }

    /// Adds it to the commit of the event that relates.
    pub fn write(self, commit: &mut Commit, room: RoomNum) {
        match self {
            Self::Parent(number, meta) => commit.put_row(Family::EventMeta, keys::event(room, number), &meta),
            Self::Awaited(key, kinds) => commit.put_row(Family::Index, key, &kinds),
        };
    }
}

/// In which ways others relate to an event that comes only now, and the key of the row that says so, if any do.
pub fn awaiting(guard: &RoomGuard<'_>, event_id: &EventId) -> Result<Option<(Key, Kinds)>, ViewError> {
    guard.with_view(|view| {
        let key = awaited_key(view.room(), &parent_hash(event_id));
        let kinds: Option<Kinds> = view.read().get_row(Family::Index, &key)?;
        Ok(kinds.map(|kinds| (key, kinds)))
    })
}
