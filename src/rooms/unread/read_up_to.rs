//! Up to where a user has read a room, in all of it and by thread.

use std::collections::BTreeMap;

use crate::{
    ids::{Position, UserNum},
    rooms::{
        receipts::{MAIN, OwnReceipt},
        view::RoomView,
    },
    store::{
        Family, Snapshot, StoreError, decode,
        keys::{Index, KeyBuilder},
    },
};

/// Up to where a user has read. Public and private receipts count alike: the one that is further.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::rooms) struct ReadUpTo {
    /// Whatever thread it is in.
    pub everywhere: Position,
    /// By the event ID of a thread's root, or `main`.
    threads: BTreeMap<String, Position>,
    /// The newest of the receipts: where it was sent.
    pub sent: Position,
}

impl ReadUpTo {
    /// What the receipts of a user of this server say.
    pub fn read(view: &RoomView<'_, Snapshot<'_>>, user: UserNum) -> Result<Self, StoreError> {
        let prefix = KeyBuilder::user(user, Index::OwnReceipt).u32(view.room().0).build();
        let mut rows = view.read().scan_prefix(Family::Index, &prefix);
        let mut read = Self::default();
        while let Some((key, value)) = rows.next()? {
            let receipt: OwnReceipt = decode(Family::Index, value)?;
            // Behind the prefix: the receipt's type, then the thread.
            let thread = key.get(prefix.len() + 1..).and_then(|thread| str::from_utf8(thread).ok());
            let up_to = match thread.ok_or(StoreError::Malformed(Family::Index))? {
                "" => &mut read.everywhere,
                thread => read.threads.entry(thread.to_owned()).or_default(),
            };
            *up_to = receipt.event.max(*up_to);
            read.sent = receipt.position.max(read.sent);
        }
        Ok(read)
    }

    /// Up to where the user has read a thread; `None` is what is in no thread.
    pub fn of(&self, thread: Option<&str>) -> Position {
        let up_to = self.threads.get(thread.unwrap_or(MAIN));
        up_to.map_or(self.everywhere, |up_to| self.everywhere.max(*up_to))
    }
}
