//! Tests of the event formats against the specification and against ruma's own functions.

mod format;
mod redaction;
mod render;

use ruma::{CanonicalJsonObject, RoomVersionId, owned_room_id, owned_user_id, server_name};
use serde_json::Value;

use super::*;

pub fn key() -> SigningKey {
    SigningKey::generate(&[3; 32])
}

pub fn content(value: Value) -> CanonicalJsonObject {
    check_content(&value.to_string()).unwrap()
}

pub fn draft(event_type: &str, state_key: Option<&str>, value: Value) -> Draft {
    Draft {
        room: DraftRoom::Existing(owned_room_id!("!room:salon.test")),
        sender: owned_user_id!("@alice:salon.test"),
        event_type: event_type.to_owned(),
        state_key: state_key.map(ToOwned::to_owned),
        content: content(value),
        redacts: None,
        origin_server_ts: 1_700_000_000_000,
    }
}

pub fn seal(draft: Draft, version: &RoomVersionId) -> Result<Pdu, FormatError> {
    let previous = ["$bkyHI-4sFPgIzPSvYHTvKoMiJ1aTyZ0BEYoEDZZW2cI".try_into().unwrap()];
    let create = matches!(draft.room, DraftRoom::New { .. });
    draft.seal(Seal {
        rules: rules(version).unwrap(),
        prev_events: if create { &[] } else { &previous },
        auth_events: if create { &[] } else { &previous },
        depth: 7,
        key: &key(),
        server_name: server_name!("salon.test"),
    })
}
