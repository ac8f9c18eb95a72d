//! The web client: the files of `web/dist`, inside the binary, and what it asks about this server before anybody is
//! signed in. Its page answers for each address that is no endpoint, since it has addresses of its own.

use std::sync::Arc;

use axum::{
    Json, Router,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header},
    response::{IntoResponse, Response},
    routing::get,
};
use rust_embed::{EmbeddedFile, RustEmbed};
use serde::Serialize;

use super::{answer, files::has_tag};
use crate::{app::App, config::RegistrationMode};

#[derive(RustEmbed)]
#[folder = "web/dist/"]
struct Files;

/// The page.
const PAGE: &str = "index.html";

/// Everything comes from this server; nothing is inline, framed, or sent elsewhere. `blob:` is for media, which come
/// with the access token; WebAssembly is for encryption.
const POLICY: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; \
                      img-src 'self' blob:; media-src 'self' blob:; connect-src 'self'; worker-src 'self'; \
                      manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; \
                      require-trusted-types-for 'script'; trusted-types svelte-trusted-html dompurify salon";

/// Built names carry a hash of what they hold.
const FOR_EVER: &str = "public, max-age=31536000, immutable";

/// Versions of a file by how they are encoded, the smallest first: ending of the name and name of the encoding.
const ENCODINGS: [(&str, &str); 2] = [("br", "br"), ("gz", "gzip")];

/// `/_salon/about`. The files are served by [`fallback`].
pub fn routes() -> Router<Arc<App>> {
    Router::new().route("/_salon/about", get(about))
}

#[derive(Serialize)]
struct About<'a> {
    server_name: &'a str,
    version: &'static str,
    registration: RegistrationMode,
}

/// `GET /_salon/about`: what the page shows before anybody is signed in.
async fn about(State(app): State<Arc<App>>) -> Response {
    Json(About {
        server_name: app.config.server_name.as_str(),
        version: env!("CARGO_PKG_VERSION"),
        registration: app.config.registration.mode,
    })
    .into_response()
}

/// Any path that is no endpoint: a file of the web client; for a browser the page; else 404 `M_UNRECOGNIZED`.
pub async fn fallback(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    let path = uri.path().trim_start_matches('/');
    let is_api = path.starts_with('_') || path.starts_with(".well-known");
    if is_api || !matches!(method, Method::GET | Method::HEAD) {
        return answer::unrecognized().into_response();
    }
    if let Some(response) = file(path, &headers) {
        return response;
    }
    let shows_pages =
        headers.get(header::ACCEPT).is_some_and(|types| types.as_bytes().windows(9).any(|w| w == b"text/html"));
    match file(PAGE, &headers) {
        Some(page) if path.is_empty() || (shows_pages && !path.starts_with("assets/")) => page,
        None if path.is_empty() => {
            (StatusCode::NOT_FOUND, "This Salon was built without its web client: `make run` builds both.\n")
                .into_response()
        }
        _ => answer::unrecognized().into_response(),
    }
}

/// The file in the best encoding that the browser takes, or word that it has it already.
fn file(name: &str, request: &HeaderMap) -> Option<Response> {
    let plain = Files::get(name)?;
    let encoded = ENCODINGS.iter().find_map(|(ending, encoding)| {
        let file = Files::get(&format!("{name}.{ending}")).filter(|_| accepts(request, encoding))?;
        Some((file, Some(*encoding)))
    });
    let (file, encoding) = encoded.unwrap_or((plain, None));
    let tag = entity_tag(&file);
    let known = request.get(header::IF_NONE_MATCH).is_some_and(|theirs| has_tag(theirs, &tag));
    let mut response = if known { StatusCode::NOT_MODIFIED.into_response() } else { Response::new(body(file)) };
    let headers = response.headers_mut();
    if !known {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type(name)));
        if let Some(encoding) = encoding {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
        }
    }
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(header::ETAG, tag);
    }
    let caching = if name.starts_with("assets/") { FOR_EVER } else { "no-cache" };
    for (header, value) in [
        (header::CACHE_CONTROL, caching),
        (header::VARY, "Accept-Encoding"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
    ] {
        headers.insert(header, HeaderValue::from_static(value));
    }
    Some(response)
}

fn body(file: EmbeddedFile) -> Body {
    Body::from(match file.data {
        std::borrow::Cow::Borrowed(data) => Bytes::from_static(data),
        std::borrow::Cow::Owned(data) => data.into(),
    })
}

/// Whether an `Accept-Encoding` names an encoding, and not to refuse it.
fn accepts(request: &HeaderMap, encoding: &str) -> bool {
    let listed = request.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    listed.split(',').any(|item| {
        let mut parts = item.split(';').map(str::trim);
        parts.next() == Some(encoding) && !parts.any(|weight| weight.trim_end_matches(['0', '.']) == "q=")
    })
}

/// A quoted tag from the first half of the content's SHA-256.
fn entity_tag(file: &EmbeddedFile) -> String {
    let hash = file.metadata.sha256_hash();
    let digits: String = hash[..16].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("\"{digits}\"")
}

fn media_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, ending)| ending) {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("json") => "application/json",
        Some("webmanifest") => "application/manifest+json",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("mp3") => "audio/mpeg",
        Some("wasm") => "application/wasm",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(name: &str, headers: &[(header::HeaderName, &str)]) -> Response {
        let headers = headers.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect();
        file(name, &headers).unwrap_or_else(|| panic!("no {name}: `make web` builds the web client"))
    }

    fn text(response: &Response, name: header::HeaderName) -> &str {
        response.headers().get(name).map_or("", |value| value.to_str().unwrap())
    }

    #[test]
    fn every_file_has_a_type_and_guards_itself() {
        let names: Vec<_> = Files::iter().filter(|name| !name.ends_with(".br") && !name.ends_with(".gz")).collect();
        assert!(names.iter().any(|name| name == PAGE), "`make web` builds the web client");
        for name in names {
            let response = asked(&name, &[]);
            assert_eq!(response.status(), 200);
            assert_ne!(text(&response, header::CONTENT_TYPE), "application/octet-stream", "{name}");
            assert_eq!(text(&response, header::X_CONTENT_TYPE_OPTIONS), "nosniff");
            let policy = text(&response, header::CONTENT_SECURITY_POLICY);
            assert!(policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe-inline"), "{policy}");
        }
    }

    #[test]
    fn a_browser_that_has_the_file_is_not_sent_it_again() {
        let tag = text(&asked(PAGE, &[]), header::ETAG).to_owned();
        for same in [tag.clone(), format!("W/{tag}"), format!("\"other\", {tag}"), "*".to_owned()] {
            assert_eq!(asked(PAGE, &[(header::IF_NONE_MATCH, &same)]).status(), 304, "{same}");
        }
        assert_eq!(asked(PAGE, &[(header::IF_NONE_MATCH, "\"other\"")]).status(), 200);
    }

    #[test]
    fn the_smallest_version_that_the_browser_takes_is_sent() {
        for (accepted, sent) in
            [("gzip, deflate, br, zstd", "br"), ("gzip", "gzip"), ("br;q=0, gzip;q=0.5", "gzip"), ("identity", "")]
        {
            let response = asked(PAGE, &[(header::ACCEPT_ENCODING, accepted)]);
            assert_eq!(text(&response, header::CONTENT_ENCODING), sent, "{accepted}");
        }
    }

    #[test]
    fn the_page_has_nothing_inline() {
        let page = Files::get(PAGE).unwrap();
        let page = std::str::from_utf8(&page.data).unwrap();
        assert!(!page.contains("<style") && !page.contains(" style=") && !page.contains(" onclick="));
        assert_eq!(page.matches("<script").count(), page.matches(" src=\"/assets/").count());
    }
}
