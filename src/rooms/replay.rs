//! A room's states worked out once more from its events, to prove that the stored ones are right.

use ruma::{OwnedRoomId, room_version_rules::RoomVersionRules};

use super::{
    ahead::{Ahead, Nodes},
    resolution,
    view::RoomView,
};
use crate::{
    error::Result,
    ids::{EventNum, RoomNum},
    state::trie::{NodeHash, Path, TrieKey},
    store::Store,
};

/// A room of a database that nobody writes to.
pub struct Replay<'a> {
    /// The database.
    pub store: &'a Store,
    /// The key of its tries.
    pub trie_key: &'a TrieKey,
    /// The room.
    pub room: RoomNum,
    /// Its ID.
    pub room_id: &'a OwnedRoomId,
    /// The rules of its version.
    pub rules: &'static RoomVersionRules,
}

impl Replay<'_> {
    /// The root of the state that the states at `roots` resolve to when no event from `next` on is known.
    pub fn resolve(&self, roots: &[NodeHash], next: EventNum) -> Result<NodeHash> {
        self.ahead(next, |ahead| Ok(resolution::resolve(&ahead, self.rules, roots)?.root))
    }

    /// The root of the state at `before` with the event `number` at `path`.
    pub fn set(&self, before: NodeHash, path: Path, number: EventNum) -> Result<NodeHash> {
        self.ahead(number, |ahead| {
            let updated = ahead.state(before).update(&[(path, Some(number))]);
            Ok(updated.map_err(super::view::ViewError::from)?.root)
        })
    }

    fn ahead<T>(&self, next: EventNum, f: impl FnOnce(Ahead<'_>) -> Result<T>) -> Result<T> {
        let latest = self.store.latest();
        let nodes = Nodes::default();
        f(Ahead {
            view: RoomView::new(&latest, self.trie_key, self.room),
            trie_key: self.trie_key,
            room_id: self.room_id,
            nodes: &nodes,
            event: None,
            next,
        })
    }
}
