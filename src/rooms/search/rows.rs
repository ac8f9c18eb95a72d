//! What the database keeps to find events by their words. All of it follows from the events, and is made again from
//! them where it is missing.

use serde::{Deserialize, Serialize};

use crate::{
    ids::{EventNum, Position, RoomNum},
    store::{
        Key,
        keys::{Index, KeyBuilder},
    },
};

/// Which part of an event is searched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Field {
    /// `content.body` of a message.
    Body,
    /// `content.name` of a room's name.
    Name,
    /// `content.topic` of a room's topic, and its plain text.
    Topic,
}

/// Room → word, position of an event: the word stands in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Posting {
    /// The event.
    pub number: EventNum,
    /// The event that has the words: the newest edit, or the event itself.
    pub source: EventNum,
    /// Where in it.
    pub field: Field,
    /// How often.
    pub count: u16,
    /// How many different words there are.
    pub words: u16,
}

/// Room → event: what it has to do with the rows above.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Worded {
    /// Its own words, or those of its newest edit.
    Words {
        /// The event's own position.
        position: Position,
        /// The words.
        words: Vec<String>,
    },
    /// It edits that event, which is found instead.
    Edits(EventNum),
}

/// The start of the keys of a word's postings.
pub fn postings(room: RoomNum, word: &str) -> KeyBuilder {
    KeyBuilder::room(room, Index::Word).text(word)
}

/// `index`: room → word, position.
pub fn posting_key(room: RoomNum, word: &str, position: Position) -> Key {
    postings(room, word).u64(position.0).build()
}

/// `index`: room → event.
pub fn worded_key(room: RoomNum, number: EventNum) -> Key {
    KeyBuilder::room(room, Index::Worded).u64(number.0).build()
}
