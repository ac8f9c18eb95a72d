//! The files of `web/`, inside the binary, and what their page asks about this server.

use std::sync::Arc;

use axum::{
    Json, Router,
    body::Body,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use rust_embed::{EmbeddedFile, RustEmbed};
use serde::Serialize;

use crate::{app::App, config::RegistrationMode};

#[derive(RustEmbed)]
#[folder = "web/"]
struct Files;

/// Everything comes from this server; nothing is inline, framed, or sent elsewhere.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The page at `/`, its files beside it, and `/_salon/about`. Any other path stays unknown.
pub fn routes() -> Router<Arc<App>> {
    let router = Router::new()
        .route("/", get(|headers: HeaderMap| async move { file("index.html", &headers) }))
        .route("/_salon/about", get(about));
    Files::iter().fold(router, |router, name| {
        router.route(&format!("/{name}"), get(|headers: HeaderMap| async move { file(&name, &headers) }))
    })
}

#[derive(Serialize)]
struct About<'a> {
    server_name: &'a str,
    version: &'static str,
    registration: RegistrationMode,
}

/// `GET /_salon/about`: what the page shows.
async fn about(State(app): State<Arc<App>>) -> Response {
    Json(About {
        server_name: app.config.server_name.as_str(),
        version: env!("CARGO_PKG_VERSION"),
        registration: app.config.registration.mode,
    })
    .into_response()
}

/// The file, or word that the browser has it already.
fn file(name: &str, request: &HeaderMap) -> Response {
    let Some(file) = Files::get(name) else { return StatusCode::NOT_FOUND.into_response() };
    let tag = entity_tag(&file);
    let known = request.get(header::IF_NONE_MATCH).is_some_and(|theirs| has_tag(theirs, &tag));
    let mut response = if known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let mut response = Response::new(Body::from(file.data.into_owned()));
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type(name)));
        response
    };
    let headers = response.headers_mut();
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(header::ETAG, tag);
    }
    // Names carry no hash of the content: browsers ask each time, and are told that nothing changed.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

/// A quoted tag from the first half of the content's SHA-256.
fn entity_tag(file: &EmbeddedFile) -> String {
    let hash = file.metadata.sha256_hash();
    let digits: String = hash[..16].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("\"{digits}\"")
}

/// Whether an `If-None-Match` names `tag`, alone, in a list or as `*`. Weak tags compare equal.
fn has_tag(header: &HeaderValue, tag: &str) -> bool {
    let mut listed = header.to_str().unwrap_or_default().split(',').map(str::trim);
    listed.any(|theirs| theirs == "*" || theirs.trim_start_matches("W/") == tag)
}

fn media_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, ending)| ending) {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(name: &str, if_none_match: Option<&str>) -> Response {
        let mut headers = HeaderMap::new();
        if let Some(tag) = if_none_match {
            headers.insert(header::IF_NONE_MATCH, tag.parse().unwrap());
        }
        file(name, &headers)
    }

    #[test]
    fn every_file_has_a_type_and_guards_itself() {
        let names: Vec<_> = Files::iter().collect();
        assert!(names.iter().any(|name| name == "index.html"));
        for name in names {
            let response = asked(&name, None);
            assert_eq!(response.status(), 200);
            let header = |name: header::HeaderName| response.headers()[name].to_str().unwrap().to_owned();
            assert_ne!(header(header::CONTENT_TYPE), "application/octet-stream", "{name}");
            assert_eq!(header(header::X_CONTENT_TYPE_OPTIONS), "nosniff");
            let policy = header(header::CONTENT_SECURITY_POLICY);
            assert!(policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"), "{policy}");
        }
    }

    #[test]
    fn a_browser_that_has_the_file_is_not_sent_it_again() {
        let tag = asked("style.css", None).headers()[header::ETAG].to_str().unwrap().to_owned();
        for same in [tag.clone(), format!("W/{tag}"), format!("\"other\", {tag}"), "*".to_owned()] {
            assert_eq!(asked("style.css", Some(&same)).status(), 304, "{same}");
        }
        assert_eq!(asked("style.css", Some("\"other\"")).status(), 200);
    }

    #[test]
    fn the_page_has_nothing_inline() {
        let page = Files::get("index.html").unwrap();
        let page = std::str::from_utf8(&page.data).unwrap();
        assert!(!page.contains("<style") && !page.contains(" style=") && !page.contains(" onclick="));
        assert_eq!(page.matches("<script").count(), page.matches("<script src=\"/").count());
    }
}
