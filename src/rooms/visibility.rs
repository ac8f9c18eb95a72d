//! Who may see which event (client-server API, "Room History Visibility").

use std::collections::HashMap;

use ruma::UserId;
use serde::Deserialize;

use super::{
    rows::{EventMeta, Membership, OwnRoom, Root},
    view::{RoomView, ViewError},
};
use crate::{
    event::StoredEvent,
    ids::Position,
    state::trie::NodeHash,
    store::{Read, Snapshot},
};

/// `m.room.history_visibility`. What is missing or not understood counts as `shared`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HistoryVisibility {
    /// Everybody may read.
    WorldReadable,
    /// Members may read all that is older than their leaving.
    #[default]
    Shared,
    /// Members may read from their invitation on.
    Invited,
    /// Members may read from their joining on.
    Joined,
}

#[derive(Deserialize)]
struct Content {
    history_visibility: String,
}

impl<R: Read> RoomView<'_, R> {
    /// The history visibility at `root`.
    pub fn history_visibility(&self, root: NodeHash) -> Result<HistoryVisibility, ViewError> {
        let content: Option<Content> = self.state_content(root, "m.room.history_visibility", "")?;
        Ok(match content.as_ref().map(|content| content.history_visibility.as_str()) {
            Some("world_readable") => HistoryVisibility::WorldReadable,
            Some("invited") => HistoryVisibility::Invited,
            Some("joined") => HistoryVisibility::Joined,
            _ => HistoryVisibility::Shared,
        })
    }

    /// A user's membership at `root`.
    pub fn membership_at(&self, root: NodeHash, user: &UserId) -> Result<Membership, ViewError> {
        let Some(number) = self.state_at(root, "m.room.member", user.as_str())? else { return Ok(Membership::Leave) };
        let event = self.event(number)?;
        Ok(std::str::from_utf8(event.content()).map_or(Membership::Leave, Membership::of_content))
    }
}

/// Decides for one user and one room; keeps what it finds out, since most events share their state.
pub struct Eyes<'a> {
    view: RoomView<'a, Snapshot<'a>>,
    user: &'a UserId,
    own: Option<OwnRoom>,
    known: HashMap<Root, (HistoryVisibility, Membership)>,
}

impl<'a> Eyes<'a> {
    /// The eyes of `user`, whose row for the room is `own`.
    pub fn new(view: RoomView<'a, Snapshot<'a>>, user: &'a UserId, own: Option<OwnRoom>) -> Self {
        Self { view, user, own, known: HashMap::new() }
    }

    /// How the user stands to the room.
    pub fn own(&self) -> Option<&OwnRoom> {
        self.own.as_ref()
    }

    /// Whether the user may see the event.
    pub fn see(&mut self, meta: &EventMeta, event: &StoredEvent) -> Result<bool, ViewError> {
        if !meta.is_visible() {
            return Ok(false);
        }
        if self.joined_ever_since(meta.position) {
            return Ok(true);
        }
        if self.allows(meta, meta.before)? {
            return Ok(true);
        }
        // The state after an event counts for what changes the very things that are asked for.
        let own_member =
            event.type_json() == b"\"m.room.member\"" && event.state_key().as_deref() == Some(self.user.as_str());
        let decisive = own_member || event.type_json() == b"\"m.room.history_visibility\"";
        Ok(decisive && self.allows(meta, meta.after)?)
    }

    /// The user's membership at an event, for `unsigned.membership`.
    pub fn membership_at(&mut self, meta: &EventMeta) -> Result<Membership, ViewError> {
        if self.joined_ever_since(meta.position) {
            return Ok(Membership::Join);
        }
        Ok(self.at(meta.after)?.1)
    }

    /// A member who has been one since before the event: by far the most frequent case, and a cheap one.
    pub fn joined_ever_since(&self, position: Position) -> bool {
        self.own.as_ref().is_some_and(|own| own.membership == Membership::Join && own.since <= position)
    }

    fn allows(&mut self, meta: &EventMeta, root: Root) -> Result<bool, ViewError> {
        let (visibility, membership) = self.at(root)?;
        Ok(match (visibility, membership) {
            (HistoryVisibility::WorldReadable, _) | (_, Membership::Join) => true,
            (HistoryVisibility::Shared, _) => self.joined_after(meta),
            (HistoryVisibility::Invited, Membership::Invite) => true,
            (HistoryVisibility::Invited | HistoryVisibility::Joined, _) => false,
        })
    }

    fn joined_after(&self, meta: &EventMeta) -> bool {
        self.own.as_ref().is_some_and(|own| {
            own.membership == Membership::Join || own.joined_until.is_some_and(|until| until > meta.position)
        })
    }

    fn at(&mut self, root: Root) -> Result<(HistoryVisibility, Membership), ViewError> {
        if let Some(known) = self.known.get(&root) {
            return Ok(*known);
        }
        let hash = NodeHash(root);
        let found = (self.view.history_visibility(hash)?, self.view.membership_at(hash, self.user)?);
        self.known.insert(root, found);
        Ok(found)
    }
}
