//! Previews of pages that people link to: a title, some words and a picture (client-server API, "URL previews").
//!
//! Invariant: a page is asked for at most once an hour however many want its preview, within bounds of time and size;
//! addresses of private networks are not asked, neither at first nor after a redirect, nor for a picture.

mod charset;
mod html;

use std::{sync::Arc, time::Duration};

use quick_cache::sync::Cache;
use reqwest::Url;
use serde::Serialize;
use tokio::{sync::Semaphore, time::timeout};

use self::html::Found;
use crate::{
    clock::Clock,
    config::UrlPreviews,
    error::{Error, Result},
    media::{Media, PreviewPicture},
    net::{HttpClient, NetError, Page},
};

/// Previews kept in memory.
const CACHED: usize = 2_000;
/// A preview is good for this time, milliseconds.
const LIFETIME_MS: u64 = 60 * 60 * 1000;
/// Pages that are fetched at once; more wait.
const AT_ONCE: usize = 16;
/// A page with its picture is there after this time, or not at all.
const TIMEOUT: Duration = Duration::from_secs(20);
/// What is read of a page, bytes.
const MAX_PAGE: usize = 1 << 20;
/// A picture may have this many bytes.
const MAX_PICTURE: usize = 8 << 20;

/// The previews of this server.
pub struct Previews {
    media: Arc<Media>,
    clock: Clock,
    client: HttpClient,
    config: UrlPreviews,
    running: Semaphore,
    /// By address and hour. A page that can't be had is not asked again before the next hour either.
    cache: Cache<(Url, u64), Option<Arc<Preview>>>,
}

/// What a page shows of itself: OpenGraph's properties, as far as clients use them.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Preview {
    #[serde(rename = "og:title", skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    #[serde(rename = "og:description", skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(rename = "og:site_name", skip_serializing_if = "Option::is_none")]
    site_name: Option<String>,
    #[serde(rename = "og:type", skip_serializing_if = "Option::is_none")]
    kind: Option<String>,
    #[serde(rename = "og:url", skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    #[serde(flatten)]
    image: Option<Image>,
}

#[derive(Clone, Debug, Serialize)]
struct Image {
    #[serde(rename = "og:image")]
    uri: String,
    #[serde(rename = "og:image:type")]
    content_type: &'static str,
    #[serde(rename = "og:image:width")]
    width: u32,
    #[serde(rename = "og:image:height")]
    height: u32,
    #[serde(rename = "og:image:alt", skip_serializing_if = "Option::is_none")]
    alt: Option<String>,
    #[serde(rename = "matrix:image:size")]
    length: usize,
}

impl Previews {
    /// With a client of its own.
    pub fn new(media: Arc<Media>, clock: Clock, config: UrlPreviews) -> Result<Self, NetError> {
        Ok(Self {
            media,
            clock,
            client: HttpClient::new(config.allow_private_addresses)?,
            config,
            running: Semaphore::new(AT_ONCE),
            cache: Cache::new(CACHED),
        })
    }

    /// The preview of a page; empty if the page shows nothing of itself.
    ///
    /// # Errors
    /// 403 `M_FORBIDDEN` if there are no previews here, or none of that address; 400 `M_INVALID_PARAM` if it is none;
    /// 404 `M_NOT_FOUND` if nothing can be had there.
    pub async fn get(&self, url: &str) -> Result<Arc<Preview>> {
        if !self.config.enabled {
            return Err(Error::forbidden("This server makes no previews of pages."));
        }
        let mut url = Url::parse(url).map_err(|_| Error::invalid_param("`url` is no address."))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(Error::invalid_param("Only pages of http and https have previews."));
        }
        if !self.is_allowed(&url) {
            return Err(Error::forbidden("This server makes no previews of that site."));
        }
        url.set_fragment(None);
        let hour = self.clock.now_ms() / LIFETIME_MS;
        // Whoever comes meanwhile waits for the same answer.
        let make = async { Ok::<_, Error>(self.make(&url).await.map(Arc::new)) };
        let preview = self.cache.get_or_insert_async(&(url.clone(), hour), make).await?;
        preview.ok_or_else(|| Error::not_found("Nothing could be had at that address."))
    }

    async fn make(&self, url: &Url) -> Option<Preview> {
        let _running = self.running.acquire().await.ok()?;
        match timeout(TIMEOUT, self.fetch(url)).await {
            Ok(Ok(preview)) => Some(preview),
            Ok(Err(error)) => {
                tracing::debug!(%error, %url, "no preview");
                None
            }
            Err(_) => None,
        }
    }

    async fn fetch(&self, url: &Url) -> Result<Preview, NetError> {
        let limit = |content_type: &str| match content_type {
            _ if is_html(content_type) => MAX_PAGE,
            _ if content_type.starts_with("image/") => MAX_PICTURE,
            _ => 0,
        };
        let page = self.client.fetch(url.as_str(), |url| self.is_allowed(url), limit).await?;
        if page.content_type.starts_with("image/") {
            let image = self.picture(page, None).await;
            return Ok(Preview { image, ..Preview::default() });
        }
        if !is_html(&page.content_type) {
            return Ok(Preview::default());
        }
        let found = html::read(&charset::decode(&page.body, &page.content_type));
        // Without its picture a preview is still one.
        let image = match found.image.as_deref().and_then(|image| page.url.join(image).ok()) {
            Some(address) => self.fetch_picture(&address, found.image_alt.clone()).await.ok().flatten(),
            None => None,
        };
        Ok(Preview::of(found, image))
    }

    async fn fetch_picture(&self, url: &Url, alt: Option<String>) -> Result<Option<Image>, NetError> {
        let page = self.client.fetch(url.as_str(), |url| self.is_allowed(url), |_| MAX_PICTURE).await?;
        Ok(self.picture(page, alt).await)
    }

    async fn picture(&self, page: Page, alt: Option<String>) -> Option<Image> {
        if page.cut {
            return None;
        }
        match self.media.keep_for_preview(page.body).await {
            Ok(kept) => kept.map(|picture| Image::of(picture, alt)),
            Err(error) => {
                tracing::warn!(%error, "the picture of a preview was not kept");
                None
            }
        }
    }

    /// Whether the site and all that it is part of is not blocked.
    fn is_allowed(&self, url: &Url) -> bool {
        let host = url.host_str().unwrap_or_default().trim_end_matches('.');
        let is_within = |site: &String| {
            host.strip_suffix(site.to_ascii_lowercase().as_str())
                .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        };
        !self.config.blocked_sites.iter().any(is_within)
    }
}

impl Preview {
    fn of(found: Found, image: Option<Image>) -> Self {
        let Found { title, description, site_name, kind, url, .. } = found;
        Self { title, description, site_name, kind, url, image }
    }
}

impl Image {
    fn of(picture: PreviewPicture, alt: Option<String>) -> Self {
        let PreviewPicture { uri, content_type, width, height, length } = picture;
        Self { uri, content_type, width, height, alt, length }
    }
}

fn is_html(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    matches!(essence, "text/html" | "application/xhtml+xml")
}
