//! How much of a room a user has not read: a fold over the room's events since their receipt, kept in memory and
//! moved on when that user asks (client-server API, "Receiving notifications"). Nothing is written for it.
//!
//! Invariant: counts are those that the rules, the receipts and the events of the database give, whatever is in
//! memory; what is in memory and what a count may cost are bounded.

mod around;
mod counts;
mod facts;
mod fold;
mod read_up_to;
mod recent;

use std::sync::{Arc, Mutex, PoisonError};

use quick_cache::{Weighter, sync::Cache};

pub use self::counts::{Count, Counts};
pub(super) use self::{facts::Facts, read_up_to::ReadUpTo};
use self::{fold::Fold, recent::Recent};
use super::{
    Rooms,
    view::{RoomView, ViewError},
};
use crate::{
    error::Result,
    ids::{EventNum, Position, RoomNum, UserNum},
    push::{Matcher, PushEvent, RuleSet},
    store::Snapshot,
};

/// Pairs of a user and a room whose counts are kept.
const COUNTS: usize = 100_000;
/// Rooms whose newest events are kept.
const ROOMS: usize = 2_000;
/// Bytes of events that are kept parsed, for users with rules of their own.
const PARSED: u64 = 4 << 20;

/// What is unread of a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unread {
    /// How much.
    pub counts: Counts,
    /// After this position nothing happened that may have changed it.
    pub changed: Position,
}

/// What is kept in memory, for all users and rooms.
pub(super) struct UnreadCache {
    folds: Cache<(UserNum, RoomNum), Arc<Mutex<Option<Fold>>>>,
    recent: Cache<RoomNum, Arc<Mutex<Recent>>>,
    parsed: Cache<(RoomNum, EventNum), Arc<PushEvent>, Bytes>,
    /// The rules that hold for everybody who has changed none and is not named.
    impersonal: Matcher,
}

#[derive(Clone)]
struct Bytes;

impl Weighter<(RoomNum, EventNum), Arc<PushEvent>> for Bytes {
    fn weight(&self, _: &(RoomNum, EventNum), event: &Arc<PushEvent>) -> u64 {
        // Parsed, it takes about twice the room again.
        3 * event.stored().pdu_json().len() as u64
    }
}

impl Default for UnreadCache {
    fn default() -> Self {
        Self {
            folds: Cache::new(COUNTS),
            recent: Cache::new(ROOMS),
            parsed: Cache::with_weighter(1_000, PARSED, Bytes),
            impersonal: Matcher::new(&RuleSet::impersonal()),
        }
    }
}

impl Rooms {
    /// What a member has not read of a room. `joined` is where they joined: nothing before counts.
    pub fn unread(
        &self,
        snapshot: &Snapshot<'_>,
        user: UserNum,
        (room, joined): (RoomNum, Position),
    ) -> Result<Unread> {
        let kept = self.unread.folds.get(&(user, room)).unwrap_or_else(|| {
            let kept = Arc::default();
            self.unread.folds.insert((user, room), Arc::clone(&kept));
            kept
        });
        // A panic elsewhere leaves the fold as it was before.
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        let view = self.view(snapshot, room);
        let fold = match kept.take() {
            Some(fold) if fold.is_ahead(snapshot.position()) => fold,
            before => self.move_on(&view, user, joined, before)?,
        };
        let unread = fold.unread();
        *kept = Some(fold);
        Ok(unread)
    }

    /// An event with its content parsed. It must not have been redacted.
    fn push_event(&self, view: &RoomView<'_, Snapshot<'_>>, number: EventNum) -> Result<Arc<PushEvent>, ViewError> {
        let key = (view.room(), number);
        if let Some(event) = self.unread.parsed.get(&key) {
            return Ok(event);
        }
        let room_id = view.read().store().room_id(view.room())?;
        let event = Arc::new(PushEvent::new(view.event(number)?, &room_id));
        self.unread.parsed.insert(key, event.clone());
        Ok(event)
    }
}
