//! Which events a change concerns, and the rows that follow from their words.
//!
//! Invariant: the rows of an event are taken away before new ones are written, so none is left of what it said before.

use std::collections::BTreeSet;

use super::{
    rows::{Posting, Worded, posting_key, worded_key},
    text, words,
};
use crate::{
    error::Result,
    event::StoredEvent,
    ids::{EventNum, RoomNum},
    rooms::{
        Rooms,
        relations::{RelType, Relation},
        rows::EventMeta,
        view::{RoomView, ViewError},
    },
    store::{
        Commit, Family, LogEntry, Read, Snapshot,
        keys::{Index, KeyBuilder, successor},
    },
};

/// Different words of an event that are kept; most have ten.
const MAX_WORDS: usize = 500;

/// Rows on their way into one commit.
pub(super) struct Changes<'a> {
    rooms: &'a Rooms,
    snapshot: &'a Snapshot<'a>,
    commit: Commit,
    rows: usize,
    /// Events whose words have to be looked at.
    due: BTreeSet<(RoomNum, EventNum)>,
}

impl<'a> Changes<'a> {
    /// As of a snapshot that has all that is to be looked at.
    pub fn new(rooms: &'a Rooms, snapshot: &'a Snapshot<'a>) -> Self {
        Self { rooms, snapshot, commit: Commit::new(LogEntry::Housekeeping), rows: 0, due: BTreeSet::new() }
    }

    /// How many rows are written and deleted so far.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.rows == 0 && self.due.is_empty()
    }

    /// Looks at what is due. An event that is looked at twice has the same rows both times.
    pub fn settle(&mut self) -> Result<()> {
        while let Some((room, number)) = self.due.pop_first() {
            self.look_at(room, number)?;
        }
        Ok(())
    }

    /// The commit, with all that is due.
    pub fn finish(mut self) -> Result<Commit> {
        self.settle()?;
        Ok(self.commit)
    }

    /// Notes what an event concerns that has joined a room.
    pub fn note(&mut self, room: RoomNum, number: EventNum) -> Result<()> {
        let view = self.view(room);
        let (meta, event) = (view.meta(number)?, view.event(number)?);
        if !meta.is_visible() {
            return Ok(());
        }
        match event.event_type().as_ref() {
            "m.room.encryption" if event.state_key_json() == Some(b"\"\"") => self.forget_room(room),
            "m.room.redaction" => self.note_redacted(&view, &event)?,
            "m.room.message" => match self.edited(&view, &meta, &event)? {
                Some(original) if !self.rooms.is_encrypted(&view)? => {
                    self.commit.put_row(Family::Index, worded_key(room, number), &Worded::Edits(original));
                    self.rows += 1;
                    self.due.insert((room, original));
                }
                Some(_) => {}
                None => {
                    self.due.insert((room, number));
                }
            },
            "m.room.name" | "m.room.topic" => {
                self.due.insert((room, number));
            }
            _ => {}
        }
        Ok(())
    }

    /// Takes away all rows of a room: it is encrypted from now on, or begun anew.
    pub fn forget_room(&mut self, room: RoomNum) {
        for kind in [Index::Word, Index::Worded] {
            let start = KeyBuilder::room(room, kind).build();
            // A letter at the end of a key has a successor.
            let end = successor(&start).unwrap_or_else(|| start.clone());
            self.commit.delete_range(Family::Index, start, end);
            self.rows += 1;
        }
    }

    fn note_redacted(&mut self, view: &RoomView<'a, Snapshot<'a>>, redaction: &StoredEvent) -> Result<()> {
        let target = redaction.redacts_json().and_then(|id| serde_json::from_slice::<ruma::OwnedEventId>(id).ok());
        let Some(target) = target.map(|id| view.find(&id)).transpose()?.flatten() else { return Ok(()) };
        let room = view.room();
        match self.rooms.store.latest().get_row(Family::Index, &worded_key(room, target))? {
            Some(Worded::Edits(original)) if view.meta(target)?.redacted_by.is_some() => {
                self.commit.delete(Family::Index, worded_key(room, target));
                self.rows += 1;
                self.due.insert((room, original));
            }
            Some(_) => {
                self.due.insert((room, target));
            }
            None => {}
        }
        Ok(())
    }

    /// The event that another one edits, if it is one that may be edited so.
    fn edited(
        &self,
        view: &RoomView<'a, Snapshot<'a>>,
        meta: &EventMeta,
        event: &StoredEvent,
    ) -> Result<Option<EventNum>, ViewError> {
        let relation = Relation::of_content(event.content());
        let Some(relation) = relation.filter(|relation| relation.rel_type == RelType::Replace) else { return Ok(None) };
        let Some(original) = view.find_by_hash(&relation.parent_hash())? else { return Ok(None) };
        let same_sender = view.meta(original)?.sender == meta.sender;
        Ok(same_sender.then_some(original))
    }

    /// Brings the rows of an event in line with what it says now.
    fn look_at(&mut self, room: RoomNum, number: EventNum) -> Result<()> {
        let view = self.view(room);
        let key = worded_key(room, number);
        if let Some(Worded::Words { position, words }) = self.rooms.store.latest().get_row(Family::Index, &key)? {
            for word in &words {
                self.commit.delete(Family::Index, posting_key(room, word, position));
            }
            self.commit.delete(Family::Index, key.clone());
            self.rows += words.len() + 1;
        }
        let (meta, event) = (view.meta(number)?, view.event(number)?);
        let Some(text) = text::of(&view, number, (&meta, &event))? else { return Ok(()) };
        let counts = words::counted(&text.text, MAX_WORDS);
        if counts.is_empty() || self.rooms.is_encrypted(&view)? {
            return Ok(());
        }
        let position = meta.position;
        for (word, count) in &counts {
            let words = u16::try_from(counts.len()).unwrap_or(u16::MAX);
            let posting = Posting { number, source: text.source, field: text.field, count: *count, words };
            self.commit.put_row(Family::Index, posting_key(room, word, position), &posting);
        }
        self.rows += counts.len() + 1;
        let worded = Worded::Words { position, words: counts.into_keys().collect() };
        self.commit.put_row(Family::Index, key, &worded);
        Ok(())
    }

    fn view(&self, room: RoomNum) -> RoomView<'a, Snapshot<'a>> {
        self.rooms.view(self.snapshot, room)
    }
}

impl Rooms {
    /// Whether the room is encrypted now: then nothing of it is searched.
    pub(super) fn is_encrypted(&self, view: &RoomView<'_, Snapshot<'_>>) -> Result<bool, ViewError> {
        let Some(head) = view.head()? else { return Ok(true) };
        Ok(view.state_at(head.root(), "m.room.encryption", "")?.is_some())
    }
}
