//! How an event lies in the family `event_json`: its ID, its canonical bytes, and where in them the values lie that
//! clients get, so that an event is rendered without being parsed.
//!
//! Layout: format (1), where redactions name their target (1), length of the event ID (1), six spans of start and
//! length (u32 little-endian each, counted from the start of the JSON; an absent value has length 0), event ID, JSON.

use std::{borrow::Cow, ops::Range};

use bytes::Bytes;
use ruma::{EventId, RoomId};
use thiserror::Error;

use super::{
    FormatError, Pdu,
    pdu::{RedactsIn, Slices},
};

const FORMAT: u8 = 1;
const SPANS: usize = 6;
const HEADER: usize = 3 + SPANS * 8;

/// A stored event: cheap to clone, its values are slices of one buffer.
#[derive(Clone, Debug)]
pub struct StoredEvent {
    event_id: Bytes,
    json: Bytes,
    slices: Slices,
}

/// A row of `event_json` that this version can't have written, or that has been damaged.
#[derive(Debug, Error)]
#[error("broken row in event_json: {0}")]
pub struct BrokenRow(&'static str);

impl StoredEvent {
    /// The row for an event.
    pub fn encode(pdu: &Pdu) -> Vec<u8> {
        let Slices { content, sender, event_type, origin_server_ts, state_key, redacts, redacts_in } = &pdu.slices;
        let id = pdu.event_id().as_bytes();
        let mut row = Vec::with_capacity(HEADER + id.len() + pdu.json().len());
        // An event ID has at most 255 bytes; a PDU at most 65,536.
        row.extend([FORMAT, u8::from(*redacts_in == RedactsIn::Content), id.len() as u8]);
        let optional = [state_key, redacts].map(|span| span.clone().unwrap_or(0..0));
        for span in [content, sender, event_type, origin_server_ts].into_iter().chain(&optional) {
            row.extend((span.start as u32).to_le_bytes());
            row.extend((span.len() as u32).to_le_bytes());
        }
        row.extend_from_slice(id);
        row.extend_from_slice(pdu.json());
        row
    }

    /// Reads a row. All spans and the text's encoding are checked here, once.
    pub fn decode(row: &Bytes) -> Result<Self, BrokenRow> {
        let header = row.get(..HEADER).ok_or(BrokenRow("cut off"))?;
        if header[0] != FORMAT {
            return Err(BrokenRow("unknown format"));
        }
        let json_start = HEADER + usize::from(header[2]);
        if json_start > row.len() {
            return Err(BrokenRow("cut off"));
        }
        let event_id = row.slice(HEADER..json_start);
        str::from_utf8(&event_id)
            .ok()
            .and_then(|id| <&EventId>::try_from(id).ok())
            .ok_or(BrokenRow("not an event ID"))?;
        let json = row.slice(json_start..);
        let text = str::from_utf8(&json).map_err(|_| BrokenRow("not UTF-8"))?;
        let span = |n: usize| {
            let span = read_span(header, n);
            text.get(span.clone()).map(|_| span).ok_or(BrokenRow("a span leaves the JSON"))
        };
        let present = |span: Range<usize>| Some(span).filter(|span| !span.is_empty());
        let slices = Slices {
            content: span(0)?,
            sender: span(1)?,
            event_type: span(2)?,
            origin_server_ts: span(3)?,
            state_key: present(span(4)?),
            redacts: present(span(5)?),
            redacts_in: if header[1] == 1 { RedactsIn::Content } else { RedactsIn::TopLevel },
        };
        Ok(Self { event_id, json, slices })
    }

    /// The event's ID.
    pub fn event_id(&self) -> &EventId {
        // `decode` and `Pdu` let nothing pass that isn't an event ID.
        <&EventId>::try_from(text(&self.event_id)).expect("an event ID, checked when decoded")
    }

    /// The content, as JSON.
    pub fn content(&self) -> &[u8] {
        self.slice(&self.slices.content)
    }

    /// The type, as a JSON string.
    pub fn type_json(&self) -> &[u8] {
        self.slice(&self.slices.event_type)
    }

    /// The type.
    pub fn event_type(&self) -> Cow<'_, str> {
        unescape(self.type_json())
    }

    /// The sender, as a JSON string.
    pub fn sender_json(&self) -> &[u8] {
        self.slice(&self.slices.sender)
    }

    /// The sender.
    pub fn sender(&self) -> Cow<'_, str> {
        unescape(self.sender_json())
    }

    /// The state key, as a JSON string.
    pub fn state_key_json(&self) -> Option<&[u8]> {
        self.slices.state_key.as_ref().map(|span| self.slice(span))
    }

    /// The state key.
    pub fn state_key(&self) -> Option<Cow<'_, str>> {
        self.state_key_json().map(unescape)
    }

    /// The time of origin in ms, as JSON.
    pub fn origin_server_ts_json(&self) -> &[u8] {
        self.slice(&self.slices.origin_server_ts)
    }

    /// The time of origin in ms since the epoch.
    pub fn origin_server_ts(&self) -> u64 {
        text(self.origin_server_ts_json()).parse().unwrap_or(0)
    }

    /// The target of an `m.room.redaction` as a JSON string.
    pub fn redacts_json(&self) -> Option<&[u8]> {
        self.slices.redacts.as_ref().map(|span| self.slice(span))
    }

    /// Whether this is a redaction of a room before version 11, whose content doesn't name the target.
    pub(super) fn redacts_at_top_level(&self) -> bool {
        self.slices.redacts_in == RedactsIn::TopLevel
    }

    /// The canonical bytes of the PDU.
    pub fn pdu_json(&self) -> &Bytes {
        &self.json
    }

    /// The whole event. It shares the buffer.
    pub fn to_pdu(&self, room_id: &RoomId) -> Result<Pdu, FormatError> {
        let room_id = Some(room_id.to_owned());
        Pdu::index(self.json.clone(), self.event_id().to_owned(), room_id, self.slices.redacts_in)
    }

    fn slice(&self, span: &Range<usize>) -> &[u8] {
        &self.json[span.clone()]
    }
}

impl From<&Pdu> for StoredEvent {
    fn from(pdu: &Pdu) -> Self {
        let event_id = Bytes::copy_from_slice(pdu.event_id().as_bytes());
        Self { event_id, json: pdu.json().clone(), slices: pdu.slices.clone() }
    }
}

fn read_span(header: &[u8], n: usize) -> Range<usize> {
    let number = |at: usize| {
        let bytes = [header[at], header[at + 1], header[at + 2], header[at + 3]];
        u32::from_le_bytes(bytes) as usize
    };
    let at = 3 + n * 8;
    let start = number(at);
    start..start.saturating_add(number(at + 4))
}

/// Bytes that are known to be UTF-8.
fn text(bytes: &[u8]) -> &str {
    str::from_utf8(bytes).unwrap_or_default()
}

/// The value of a JSON string; most have no escapes and are borrowed.
fn unescape(json: &[u8]) -> Cow<'_, str> {
    let inner = json.get(1..json.len().saturating_sub(1)).unwrap_or_default();
    if inner.contains(&b'\\') {
        Cow::Owned(serde_json::from_slice(json).unwrap_or_default())
    } else {
        Cow::Borrowed(text(inner))
    }
}
