//! Writes JSON into a buffer piece by piece, for answers that are put together from slices of stored JSON.

/// Writes one JSON object. Keys are ours and need no escapes.
pub struct ObjectWriter<'a> {
    out: &'a mut Vec<u8>,
    empty: bool,
}

impl<'a> ObjectWriter<'a> {
    /// Opens an object.
    pub fn open(out: &'a mut Vec<u8>) -> Self {
        out.push(b'{');
        Self { out, empty: true }
    }

    /// Writes a key, and lends the buffer for its value.
    pub fn key(&mut self, key: &str) -> &mut Vec<u8> {
        self.separate();
        self.out.push(b'"');
        self.out.extend_from_slice(key.as_bytes());
        self.out.extend_from_slice(b"\":");
        self.out
    }

    /// Writes a key that may need escapes, and lends the buffer for its value.
    pub fn text_key(&mut self, key: &str) -> &mut Vec<u8> {
        self.separate();
        write_text(self.out, key);
        self.out.push(b':');
        self.out
    }

    /// Writes a value that is JSON already.
    pub fn json(&mut self, key: &str, value: &[u8]) {
        self.key(key).extend_from_slice(value);
    }

    /// Writes a string.
    pub fn text(&mut self, key: &str, value: &str) {
        write_text(self.key(key), value);
    }

    /// Writes an integer.
    pub fn integer(&mut self, key: &str, value: u64) {
        self.json(key, value.to_string().as_bytes());
    }

    /// Opens an object as a value.
    pub fn object(&mut self, key: &str) -> ObjectWriter<'_> {
        ObjectWriter::open(self.key(key))
    }

    /// Opens an array as a value.
    pub fn array(&mut self, key: &str) -> ArrayWriter<'_> {
        ArrayWriter::open(self.key(key))
    }

    /// Closes the object.
    pub fn close(self) {
        self.out.push(b'}');
    }

    fn separate(&mut self) {
        if !std::mem::take(&mut self.empty) {
            self.out.push(b',');
        }
    }
}

/// Writes one JSON array.
pub struct ArrayWriter<'a> {
    out: &'a mut Vec<u8>,
    empty: bool,
}

impl<'a> ArrayWriter<'a> {
    /// Opens an array.
    pub fn open(out: &'a mut Vec<u8>) -> Self {
        out.push(b'[');
        Self { out, empty: true }
    }

    /// Lends the buffer for the next item.
    pub fn item(&mut self) -> &mut Vec<u8> {
        if !std::mem::take(&mut self.empty) {
            self.out.push(b',');
        }
        self.out
    }

    /// Writes an item that is JSON already.
    pub fn json(&mut self, item: &[u8]) {
        self.item().extend_from_slice(item);
    }

    /// Writes a string.
    pub fn text(&mut self, item: &str) {
        write_text(self.item(), item);
    }

    /// Closes the array.
    pub fn close(self) {
        self.out.push(b']');
    }
}

/// Writes a string with its quotes.
pub fn write_text(out: &mut Vec<u8>, text: &str) {
    // Plain text has no reason to take the long way.
    if text.bytes().all(|byte| byte >= 0x20 && byte != b'"' && byte != b'\\') {
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
    } else {
        out.extend_from_slice(serde_json::Value::from(text).to_string().as_bytes());
    }
}
