//! HTTP/1.1 on the connections of `connect`: answers are bounded in size.

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::Incoming;
use hyper::http::{HeaderMap, Request, Response, Uri, header};

use super::{
    NetError,
    connect::{Connect, Target, TlsConnection},
};

/// The name that this program gives itself.
pub(super) const USER_AGENT: &str = concat!("Salon/", env!("CARGO_PKG_VERSION"));

/// Redirects that are followed.
const MAX_REDIRECTS: usize = 5;

/// What stands at an address of HTTPS; redirects are followed, each looked at like the first. The caller bounds the time.
pub(super) async fn follow(connect: &Connect, url: &str) -> Result<(HeaderMap, Incoming), NetError> {
    let refused = || NetError::Address(url.to_owned());
    let mut uri: Uri = url.parse().map_err(|_| refused())?;
    for _ in 0..=MAX_REDIRECTS {
        if uri.scheme_str() != Some("https") {
            break;
        }
        let (head, body) = open(connect, &uri).await?.into_parts();
        match head.status.as_u16() {
            200 => return Ok((head.headers, body)),
            301 | 302 | 303 | 307 | 308 => uri = redirected(&uri, &head.headers).ok_or_else(refused)?,
            status => return Err(NetError::Status(status)),
        }
    }
    Err(refused())
}

/// Where a redirect leads, if that is by HTTPS again.
fn redirected(from: &Uri, headers: &HeaderMap) -> Option<Uri> {
    let location = headers.get(header::LOCATION)?.to_str().ok()?;
    let to = reqwest::Url::parse(&from.to_string()).ok()?.join(location).ok()?;
    (to.scheme() == "https").then(|| to.as_str().parse().ok()).flatten()
}

/// Asks for an address by HTTPS, on a connection that ends with the answer. The caller bounds the time.
async fn open(connect: &Connect, uri: &Uri) -> Result<Response<Incoming>, NetError> {
    let refused = || NetError::Address(uri.to_string());
    let host = uri.host().ok_or_else(refused)?;
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let port = uri.port_u16().unwrap_or(443);
    let target = match bare.parse() {
        Ok(address) => Target::Address(std::net::SocketAddr::new(address, port)),
        Err(_) => Target::Name(bare.to_owned(), port),
    };
    let stream = connect.to(&[target], bare).await?;
    let authority = uri.authority().ok_or_else(refused)?.as_str();
    send(stream, authority, uri.path_and_query().map_or("/", |path| path.as_str())).await
}

/// Asks for a path on a connection that ends with the answer. The caller bounds the time.
pub(super) async fn send(stream: TlsConnection, host: &str, path: &str) -> Result<Response<Incoming>, NetError> {
    let (mut sender, connection) = hyper::client::conn::http1::handshake(stream).await?;
    let request = Request::get(path).header(header::HOST, host).header(header::USER_AGENT, USER_AGENT);
    let request = request.body(Empty::<Bytes>::new()).map_err(|_| NetError::Address(path.to_owned()))?;
    // It ends when neither the answer's body nor who asks is there any more; what breaks it, they hear.
    tokio::spawn(async move { drop(connection.await) });
    Ok(sender.send_request(request).await?)
}

/// Reads a body that may have so many bytes.
pub(super) async fn read(mut body: Incoming, max: usize) -> Result<Bytes, NetError> {
    let mut read = BytesMut::new();
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame?.into_data() {
            if read.len() + data.len() > max {
                return Err(NetError::TooLarge);
            }
            read.extend_from_slice(&data);
        }
    }
    Ok(read.freeze())
}

/// A body that is at hand.
pub(super) fn body(bytes: Vec<u8>) -> Full<Bytes> {
    Full::new(bytes.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirects_lead_on_by_https_only() {
        let from: Uri = "https://a.test/.well-known/matrix/server".parse().unwrap();
        let to = |location: &str| {
            let headers = HeaderMap::from_iter([(header::LOCATION, location.parse().unwrap())]);
            redirected(&from, &headers).map(|uri| uri.to_string())
        };
        assert_eq!(to("/x").as_deref(), Some("https://a.test/x"));
        assert_eq!(to("https://b.test/y").as_deref(), Some("https://b.test/y"));
        assert_eq!(to("http://b.test/y"), None);
        assert_eq!(to("file:///etc/passwd"), None);
    }
}
