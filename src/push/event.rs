//! An event as push rules look at it.

use std::borrow::Cow;

use ruma::RoomId;
use serde_json::Value;

use super::path::PropertyPath;
use crate::event::StoredEvent;

/// An event with its content parsed, for any number of users' rules.
#[derive(Debug)]
pub struct PushEvent {
    event: StoredEvent,
    content: Value,
    room_id: String,
    /// `content.body`, in lower case.
    body: Option<String>,
}

impl PushEvent {
    /// Reads an event of a room. Content that does not parse is empty.
    pub fn new(event: StoredEvent, room_id: &RoomId) -> Self {
        let content: Value = serde_json::from_slice(event.content()).unwrap_or_default();
        let body = content.get("body").and_then(Value::as_str).map(str::to_lowercase);
        Self { event, content, room_id: room_id.to_string(), body }
    }

    /// The event as it is stored.
    pub fn stored(&self) -> &StoredEvent {
        &self.event
    }

    /// The users whom the predefined rules may treat otherwise than everybody else: those who are mentioned or invited.
    pub fn names(&self) -> Vec<Cow<'_, str>> {
        let invited = (self.event.type_json() == b"\"m.room.member\"").then(|| self.event.state_key()).flatten();
        let mentioned = self.content.get("m.mentions").and_then(|mentions| mentions.get("user_ids"));
        let users = mentioned.and_then(Value::as_array).into_iter().flatten();
        invited.into_iter().chain(users.filter_map(Value::as_str).map(Cow::Borrowed)).collect()
    }

    /// The type of the event's relation to another one, if it has one.
    pub fn relation(&self) -> Option<&str> {
        self.content.get("m.relates_to")?.get("rel_type")?.as_str()
    }

    /// The room.
    pub(super) fn room_id(&self) -> &str {
        &self.room_id
    }

    /// `content.body`, in lower case.
    pub(super) fn body(&self) -> Option<&str> {
        self.body.as_deref()
    }

    /// A property that is a string.
    pub(super) fn text(&self, path: &PropertyPath) -> Option<Cow<'_, str>> {
        let (first, rest) = path.split();
        if first == "content" {
            return self.in_content(rest)?.as_str().map(Cow::Borrowed);
        }
        if !rest.is_empty() {
            return None;
        }
        match first {
            "type" => Some(self.event.event_type()),
            "sender" => Some(self.event.sender()),
            "state_key" => self.event.state_key(),
            "event_id" => Some(self.event.event_id().as_str().into()),
            "room_id" => Some(self.room_id.as_str().into()),
            _ => None,
        }
    }

    /// A property of any kind, but objects and arrays outside of the content.
    pub(super) fn value(&self, path: &PropertyPath) -> Option<Cow<'_, Value>> {
        let (first, rest) = path.split();
        if first == "content" {
            return self.in_content(rest).map(Cow::Borrowed);
        }
        if first == "origin_server_ts" && rest.is_empty() {
            return Some(Cow::Owned(self.event.origin_server_ts().into()));
        }
        self.text(path).map(|text| Cow::Owned(text.into_owned().into()))
    }

    fn in_content(&self, names: &[String]) -> Option<&Value> {
        names.iter().try_fold(&self.content, |value, name| value.as_object()?.get(name))
    }
}
