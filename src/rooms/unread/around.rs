//! The room around an event, for push rules that ask for it.

use std::sync::Arc;

use ruma::{OwnedRoomId, UserId};
use serde::Deserialize;

use crate::{
    error::{Error, Result},
    event::{self, Pdu},
    ids::EventNum,
    push::Surroundings,
    rooms::view::{RoomView, ViewError},
    state::{power::Power, trie::NodeHash},
    store::Snapshot,
};

/// The room around one event, for the rules of one user.
///
/// The sender's power is that before the event. How many members there are and what the user is called is as it is now,
/// as the specification says of the former.
pub(super) struct Around<'a> {
    view: RoomView<'a, Snapshot<'a>>,
    number: EventNum,
    user: Option<&'a UserId>,
}

#[derive(Deserialize)]
struct Member {
    displayname: Option<String>,
}

impl<'a> Around<'a> {
    /// Around event `number`, for `user`, or for nobody in particular.
    pub fn new(view: RoomView<'a, Snapshot<'a>>, number: EventNum, user: Option<&'a UserId>) -> Self {
        Self { view, number, user }
    }

    fn state_pdu(&self, root: NodeHash, kind: &str, room_id: &OwnedRoomId) -> Result<Option<Arc<Pdu>>, ViewError> {
        let number = self.view.state_at(root, kind, "")?;
        number.map(|number| self.view.pdu(number, room_id)).transpose()
    }

    fn version(&self) -> Result<ruma::RoomVersionId> {
        let head = self.view.head()?.ok_or_else(|| Error::internal("a room with events has no head"))?;
        Ok(head.version)
    }
}

impl Surroundings for Around<'_> {
    type Error = Error;

    fn member_count(&mut self) -> Result<u64> {
        Ok(self.view.head()?.map_or(0, |head| head.joined))
    }

    fn may_notify(&mut self, kind: &str) -> Result<bool> {
        let Some(rules) = event::rules(&self.version()?) else { return Ok(false) };
        let room_id = self.view.read().store().room_id(self.view.room())?;
        let root = NodeHash(self.view.meta(self.number)?.before);
        let Some(create) = self.state_pdu(root, "m.room.create", &room_id)? else { return Ok(false) };
        let power = Power::new(rules, &create, self.state_pdu(root, "m.room.power_levels", &room_id)?);
        let event = self.view.event(self.number)?;
        let sender = <&UserId>::try_from(&*event.sender()).map_err(Error::internal)?.to_owned();
        Ok(power.of(&sender) >= power.to_notify(kind))
    }

    fn display_name(&mut self) -> Result<Option<String>> {
        let Some(user) = self.user else { return Ok(None) };
        let root = self.view.current_root(self.view.read().position())?;
        let member: Option<Member> = self.view.state_content(root, "m.room.member", user.as_str())?;
        Ok(member.and_then(|member| member.displayname))
    }
}
