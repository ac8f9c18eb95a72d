//! Receipts: up to where members have read (client-server API, "Receipts").
//!
//! Invariant: of each user there is one row for each type and thread in a room, and `Index::OwnReceipt` names its
//! position. It is written under the room's guard, and never moves back in the timeline.

use std::collections::{BTreeMap, HashSet};

use ruma::{EventId, OwnedEventId, RoomId};
use serde::{Deserialize, Serialize};

use super::{
    RoomGuard, Rooms,
    relations::{RelType, Relation},
    view::{RoomView, ViewError},
};
use crate::{
    error::{Error, Result},
    ids::{EventNum, Position, RoomNum, UserNum},
    json::ObjectWriter,
    store::{
        Commit, Family, Key, LogEntry, Notice, Read, Snapshot, Store, StoreError, Ticket, decode,
        keys::{self, Index, KeyBuilder},
    },
    users::{Session, feed::FeedEntry},
};

/// How far relations are followed to see which thread an event belongs to.
const MAX_HOPS: usize = 3;
/// Receipts of a room that a client is told when it comes to know the room: the newest.
const MAX_RECEIPTS: usize = 2_000;
/// The thread of all that is in none.
pub(super) const MAIN: &str = "main";

/// Who learns of a receipt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ReceiptKind {
    /// `m.read`: all in the room.
    Read,
    /// `m.read.private`: only who sent it.
    ReadPrivate,
}

impl ReceiptKind {
    /// As it is written in events and paths.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "m.read",
            Self::ReadPrivate => "m.read.private",
        }
    }
}

/// Room, position → a receipt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// Whose.
    pub user: UserNum,
    /// For whom.
    pub kind: ReceiptKind,
    /// The thread: `main`, or the event ID of its root; `None` for the whole room.
    pub thread: Option<String>,
    /// Up to and with this event.
    pub event_id: OwnedEventId,
    /// When, in ms since the epoch.
    pub ts: u64,
}

/// User → room, type and thread: where the receipt is, and the event that it names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnReceipt {
    /// The position of the receipt.
    pub position: Position,
    /// Where the event was published.
    pub event: Position,
}

/// `index`: user → room, receipt type, thread.
pub fn own_receipt_key(user: UserNum, room: RoomNum, kind: ReceiptKind, thread: Option<&str>) -> Key {
    let key = KeyBuilder::user(user, Index::OwnReceipt).u32(room.0).byte(kind as u8);
    key.tail(thread.unwrap_or_default().as_bytes()).build()
}

impl Rooms {
    /// Notes that a member has read up to an event, unless they have read further already.
    ///
    /// # Errors
    /// 403 `M_FORBIDDEN` for who is not in the room; 404 `M_NOT_FOUND` if the event isn't; 400 `M_INVALID_PARAM` if
    /// the event is not of the thread.
    pub async fn set_receipt(
        &self,
        session: &Session,
        room_id: &RoomId,
        kind: ReceiptKind,
        (event_id, thread): (OwnedEventId, Option<String>),
    ) -> Result<()> {
        let room = self.joined_room(session.user, room_id)?;
        let noted = self.note_receipt((session.user, true), room, kind, (event_id, thread), self.clock.now_ms());
        if let Some(ticket) = noted.await? {
            ticket.durable().await?;
        }
        Ok(())
    }

    /// Notes how far a member has read; `None` if they have read further already. `local`: whether they are of this
    /// server, so that others are to hear of it.
    pub(super) async fn note_receipt(
        &self,
        (user, local): (UserNum, bool),
        room: RoomNum,
        kind: ReceiptKind,
        (event_id, thread): (OwnedEventId, Option<String>),
        ts: u64,
    ) -> Result<Option<Ticket>> {
        {
            let guard = self.lock(room).await?;
            let number = guard.accepted(&event_id)?;
            let event = guard.with_view(|view| view.meta(number))?.position;
            if let Some(thread) = &thread {
                guard.check_thread(number, &event_id, thread)?;
            }
            let key = own_receipt_key(user, room, kind, thread.as_deref());
            let before: Option<OwnReceipt> = self.store.latest().get_row(Family::Index, &key)?;
            if before.is_some_and(|before| before.event >= event) {
                return Ok(None);
            }
            let receipt = Receipt { user, kind, thread, event_id, ts };
            let log = match (local, kind) {
                (true, ReceiptKind::Read) => LogEntry::Receipt(room, user),
                (true, ReceiptKind::ReadPrivate) => LogEntry::User(user),
                (false, _) => LogEntry::Housekeeping,
            };
            Ok(Some(self.store.commit(|position| {
                let mut commit = Commit::new(log);
                if let Some(before) = before {
                    receipt.delete(&mut commit, room, before.position);
                }
                commit.put_row(Family::Index, key, &OwnReceipt { position, event });
                receipt.write(&mut commit, room, position);
                commit
            })))
        }
    }

    /// Checks that a member may set their fully read marker to an event, and returns the room's number.
    ///
    /// # Errors
    /// As those of [`Rooms::set_receipt`].
    pub async fn check_marker(&self, session: &Session, room_id: &RoomId, event_id: &EventId) -> Result<RoomNum> {
        let room = self.joined_room(session.user, room_id)?;
        self.lock(room).await?.accepted(event_id)?;
        Ok(room)
    }
}

impl Receipt {
    fn write(&self, commit: &mut Commit, room: RoomNum, position: Position) {
        commit.put_row(Family::Ephemeral, keys::room_position(room, position), self);
        // What the user has not read is to be counted again.
        commit.notify(Notice::User(self.user));
        match self.kind {
            ReceiptKind::Read => {
                commit.notify(Notice::Room(room));
            }
            // Nobody else is to be woken, or to look.
            ReceiptKind::ReadPrivate => {
                let entry = FeedEntry::PrivateReceipt(room);
                commit.put_row(Family::Feed, keys::user_position(self.user, position), &entry);
            }
        }
    }

    fn delete(&self, commit: &mut Commit, room: RoomNum, position: Position) {
        commit.delete(Family::Ephemeral, keys::room_position(room, position));
        if self.kind == ReceiptKind::ReadPrivate {
            commit.delete(Family::Feed, keys::user_position(self.user, position));
        }
    }

    /// Whether a user may know of it.
    pub fn is_for(&self, user: UserNum) -> bool {
        self.kind == ReceiptKind::Read || self.user == user
    }
}

impl RoomGuard<'_> {
    /// The number of an event that is part of the room; 404 `M_NOT_FOUND` if it isn't.
    fn accepted(&self, event_id: &EventId) -> Result<EventNum> {
        self.with_view(|view| match view.find(event_id)? {
            Some(number) if view.meta(number)?.is_visible() => Ok(number),
            _ => Err(Error::not_found("There is no such event in this room.")),
        })
    }

    fn check_thread(&self, number: EventNum, event_id: &EventId, thread: &str) -> Result<()> {
        // A thread's root is of the main timeline, but some clients mark a thread as read by it.
        let is_root = thread == event_id.as_str();
        if is_root || self.with_view(|view| thread_of(&view, number))? == thread {
            return Ok(());
        }
        Err(Error::invalid_param("The event does not belong to that thread."))
    }
}

/// The thread that an event belongs to: the event ID of its root, or `main`.
pub fn thread_of<R: Read>(view: &RoomView<'_, R>, number: EventNum) -> Result<String, ViewError> {
    let mut number = number;
    for _ in 0..=MAX_HOPS {
        let Some(relation) = Relation::of_content(view.event(number)?.content()) else { break };
        if relation.rel_type == RelType::Thread {
            return Ok(relation.parent.to_string());
        }
        let Some(parent) = view.find(&relation.parent)? else { break };
        number = parent;
    }
    Ok(MAIN.to_owned())
}

impl<'a> RoomView<'a, Snapshot<'a>> {
    /// The receipts that `user` may know of and that were written after `since`, oldest first.
    pub fn receipts_since(&self, user: UserNum, since: Position) -> Result<Vec<Receipt>, StoreError> {
        let start = keys::room_position(self.room(), Position(since.0.saturating_add(1)));
        let end = keys::room_position(self.room(), Position(self.read().position().0.saturating_add(1)));
        let mut rows = self.read().scan(Family::Ephemeral, &start, &end);
        let mut receipts = Vec::new();
        while let Some((_, value)) = rows.next()? {
            receipts.push(decode::<Receipt>(Family::Ephemeral, value)?);
        }
        receipts.retain(|receipt| receipt.is_for(user));
        Ok(receipts)
    }

    /// What a client of `user` is told of receipts when it comes to know the room: the user's own, and the newest.
    pub fn newest_receipts(&self, user: UserNum) -> Result<Vec<Receipt>, StoreError> {
        let start = keys::room_position(self.room(), Position(0));
        let end = keys::room_position(self.room(), Position(self.read().position().0.saturating_add(1)));
        let mut rows = self.read().scan_back(Family::Ephemeral, &start, &end);
        let (mut receipts, mut positions) = (Vec::new(), HashSet::new());
        while receipts.len() < MAX_RECEIPTS
            && let Some((key, value)) = rows.next()?
        {
            positions.extend(keys::read_u64(key, 4));
            let receipt: Receipt = decode(Family::Ephemeral, value)?;
            if receipt.is_for(user) {
                receipts.push(receipt);
            }
        }
        for own in self.own_receipts(user)? {
            if !positions.contains(&own.position.0) {
                let key = keys::room_position(self.room(), own.position);
                receipts.extend(self.read().get_row(Family::Ephemeral, &key)?);
            }
        }
        Ok(receipts)
    }

    /// Where the receipts of a user of this server are.
    pub fn own_receipts(&self, user: UserNum) -> Result<Vec<OwnReceipt>, StoreError> {
        let prefix = KeyBuilder::user(user, Index::OwnReceipt).u32(self.room().0).build();
        let mut rows = self.read().scan_prefix(Family::Index, &prefix);
        let mut receipts = Vec::new();
        while let Some((_, value)) = rows.next()? {
            receipts.push(decode(Family::Index, value)?);
        }
        Ok(receipts)
    }
}

/// The `m.receipt` events that tell clients of receipts: one for each thread, since a user may have one and the same
/// event in several.
pub fn events(store: &Store, receipts: &[Receipt]) -> Result<Vec<Vec<u8>>, StoreError> {
    type ByType<'r> = BTreeMap<ReceiptKind, Vec<&'r Receipt>>;
    let mut threads: BTreeMap<Option<&str>, BTreeMap<&EventId, ByType<'_>>> = BTreeMap::new();
    for receipt in receipts {
        let events = threads.entry(receipt.thread.as_deref()).or_default();
        events.entry(&receipt.event_id).or_default().entry(receipt.kind).or_default().push(receipt);
    }
    threads.into_values().map(|events| event(store, events)).collect()
}

fn event(
    store: &Store,
    events: BTreeMap<&EventId, BTreeMap<ReceiptKind, Vec<&Receipt>>>,
) -> Result<Vec<u8>, StoreError> {
    let mut out = Vec::with_capacity(256);
    let mut event = ObjectWriter::open(&mut out);
    let mut content = event.object("content");
    for (event_id, kinds) in events {
        let mut by_kind = ObjectWriter::open(content.text_key(event_id.as_str()));
        for (kind, receipts) in kinds {
            let mut by_user = by_kind.object(kind.as_str());
            for receipt in receipts {
                let user_id = store.user_id(receipt.user)?;
                let mut data = ObjectWriter::open(by_user.text_key(user_id.as_str()));
                if let Some(thread) = &receipt.thread {
                    data.text("thread_id", thread);
                }
                data.integer("ts", receipt.ts);
                data.close();
            }
            by_user.close();
        }
        by_kind.close();
    }
    content.close();
    event.text("type", "m.receipt");
    event.close();
    Ok(out)
}
