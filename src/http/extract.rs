//! What handlers take: a JSON body, path and query parameters, the session behind an access token. Each turns
//! what doesn't fit into the spec's errcode.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use axum::{
    body::Body,
    extract::{ConnectInfo, FromRequest, FromRequestParts, Path, Query, Request},
    http::{header, request::Parts},
};
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::DeserializeOwned;

use super::{
    guests,
    limits::{DISCARD_TIMEOUT, MAX_DISCARDED, MAX_JSON_BODY, Patience},
    restrictions,
};
use crate::{
    app::App,
    error::{Error, Result},
    users::Session,
};

/// A JSON body of type `T`.
pub struct Json<T>(pub T);

impl<T: DeserializeOwned> FromRequest<Arc<App>> for Json<T> {
    type Rejection = Error;

    async fn from_request(request: Request, _: &Arc<App>) -> Result<Self> {
        parse_json(&read_body(request, MAX_JSON_BODY).await?).map(Self)
    }
}

/// A JSON body of type `T`; no body at all reads as `{}`.
pub struct OptionalJson<T>(pub T);

impl<T: DeserializeOwned> FromRequest<Arc<App>> for OptionalJson<T> {
    type Rejection = Error;

    async fn from_request(request: Request, _: &Arc<App>) -> Result<Self> {
        let body = read_body(request, MAX_JSON_BODY).await?;
        parse_json(if body.is_empty() { b"{}" } else { &body }).map(Self)
    }
}

/// A body's bytes, for what is kept as it came.
pub struct RawBody(pub Bytes);

impl FromRequest<Arc<App>> for RawBody {
    type Rejection = Error;

    async fn from_request(request: Request, _: &Arc<App>) -> Result<Self> {
        read_body(request, MAX_JSON_BODY).await.map(Self)
    }
}

/// A body of at most so many bytes.
pub(super) async fn read_body(request: Request, most: usize) -> Result<Bytes> {
    let patience = request.extensions().get::<Patience>().copied().unwrap_or_default();
    let limited = Limited::new(request.into_body(), most);
    match tokio::time::timeout(patience.body, limited.collect()).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            Err(Error::new(413, "M_TOO_LARGE", "The body of the request is too large."))
        }
        Ok(Err(_)) => Err(Error::bad_request("M_UNKNOWN", "The body of the request ended too early.")),
        Err(_) => Err(Error::new(408, "M_UNKNOWN", "The body of the request did not arrive in time.")),
    }
}

/// Goes on reading a body whose request was refused, for a moment: a client that is still sending could not see
/// the answer if the connection was closed at once.
pub fn discard(body: Body) {
    tokio::spawn(async move {
        let mut rest = Limited::new(body, MAX_DISCARDED);
        let _ = tokio::time::timeout(DISCARD_TIMEOUT, async { while let Some(Ok(_)) = rest.frame().await {} }).await;
    });
}

/// A JSON object of type `T`: `M_NOT_JSON` where it is not JSON, `M_BAD_JSON` where it doesn't fit.
pub fn parse_json<T: DeserializeOwned>(body: &[u8]) -> Result<T> {
    // serde would read an array as a struct's fields in their order.
    if body.trim_ascii_start().first() == Some(&b'[') {
        let error = match serde_json::from_slice::<serde::de::IgnoredAny>(body) {
            Ok(_) => Error::bad_json("The body must be a JSON object."),
            Err(error) => not_json(&error),
        };
        return Err(error);
    }
    serde_json::from_slice(body).map_err(|error| {
        if error.is_data() { Error::bad_json(format!("The body does not fit: {error}.")) } else { not_json(&error) }
    })
}

fn not_json(error: &serde_json::Error) -> Error {
    Error::bad_request("M_NOT_JSON", format!("The body is not JSON: {error}."))
}

/// A body that is kept as the text that it came as.
pub fn text(body: &[u8]) -> Result<&str> {
    std::str::from_utf8(body).map_err(|_| Error::bad_request("M_NOT_JSON", "The body is not UTF-8."))
}

/// Parameters from the path.
pub struct Params<T>(pub T);

impl<T: DeserializeOwned + Send> FromRequestParts<Arc<App>> for Params<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self> {
        match Path::<T>::from_request_parts(parts, app).await {
            Ok(Path(params)) => Ok(Self(params)),
            Err(error) => Err(Error::invalid_param(format!("A part of the path is not valid: {}.", error.body_text()))),
        }
    }
}

/// Parameters from the query string.
pub struct QueryParams<T>(pub T);

impl<T: DeserializeOwned> FromRequestParts<Arc<App>> for QueryParams<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self> {
        match Query::<T>::from_request_parts(parts, app).await {
            Ok(Query(params)) => Ok(Self(params)),
            Err(error) => Err(refused_query(&error.body_text())),
        }
    }
}

/// `M_MISSING_PARAM` or `M_INVALID_PARAM`, by what serde says: it has no type that tells the two apart.
fn refused_query(reason: &str) -> Error {
    let errcode = if reason.contains("missing field") { "M_MISSING_PARAM" } else { "M_INVALID_PARAM" };
    Error::bad_request(errcode, format!("The query parameters are not valid: {reason}."))
}

impl FromRequestParts<Arc<App>> for Session {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self> {
        let MaybeSession(session) = MaybeSession::from_request_parts(parts, app).await?;
        session.ok_or_else(|| Error::new(401, "M_MISSING_TOKEN", "This needs an access token: log in first."))
    }
}

/// The session, where one is optional. A token that is given must be valid.
pub struct MaybeSession(pub Option<Session>);

impl FromRequestParts<Arc<App>> for MaybeSession {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self> {
        // Rate limiting has looked it up already, where it is on.
        let session = match parts.extensions.get::<Session>() {
            Some(session) => Some(session.clone()),
            None => access_token(parts).map(|token| app.users.authenticate(&token)).transpose()?,
        };
        if session.as_ref().is_some_and(|session| session.is_guest) && !guests::allowed(&parts.method, parts.uri.path())
        {
            return Err(Error::new(403, "M_GUEST_ACCESS_FORBIDDEN", "Guests may not do this: register first."));
        }
        if let Some(session) = &session {
            restrictions::check(session.restrictions, &parts.method, parts.uri.path())?;
        }
        Ok(Self(session))
    }
}

/// The address that the request came from.
pub struct Address(pub Option<IpAddr>);

impl FromRequestParts<Arc<App>> for Address {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<App>) -> Result<Self> {
        Ok(Self(client_address(parts)))
    }
}

/// The client's address. A connection from this machine is a reverse proxy's if it says for whom it speaks: the
/// last address that it names is the one that it saw itself.
pub(super) fn client_address(parts: &Parts) -> Option<IpAddr> {
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>()?.0.ip().to_canonical();
    if !peer.is_loopback() {
        return Some(peer);
    }
    let forwarded = parts.headers.get_all("x-forwarded-for").iter().next_back();
    let last = forwarded.and_then(|value| value.to_str().ok()?.rsplit(',').next()?.trim().parse().ok());
    Some(last.unwrap_or(peer))
}

/// The token of the `Authorization` header, else of the (deprecated) query parameter.
pub(super) fn access_token(parts: &Parts) -> Option<String> {
    if let Some(value) = parts.headers.get(header::AUTHORIZATION) {
        let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
        return scheme.eq_ignore_ascii_case("bearer").then(|| token.trim().to_owned());
    }
    #[derive(serde::Deserialize)]
    struct Token {
        access_token: Option<String>,
    }
    Query::<Token>::try_from_uri(&parts.uri).ok()?.0.access_token
}
