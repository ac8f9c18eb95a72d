//! One user looking at one room: what they see of it, and how it is written for them.
//!
//! Invariant: what `sees` refuses stands in no answer, neither by itself nor told with another event.

use std::{collections::HashSet, sync::Arc};

use super::{
    Rooms,
    render::Reader,
    rows::EventMeta,
    select::EventSelector,
    view::{RoomView, ViewError},
    visibility::Eyes,
};
use crate::{
    error::Result,
    event::StoredEvent,
    ids::{EventNum, UserNum},
    store::Snapshot,
    users::Users,
};

/// One user looking at one room.
pub struct Onlooker<'a> {
    /// The room.
    pub view: RoomView<'a, Snapshot<'a>>,
    /// Who looks, and how they want events.
    pub reader: Reader<'a>,
    /// What they may see.
    pub eyes: Eyes<'a>,
    /// Whom they ignore.
    pub ignored: Ignored,
}

/// Users of whom somebody wants to see nothing but state.
pub type Ignored = Arc<HashSet<UserNum>>;

impl Rooms {
    /// Whom a user ignores, as far as they ever sent something here.
    pub fn ignored(&self, snapshot: &Snapshot<'_>, users: &Users, user: UserNum) -> Result<Ignored> {
        Ok(users.attention(snapshot, user)?.ignored())
    }
}

impl Onlooker<'_> {
    /// Whether the user may see an event, and does not ignore who sent it. State passes the ignore list.
    pub fn sees(&mut self, meta: &EventMeta, event: &StoredEvent) -> Result<bool, ViewError> {
        let ignored = event.state_key_json().is_none() && self.ignored.contains(&meta.sender);
        Ok(!ignored && meta.position <= self.view.read().position() && self.eyes.see(meta, event)?)
    }

    /// Whether a filter lets an event pass.
    pub fn wants(
        &mut self,
        selector: &EventSelector<'_>,
        meta: &EventMeta,
        event: &StoredEvent,
    ) -> Result<bool, ViewError> {
        Ok(selector.matches(event)
            && match selector.related_by() {
                Some(related_by) => self.is_related(&related_by, meta, event)?,
                None => true,
            })
    }

    /// Appends an event's JSON, without what relates to it.
    pub fn write(&mut self, out: &mut Vec<u8>, meta: &EventMeta, event: &StoredEvent) -> Result<(), ViewError> {
        self.view.render(out, &self.reader, &mut self.eyes, (meta, event), None)
    }

    /// Appends an event's JSON, with what relates to it.
    pub fn write_bundled(&mut self, out: &mut Vec<u8>, meta: &EventMeta, event: &StoredEvent) -> Result<(), ViewError> {
        let relations = self.bundle(meta, event)?;
        self.view.render(out, &self.reader, &mut self.eyes, (meta, event), relations.as_deref())
    }

    /// Appends a state event's JSON.
    pub fn write_state(&self, out: &mut Vec<u8>, number: EventNum) -> Result<(), ViewError> {
        self.view.render_state(out, &self.reader, number)
    }
}
