//! Filters: what a client wants to see of a sync, and their store. A filter's ID is its content's hash, so that
//! a client which uploads the same one at each start adds nothing.

use ruma::{OwnedRoomId, OwnedUserId, RoomId, UserId};
use serde::{Deserialize, Deserializer, Serialize};

use super::Users;
use crate::{
    error::{Error, Result},
    ids::{Position, UserNum},
    store::{
        Commit, Family, Key, LogEntry, Read, decode,
        keys::{Index, KeyBuilder},
    },
};

/// A filter's JSON may have this many bytes.
const MAX_FILTER: usize = 64 << 10;
/// A user may have this many filters; one more, and the oldest goes.
const MAX_FILTERS: usize = 200;

/// What a client wants to see of a sync.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Filter {
    /// Dotted paths of the fields that events are cut down to; `None`: all.
    pub event_fields: Option<Vec<String>>,
    /// How events look.
    #[serde(deserialize_with = "null_as_default")]
    pub event_format: EventFormat,
    /// Which presence.
    #[serde(deserialize_with = "null_as_default")]
    pub presence: EventFilter,
    /// Which global account data.
    #[serde(deserialize_with = "null_as_default")]
    pub account_data: EventFilter,
    /// What of rooms.
    #[serde(deserialize_with = "null_as_default")]
    pub room: RoomFilter,
}

/// How events look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EventFormat {
    /// As clients use them.
    #[default]
    Client,
    /// As they came over federation.
    Federation,
}

/// Which rooms, and what of them.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct RoomFilter {
    /// Rooms to leave out, even if `rooms` names them.
    #[serde(deserialize_with = "null_as_default")]
    pub not_rooms: Vec<OwnedRoomId>,
    /// The only rooms to tell of; `None`: all.
    pub rooms: Option<Vec<OwnedRoomId>>,
    /// Which typing, receipts and the like.
    #[serde(deserialize_with = "null_as_default")]
    pub ephemeral: RoomEventFilter,
    /// Whether to tell of rooms that the user has left.
    #[serde(deserialize_with = "null_as_default")]
    pub include_leave: bool,
    /// Which state.
    #[serde(deserialize_with = "null_as_default")]
    pub state: RoomEventFilter,
    /// Which events of the timeline.
    #[serde(deserialize_with = "null_as_default")]
    pub timeline: RoomEventFilter,
    /// Which of the rooms' account data.
    #[serde(deserialize_with = "null_as_default")]
    pub account_data: RoomEventFilter,
}

/// Which events, by what all events have.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct EventFilter {
    /// At most this many.
    pub limit: Option<u64>,
    /// Senders to leave out, even if `senders` names them.
    #[serde(deserialize_with = "null_as_default")]
    pub not_senders: Vec<OwnedUserId>,
    /// Types to leave out, even if `types` names them; `*` stands for anything.
    #[serde(deserialize_with = "null_as_default")]
    pub not_types: Vec<String>,
    /// The only senders; `None`: all.
    pub senders: Option<Vec<OwnedUserId>>,
    /// The only types; `None`: all. `*` stands for anything.
    pub types: Option<Vec<String>>,
}

/// Which events of rooms.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct RoomEventFilter {
    /// By what all events have.
    #[serde(flatten)]
    pub events: EventFilter,
    /// Whether unread counts are told by thread.
    #[serde(deserialize_with = "null_as_default")]
    pub unread_thread_notifications: bool,
    /// Whether members come only with what they sent.
    #[serde(deserialize_with = "null_as_default")]
    pub lazy_load_members: bool,
    /// With `lazy_load_members`: whether members come again that the client knows already.
    #[serde(deserialize_with = "null_as_default")]
    pub include_redundant_members: bool,
    /// Rooms to leave out, even if `rooms` names them.
    #[serde(deserialize_with = "null_as_default")]
    pub not_rooms: Vec<OwnedRoomId>,
    /// The only rooms; `None`: all.
    pub rooms: Option<Vec<OwnedRoomId>>,
    /// Only events with a `url` in their content, or only those without; `None`: both.
    pub contains_url: Option<bool>,
    /// Only events to which others relate by one of these types; empty: all.
    #[serde(deserialize_with = "null_as_default")]
    pub related_by_rel_types: Vec<String>,
    /// Only events to which events of one of these users relate; empty: all.
    #[serde(deserialize_with = "null_as_default")]
    pub related_by_senders: Vec<OwnedUserId>,
}

fn null_as_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(from: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

impl Filter {
    /// Reads a filter; `M_BAD_JSON` if something in it has the wrong type.
    pub fn parse(json: &str) -> Result<Self> {
        parse(json)
    }
}

impl RoomEventFilter {
    /// Reads the filter of `/messages` and its like; `M_BAD_JSON` if something in it has the wrong type.
    pub fn parse(json: &str) -> Result<Self> {
        parse(json)
    }

    /// Whether it wants anything of the room.
    pub fn allows_room(&self, room_id: &RoomId) -> bool {
        allows_room(&self.not_rooms, self.rooms.as_deref(), room_id)
    }
}

impl RoomFilter {
    /// Whether it wants anything of the room.
    pub fn allows_room(&self, room_id: &RoomId) -> bool {
        allows_room(&self.not_rooms, self.rooms.as_deref(), room_id)
    }
}

impl EventFilter {
    /// Whether it wants something of the type that nobody is named to have sent.
    pub fn allows_unsent(&self, kind: &str) -> bool {
        self.senders.is_none() && self.allows_type(kind)
    }

    /// Keeps as many as it wants.
    pub fn cut<T>(&self, events: &mut Vec<T>) {
        events.truncate(self.limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX)));
    }

    /// Whether it wants events of the type.
    pub fn allows_type(&self, kind: &str) -> bool {
        let among = |patterns: &[String]| patterns.iter().any(|pattern| matches(pattern, kind));
        !among(&self.not_types) && self.types.as_deref().is_none_or(among)
    }

    /// Whether it wants events of the sender.
    pub fn allows_sender(&self, sender: &UserId) -> bool {
        let among = |senders: &[OwnedUserId]| senders.iter().any(|name| name == sender);
        !among(&self.not_senders) && self.senders.as_deref().is_none_or(among)
    }
}

fn parse<T: for<'de> Deserialize<'de>>(json: &str) -> Result<T> {
    // Of an array, serde would take the fields in their order.
    if json.trim_start().starts_with('[') {
        return Err(Error::bad_json("A filter must be a JSON object."));
    }
    serde_json::from_str(json).map_err(|error| {
        let errcode = if error.is_data() { "M_BAD_JSON" } else { "M_NOT_JSON" };
        Error::bad_request(errcode, format!("The filter is not valid: {error}."))
    })
}

fn allows_room(not_rooms: &[OwnedRoomId], rooms: Option<&[OwnedRoomId]>, room_id: &RoomId) -> bool {
    let among = |rooms: &[OwnedRoomId]| rooms.iter().any(|name| name == room_id);
    !among(not_rooms) && rooms.is_none_or(among)
}

/// Whether `text` fits a pattern in which `*` stands for any characters: the part before the first `*` is its
/// start, the part behind the last its end, and those between come in order.
fn matches(pattern: &str, text: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut text) = text.strip_prefix(start) else { return false };
    let mut parts = rest.split('*');
    let end = parts.next_back().unwrap_or_default();
    for part in parts {
        let Some(at) = text.find(part) else { return false };
        text = &text[at + part.len()..];
    }
    text.ends_with(end)
}

/// User → filter's ID: the filter.
#[derive(Serialize, Deserialize)]
pub struct FilterRow {
    /// Where it was uploaded.
    pub position: Position,
    /// As it was uploaded.
    pub json: String,
}

/// The ID of a filter, by its content.
pub fn id_of(json: &str) -> String {
    blake3::hash(json.as_bytes()).to_hex()[..16].to_owned()
}

fn key(user: UserNum, id: &str) -> Key {
    KeyBuilder::user(user, Index::Filter).tail(id.as_bytes()).build()
}

impl Users {
    /// Keeps a filter and gives it an ID.
    pub async fn store_filter(&self, user: UserNum, json: &str) -> Result<String> {
        Filter::parse(json)?;
        if json.len() > MAX_FILTER {
            return Err(Error::new(413, "M_TOO_LARGE", "A filter has at most 64 KiB."));
        }
        let id = id_of(json);
        if self.filter_row(user, &id)?.is_some() {
            return Ok(id);
        }
        let ticket = {
            let _lock = self.locks.user(user);
            let surplus = self.surplus_filter(user)?;
            self.store.commit(|position| {
                let mut commit = Commit::new(LogEntry::Housekeeping);
                commit.put_row(Family::Index, key(user, &id), &FilterRow { position, json: json.to_owned() });
                if let Some(surplus) = surplus {
                    commit.delete(Family::Index, surplus);
                }
                commit
            })
        };
        ticket.durable().await?;
        Ok(id)
    }

    /// The JSON of a filter as it was uploaded; 404 `M_NOT_FOUND` if it wasn't, or is forgotten.
    pub fn filter_json(&self, user: UserNum, id: &str) -> Result<String> {
        let row = self.filter_row(user, id)?.ok_or_else(|| Error::not_found("There is no filter of that ID."))?;
        Ok(row.json)
    }

    /// The same, read.
    pub fn filter(&self, user: UserNum, id: &str) -> Result<Filter> {
        Filter::parse(&self.filter_json(user, id)?)
    }

    fn filter_row(&self, user: UserNum, id: &str) -> Result<Option<FilterRow>> {
        Ok(self.store.latest().get_row(Family::Index, &key(user, id))?)
    }

    /// Adds the deletion of all filters to a commit that the caller queues under the user's lock.
    pub(super) fn erase_filters(&self, commit: &mut Commit, user: UserNum) -> Result<()> {
        let prefix = KeyBuilder::user(user, Index::Filter).build();
        for (key, _) in self.store.snapshot().scan_prefix(Family::Index, &prefix).collect_rows()? {
            commit.delete(Family::Index, key);
        }
        Ok(())
    }

    /// The key of the oldest filter, if there are as many as there may be.
    fn surplus_filter(&self, user: UserNum) -> Result<Option<Key>> {
        let prefix = KeyBuilder::user(user, Index::Filter).build();
        let rows = self.store.snapshot().scan_prefix(Family::Index, &prefix).collect_rows()?;
        if rows.len() < MAX_FILTERS {
            return Ok(None);
        }
        let mut oldest: Option<(Position, Key)> = None;
        for (key, value) in rows {
            let row: FilterRow = decode(Family::Index, &value)?;
            if oldest.as_ref().is_none_or(|(position, _)| row.position < *position) {
                oldest = Some((row.position, key));
            }
        }
        Ok(oldest.map(|(_, key)| key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stand_for_anything() {
        for (pattern, text, fits) in [
            ("m.room.message", "m.room.message", true),
            ("m.room.message", "m.room.messages", false),
            ("m.room.*", "m.room.member", true),
            ("m.room.*", "m.room", false),
            ("*", "anything", true),
            ("*.member", "m.room.member", true),
            ("m.*.member", "m.room.member", true),
            ("m.*.*ber", "m.room.member", true),
            ("a*a", "a", false),
            ("a*b*b", "ab", false),
            ("**", "", true),
        ] {
            assert_eq!(matches(pattern, text), fits, "{pattern} {text}");
        }
    }

    #[test]
    fn a_whole_filter_is_read() {
        let filter = Filter::parse(
            r#"{"event_fields":["content.body"],"event_format":"federation","presence":{"not_types":["*"]},
                "room":{"rooms":["!a:b"],"include_leave":true,"state":{"lazy_load_members":true,"types":["m.*"]},
                "timeline":{"limit":3,"contains_url":false,"senders":["@a:b"],"unknown":1}},"account_data":null}"#,
        )
        .unwrap();
        assert_eq!(filter.event_format, EventFormat::Federation);
        assert!(filter.room.include_leave && filter.room.state.lazy_load_members);
        assert_eq!(filter.room.timeline.events.limit, Some(3));
        assert_eq!(filter.room.timeline.contains_url, Some(false));
        assert!(!filter.presence.allows_type("m.presence"));
        assert!(filter.room.state.events.allows_type("m.tag") && !filter.room.state.events.allows_type("tag"));
        assert!(filter.room.timeline.events.allows_sender(<&UserId>::try_from("@a:b").unwrap()));
        assert!(!filter.room.timeline.events.allows_sender(<&UserId>::try_from("@b:b").unwrap()));
        assert!(!filter.room.allows_room(<&RoomId>::try_from("!b:b").unwrap()));
    }

    #[test]
    fn wrong_types_are_refused() {
        for bad in [
            r#"{"room":{"rooms":["a"]}}"#,
            r#"{"room":{"timeline":{"limit":-1}}}"#,
            r#"{"room":{"timeline":{"limit":"1"}}}"#,
            r#"{"room":{"timeline":{"senders":["a"]}}}"#,
            r#"{"room":3}"#,
            r#"{"event_format":"other"}"#,
            r#"{"event_fields":"a"}"#,
            "[]",
        ] {
            assert_eq!(Filter::parse(bad).unwrap_err().errcode, "M_BAD_JSON", "{bad}");
        }
        assert_eq!(Filter::parse("{").unwrap_err().errcode, "M_NOT_JSON");
    }
}
