//! Requests of other servers, which their signature proves (server-server API, "Request Authentication").

use std::sync::Arc;

use axum::{
    extract::{FromRequest, Request},
    http::{HeaderMap, header},
};
use bytes::Bytes;
use ruma::{CanonicalJsonObject, CanonicalJsonValue, OwnedServerName, ServerName};
use serde::de::DeserializeOwned;

use super::{
    extract::{discard, parse_json, read_body},
    limits::MAX_SIGNED_BODY,
};
use crate::{
    app::App,
    error::{Error, Result},
    net::RequestToSign,
};

/// Signatures of one request that are looked at.
const MAX_SIGNATURES: usize = 4;

/// A request that another server has signed.
pub struct Signed {
    /// The server.
    pub origin: OwnedServerName,
    /// The body.
    pub body: Bytes,
}

impl Signed {
    /// The body as JSON of type `T`.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T> {
        parse_json(&self.body)
    }
}

impl FromRequest<Arc<App>> for Signed {
    type Rejection = Error;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self> {
        let (parts, body) = request.into_parts();
        let (origin, signatures) = match claims(app, &parts.headers) {
            Ok(claims) => claims,
            Err(error) => {
                discard(body);
                return Err(error);
            }
        };
        let body = read_body(Request::from_parts(parts.clone(), body), MAX_SIGNED_BODY).await?;
        let content: Option<CanonicalJsonObject> = match &*body {
            [] => None,
            json => Some(parse_json(json)?),
        };
        let content = content.map(|content| CanonicalJsonValue::Object(content).to_string());
        // The names that the request was routed by, such as a proxy's, don't count.
        let uri = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        for signature in signatures {
            if signature.origin != origin {
                return Err(unauthorized("The request is signed by more than one server."));
            }
            if signature.destination.as_ref().is_some_and(|destination| *destination != app.config.server_name) {
                return Err(unauthorized("The request is signed for another server."));
            }
            let message = RequestToSign {
                method: parts.method.as_str(),
                uri,
                origin: &origin,
                destination: &app.config.server_name,
                content: content.as_deref(),
            };
            let key = app.keyring.request_key(&origin, &signature.key).await;
            if key.is_some_and(|key| key.has_signed(message.canonical().as_bytes(), &signature.signature)) {
                app.peers.health.worked(&origin);
                return Ok(Self { origin, body });
            }
        }
        Err(unauthorized("The signature of the request is not that of the server's key."))
    }
}

fn unauthorized(message: &'static str) -> Error {
    Error::new(401, "M_UNAUTHORIZED", message)
}

/// One `Authorization` header.
#[derive(Debug, PartialEq, Eq)]
struct Signature {
    origin: OwnedServerName,
    destination: Option<OwnedServerName>,
    key: String,
    signature: String,
}

/// Who says to have signed a request, which is looked at before its body is read.
fn claims(app: &App, headers: &HeaderMap) -> Result<(OwnedServerName, Vec<Signature>)> {
    let signatures = signatures(headers)?;
    let origin = signatures.first().map(|signature| signature.origin.clone());
    let origin = origin.ok_or_else(|| unauthorized("The request is not signed."))?;
    if !app.peers.allows(&origin) {
        return Err(Error::forbidden("This server does not deal with yours."));
    }
    Ok((origin, signatures))
}

fn signatures(headers: &HeaderMap) -> Result<Vec<Signature>> {
    let values = headers.get_all(header::AUTHORIZATION).iter().take(MAX_SIGNATURES);
    let read = |value: &header::HeaderValue| value.to_str().ok().and_then(Signature::read);
    values.map(|value| read(value).ok_or_else(|| unauthorized("The Authorization header is malformed."))).collect()
}

impl Signature {
    /// Reads `X-Matrix` and its parameters: tokens or quoted strings, in any order, names in any case.
    fn read(value: &str) -> Option<Self> {
        let (scheme, mut rest) = value.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("X-Matrix") {
            return None;
        }
        let (mut origin, mut destination, mut key, mut signature) = (None, None, None, None);
        loop {
            rest = rest.trim_start_matches([' ', '\t', ',']);
            if rest.is_empty() {
                break;
            }
            let (name, after) = rest.split_once('=')?;
            let (text, after) = parameter(after.trim_start())?;
            match name.trim().to_ascii_lowercase().as_str() {
                "origin" => origin = Some(text),
                "destination" => destination = Some(text),
                "key" => key = Some(text),
                "sig" | "signature" => signature = Some(text),
                _ => {}
            }
            rest = after;
        }
        let name = |text: String| <&ServerName>::try_from(text.as_str()).ok().map(ToOwned::to_owned);
        let destination = match destination {
            Some(destination) => Some(name(destination)?),
            None => None,
        };
        Some(Self { origin: name(origin?)?, destination, key: key?, signature: signature? })
    }
}

/// A parameter's value, and what follows it.
fn parameter(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(',').unwrap_or(text.len());
        return Some((text[..end].trim_end().to_owned(), &text[end..]));
    };
    let mut value = String::new();
    let mut chars = quoted.char_indices();
    while let Some((at, char)) = chars.next() {
        match char {
            '"' => return Some((value, &quoted[at + 1..])),
            '\\' => value.push(chars.next()?.1),
            other => value.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_ways_to_write_it_are_read() {
        let wanted = Signature {
            origin: "a.test".try_into().unwrap(),
            destination: Some("b.test:8448".try_into().unwrap()),
            key: "ed25519:1".to_owned(),
            signature: "c2ln/+".to_owned(),
        };
        for value in [
            r#"X-Matrix origin="a.test",destination="b.test:8448",key="ed25519:1",sig="c2ln/+""#,
            r#"x-matrix sig="c2ln/+", key="ed25519:1" , destination="b.test:8448",	Origin="a.test""#,
            "X-Matrix origin=a.test,destination=b.test:8448,key=ed25519:1,sig=c2ln/+",
            r#"X-Matrix   origin="a\.test",,destination="b.test:8448",key="ed25519:\1",sig="c2ln/+",new="x,y""#,
        ] {
            assert_eq!(Signature::read(value).as_ref(), Some(&wanted), "{value}");
        }
        let without = Signature::read(r#"X-Matrix origin=a.test,key="ed25519:1",sig="c2ln/+""#);
        assert_eq!(without, Some(Signature { destination: None, ..wanted }));
    }

    #[test]
    fn what_is_no_signature_is_refused() {
        for value in [
            "",
            "X-Matrix",
            "Bearer abc",
            "X-Matrix ",
            "X-Matrix origin",
            r#"X-Matrix origin="a.test",key="k",sig="s"#,
            r#"X-Matrix origin="a.test",key="k""#,
            r#"X-Matrix origin="a test",key="k",sig="s""#,
            r#"X-Matrix origin="a.test",destination="",key="k",sig="s""#,
        ] {
            assert_eq!(Signature::read(value), None, "{value}");
        }
    }
}
