//! Which state of a room a user may read: the current one, or the one that they left behind (client-server API,
//! "Room Events").

use ruma::{OwnedRoomId, UserId};

use super::{
    Rooms,
    rows::{Membership, OwnRoom},
    timeline::Point,
    view::{RoomView, ViewError, own_rooms},
    visibility::HistoryVisibility,
};
use crate::{
    error::{Error, Result},
    event::StoredEvent,
    ids::{EventNum, Position, RoomNum, UserNum},
    state::trie::NodeHash,
    store::Snapshot,
};

/// A state that a user may read.
pub struct ReadableState<'a> {
    /// The room.
    pub view: RoomView<'a, Snapshot<'a>>,
    /// The state.
    pub root: NodeHash,
}

impl Rooms {
    /// The state of a room that a user may read: the current one for members and where everybody may read, that of
    /// their leaving for former members.
    ///
    /// # Errors
    /// 403 `M_FORBIDDEN` for everybody else, whether there is such a room or not.
    pub fn readable_state<'a>(
        &'a self,
        snapshot: &'a Snapshot<'a>,
        user: UserNum,
        room_id: &ruma::RoomId,
    ) -> Result<ReadableState<'a>> {
        let room = self.store.room_num(room_id)?.ok_or_else(not_a_member)?;
        let view = self.view(snapshot, room);
        let head = view.head()?.ok_or_else(not_a_member)?;
        let own = view.own(user)?;
        if is_joined(own.as_ref()) || view.history_visibility(head.root())? == HistoryVisibility::WorldReadable {
            return Ok(ReadableState { view, root: head.root() });
        }
        let left = own.filter(|own| !own.forgotten).and_then(|own| own.joined_until).ok_or_else(not_a_member)?;
        Ok(ReadableState { root: view.current_root(left)?, view })
    }

    /// As [`Rooms::readable_state`], but as it was at a point of the timeline. Where the user may not know that state,
    /// it is the first one that they may.
    pub fn readable_state_at<'a>(
        &'a self,
        snapshot: &'a Snapshot<'a>,
        (user, user_id): (UserNum, &UserId),
        room_id: &ruma::RoomId,
        at: Point,
    ) -> Result<ReadableState<'a>> {
        let newest = self.readable_state(snapshot, user, room_id)?;
        let view = newest.view;
        // The point lies before its anchor.
        let mut position = Position(at.anchor.0.saturating_sub(1)).min(snapshot.position());
        let own = view.own(user)?;
        if let Some(until) =
            own.as_ref().filter(|own| own.membership != Membership::Join).and_then(|own| own.joined_until)
        {
            position = position.min(until);
        }
        let root = view.current_root(position)?;
        if may_know(&view, root, user_id)? {
            return Ok(ReadableState { view, root });
        }
        match own.filter(|own| own.membership == Membership::Join) {
            Some(own) => Ok(ReadableState { view, root: view.current_root(own.since.max(position))? }),
            None => Ok(newest),
        }
    }

    /// The rooms that a user is joined to.
    pub fn joined_rooms(&self, user: UserNum) -> Result<Vec<OwnedRoomId>> {
        let snapshot = self.store.snapshot();
        let joined = own_rooms(&snapshot, user)?.joined();
        Ok(joined.into_iter().map(|room| self.store.room_id(room)).collect::<Result<_, _>>()?)
    }

    /// Whether the user is joined to the room, as of what is published.
    pub fn is_joined(&self, snapshot: &Snapshot<'_>, user: UserNum, room: RoomNum) -> Result<bool> {
        Ok(is_joined(self.view(snapshot, room).own(user)?.as_ref()))
    }
}

fn is_joined(own: Option<&OwnRoom>) -> bool {
    own.is_some_and(|own| own.membership == Membership::Join)
}

fn may_know(view: &RoomView<'_, Snapshot<'_>>, root: NodeHash, user: &UserId) -> Result<bool, ViewError> {
    let membership = view.membership_at(root, user)?;
    Ok(match view.history_visibility(root)? {
        HistoryVisibility::WorldReadable | HistoryVisibility::Shared => true,
        HistoryVisibility::Invited => matches!(membership, Membership::Invite | Membership::Join),
        HistoryVisibility::Joined => membership == Membership::Join,
    })
}

impl ReadableState<'_> {
    /// The state event of a type and key.
    pub fn get(&self, event_type: &str, state_key: &str) -> Result<Option<EventNum>, ViewError> {
        self.view.state_at(self.root, event_type, state_key)
    }

    /// Tells `f` each state event.
    pub fn each(&self, mut f: impl FnMut(EventNum, &StoredEvent) -> Result<()>) -> Result<()> {
        for entry in self.view.state(self.root).entries() {
            let (_, number) = entry.map_err(ViewError::from)?;
            f(number, &self.view.event(number)?)?;
        }
        Ok(())
    }

    /// Tells `f` each member event.
    pub fn members(&self, mut f: impl FnMut(EventNum, &StoredEvent) -> Result<()>) -> Result<()> {
        for entry in self.view.state(self.root).entries_of_type("m.room.member") {
            let (_, number) = entry.map_err(ViewError::from)?;
            let event = self.view.event(number)?;
            if event.type_json() == b"\"m.room.member\"" {
                f(number, &event)?;
            }
        }
        Ok(())
    }
}

/// 403 `M_FORBIDDEN`.
pub(super) fn not_a_member() -> Error {
    Error::forbidden("You are not in that room, and never were.")
}
