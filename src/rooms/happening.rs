//! An event as something that users may have to be notified of.

use ruma::push::Action;

use super::{
    Rooms,
    rows::{EventMeta, Membership},
    unread::{Facts, ReadUpTo},
    view::RoomView,
};
use crate::{
    error::Result,
    ids::{EventNum, RoomNum, UserNum},
    store::Snapshot,
};

/// A visible event that was not redacted.
pub struct Happening<'a> {
    rooms: &'a Rooms,
    /// The room.
    pub view: RoomView<'a, Snapshot<'a>>,
    /// The event's number.
    pub number: EventNum,
    meta: EventMeta,
    facts: Facts,
}

impl Rooms {
    /// An event, if there is something of it to notify of.
    pub fn happening<'a>(
        &'a self,
        snapshot: &'a Snapshot<'a>,
        (room, number): (RoomNum, EventNum),
    ) -> Result<Option<Happening<'a>>> {
        let view = self.view(snapshot, room);
        let meta = view.meta(number)?;
        if !meta.is_visible() || meta.redacted_by.is_some() || meta.position > snapshot.position() {
            return Ok(None);
        }
        let facts = self.facts(&view, number, (&meta, view.event(number)?))?;
        Ok(Some(Happening { rooms: self, view, number, meta, facts }))
    }
}

impl Happening<'_> {
    /// Who sent it.
    pub fn sender(&self) -> UserNum {
        self.meta.sender
    }

    /// Whether it names a user, by mentioning or inviting them.
    pub fn names(&self, user: UserNum) -> bool {
        self.facts.names(user)
    }

    /// What is to be done to notify a user, if they are to be: they are in the room or are invited by this, their rules say
    /// so, and they have not read it yet.
    pub fn actions_for(&self, user: UserNum) -> Result<Option<Vec<Action>>> {
        let Some(own) = self.view.own(user)? else { return Ok(None) };
        let concerned = match own.membership {
            Membership::Join => own.since < self.meta.position,
            Membership::Invite => own.event == Some(self.number),
            _ => false,
        };
        let attention = self.rooms.users.attention(self.view.read(), user)?;
        if !concerned || !self.facts.may_notify(&attention) {
            return Ok(None);
        }
        let reaction = self.rooms.reaction(&self.view, &attention, self.number)?;
        let Some(reaction) = reaction.filter(|reaction| reaction.notify) else { return Ok(None) };
        let read = ReadUpTo::read(&self.view, user)?.of(self.facts.thread.as_deref());
        Ok((self.meta.position > read).then(|| reaction.actions.clone()))
    }
}
