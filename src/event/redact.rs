//! Redaction of an event that is stored.

use ruma::{canonical_json::redact_in_place, room_version_rules::RoomVersionRules};

use super::{FormatError, Pdu, pdu::malformed};

/// The event without what its room version's redaction removes. Its ID stays, as hash and signature allow for this.
///
/// # Errors
/// Only for a PDU whose bytes are broken.
pub fn redact_pdu(pdu: &Pdu, rules: &RoomVersionRules) -> Result<Pdu, FormatError> {
    let mut object = pdu.to_object()?;
    redact_in_place(&mut object, &rules.redaction, None).map_err(malformed)?;
    let json = serde_json::to_vec(&object)?;
    Ok(Pdu::new(json.into(), pdu.event_id().clone(), rules)?.with_rejected(pdu.rejected()))
}
