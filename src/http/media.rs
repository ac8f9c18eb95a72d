//! What requests for media say, and what keeps a file that anybody may have uploaded from doing harm in a browser.

use std::{fmt::Write, time::Duration};

use axum::{
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::Response,
};
use serde::Deserialize;

use crate::{
    app::App,
    error::{Error, Result},
    media::{Method, Wanted},
};

/// How long who asks waits for an upload that is announced, unless they say so, milliseconds.
const DEFAULT_TIMEOUT_MS: u64 = 20_000;
/// How long they may wait, milliseconds.
const MAX_TIMEOUT_MS: u64 = 60_000;

/// The specification's recommendation.
const POLICY: &str = "sandbox; default-src 'none'; script-src 'none'; plugin-types application/pdf; \
                      style-src 'unsafe-inline'; object-src 'self';";
/// What an ID stands for never changes. Only who has an access token may see it, so nobody else is to keep it.
const CACHE: &str = "private, max-age=31536000, immutable";

/// Types that a browser may show in place ("Serving inline content").
const INLINE: &[&str] = &[
    "text/css",
    "text/plain",
    "text/csv",
    "application/json",
    "application/ld+json",
    "image/jpeg",
    "image/gif",
    "image/png",
    "image/apng",
    "image/webp",
    "image/avif",
    "video/mp4",
    "video/webm",
    "video/ogg",
    "video/quicktime",
    "audio/mp4",
    "audio/webm",
    "audio/aac",
    "audio/mpeg",
    "audio/ogg",
    "audio/wave",
    "audio/wav",
    "audio/x-wav",
    "audio/x-pn-wav",
    "audio/flac",
    "audio/x-flac",
];

/// How long to wait for an upload that is announced.
#[derive(Deserialize)]
pub struct Patience {
    timeout_ms: Option<u64>,
}

impl Patience {
    /// As long as was asked for, within bounds.
    pub fn duration(&self) -> Duration {
        Duration::from_millis(self.timeout_ms.unwrap_or(DEFAULT_TIMEOUT_MS).min(MAX_TIMEOUT_MS))
    }

    /// Ends when who asks has waited long enough, or the server stops.
    pub async fn end(self, app: &App) {
        tokio::select! {
            () = tokio::time::sleep(self.duration()) => {}
            () = app.stopped() => {}
        }
    }
}

/// What a thumbnail is to be like.
#[derive(Deserialize)]
pub struct ThumbnailQuery {
    width: u32,
    height: u32,
    method: Option<ThumbnailMethod>,
    animated: Option<bool>,
    timeout_ms: Option<u64>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum ThumbnailMethod {
    Crop,
    Scale,
}

impl ThumbnailQuery {
    /// What is asked for, and how long to wait for it; 400 `M_INVALID_PARAM` if it is nothing that can be seen.
    pub fn wanted(self) -> Result<(Wanted, Patience)> {
        if self.width == 0 || self.height == 0 {
            return Err(Error::invalid_param("A thumbnail has a width and a height of 1 at least."));
        }
        let method = match self.method {
            Some(ThumbnailMethod::Crop) => Method::Crop,
            Some(ThumbnailMethod::Scale) | None => Method::Scale,
        };
        let wanted = Wanted { size: (self.width, self.height), method, animated: self.animated.unwrap_or_default() };
        Ok((wanted, Patience { timeout_ms: self.timeout_ms }))
    }
}

/// Sets the headers of a file, whatever the status: a browser may have kept the body of an earlier answer.
pub fn guarded(mut response: Response, content_type: &str, disposition: &str) -> Response {
    let is_error = response.status() == StatusCode::RANGE_NOT_SATISFIABLE || response.status().is_server_error();
    let headers = response.headers_mut();
    let mut set = |name: HeaderName, value: &str| {
        // What the store has was checked when it came; what a path holds is encoded.
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    if !is_error {
        set(header::CONTENT_TYPE, content_type);
        set(header::CONTENT_DISPOSITION, disposition);
        set(header::CACHE_CONTROL, CACHE);
    }
    set(header::CONTENT_SECURITY_POLICY, POLICY);
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(header::REFERRER_POLICY, "no-referrer");
    set(HeaderName::from_static("cross-origin-resource-policy"), "cross-origin");
    response
}

/// `Content-Disposition` (RFC 6266). A name that is not plain is told as RFC 8187 says, in one form only, so that no
/// two readers see two names.
pub fn disposition(content_type: &str, name: Option<&str>) -> String {
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    let shown = INLINE.iter().any(|inline| essence.eq_ignore_ascii_case(inline));
    let mut text = String::from(if shown { "inline" } else { "attachment" });
    match name {
        None => {}
        Some(name) if name.bytes().all(is_plain) => {
            // Writing to a string can't fail.
            let _ = write!(text, "; filename=\"{name}\"");
        }
        Some(name) => {
            text.push_str("; filename*=utf-8''");
            for byte in name.bytes() {
                if byte.is_ascii_alphanumeric() || b"!#$&+-.^_`|~".contains(&byte) {
                    text.push(char::from(byte));
                } else {
                    let _ = write!(text, "%{byte:02X}");
                }
            }
        }
    }
    text
}

/// What means itself between quotes, for every reader: some take `%` for the start of a code.
fn is_plain(byte: u8) -> bool {
    matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\' | b'%')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_harmless_types_are_shown_in_place() {
        for shown in ["image/png", "IMAGE/PNG", "text/plain; charset=utf-8", "video/mp4 ;codecs=\"avc1\""] {
            assert_eq!(disposition(shown, None), "inline", "{shown}");
        }
        for saved in ["text/html", "image/svg+xml", "application/pdf", "text/html;image/png", "image/pngx", "", ";"] {
            assert_eq!(disposition(saved, None), "attachment", "{saved}");
        }
    }

    #[test]
    fn a_name_can_not_break_out_of_its_header() {
        let named = |name: &str| disposition("image/png", Some(name));
        assert_eq!(named("my cat; really.png"), "inline; filename=\"my cat; really.png\"");
        assert_eq!(named("a\"b.png"), "inline; filename*=utf-8''a%22b.png");
        assert_eq!(named("a\\"), "inline; filename*=utf-8''a%5C");
        assert_eq!(named("a\r\nSet-Cookie: b"), "inline; filename*=utf-8''a%0D%0ASet-Cookie%3A%20b");
        assert_eq!(named("é\u{202e}gpj.exe"), "inline; filename*=utf-8''%C3%A9%E2%80%AEgpj.exe");
        assert_eq!(named("100%25.txt"), "inline; filename*=utf-8''100%2525.txt");
        for byte in 0..=255_u8 {
            let name = String::from_utf8_lossy(&[b'a', byte, b'b']).into_owned();
            assert!(HeaderValue::from_str(&named(&name)).is_ok(), "{byte}");
        }
    }
}
