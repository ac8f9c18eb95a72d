//! Events of our own: a draft is sealed into a PDU with its hash, signature and ID.

use base64::{
    Engine,
    engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD},
};
use ruma::{
    CanonicalJsonObject, OwnedEventId, OwnedRoomId, OwnedUserId, ServerName,
    canonical_json::redact_content_in_place,
    room_version_rules::{EventIdFormatVersion, RoomVersionRules},
};
use sha2::{Digest, Sha256};

use super::{FormatError, MAX_FIELD_BYTES, MAX_PDU_BYTES, Pdu, SigningKey, pdu::event_id};

/// The largest integer of canonical JSON, where depth ends.
const MAX_INTEGER: u64 = (1 << 53) - 1;

/// What a local user wants to send, before it has a place in the graph.
#[derive(Clone, Debug)]
pub struct Draft {
    /// The room.
    pub room: DraftRoom,
    /// The sender, of this server.
    pub sender: OwnedUserId,
    /// The event's type.
    pub event_type: String,
    /// The state key, if this is a state event.
    pub state_key: Option<String>,
    /// The content; from clients through [`super::check_content`].
    pub content: CanonicalJsonObject,
    /// The target of an `m.room.redaction`. It is written where the room version wants it.
    pub redacts: Option<OwnedEventId>,
    /// Now, in ms since the epoch.
    pub origin_server_ts: u64,
}

/// The room of a draft.
#[derive(Clone, Debug)]
pub enum DraftRoom {
    /// A room with an ID: each one, before version 12 also for its create event.
    Existing(OwnedRoomId),
    /// The create event of version 12, whose hash becomes the ID. The random bytes go into its content, so that equal
    /// rooms of one millisecond differ: content of create events survives redaction, and peers keep it byte for byte.
    New {
        /// 12 random bytes.
        nonce: [u8; 12],
    },
}

/// The place in the graph that an event gets, and who signs it.
#[derive(Clone, Debug)]
pub struct Seal<'a> {
    /// The rules of the room's version.
    pub rules: &'a RoomVersionRules,
    /// The forward extremities that the event follows: at most 20.
    pub prev_events: &'a [OwnedEventId],
    /// The state events that authorise it: at most 10.
    pub auth_events: &'a [OwnedEventId],
    /// One more than the deepest previous event. Held at the largest integer of canonical JSON.
    pub depth: u64,
    /// The server's key.
    pub key: &'a SigningKey,
    /// The server's name.
    pub server_name: &'a ServerName,
}

impl Draft {
    /// Hashes and signs the event.
    ///
    /// # Errors
    /// The event or one of its fields is too large; it has too many previous or auth events.
    pub fn seal(mut self, seal: Seal<'_>) -> Result<Pdu, FormatError> {
        check_counts(&seal)?;
        if let DraftRoom::New { nonce } = self.room {
            let nonce = URL_SAFE_NO_PAD.encode(nonce);
            self.content.insert("org.salon.nonce".to_owned(), nonce.into());
        }
        if seal.rules.redaction.content_field_redacts
            && let Some(target) = self.redacts.take()
        {
            self.content.insert("redacts".to_owned(), target.to_string().into());
        }
        let content = serde_json::to_string(&self.content)?;
        let fields = Fields::of(&self, &seal)?;

        let hash = STANDARD_NO_PAD.encode(Sha256::digest(fields.write(&content, true, None, None)));
        redact_content_in_place(&mut self.content, &seal.rules.redaction, &self.event_type);
        // The same bytes are signed and make the reference hash: both leave out what redaction removes, and signatures.
        let redacted = fields.write(&serde_json::to_string(&self.content)?, false, Some(&hash), None);
        let signature = seal.key.sign_base64(&redacted);
        let reference = Sha256::digest(&redacted);
        let reference = match seal.rules.event_id_format {
            EventIdFormatVersion::V1 | EventIdFormatVersion::V2 => STANDARD_NO_PAD.encode(reference),
            _ => URL_SAFE_NO_PAD.encode(reference),
        };

        let signature = Signature { server: seal.server_name.as_str(), key: seal.key, base64: &signature };
        let json = fields.write(&content, true, Some(&hash), Some(signature));
        if json.len() > MAX_PDU_BYTES {
            return Err(FormatError::TooLarge(json.len()));
        }
        Pdu::new(json.into(), event_id(seal.rules, &reference)?, seal.rules)
    }
}

fn check_counts(seal: &Seal<'_>) -> Result<(), FormatError> {
    if seal.prev_events.len() > 20 || seal.auth_events.len() > 10 {
        return Err(FormatError::Malformed("too many previous or auth events".to_owned()));
    }
    Ok(())
}

/// The parts of the PDU that stay the same while it is hashed and signed, as JSON.
struct Fields {
    auth_events: String,
    prev_events: String,
    depth: u64,
    origin_server_ts: u64,
    redacts: Option<String>,
    room_id: Option<String>,
    sender: String,
    state_key: Option<String>,
    event_type: String,
}

struct Signature<'a> {
    server: &'a str,
    key: &'a SigningKey,
    base64: &'a str,
}

impl Fields {
    fn of(draft: &Draft, seal: &Seal<'_>) -> Result<Self, FormatError> {
        Ok(Self {
            auth_events: serde_json::to_string(seal.auth_events)?,
            prev_events: serde_json::to_string(seal.prev_events)?,
            depth: seal.depth.min(MAX_INTEGER),
            origin_server_ts: draft.origin_server_ts.min(MAX_INTEGER),
            redacts: draft.redacts.as_ref().map(|id| field("redacts", id.as_str())).transpose()?,
            room_id: match &draft.room {
                DraftRoom::Existing(id) => Some(field("room_id", id.as_str())?),
                DraftRoom::New { .. } => None,
            },
            sender: field("sender", draft.sender.as_str())?,
            state_key: draft.state_key.as_ref().map(|key| field("state_key", key)).transpose()?,
            event_type: field("type", &draft.event_type)?,
        })
    }

    /// The PDU's canonical bytes: the keys stand in the order of the alphabet. With `whole` come the fields that
    /// redaction removes.
    fn write(&self, content: &str, whole: bool, hash: Option<&str>, signature: Option<Signature<'_>>) -> Vec<u8> {
        let mut out = String::with_capacity(content.len() + 1024);
        let mut put = |parts: &[&str]| parts.iter().for_each(|part| out.push_str(part));
        put(&["{\"auth_events\":", &self.auth_events, ",\"content\":", content]);
        put(&[",\"depth\":", &self.depth.to_string()]);
        if let Some(hash) = hash {
            put(&[",\"hashes\":{\"sha256\":\"", hash, "\"}"]);
        }
        put(&[",\"origin_server_ts\":", &self.origin_server_ts.to_string()]);
        put(&[",\"prev_events\":", &self.prev_events]);
        if let Some(redacts) = self.redacts.as_ref().filter(|_| whole) {
            put(&[",\"redacts\":", redacts]);
        }
        if let Some(room_id) = &self.room_id {
            put(&[",\"room_id\":", room_id]);
        }
        put(&[",\"sender\":", &self.sender]);
        if let Some(Signature { server, key, base64 }) = signature {
            // Neither a server name nor a key ID has a character that JSON escapes.
            put(&[",\"signatures\":{\"", server, "\":{\"", key.id().as_str(), "\":\"", base64, "\"}}"]);
        }
        if let Some(state_key) = &self.state_key {
            put(&[",\"state_key\":", state_key]);
        }
        put(&[",\"type\":", &self.event_type, "}"]);
        out.into_bytes()
    }
}

/// A string as JSON, if it is within the limit for single fields.
fn field(name: &'static str, value: &str) -> Result<String, FormatError> {
    if value.len() > MAX_FIELD_BYTES {
        return Err(FormatError::FieldTooLong { field: name, bytes: value.len() });
    }
    Ok(serde_json::to_string(value)?)
}
