//! Any web client may use this server (client-server API, "Web Browser Clients").

use axum::{
    body::Body,
    extract::Request,
    http::{HeaderName, HeaderValue, Method, header},
    middleware::Next,
    response::Response,
};

/// What the specification wants in every answer.
const HEADERS: [(HeaderName, HeaderValue); 3] = [
    (header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*")),
    (header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST, PUT, DELETE, OPTIONS")),
    (header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("X-Requested-With, Content-Type, Authorization")),
];

/// Answers `OPTIONS` by itself, whatever the path, and adds the headers to all that others answer.
pub(super) async fn allow_browsers(request: Request, next: Next) -> Response {
    let mut response = match *request.method() {
        Method::OPTIONS => Response::new(Body::empty()),
        _ => next.run(request).await,
    };
    response.headers_mut().extend(HEADERS.map(|(name, value)| (name, value)));
    response
}
