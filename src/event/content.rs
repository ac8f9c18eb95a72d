//! Checks of the content that clients send, before it becomes part of an event.

use ruma::{CanonicalJsonObject, CanonicalJsonValue};

use super::{FormatError, MAX_NESTING, MAX_PDU_BYTES};

/// Parses an event's content: an object that canonical JSON can express, bounded in size and depth.
///
/// Of a key that occurs twice the last value counts.
pub fn check_content(json: &str) -> Result<CanonicalJsonObject, FormatError> {
    if json.len() > MAX_PDU_BYTES {
        // White space may shrink it, but no client sends that much of it.
        return Err(FormatError::TooLarge(json.len()));
    }
    // The parser recurses, and has a bound of its own that leaves no room for the event around the content.
    if nesting(json) > MAX_NESTING {
        return Err(FormatError::TooDeep);
    }
    let serde_json::Value::Object(map) = serde_json::from_str(json)? else {
        return Err(FormatError::Malformed("the content must be an object".to_owned()));
    };
    map.into_iter()
        .map(|(key, value)| Ok((key, CanonicalJsonValue::try_from(value)?)))
        .collect::<Result<_, ruma::CanonicalJsonError>>()
        .map_err(|error| FormatError::NotCanonical(error.to_string()))
}

/// How deep objects and arrays nest in a JSON text, which needn't be well-formed.
pub fn nesting(json: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    let mut bytes = json.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'{' | b'[' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            b'"' => skip_string(&mut bytes),
            _ => {}
        }
    }
    deepest
}

fn skip_string(bytes: &mut impl Iterator<Item = u8>) {
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => return,
            b'\\' => {
                bytes.next();
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_outside_canonical_json_are_refused() {
        for json in [r#"{"a":1.5}"#, r#"{"a":[1e3]}"#, r#"{"a":9007199254740992}"#, r#"{"a":-0}"#] {
            assert!(matches!(check_content(json), Err(FormatError::NotCanonical(_))), "{json}");
        }
        assert!(check_content(r#"{"a":9007199254740991,"b":-9007199254740991}"#).is_ok());
    }

    #[test]
    fn only_objects_are_content() {
        for json in ["[]", "1", "null", "", "{", r#"{"a":"\ud800"}"#] {
            assert!(matches!(check_content(json), Err(FormatError::Malformed(_))), "{json}");
        }
        assert_eq!(check_content(r#"{"a":1,"a":2}"#).unwrap()["a"].as_integer(), Some(2.into()));
    }

    #[test]
    fn depth_is_bounded_and_brackets_in_strings_do_not_count() {
        let nested = |n: usize| format!(r#"{{"a":{}{}}}"#, "[".repeat(n), "]".repeat(n));
        assert!(check_content(&nested(MAX_NESTING - 1)).is_ok());
        assert!(matches!(check_content(&nested(MAX_NESTING)), Err(FormatError::TooDeep)));
        assert_eq!(nesting(r#"{"[[\"[[":"[[\\"}"#), 1);
    }

    #[test]
    fn size_is_bounded() {
        let json = format!(r#"{{"a":"{}"}}"#, "x".repeat(MAX_PDU_BYTES));
        assert!(check_content(&json).unwrap_err().is_size());
    }
}
