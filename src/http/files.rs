//! Files as answers: streamed piece by piece, whole or a range of them, or word that the client has it already
//! (RFC 9110, "Conditional Requests" and "Range Requests").

use std::{
    convert::Infallible,
    fs::File,
    io,
    os::unix::fs::FileExt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use axum::{
    body::Body,
    extract::FromRequestParts,
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use tokio::task::JoinHandle;

use crate::error::Error;

/// What is held in memory of a file on its way out, bytes.
const PIECE: u64 = 128 << 10;

/// What a request says about which part of a file it wants, and which it has.
#[derive(Clone, Debug, Default)]
pub struct Conditions {
    head: bool,
    range: Option<String>,
    if_range: Option<String>,
    if_none_match: Option<HeaderValue>,
}

impl<S: Sync> FromRequestParts<S> for Conditions {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(&parts.method, &parts.headers))
    }
}

impl Conditions {
    fn of(method: &Method, headers: &HeaderMap) -> Self {
        let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        Self {
            head: method == Method::HEAD,
            // Ranges are for GET only.
            range: text(header::RANGE).filter(|_| method == Method::GET),
            if_range: text(header::IF_RANGE),
            if_none_match: headers.get(header::IF_NONE_MATCH).cloned(),
        }
    }

    /// The part of a file that is to be sent.
    fn part(&self, length: u64, tag: &str) -> Part {
        // A date is no tag of ours, and a weak tag doesn't do.
        let stale = self.if_range.as_ref().is_some_and(|theirs| theirs.trim() != tag);
        match &self.range {
            Some(range) if !stale => Part::parse(range, length),
            _ => Part::Whole,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Whole,
    /// The first byte, and how many.
    Range(u64, u64),
    /// Nothing of the file lies there.
    Outside,
}

impl Part {
    /// Several ranges, and what is no range at all, are answered with the whole, as a server may.
    fn parse(header: &str, length: u64) -> Self {
        let range = header.split_once('=').filter(|(unit, _)| unit.trim().eq_ignore_ascii_case("bytes"));
        let Some((first, last)) = range.and_then(|(_, range)| range.trim().split_once('-')) else {
            return Self::Whole;
        };
        match (first, number(first), last, number(last)) {
            ("", _, _, Some(count)) => match count.min(length) {
                0 => Self::Outside,
                count => Self::Range(length - count, count),
            },
            (_, Some(first), "", _) => Self::between(first, u64::MAX, length),
            (_, Some(first), _, Some(last)) if first <= last => Self::between(first, last, length),
            _ => Self::Whole,
        }
    }

    fn between(first: u64, last: u64, length: u64) -> Self {
        if first >= length {
            return Self::Outside;
        }
        Self::Range(first, last.min(length - 1) - first + 1)
    }
}

/// Digits only; what is too large for a number is larger than any file.
fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(u64::MAX))
}

/// A file with its entity tag, in quotes, which changes whenever the file does.
pub struct TaggedFile {
    /// Its content; the place in it doesn't matter.
    pub file: File,
    /// Such as `"abc"`.
    pub tag: String,
}

impl TaggedFile {
    /// The answer: whole, in part, or that nothing has changed.
    pub fn answer(self, asked: &Conditions) -> Response {
        let Ok(length) = self.file.metadata().map(|metadata| metadata.len()) else {
            return Error::internal("the size of a file can't be read").into_response();
        };
        let known = asked.if_none_match.as_ref().is_some_and(|theirs| has_tag(theirs, &self.tag));
        let part = asked.part(length, &self.tag);
        let mut response = match part {
            _ if known => StatusCode::NOT_MODIFIED.into_response(),
            Part::Outside => Error::new(416, "M_UNKNOWN", "The file has no such range.").into_response(),
            Part::Whole => self.body(asked, StatusCode::OK, 0, length),
            Part::Range(start, count) => self.body(asked, StatusCode::PARTIAL_CONTENT, start, count),
        };
        let mut set = |name, value: &str| {
            // Digits and quotes only.
            if let Ok(value) = HeaderValue::from_str(value) {
                response.headers_mut().insert(name, value);
            }
        };
        set(header::ETAG, &self.tag);
        set(header::ACCEPT_RANGES, "bytes");
        match part {
            Part::Range(start, count) if !known => {
                set(header::CONTENT_RANGE, &format!("bytes {start}-{}/{length}", start + count - 1));
            }
            Part::Outside if !known => set(header::CONTENT_RANGE, &format!("bytes */{length}")),
            _ => {}
        }
        response
    }

    fn body(&self, asked: &Conditions, status: StatusCode, start: u64, count: u64) -> Response {
        let mut response = match self.file.try_clone() {
            Ok(_) if asked.head => Response::new(Body::empty()),
            Ok(file) => {
                Response::new(Body::new(FileBody { file: Arc::new(file), next: start, left: count, job: None }))
            }
            Err(error) => return Error::internal(error).into_response(),
        };
        *response.status_mut() = status;
        response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(count));
        response
    }
}

/// Whether an `If-None-Match` names `tag`, alone, in a list or as `*`. Weak tags compare equal.
pub fn has_tag(header: &HeaderValue, tag: &str) -> bool {
    let mut listed = header.to_str().unwrap_or_default().split(',').map(str::trim);
    listed.any(|theirs| theirs == "*" || theirs.trim_start_matches("W/") == tag)
}

/// A part of a file, read a piece at a time as the client takes it.
struct FileBody {
    file: Arc<File>,
    next: u64,
    left: u64,
    job: Option<JoinHandle<io::Result<Bytes>>>,
}

impl FileBody {
    /// Reading may block, so a thread that may be kept does it.
    fn read(&self) -> JoinHandle<io::Result<Bytes>> {
        let (file, start, count) = (self.file.clone(), self.next, self.left.min(PIECE));
        tokio::task::spawn_blocking(move || {
            let mut piece = vec![0; count as usize];
            file.read_exact_at(&mut piece, start)?;
            Ok(Bytes::from(piece))
        })
    }
}

impl hyper::body::Body for FileBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let mut job = self.job.take().unwrap_or_else(|| self.read());
        let outcome = match Pin::new(&mut job).poll(cx) {
            Poll::Ready(outcome) => outcome,
            Poll::Pending => {
                self.job = Some(job);
                return Poll::Pending;
            }
        };
        Poll::Ready(Some(outcome.map_err(io::Error::other).flatten().map(|piece| {
            self.next += piece.len() as u64;
            self.left -= piece.len() as u64;
            Frame::data(piece)
        })))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_the_rfc_says() {
        let length = 1_000;
        for (header, part) in [
            ("bytes=0-0", Part::Range(0, 1)),
            ("bytes=0-999", Part::Range(0, 1_000)),
            ("Bytes = 10-19", Part::Range(10, 10)),
            ("bytes=990-", Part::Range(990, 10)),
            ("bytes=990-99999999999999999999999", Part::Range(990, 10)),
            ("bytes=-10", Part::Range(990, 10)),
            ("bytes=-5000", Part::Range(0, 1_000)),
            ("bytes=-0", Part::Outside),
            ("bytes=1000-", Part::Outside),
            ("bytes=1000-1001", Part::Outside),
            ("bytes=99999999999999999999999-", Part::Outside),
            ("bytes=5-4", Part::Whole),
            ("bytes=0-1,5-6", Part::Whole),
            ("bytes=--1", Part::Whole),
            ("bytes=-", Part::Whole),
            ("bytes=a-b", Part::Whole),
            ("bytes=+1-2", Part::Whole),
            ("bytes=", Part::Whole),
            ("bytes", Part::Whole),
            ("lines=0-1", Part::Whole),
        ] {
            assert_eq!(Part::parse(header, length), part, "{header}");
        }
        assert_eq!(Part::parse("bytes=0-", 0), Part::Outside);
        assert_eq!(Part::parse("bytes=-5", 0), Part::Outside);
    }

    #[test]
    fn a_range_counts_only_for_the_file_that_it_was_meant_for() {
        let part = |method: Method, if_range: Option<&'static str>| {
            let mut headers = HeaderMap::new();
            headers.insert(header::RANGE, HeaderValue::from_static("bytes=1-2"));
            if let Some(tag) = if_range {
                headers.insert(header::IF_RANGE, HeaderValue::from_static(tag));
            }
            Conditions::of(&method, &headers).part(10, "\"tag\"")
        };
        assert_eq!(part(Method::GET, None), Part::Range(1, 2));
        assert_eq!(part(Method::GET, Some("\"tag\"")), Part::Range(1, 2));
        assert_eq!(part(Method::GET, Some("\"other\"")), Part::Whole);
        assert_eq!(part(Method::GET, Some("W/\"tag\"")), Part::Whole);
        assert_eq!(part(Method::GET, Some("Wed, 21 Oct 2015 07:28:00 GMT")), Part::Whole);
        assert_eq!(part(Method::HEAD, None), Part::Whole);
    }
}
