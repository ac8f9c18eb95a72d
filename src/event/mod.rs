//! Events as servers keep and exchange them, and as clients get them. Pure: no I/O, no clock, no randomness of its own.
//!
//! Invariant: the bytes of a [`Pdu`] are canonical JSON without `unsigned`, and its event ID is their reference hash
//! under the rules of its room version.

mod client;
mod content;
mod draft;
mod error;
mod fields;
mod pdu;
mod redact;
mod signing;
mod stored;
mod versions;

pub use client::{ClientEvent, StrippedState, Unsigned};
pub use content::{check_content, nesting};
pub use draft::{Draft, DraftRoom, Seal};
pub use error::FormatError;
pub use fields::EventFields;
pub use pdu::Pdu;
pub use redact::redact_pdu;
pub use signing::{PublicKey, SigningKey, is_signed_by, is_signed_with};
pub use stored::StoredEvent;
pub use versions::{DEFAULT_VERSION, known, offered, rules};

/// The largest PDU, in bytes of canonical JSON with its signatures.
pub const MAX_PDU_BYTES: usize = 65_536;

/// The longest `type`, `state_key`, `sender`, `room_id` and event ID, in bytes.
pub const MAX_FIELD_BYTES: usize = 255;

/// The deepest nesting of objects and arrays that we take in an event's content.
pub const MAX_NESTING: usize = 100;

#[cfg(test)]
mod tests;
