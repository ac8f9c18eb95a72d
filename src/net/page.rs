//! Fetching what stands at an address that somebody names: redirects are followed, each looked at like the first.

use bytes::{Bytes, BytesMut};
use reqwest::{
    Response, Url,
    header::{ACCEPT, CONTENT_TYPE, LOCATION},
};

use super::{HttpClient, NetError};

/// Redirects that are followed.
const MAX_REDIRECTS: usize = 5;
/// An address may have this many bytes.
const MAX_URL: usize = 4096;

/// What stands at an address.
#[derive(Debug)]
pub struct Page {
    /// Where it was found in the end.
    pub url: Url,
    /// Its type, as the other side says, in small letters.
    pub content_type: String,
    /// What was read of it.
    pub body: Bytes,
    /// Whether there was more.
    pub cut: bool,
}

impl HttpClient {
    /// Gets what stands at an address, or where that leads. `allowed` is asked for each address on the way, and
    /// `limit` how many bytes are read of something of a type.
    ///
    /// # Errors
    /// [`NetError::Address`] for addresses that aren't asked; [`NetError::Status`] for answers other than 200.
    pub async fn fetch(
        &self,
        url: &str,
        allowed: impl Fn(&Url) -> bool,
        limit: impl Fn(&str) -> usize,
    ) -> Result<Page, NetError> {
        let mut url = url.to_owned();
        for _ in 0..=MAX_REDIRECTS {
            let next = self.checked(&url)?;
            let is_page = matches!(next.scheme(), "http" | "https") && url.len() <= MAX_URL;
            if !is_page || !allowed(&next) {
                return Err(NetError::Address(url));
            }
            let accept = "text/html,application/xhtml+xml,image/*;q=0.8,*/*;q=0.1";
            let response = self.http.get(next.clone()).header(ACCEPT, accept).send().await?;
            match response.status().as_u16() {
                200 => return read(next, response, limit).await,
                301 | 302 | 303 | 307 | 308 => {
                    let location = header(&response, &LOCATION).and_then(|location| next.join(location).ok());
                    url = location.ok_or_else(|| NetError::Address(url))?.into();
                }
                status => return Err(NetError::Status(status)),
            }
        }
        Err(NetError::Address(url))
    }
}

async fn read(url: Url, mut response: Response, limit: impl Fn(&str) -> usize) -> Result<Page, NetError> {
    let content_type = header(&response, &CONTENT_TYPE).unwrap_or_default().to_ascii_lowercase();
    let limit = limit(&content_type);
    let mut body = BytesMut::new();
    let mut cut = false;
    while let Some(mut chunk) = response.chunk().await? {
        cut = chunk.len() > limit - body.len();
        chunk.truncate(limit - body.len());
        body.extend_from_slice(&chunk);
        if cut {
            break;
        }
    }
    Ok(Page { url, content_type, body: body.freeze(), cut })
}

fn header<'a>(response: &'a Response, name: &reqwest::header::HeaderName) -> Option<&'a str> {
    response.headers().get(name)?.to_str().ok()
}
