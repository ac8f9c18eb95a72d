//! A room as it will be: the stored rows with trie nodes and an event that are about to be committed.

use std::{collections::HashMap, sync::Arc};

use bytes::Bytes;
use ruma::{EventId, OwnedRoomId};

use super::view::{RoomView, ViewError};
use crate::{
    event::Pdu,
    ids::EventNum,
    state::trie::{NodeHash, NodeSource, Trie, TrieKey, Updated},
    store::{Latest, StoreError},
};

/// New trie nodes by hash.
#[derive(Debug, Default)]
pub(super) struct Nodes(pub HashMap<NodeHash, Bytes>);

impl Nodes {
    /// Keeps the new nodes, and says what the root is.
    pub fn keep(&mut self, updated: Updated) -> NodeHash {
        self.0.extend(updated.new_nodes);
        updated.root
    }
}

/// A room with what is about to be committed to it.
#[derive(Clone, Copy)]
pub(super) struct Ahead<'a> {
    pub view: RoomView<'a, Latest<'a>>,
    pub trie_key: &'a TrieKey,
    pub room_id: &'a OwnedRoomId,
    pub nodes: &'a Nodes,
    pub event: Option<(EventNum, &'a Arc<Pdu>)>,
    /// One more than the greatest event number, that event included.
    pub next: EventNum,
}

impl Ahead<'_> {
    /// A snapshot of the room's state.
    pub fn state(&self, root: NodeHash) -> Trie<'_, Self> {
        Trie::new(self.trie_key, self, root)
    }

    /// An event as a PDU.
    pub fn pdu(&self, number: EventNum) -> Result<Arc<Pdu>, ViewError> {
        match self.event {
            Some((new, pdu)) if new == number => Ok(pdu.clone()),
            _ => self.view.pdu(number, self.room_id),
        }
    }

    /// The number of an event.
    pub fn find(&self, event_id: &EventId) -> Result<Option<EventNum>, ViewError> {
        match self.event {
            Some((new, pdu)) if pdu.event_id() == event_id => Ok(Some(new)),
            _ => self.view.find(event_id),
        }
    }

    /// The state event of a type and key at `root`.
    pub fn state_event(&self, root: NodeHash, event_type: &str, key: &str) -> Result<Option<Arc<Pdu>>, ViewError> {
        let number = self.state(root).get(&self.trie_key.path(event_type, key))?;
        number.map(|number| self.pdu(number)).transpose()
    }
}

impl NodeSource for Ahead<'_> {
    type Error = StoreError;

    fn node(&self, hash: &NodeHash) -> Result<Option<Bytes>, StoreError> {
        match self.nodes.0.get(hash) {
            Some(node) => Ok(Some(node.clone())),
            None => self.view.node(hash),
        }
    }
}
