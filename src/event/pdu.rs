//! A PDU: an event as servers exchange it, parsed once and then immutable.

use std::ops::Range;

use bytes::Bytes;
use ruma::{
    CanonicalJsonObject, CanonicalJsonValue, EventId, MilliSecondsSinceUnixEpoch, OwnedEventId, OwnedRoomId,
    OwnedUserId, RoomId, UInt, UserId,
    events::TimelineEventType,
    room_version_rules::{EventIdFormatVersion, RoomVersionRules},
    signatures::reference_hash,
    state_res,
};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{FormatError, MAX_PDU_BYTES};

/// An event with its ID. Wrapped in an `Arc` it is what the rest of the server hands around.
#[derive(Clone, Debug)]
pub struct Pdu {
    json: Bytes,
    event_id: OwnedEventId,
    room_id: OwnedRoomId,
    /// Whether the JSON has a `room_id`: a create event of version 12 has none.
    names_room: bool,
    sender: OwnedUserId,
    event_type: TimelineEventType,
    /// The type as written, which `TimelineEventType` may fold into an alias.
    type_str: Box<str>,
    state_key: Option<Box<str>>,
    content: Box<RawValue>,
    origin_server_ts: UInt,
    depth: u64,
    prev_events: Box<[OwnedEventId]>,
    auth_events: Box<[OwnedEventId]>,
    redacts: Option<OwnedEventId>,
    rejected: bool,
    pub(super) slices: Slices,
}

/// Where in the JSON the values lie that clients get.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Slices {
    pub content: Range<usize>,
    pub sender: Range<usize>,
    pub event_type: Range<usize>,
    pub origin_server_ts: Range<usize>,
    pub state_key: Option<Range<usize>>,
    pub redacts: Option<Range<usize>>,
    pub redacts_in: RedactsIn,
}

/// Where a redaction names its target.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) enum RedactsIn {
    /// At the top level, before room version 11.
    #[default]
    TopLevel,
    /// In the content, from room version 11 on.
    Content,
}

impl RedactsIn {
    fn of(rules: &RoomVersionRules) -> Self {
        if rules.redaction.content_field_redacts { Self::Content } else { Self::TopLevel }
    }
}

/// The fields of a PDU, borrowed from its JSON.
#[derive(Deserialize)]
struct Fields<'a> {
    #[serde(borrow)]
    content: &'a RawValue,
    #[serde(borrow)]
    sender: &'a RawValue,
    #[serde(borrow, rename = "type")]
    event_type: &'a RawValue,
    #[serde(borrow)]
    origin_server_ts: &'a RawValue,
    #[serde(borrow)]
    state_key: Option<&'a RawValue>,
    #[serde(borrow)]
    redacts: Option<&'a RawValue>,
    depth: u64,
    prev_events: Box<[OwnedEventId]>,
    auth_events: Box<[OwnedEventId]>,
    room_id: Option<OwnedRoomId>,
}

#[derive(Deserialize)]
struct RedactionContent<'a> {
    #[serde(borrow)]
    redacts: Option<&'a RawValue>,
}

impl Pdu {
    /// Parses a PDU from outside: brings it into canonical form without `unsigned`, checks its format and sizes,
    /// and computes its event ID. Signatures and hashes are for the caller to check.
    pub fn parse(json: &str, rules: &RoomVersionRules) -> Result<Self, FormatError> {
        Self::from_object(serde_json::from_str(json)?, rules)
    }

    /// The same from an object that is parsed already.
    pub fn from_object(mut object: CanonicalJsonObject, rules: &RoomVersionRules) -> Result<Self, FormatError> {
        object.remove("unsigned");
        let json = serde_json::to_string(&object)?;
        check_format(&mut object, json.len(), rules)?;
        let hash = reference_hash(&object, rules).map_err(malformed)?;
        Self::new(json.into(), event_id(rules, &hash)?, rules)
    }

    /// A PDU from canonical bytes that have been checked, and its ID.
    pub(super) fn new(json: Bytes, event_id: OwnedEventId, rules: &RoomVersionRules) -> Result<Self, FormatError> {
        Self::index(json, event_id, None, RedactsIn::of(rules))
    }

    /// Reads the fields. `room_id` is needed only where the JSON may lack it and isn't to be derived.
    pub(super) fn index(
        json: Bytes,
        event_id: OwnedEventId,
        room_id: Option<OwnedRoomId>,
        redacts_in: RedactsIn,
    ) -> Result<Self, FormatError> {
        let text = str::from_utf8(&json).map_err(malformed)?;
        let fields: Fields<'_> = serde_json::from_str(text)?;
        let type_str: Box<str> = serde_json::from_str(fields.event_type.get())?;
        let event_type = TimelineEventType::from(&*type_str);
        let redacts = target_of_redaction(&fields, &event_type, redacts_in);
        let names_room = fields.room_id.is_some();
        let span = |part: &RawValue| span(text, part.get());
        let slices = Slices {
            content: span(fields.content),
            sender: span(fields.sender),
            event_type: span(fields.event_type),
            origin_server_ts: span(fields.origin_server_ts),
            state_key: fields.state_key.map(span),
            redacts: redacts.as_ref().map(|(raw, _)| span(raw)),
            redacts_in,
        };
        Ok(Self {
            room_id: match fields.room_id.or(room_id) {
                Some(room_id) => room_id,
                None if event_type == TimelineEventType::RoomCreate => room_of_create(&event_id)?,
                None => return Err(FormatError::Malformed("room_id is missing".to_owned())),
            },
            names_room,
            sender: serde_json::from_str(fields.sender.get())?,
            state_key: fields.state_key.map(|key| serde_json::from_str(key.get())).transpose()?,
            content: fields.content.to_owned(),
            origin_server_ts: serde_json::from_str(fields.origin_server_ts.get())?,
            depth: fields.depth,
            prev_events: fields.prev_events,
            auth_events: fields.auth_events,
            redacts: redacts.map(|(_, id)| id),
            rejected: false,
            slices,
            type_str,
            event_type,
            event_id,
            json,
        })
    }

    /// The same event, marked as rejected (or not) by the checks on receipt.
    #[must_use]
    pub fn with_rejected(mut self, rejected: bool) -> Self {
        self.rejected = rejected;
        self
    }

    /// The event's ID.
    pub fn event_id(&self) -> &OwnedEventId {
        &self.event_id
    }

    /// The room's ID, also for the create event of version 12, which doesn't carry it.
    pub fn room_id(&self) -> &RoomId {
        &self.room_id
    }

    /// Who sent the event.
    pub fn sender(&self) -> &UserId {
        &self.sender
    }

    /// The type, for comparisons.
    pub fn event_type(&self) -> &TimelineEventType {
        &self.event_type
    }

    /// The type as written.
    pub fn type_str(&self) -> &str {
        &self.type_str
    }

    /// The state key: present if this is a state event.
    pub fn state_key(&self) -> Option<&str> {
        self.state_key.as_deref()
    }

    /// The content's JSON.
    pub fn content(&self) -> &RawValue {
        &self.content
    }

    /// When the sender's server says that it made the event: ms since the epoch.
    pub fn origin_server_ts(&self) -> u64 {
        self.origin_server_ts.into()
    }

    /// The event's depth in the graph.
    pub fn depth(&self) -> u64 {
        self.depth
    }

    /// The events that this one follows.
    pub fn prev_events(&self) -> &[OwnedEventId] {
        &self.prev_events
    }

    /// The events that authorise this one.
    pub fn auth_events(&self) -> &[OwnedEventId] {
        &self.auth_events
    }

    /// The event that this redaction redacts; `None` for every other type.
    pub fn redacts(&self) -> Option<&EventId> {
        self.redacts.as_deref()
    }

    /// Whether the event was rejected on receipt.
    pub fn rejected(&self) -> bool {
        self.rejected
    }

    /// The canonical bytes, as hashed and signed, with hashes and signatures.
    pub fn json(&self) -> &Bytes {
        &self.json
    }

    /// The PDU as an object, for ruma's functions that verify and redact.
    pub fn to_object(&self) -> Result<CanonicalJsonObject, FormatError> {
        Ok(serde_json::from_slice(&self.json)?)
    }
}

/// For ruma's auth rules and state resolution. There the create event of version 12 has no room ID.
impl state_res::Event for Pdu {
    type Id = OwnedEventId;

    fn event_id(&self) -> &OwnedEventId {
        &self.event_id
    }

    fn room_id(&self) -> Option<&RoomId> {
        self.names_room.then_some(&*self.room_id)
    }

    fn sender(&self) -> &UserId {
        &self.sender
    }

    fn origin_server_ts(&self) -> MilliSecondsSinceUnixEpoch {
        MilliSecondsSinceUnixEpoch(self.origin_server_ts)
    }

    fn event_type(&self) -> &TimelineEventType {
        &self.event_type
    }

    fn content(&self) -> &RawValue {
        &self.content
    }

    fn state_key(&self) -> Option<&str> {
        self.state_key.as_deref()
    }

    fn prev_events(&self) -> Box<dyn DoubleEndedIterator<Item = &OwnedEventId> + '_> {
        Box::new(self.prev_events.iter())
    }

    fn auth_events(&self) -> Box<dyn DoubleEndedIterator<Item = &OwnedEventId> + '_> {
        Box::new(self.auth_events.iter())
    }

    fn redacts(&self) -> Option<&OwnedEventId> {
        self.redacts.as_ref()
    }

    fn rejected(&self) -> bool {
        self.rejected
    }
}

/// Sizes and format. ruma's own bound on the whole is a byte under the specification's, so it sees the event
/// without its signatures, which it doesn't look at otherwise.
fn check_format(object: &mut CanonicalJsonObject, bytes: usize, rules: &RoomVersionRules) -> Result<(), FormatError> {
    if bytes > MAX_PDU_BYTES {
        return Err(FormatError::TooLarge(bytes));
    }
    for field in ["content", "hashes", "signatures"] {
        if !object.get(field).is_some_and(CanonicalJsonValue::is_object) {
            return Err(FormatError::Malformed(format!("{field} must be an object")));
        }
    }
    let signatures = object.remove("signatures");
    let result = state_res::check_pdu_format(object, &rules.event_format);
    object.extend(signatures.map(|value| ("signatures".to_owned(), value)));
    result.map_err(FormatError::Malformed)
}

/// The event ID made of a reference hash. Versions 1 and 2, where it isn't, are unsupported.
pub(super) fn event_id(rules: &RoomVersionRules, hash: &str) -> Result<OwnedEventId, FormatError> {
    if rules.event_id_format == EventIdFormatVersion::V1 {
        return Err(FormatError::Malformed("room versions 1 and 2 aren't supported".to_owned()));
    }
    EventId::new_v2_or_v3(hash).map_err(malformed)
}

/// From version 12 on, a room's ID is the ID of its create event with another sigil.
fn room_of_create(event_id: &EventId) -> Result<OwnedRoomId, FormatError> {
    RoomId::new_v2(event_id.localpart()).map_err(malformed)
}

/// The raw and the parsed ID of a redaction's target. One that isn't an event ID redacts nothing.
fn target_of_redaction<'a>(
    fields: &Fields<'a>,
    event_type: &TimelineEventType,
    redacts_in: RedactsIn,
) -> Option<(&'a RawValue, OwnedEventId)> {
    if *event_type != TimelineEventType::RoomRedaction {
        return None;
    }
    let raw = match redacts_in {
        RedactsIn::TopLevel => fields.redacts,
        RedactsIn::Content => serde_json::from_str::<RedactionContent<'_>>(fields.content.get()).ok()?.redacts,
    }?;
    Some((raw, serde_json::from_str(raw.get()).ok()?))
}

/// Where `part`, which was borrowed from `whole`, lies in it.
fn span(whole: &str, part: &str) -> Range<usize> {
    let start = part.as_ptr() as usize - whole.as_ptr() as usize;
    start..start + part.len()
}

pub(super) fn malformed(error: impl std::fmt::Display) -> FormatError {
    FormatError::Malformed(error.to_string())
}
