//! The fold itself: what a user has not read of a room, moved on event by event.

use std::sync::{Arc, Mutex, PoisonError};

use super::{
    Unread,
    counts::Counts,
    facts::{Facts, Heard},
    read_up_to::ReadUpTo,
    recent::{Recent, Stretch},
};
use crate::{
    error::Result,
    ids::{Position, UserNum},
    rooms::{Rooms, view::RoomView},
    store::Snapshot,
    users::Attention,
};

/// Events of a room that are looked at to count what a user has not read, at the most: the newest.
const MAX_EVENTS: usize = 5_000;

/// What a user has not read of a room, as of a position.
#[derive(Debug)]
pub(super) struct Fold {
    /// Up to and with what it is counted.
    upto: Position,
    basis: Basis,
    counts: Counts,
    /// After this position nothing happened that may have changed the counts.
    changed: Position,
}

/// What a count rests on beside the events.
#[derive(Clone, Debug)]
struct Basis {
    /// Where the user joined.
    joined: Position,
    attention: Arc<Attention>,
    /// Whether nothing that the user has changed makes a difference in this room.
    usual: bool,
    read: ReadUpTo,
}

impl Basis {
    fn is_same(&self, other: &Self) -> bool {
        self.joined == other.joined && self.attention.position == other.attention.position && self.read == other.read
    }

    /// Where what may count begins.
    fn start(&self) -> Position {
        self.joined.max(self.read.everywhere)
    }

    /// Where it was changed last.
    fn changed(&self) -> Position {
        self.joined.max(self.attention.position).max(self.read.sent)
    }
}

impl Fold {
    fn new(basis: Basis) -> Self {
        let changed = basis.changed();
        Self { upto: basis.start(), basis, counts: Counts::default(), changed }
    }

    /// Whether it covers a position.
    pub fn is_ahead(&self, position: Position) -> bool {
        self.upto >= position
    }

    pub fn unread(&self) -> Unread {
        Unread { counts: self.counts.clone(), changed: self.changed }
    }

    /// Counts an event, if it is one that counts.
    fn add(&mut self, rooms: &Rooms, view: &RoomView<'_, Snapshot<'_>>, facts: &Facts) -> Result<()> {
        let thread = facts.thread.as_deref();
        let matters = if facts.sender == self.basis.attention.user {
            facts.speaks && self.counts.clear(thread)
        } else if facts.position <= self.basis.read.of(thread) || !facts.may_notify(&self.basis.attention) {
            false
        } else {
            let heard = self.heard(rooms, view, facts)?;
            if heard.notify {
                self.counts.add(thread, heard.highlight);
            }
            heard.notify
        };
        if matters || self.is_undone_by(facts) {
            self.changed = self.changed.max(facts.position);
        }
        Ok(())
    }

    fn heard(&self, rooms: &Rooms, view: &RoomView<'_, Snapshot<'_>>, facts: &Facts) -> Result<Heard> {
        let attention = &self.basis.attention;
        if self.basis.usual && !facts.names(attention.user) {
            return Ok(facts.usual);
        }
        Ok(rooms.reaction(view, attention, facts.number)?.into())
    }

    /// Whether an event takes something away that may have been counted.
    fn is_undone_by(&self, facts: &Facts) -> bool {
        facts.redacts.is_some_and(|(_, target)| target > self.basis.start())
    }
}

impl Rooms {
    /// Moves a fold on to the view's position; begins anew where there is none, or where what it rests on has changed.
    pub(super) fn move_on(
        &self,
        view: &RoomView<'_, Snapshot<'_>>,
        user: UserNum,
        joined: Position,
        before: Option<Fold>,
    ) -> Result<Fold> {
        let now = view.read().position();
        let rests = |fold: &Fold| fold.basis.joined == joined && !self.store.live().user_changed(user, fold.upto);
        let basis = match &before {
            Some(fold) if rests(fold) => None,
            _ => Some(self.basis(view, user, joined)?),
        };
        if let Some(mut fold) = before {
            if basis.as_ref().is_none_or(|basis| basis.is_same(&fold.basis)) && self.advance(&mut fold, view)? {
                fold.upto = now;
                return Ok(fold);
            }
            let mut again = self.count(view, basis.unwrap_or_else(|| fold.basis.clone()))?;
            if again.counts == fold.counts {
                again.changed = fold.changed;
            }
            return Ok(again);
        }
        let basis = basis.map_or_else(|| self.basis(view, user, joined), Ok)?;
        self.count(view, basis)
    }

    fn basis(&self, view: &RoomView<'_, Snapshot<'_>>, user: UserNum, joined: Position) -> Result<Basis> {
        let attention = self.users.attention(view.read(), user)?;
        let usual = attention.is_usual(&self.store.room_id(view.room())?);
        Ok(Basis { joined, attention, usual, read: ReadUpTo::read(view, user)? })
    }

    /// Adds what is new; `false` if something was taken away, so that all has to be counted again.
    fn advance(&self, fold: &mut Fold, view: &RoomView<'_, Snapshot<'_>>) -> Result<bool> {
        let newest = self.newest(view, fold.upto)?;
        // Perhaps much has happened since the user asked last.
        let whole = newest.from <= fold.upto;
        if !whole || newest.events.iter().any(|facts| fold.is_undone_by(facts)) {
            return Ok(false);
        }
        for facts in &newest.events {
            fold.add(self, view, facts)?;
        }
        Ok(true)
    }

    /// Counts all that is unread.
    fn count(&self, view: &RoomView<'_, Snapshot<'_>>, basis: Basis) -> Result<Fold> {
        let mut fold = Fold::new(basis);
        let newest = self.newest(view, fold.upto)?;
        let mut older = Vec::new();
        if fold.upto < newest.from {
            let most = MAX_EVENTS.saturating_sub(newest.events.len());
            older = self.facts_between(view, (fold.upto, newest.from), most)?.events;
        }
        for facts in older.iter().chain(&newest.events) {
            fold.add(self, view, facts)?;
        }
        fold.upto = view.read().position();
        Ok(fold)
    }

    /// The newest events after a position, out of memory.
    fn newest(&self, view: &RoomView<'_, Snapshot<'_>>, after: Position) -> Result<Stretch> {
        let recent = self.unread.recent.get(&view.room()).unwrap_or_else(|| {
            let new = Arc::new(Mutex::new(Recent::at(view.read().position())));
            self.unread.recent.insert(view.room(), new.clone());
            new
        });
        // A panic elsewhere leaves whole events.
        let mut recent = recent.lock().unwrap_or_else(PoisonError::into_inner);
        recent.cover(self, view, after)?;
        Ok(recent.between(after, view.read().position()))
    }
}
