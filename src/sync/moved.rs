//! Joined rooms whose state is another than at the client's token, and who came and went there: the difference of two
//! states, so that nothing is written for this when somebody joins or leaves.

use std::collections::BTreeSet;

use ruma::OwnedUserId;

use super::Feed;
use crate::{
    app::App,
    ids::{EventNum, Position, RoomNum, UserNum},
    rooms::{
        rows::Membership,
        view::{RoomView, ViewError},
    },
    state::trie::NodeHash,
    store::Snapshot,
};

/// A room in which the user was and is.
pub(super) struct Moved {
    pub room: RoomNum,
    pub before: NodeHash,
    pub after: NodeHash,
}

/// Who is joined to a room that was not before, and the reverse.
#[derive(Default)]
pub(super) struct Traffic {
    pub came: BTreeSet<UserNum>,
    pub gone: BTreeSet<UserNum>,
}

impl Moved {
    /// Those of the `touched` rooms that have another state than at `since`, without those that the user entered or left.
    pub fn among(
        app: &App,
        snapshot: &Snapshot<'_>,
        (touched, feed): (&[RoomNum], &Feed),
        since: Position,
    ) -> Result<Vec<Self>, ViewError> {
        let mut moved = Vec::new();
        for room in touched.iter().copied().filter(|room| !feed.memberships.contains(room)) {
            let view = app.rooms.view(snapshot, room);
            let (before, after) = (view.current_root(since)?, view.current_root(snapshot.position())?);
            if before != after {
                moved.push(Self { room, before, after });
            }
        }
        Ok(moved)
    }

    /// Who came and went. `view` is of this room.
    pub fn traffic(&self, app: &App, view: &RoomView<'_, Snapshot<'_>>) -> Result<Traffic, ViewError> {
        let mut traffic = Traffic::default();
        let of_members = view.trie_key().type_prefix("m.room.member");
        for change in view.state(self.before).diff(self.after)? {
            if !of_members.contains(&change.path) {
                continue;
            }
            let (was, is) = (membership(view, change.before)?, membership(view, change.after)?);
            let Some((user_id, _)) = is.as_ref().or(was.as_ref()) else { continue };
            let Some(user) = app.store.user_num(user_id)? else { continue };
            let joined = |member: &Option<(OwnedUserId, Membership)>| {
                member.as_ref().is_some_and(|(_, membership)| *membership == Membership::Join)
            };
            match (joined(&was), joined(&is)) {
                (false, true) => traffic.came.insert(user),
                (true, false) => traffic.gone.insert(user),
                _ => false,
            };
        }
        Ok(traffic)
    }
}

/// Whose membership an event is, and which; `None` if it is none.
fn membership(
    view: &RoomView<'_, Snapshot<'_>>,
    event: Option<EventNum>,
) -> Result<Option<(OwnedUserId, Membership)>, ViewError> {
    let Some(number) = event else { return Ok(None) };
    let event = view.event(number)?;
    let user = event.state_key().and_then(|key| OwnedUserId::try_from(key.as_ref()).ok());
    let content = std::str::from_utf8(event.content()).unwrap_or_default();
    Ok(user.map(|user| (user, Membership::of_content(content))))
}
