//! What can be wrong with the form of an event.

use thiserror::Error;

use super::{MAX_NESTING, MAX_PDU_BYTES};

/// Why something isn't a well-formed event. The texts are fit for clients.
#[derive(Debug, Error)]
pub enum FormatError {
    /// Not JSON, or not of the expected shape.
    #[error("Malformed event: {0}")]
    Malformed(String),
    /// JSON that canonical JSON can't express: a float, an integer beyond ±(2^53 - 1).
    #[error("Events take only integers between -(2^53 - 1) and 2^53 - 1 as numbers: {0}")]
    NotCanonical(String),
    /// Nested deeper than [`MAX_NESTING`].
    #[error("Events may nest at most {MAX_NESTING} objects and arrays")]
    TooDeep,
    /// Over [`MAX_PDU_BYTES`] bytes.
    #[error("The event has {0} bytes, {MAX_PDU_BYTES} are allowed")]
    TooLarge(usize),
    /// One field is over its own limit.
    #[error("The event's {field} has {bytes} bytes, 255 are allowed")]
    FieldTooLong {
        /// The field's name.
        field: &'static str,
        /// Its length.
        bytes: usize,
    },
}

impl FormatError {
    /// Whether this is about size (M_TOO_LARGE) rather than form (M_BAD_JSON).
    pub fn is_size(&self) -> bool {
        matches!(self, Self::TooLarge(_) | Self::FieldTooLong { .. })
    }
}

impl From<serde_json::Error> for FormatError {
    fn from(error: serde_json::Error) -> Self {
        Self::Malformed(error.to_string())
    }
}
