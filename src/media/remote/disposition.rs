//! The name of a file in another server's `Content-Disposition` (RFC 6266, RFC 8187).

/// The name that a header tells, if it tells one. `filename*` counts before `filename`.
pub(super) fn file_name(header: &str) -> Option<String> {
    let (mut plain, mut extended) = (None, None);
    let mut rest = header.split_once(';')?.1;
    while let Some((name, value)) = rest.split_once('=') {
        let (value, after) = parameter(value.trim_start());
        match name.trim_matches([' ', '\t', ';']).to_ascii_lowercase().as_str() {
            "filename" => plain = Some(value),
            "filename*" => extended = decoded(&value),
            _ => {}
        }
        rest = after;
    }
    extended.or(plain).filter(|name| !name.is_empty())
}

/// A token or a quoted string, and what follows it.
fn parameter(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(';').unwrap_or(text.len());
        return (text[..end].trim_end().to_owned(), &text[end..]);
    };
    let mut value = String::new();
    let mut chars = quoted.char_indices();
    while let Some((at, char)) = chars.next() {
        match char {
            '"' => return (value, &quoted[at + 1..]),
            '\\' => value.extend(chars.next().map(|(_, char)| char)),
            other => value.push(other),
        }
    }
    (value, "")
}

/// `utf-8'language'per%20cent`.
fn decoded(text: &str) -> Option<String> {
    let (charset, rest) = text.split_once('\'')?;
    let (_, encoded) = rest.split_once('\'')?;
    if !charset.eq_ignore_ascii_case("utf-8") {
        return None;
    }
    let mut bytes = Vec::new();
    let mut left = encoded.bytes();
    while let Some(byte) = left.next() {
        if byte == b'%' {
            let digits = [left.next()?, left.next()?];
            bytes.push(u8::from_str_radix(str::from_utf8(&digits).ok()?, 16).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_in_all_their_forms() {
        for (header, name) in [
            ("inline; filename=\"my cat.png\"", Some("my cat.png")),
            ("attachment; filename=cat.png", Some("cat.png")),
            ("attachment; x=\"a;b\"; FileName = \"a\\\"b\" ; y=z", Some("a\"b")),
            ("attachment; filename*=utf-8''%C3%A9t%C3%A9; filename=\"ete\"", Some("\u{e9}t\u{e9}")),
            ("attachment; filename=\"ete\"; filename*=UTF-8'fr'%C3%A9", Some("\u{e9}")),
            ("attachment; filename*=latin1''%E9; filename=e", Some("e")),
            ("attachment; filename*=utf-8''%E9", None),
            ("attachment; filename=\"\"", None),
            ("attachment; filename", None),
            ("attachment", None),
            ("", None),
        ] {
            assert_eq!(file_name(header).as_deref(), name, "{header}");
        }
    }
}
