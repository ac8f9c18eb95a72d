//! Filters as clients write them (client-server API, "Filtering"). A list or flag that is `null` counts as absent.
//!
//! Invariant: a filter that was parsed is bounded: no list is longer than `MAX_ENTRIES`.

use ruma::OwnedRoomId;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// The longest filter, in bytes of JSON.
pub const MAX_FILTER_BYTES: usize = 64 << 10;
/// Entries of one list of a filter.
const MAX_ENTRIES: usize = 1_000;

/// What a client wants to hear of in /sync.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct Filter {
    /// Paths of the fields of events to keep; `None` keeps all.
    pub event_fields: Option<Vec<String>>,
    /// How events look.
    pub event_format: Option<EventFormat>,
    /// Which presence.
    pub presence: EventFilter,
    /// Which global account data.
    pub account_data: EventFilter,
    /// What of rooms.
    pub room: RoomFilter,
}

/// How events look to who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum EventFormat {
    /// As clients usually get them.
    Client,
    /// As servers exchange them.
    Federation,
}

/// Which events, wherever they are.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct EventFilter {
    /// At most so many.
    pub limit: Option<u64>,
    /// None of these senders, even if `senders` has them.
    pub not_senders: Option<Vec<String>>,
    /// None of these types, even if `types` has them; `*` stands for any characters.
    pub not_types: Option<Vec<String>>,
    /// Only these senders.
    pub senders: Option<Vec<String>>,
    /// Only these types; `*` stands for any characters.
    pub types: Option<Vec<String>>,
}

/// Which events of rooms.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct RoomEventFilter {
    /// What holds anywhere.
    #[serde(flatten)]
    pub events: EventFilter,
    /// Only events with, or only those without, a `url` in their content.
    pub contains_url: Option<bool>,
    /// Member events only of those whom the other events speak of.
    pub lazy_load_members: Option<bool>,
    /// Member events again that the client should have.
    pub include_redundant_members: Option<bool>,
    /// Unread counts for each thread.
    pub unread_thread_notifications: Option<bool>,
    /// None of these rooms, even if `rooms` has them.
    pub not_rooms: Option<Vec<OwnedRoomId>>,
    /// Only these rooms.
    pub rooms: Option<Vec<OwnedRoomId>>,
}

/// Which rooms, and what of them.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct RoomFilter {
    /// None of these rooms, even if `rooms` has them.
    pub not_rooms: Option<Vec<OwnedRoomId>>,
    /// Only these rooms.
    pub rooms: Option<Vec<OwnedRoomId>>,
    /// Rooms too that the user has left.
    pub include_leave: Option<bool>,
    /// Which typing notifications and receipts.
    pub ephemeral: RoomEventFilter,
    /// Which state.
    pub state: RoomEventFilter,
    /// Which events of the timeline.
    pub timeline: RoomEventFilter,
    /// Which account data of the room.
    pub account_data: RoomEventFilter,
}

impl Filter {
    /// Reads a filter.
    ///
    /// # Errors
    /// 400: `M_NOT_JSON`, or `M_BAD_JSON` where it is no filter or too large a one.
    pub fn parse(json: &[u8]) -> Result<Self> {
        let filter: Self = parse(json)?;
        let room = &filter.room;
        filter.presence.check()?;
        filter.account_data.check()?;
        for part in [&room.ephemeral, &room.state, &room.timeline, &room.account_data] {
            part.check()?;
        }
        bounded(&[len(&filter.event_fields), len(&room.rooms), len(&room.not_rooms)])?;
        Ok(filter)
    }
}

impl RoomEventFilter {
    /// Reads the filter of a query parameter; the errors are those of [`Filter::parse`].
    pub fn parse(json: &[u8]) -> Result<Self> {
        let filter: Self = parse(json)?;
        filter.check()?;
        Ok(filter)
    }

    /// Whether a room passes. [`RoomFilter`] has rooms of its own, which come before.
    pub fn takes_room(&self, room: &ruma::RoomId) -> bool {
        takes_room(&self.rooms, &self.not_rooms, room)
    }

    fn check(&self) -> Result<()> {
        self.events.check()?;
        bounded(&[len(&self.rooms), len(&self.not_rooms)])
    }
}

impl RoomFilter {
    /// Whether a room passes.
    pub fn takes_room(&self, room: &ruma::RoomId) -> bool {
        takes_room(&self.rooms, &self.not_rooms, room)
    }
}

impl EventFilter {
    fn check(&self) -> Result<()> {
        bounded(&[len(&self.senders), len(&self.not_senders), len(&self.types), len(&self.not_types)])
    }
}

fn parse<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Result<T> {
    if json.len() > MAX_FILTER_BYTES {
        return Err(Error::bad_json("The filter is too large."));
    }
    serde_json::from_slice(json).map_err(|error| {
        let (errcode, what) = if error.is_data() { ("M_BAD_JSON", "no filter") } else { ("M_NOT_JSON", "not JSON") };
        Error::bad_request(errcode, format!("This is {what}: {error}."))
    })
}

fn len<T>(list: &Option<Vec<T>>) -> usize {
    list.as_ref().map_or(0, Vec::len)
}

fn bounded(lengths: &[usize]) -> Result<()> {
    match lengths.iter().find(|length| **length > MAX_ENTRIES) {
        Some(length) => {
            Err(Error::bad_json(format!("A list of the filter has {length} entries, {MAX_ENTRIES} are allowed.")))
        }
        None => Ok(()),
    }
}

fn takes_room(rooms: &Option<Vec<OwnedRoomId>>, not_rooms: &Option<Vec<OwnedRoomId>>, room: &ruma::RoomId) -> bool {
    let names = |list: &Vec<OwnedRoomId>| list.iter().any(|listed| listed == room);
    !not_rooms.as_ref().is_some_and(names) && rooms.as_ref().is_none_or(names)
}
