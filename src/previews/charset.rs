//! The text of a page in whatever encoding it is written (HTML, "Determining the character encoding").

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_8, WINDOWS_1252};

/// A page says how it is encoded within this many bytes.
const HEAD: usize = 1024;

/// The page as text. What can't be read stands as a replacement character.
pub(super) fn decode<'a>(page: &'a [u8], content_type: &str) -> Cow<'a, str> {
    let named = label(content_type.as_bytes()).or_else(|| label(&page[..page.len().min(HEAD)]));
    let named = named.and_then(Encoding::for_label);
    let encoding = named.unwrap_or_else(|| if is_utf8(page) { UTF_8 } else { WINDOWS_1252 });
    // A byte order mark goes over what is said elsewhere.
    encoding.decode(page).0
}

/// The page may be cut within a character.
fn is_utf8(page: &[u8]) -> bool {
    match str::from_utf8(page) {
        Ok(_) => true,
        Err(error) => error.error_len().is_none(),
    }
}

/// What stands behind `charset=`, in quotes or without.
fn label(text: &[u8]) -> Option<&[u8]> {
    const KEY: &[u8] = b"charset=";
    let at = text.windows(KEY.len()).position(|window| window.eq_ignore_ascii_case(KEY))?;
    let value = text[at + KEY.len()..].trim_ascii_start();
    let value = value.strip_prefix(b"\"").or_else(|| value.strip_prefix(b"'")).unwrap_or(value);
    let end = value.iter().position(|byte| !(byte.is_ascii_alphanumeric() || b"-_:.".contains(byte)));
    Some(&value[..end.unwrap_or(value.len())]).filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_read_in_the_encoding_that_they_name() {
        assert_eq!(decode(b"caf\xe9", "text/html; charset=iso-8859-1"), "café");
        assert_eq!(decode("café".as_bytes(), "text/html"), "café");
        assert_eq!(decode(b"caf\xe9 <p>", "text/html"), "café <p>");
        assert_eq!(decode(b"<META charset='windows-1251'>\xcf", "text/html"), "<META charset='windows-1251'>П");
        assert_eq!(decode(b"\xef\xbb\xbfcaf\xc3\xa9", "text/html; charset=latin1"), "café");
        assert_eq!(decode(b"caf\xc3", "text/html; charset=\"nonsense\""), "caf\u{fffd}");
        assert_eq!(decode(b"", "text/html; charset="), "");
    }
}
