//! Events as clients get them, put together from slices of what is stored.

use std::collections::BTreeMap;

use ruma::RoomId;
use serde_json::value::RawValue;

use super::StoredEvent;
use crate::json::ObjectWriter;

/// An event in the client format.
#[derive(Clone, Copy, Debug)]
pub struct ClientEvent<'a> {
    /// The event.
    pub stored: &'a StoredEvent,
    /// Its room; `None` where the answer around it says the room, as in /sync.
    pub room_id: Option<&'a RoomId>,
    /// What this server adds for this user.
    pub unsigned: &'a Unsigned<'a>,
}

/// The `unsigned` of a client event. Fields ending in `json` hold a JSON value, the others plain text.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unsigned<'a> {
    /// ms since the event was made.
    pub age: Option<i64>,
    /// Set for the device that sent the event.
    pub transaction_id: Option<&'a str>,
    /// Set for the sender of an event that was delayed (MSC4140).
    pub delay_id: Option<&'a str>,
    /// The content of the state event that this one replaced.
    pub prev_content_json: Option<&'a [u8]>,
    /// The sender of that event.
    pub prev_sender: Option<&'a str>,
    /// The ID of that event.
    pub replaces_state: Option<&'a str>,
    /// The reading user's membership at the event.
    pub membership: Option<&'a str>,
    /// The redaction of this event, as a client event.
    pub redacted_because_json: Option<&'a [u8]>,
    /// Bundled relations: the value of `m.relations`.
    pub relations_json: Option<&'a [u8]>,
}

/// An event of stripped state, for those who aren't in the room.
#[derive(Clone, Copy, Debug)]
pub struct StrippedState<'a>(pub &'a StoredEvent);

impl ClientEvent<'_> {
    /// Appends the event's JSON.
    pub fn write(&self, out: &mut Vec<u8>) {
        let stored = self.stored;
        let mut object = ObjectWriter::open(out);
        match stored.redacts_json() {
            Some(target) => {
                object.json("content", &redaction_content(stored, target));
                object.json("redacts", target);
            }
            None => object.json("content", stored.content()),
        }
        object.text("event_id", stored.event_id().as_str());
        object.json("origin_server_ts", stored.origin_server_ts_json());
        if let Some(room_id) = self.room_id {
            object.text("room_id", room_id.as_str());
        }
        object.json("sender", stored.sender_json());
        if let Some(state_key) = stored.state_key_json() {
            object.json("state_key", state_key);
        }
        object.json("type", stored.type_json());
        if !self.unsigned.is_empty() {
            self.unsigned.write(object.key("unsigned"));
        }
        object.close();
    }

    /// The event as a raw JSON value, for answers that serde writes.
    pub fn to_raw(&self) -> Result<Box<RawValue>, serde_json::Error> {
        let mut out = Vec::with_capacity(self.stored.content().len() + 512);
        self.write(&mut out);
        serde_json::from_slice(&out)
    }
}

impl Unsigned<'_> {
    /// Whether there is nothing to say.
    fn is_empty(&self) -> bool {
        self.age.is_none()
            && self.transaction_id.is_none()
            && self.delay_id.is_none()
            && self.prev_content_json.is_none()
            && self.prev_sender.is_none()
            && self.replaces_state.is_none()
            && self.membership.is_none()
            && self.redacted_because_json.is_none()
            && self.relations_json.is_none()
    }

    fn write(&self, out: &mut Vec<u8>) {
        let mut object = ObjectWriter::open(out);
        if let Some(age) = self.age {
            object.json("age", age.to_string().as_bytes());
        }
        for (key, text) in [
            ("transaction_id", self.transaction_id),
            ("org.matrix.msc4140.delay_id", self.delay_id),
            ("prev_sender", self.prev_sender),
            ("replaces_state", self.replaces_state),
            ("membership", self.membership),
        ] {
            if let Some(text) = text {
                object.text(key, text);
            }
        }
        for (key, json) in [
            ("prev_content", self.prev_content_json),
            ("redacted_because", self.redacted_because_json),
            ("m.relations", self.relations_json),
        ] {
            if let Some(json) = json {
                object.json(key, json);
            }
        }
        object.close();
    }
}

impl StrippedState<'_> {
    /// Appends the event's JSON.
    pub fn write(&self, out: &mut Vec<u8>) {
        let mut object = ObjectWriter::open(out);
        object.json("content", self.0.content());
        object.json("sender", self.0.sender_json());
        object.json("state_key", self.0.state_key_json().unwrap_or(b"\"\""));
        object.json("type", self.0.type_json());
        object.close();
    }
}

/// A redaction's content, which names the target in every room version: new clients look for it there.
fn redaction_content(stored: &StoredEvent, target: &[u8]) -> Vec<u8> {
    let content = stored.content();
    if stored.redacts_at_top_level()
        && let Ok(mut object) = serde_json::from_slice::<BTreeMap<String, &RawValue>>(content)
        && let Ok(target) = serde_json::from_slice(target)
    {
        object.insert("redacts".to_owned(), target);
        if let Ok(json) = serde_json::to_vec(&object) {
            return json;
        }
    }
    content.to_vec()
}
