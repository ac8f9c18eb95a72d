//! Answers of other servers that are too large to be held: what they bring is read as it comes.

use hyper::{
    body::Incoming,
    http::{HeaderMap, header},
};
use ruma::ServerName;

use super::{
    NetError, https,
    peers::{Ask, PeerError, Peers},
};

/// The head of an answer, and its body as it comes. The caller bounds its size and time.
#[derive(Debug)]
pub struct Streamed {
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Incoming,
}

impl Streamed {
    /// The text of a header.
    pub fn header(&self, name: &header::HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

impl Peers {
    /// Asks a server for what is too large to be held. The time that it is given is that until its answer begins. A
    /// redirect is followed.
    pub async fn open(&self, server: &ServerName, ask: Ask) -> Result<Streamed, PeerError> {
        self.check(server)?;
        let failed = |error| PeerError::Net { server: server.to_owned(), error };
        let (timeout, max_answer) = ask.bounds();
        let asked = tokio::time::timeout(timeout, self.respond(server, &ask)).await;
        let (head, body) = match asked.unwrap_or(Err(NetError::Slow)) {
            Ok(response) => response.into_parts(),
            Err(error) => {
                self.health.failed(server);
                return Err(failed(error));
            }
        };
        self.health.worked(server);
        match head.status.as_u16() {
            200 => Ok(Streamed { headers: head.headers, body }),
            307 | 308 => {
                let location = head.headers.get(header::LOCATION).and_then(|location| location.to_str().ok());
                self.open_url(location.unwrap_or_default()).await.map_err(failed)
            }
            status => {
                let read = tokio::time::timeout(timeout, https::read(body, max_answer)).await;
                let body = read.unwrap_or(Err(NetError::Slow)).map_err(failed)?;
                Err(PeerError::refusal(server, status, &body))
            }
        }
    }

    /// Opens what stands at an address of HTTPS, unsigned; redirects are followed. The caller bounds the time.
    pub async fn open_url(&self, url: &str) -> Result<Streamed, NetError> {
        let (headers, body) = https::follow(&self.connect, url).await?;
        Ok(Streamed { headers, body })
    }
}
