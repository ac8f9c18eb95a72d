//! Bodies of several parts (RFC 2046), read part by part as they come.

use std::fmt::Display;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::{
    body::Body,
    http::{HeaderMap, HeaderName, HeaderValue},
};

use super::NetError;

/// A boundary may have this many bytes; RFC 2046 says 70.
const MAX_BOUNDARY: usize = 200;
/// The headers of a part may have this many bytes.
const MAX_HEADERS: usize = 16 << 10;

/// A body of several parts.
pub struct Multipart<B> {
    body: B,
    /// What has come and was not taken yet.
    buffer: BytesMut,
    /// What stands between two parts: the end of a line, and the boundary behind two hyphens.
    delimiter: Vec<u8>,
}

impl<B> Multipart<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Display,
{
    /// Over a body, if its `Content-Type` says that it is one.
    pub fn new(content_type: &str, body: B) -> Option<Self> {
        let delimiter = [b"\r\n--", boundary(content_type)?.as_bytes()].concat();
        // The first one stands at the start, with no line before it.
        Some(Self { body, buffer: BytesMut::from(&b"\r\n"[..]), delimiter })
    }

    /// The headers of the next part, `None` behind the last. What is left of the part before is passed over.
    pub async fn next_part(&mut self) -> Result<Option<HeaderMap>, NetError> {
        let mut passed = 0;
        while let Some(data) = self.data().await? {
            passed += data.len();
            if passed > MAX_HEADERS {
                return Err(NetError::TooLarge);
            }
        }
        let _ = self.buffer.split_to(self.delimiter.len());
        while self.buffer.len() < 2 {
            self.read().await?;
        }
        if self.buffer.starts_with(b"--") {
            return Ok(None);
        }
        let end = loop {
            if let Some(end) = find(&self.buffer, b"\r\n\r\n") {
                break end;
            }
            if self.buffer.len() > MAX_HEADERS {
                return Err(NetError::TooLarge);
            }
            self.read().await?;
        };
        let text = self.buffer.split_to(end + 4);
        Ok(Some(headers(&String::from_utf8_lossy(&text))))
    }

    /// A piece of the part, `None` at its end.
    pub async fn data(&mut self) -> Result<Option<Bytes>, NetError> {
        loop {
            match find(&self.buffer, &self.delimiter) {
                Some(0) => return Ok(None),
                Some(at) => return Ok(Some(self.buffer.split_to(at).freeze())),
                None => {}
            }
            // The delimiter may have begun.
            let sure = (self.buffer.len() + 1).saturating_sub(self.delimiter.len());
            if sure > 0 {
                return Ok(Some(self.buffer.split_to(sure).freeze()));
            }
            self.read().await?;
        }
    }

    async fn read(&mut self) -> Result<(), NetError> {
        loop {
            let frame = self.body.frame().await;
            let frame = frame.ok_or_else(|| NetError::Request("the parts end too early".to_owned()))?;
            let frame = frame.map_err(|error| NetError::Request(error.to_string()))?;
            if let Ok(data) = frame.into_data() {
                self.buffer.extend_from_slice(&data);
                return Ok(());
            }
        }
    }
}

/// The boundary that a `Content-Type` tells.
fn boundary(content_type: &str) -> Option<String> {
    let (essence, mut rest) = content_type.split_once(';')?;
    if !essence.trim().to_ascii_lowercase().starts_with("multipart/") {
        return None;
    }
    loop {
        let (name, value) = rest.split_once('=')?;
        let (value, after) = match value.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => value.split_once(';').unwrap_or((value, "")),
        };
        if name.trim_matches([' ', '\t', ';']).eq_ignore_ascii_case("boundary") {
            let value = value.trim_end();
            return (!value.is_empty() && value.len() <= MAX_BOUNDARY).then(|| value.to_owned());
        }
        rest = after;
    }
}

/// What can be read of the lines of headers.
fn headers(text: &str) -> HeaderMap {
    let lines = text.split("\r\n").filter_map(|line| line.split_once(':'));
    let read = |(name, value): (&str, &str)| {
        let name = HeaderName::from_bytes(name.trim().as_bytes()).ok()?;
        Some((name, HeaderValue::from_str(value.trim()).ok()?))
    };
    lines.filter_map(read).collect()
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len()).position(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use std::{
        collections::VecDeque,
        convert::Infallible,
        pin::Pin,
        task::{Context, Poll},
    };

    use hyper::body::Frame;

    use super::*;

    /// A body that comes in pieces.
    struct Pieces(VecDeque<Bytes>);

    impl Body for Pieces {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            Poll::Ready(self.0.pop_front().map(|piece| Ok(Frame::data(piece))))
        }
    }

    fn parts(text: &'static [u8], size: usize) -> Multipart<Pieces> {
        let pieces = text.chunks(size).map(Bytes::from_static).collect();
        Multipart::new("multipart/mixed; boundary=\"b b\"", Pieces(pieces)).unwrap()
    }

    async fn all(parts: &mut Multipart<Pieces>) -> Vec<u8> {
        let mut all = Vec::new();
        while let Some(data) = parts.data().await.unwrap() {
            all.extend_from_slice(&data);
        }
        all
    }

    #[tokio::test]
    async fn parts_come_whole_however_they_are_cut() {
        let text = b"--b b\r\nContent-Type: application/json\r\n\r\n{}\r\n--b b\r\n\r\nx\r\n--b\r\n--\r\n--b b--\r\n";
        for size in 1..=text.len() {
            let mut parts = parts(text, size);
            let headers = parts.next_part().await.unwrap().unwrap();
            assert_eq!(headers["content-type"], "application/json");
            assert!(parts.next_part().await.unwrap().unwrap().is_empty());
            assert_eq!(all(&mut parts).await, b"x\r\n--b\r\n--", "{size}");
            assert!(parts.next_part().await.unwrap().is_none());
        }
    }

    #[tokio::test]
    async fn what_ends_too_early_or_never_is_no_part() {
        for text in [&b"--b b"[..], b"--b b\r\nA: b", b"--b b\r\n\r\nabc", b"", b"nothing"] {
            let mut parts = parts(text, 7);
            let mut failed = false;
            for _ in 0..20 {
                failed |= parts.next_part().await.is_err();
            }
            assert!(failed);
        }
    }

    #[test]
    fn boundaries_are_read_in_all_their_forms() {
        for text in ["multipart/mixed; boundary=abc", "Multipart/Mixed;a=\"x;y\";BOUNDARY=\"abc\"; c=d"] {
            assert_eq!(boundary(text).as_deref(), Some("abc"), "{text}");
        }
        for text in ["multipart/mixed", "text/plain; boundary=abc", "multipart/mixed; boundary=", "a"] {
            assert_eq!(boundary(text), None, "{text}");
        }
    }
}
