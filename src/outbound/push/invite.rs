//! Invites to rooms that this server is not in: all that is known is what came with them.
//!
//! They come from memory, not from the log: a crash at that moment leaves the invite, and nobody is told by push.

use std::sync::Arc;

use ruma::push::Action;

use super::body::Names;
use crate::{
    app::App,
    error::{Error, Result},
    push::{PushEvent, Surroundings},
    rooms::{remote::Invited, rows::Membership, stripped},
};

/// An invite and how its user is to be told.
#[derive(Debug)]
pub(super) struct Invite {
    pub invited: Invited,
    pub actions: Vec<Action>,
}

/// The room around the invite, of which nothing is known.
struct Outside;

impl Surroundings for Outside {
    type Error = Error;

    fn member_count(&mut self) -> Result<u64> {
        Ok(0)
    }

    fn may_notify(&mut self, _: &str) -> Result<bool> {
        Ok(false)
    }

    fn display_name(&mut self) -> Result<Option<String>> {
        Ok(None)
    }
}

impl Invite {
    /// The invite, if its user's rules say that they are to be told.
    pub fn to_tell(app: &App, invited: Invited) -> Result<Option<Arc<Self>>> {
        let attention = app.users.attention(&app.store.snapshot(), invited.user)?;
        let sender = <&ruma::UserId>::try_from(&*invited.event.sender()).ok().map(ToOwned::to_owned);
        let sender = sender.map(|sender| app.store.user_num(&sender)).transpose()?.flatten();
        if sender.is_some_and(|sender| attention.ignores(sender)) {
            return Ok(None);
        }
        let event = PushEvent::new(invited.event.clone(), &invited.room_id);
        let reaction = attention.matcher().reaction(&event, &mut Outside)?;
        let actions = reaction.filter(|reaction| reaction.notify).map(|reaction| reaction.actions.clone());
        Ok(actions.map(|actions| Arc::new(Self { invited, actions })))
    }

    /// Whether the user is still invited.
    pub fn waits(&self, app: &App) -> Result<bool> {
        let own = app.rooms.view(&app.store.latest(), self.invited.room).own(self.invited.user)?;
        Ok(own.is_some_and(|own| own.membership == Membership::Invite))
    }

    /// What the stripped state calls the sender and the room.
    pub fn names(&self) -> Names {
        let told = stripped::read(&self.invited.told);
        let sender = self.invited.event.sender();
        let text = |event_type: &str, key: &str, field: &str| {
            let event = told.iter().find(|event| event.event_type == event_type && event.state_key == key)?;
            event.content.get(field)?.as_str().filter(|text| !text.is_empty()).map(ToOwned::to_owned)
        };
        Names {
            sender: text("m.room.member", &sender, "displayname"),
            room: text("m.room.name", "", "name"),
            alias: text("m.room.canonical_alias", "", "alias"),
        }
    }
}
