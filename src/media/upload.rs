//! Uploading: at once, or announced first and sent later.

use std::sync::Arc;

use bytes::Bytes;
use hyper::body::Body;
use ruma::ServerName;

use super::{
    Media, blocking,
    incoming::{Incoming, receive, too_large},
    remote::CACHE,
    rows::{
        ContentRow, MediaRow, MediaState, Pending, StoredMedia, Usage, content_key, media_key, own_key, pending_key,
        usage_key, weight,
    },
};
use crate::{
    error::{Error, Result},
    ids::{self, UserNum},
    store::{Commit, Family, LogEntry, Read, Ticket},
};

/// Letters of a media ID: nobody guesses it.
const ID_LENGTH: usize = 24;
/// How long an announced upload is waited for, milliseconds (the specification's recommendation).
const PENDING_LIFETIME_MS: u64 = 24 * 60 * 60 * 1000;
/// A media type may have this many bytes.
const MAX_TYPE: usize = 255;
/// The name of a file may have this many bytes.
pub(super) const MAX_NAME: usize = 1024;
/// What is said of a file whose type nobody knows.
const ANY_TYPE: &str = "application/octet-stream";

/// What a client says of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Described {
    content_type: String,
    name: Option<String>,
}

impl Described {
    /// A type that can't be one is none; 400 `M_INVALID_PARAM` if the name is too long.
    pub fn new(content_type: Option<&str>, name: Option<String>) -> Result<Self> {
        let name = name.filter(|name| !name.is_empty());
        if name.as_ref().is_some_and(|name| name.len() > MAX_NAME) {
            return Err(Error::invalid_param(format!("The name of a file has at most {MAX_NAME} bytes.")));
        }
        let content_type = content_type.map(str::trim).filter(|text| is_media_type(text)).unwrap_or(ANY_TYPE);
        Ok(Self { content_type: content_type.to_owned(), name })
    }

    /// Its media type, fit for a header.
    pub fn content_type(&self) -> &str {
        &self.content_type
    }

    /// The name of the file, if it has one.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }
}

/// Whether it looks like `type/subtype`, with parameters or without, and fits into a header.
fn is_media_type(text: &str) -> bool {
    let essence = text.split(';').next().unwrap_or_default().trim_end();
    let is_token = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte))
    };
    text.len() <= MAX_TYPE
        && text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
        && essence.split_once('/').is_some_and(|(kind, subtype)| is_token(kind) && is_token(subtype))
}

/// A place for an upload that is yet to come.
#[derive(Clone, Debug)]
pub struct Announced {
    /// Its media ID.
    pub media_id: String,
    /// When it must have come, milliseconds since the epoch.
    pub expires_at: u64,
}

/// A file that has arrived whole, and what it is to become.
pub(super) struct Arrived {
    pub owner: UserNum,
    pub media_id: String,
    /// Whether the ID was announced before.
    pub announced: bool,
    pub described: Described,
    pub file: Incoming,
}

impl Media {
    /// Takes a file, and gives it a media ID.
    ///
    /// # Errors
    /// 413 `M_TOO_LARGE`, as soon as that is clear; 403 `M_FORBIDDEN` if the user's quota is used up; 429
    /// `M_LIMIT_EXCEEDED` if too many of their uploads are on their way.
    pub async fn upload<B>(self: &Arc<Self>, owner: UserNum, described: Described, body: &mut B) -> Result<String>
    where
        B: Body<Data = Bytes> + Unpin,
    {
        let media_id = self.new_media_id();
        self.take(owner, (media_id.clone(), false), described, body).await?;
        Ok(media_id)
    }

    /// Gives out a media ID whose content is to be sent later; 429 `M_LIMIT_EXCEEDED` if too many are open.
    pub async fn announce(&self, owner: UserNum) -> Result<Announced> {
        let now = self.clock.now_ms();
        let (media_id, expires_at) = (self.new_media_id(), now + PENDING_LIFETIME_MS);
        let ticket = {
            let _lock = self.locks.user(owner);
            if self.usage(owner)?.closed {
                return Err(closed());
            }
            let mut commit = Commit::new(LogEntry::Housekeeping);
            let mut pending = self.pending(owner)?;
            for expired in pending.extract_if(.., |pending| pending.expires_at <= now) {
                commit.delete(Family::Index, media_key(&expired.media_id));
            }
            let first = pending.iter().map(|pending| pending.expires_at).min();
            if pending.len() >= self.limits.max_pending_uploads as usize {
                return Err(Error::limit_exceeded(first.map_or(PENDING_LIFETIME_MS, |at| at - now)));
            }
            pending.push(Pending { media_id: media_id.clone(), expires_at });
            let row = MediaRow { owner, created_at: now, state: MediaState::Pending { expires_at } };
            commit.put_row(Family::Index, media_key(&media_id), &row).put_row(
                Family::Index,
                pending_key(owner),
                &pending,
            );
            self.store.commit(|_| commit)
        };
        ticket.durable().await?;
        Ok(Announced { media_id, expires_at })
    }

    /// Takes the file of an ID that this user has announced.
    ///
    /// # Errors
    /// Those of `upload`; 404 `M_NOT_FOUND` if there is no such ID, or it has expired; 403 `M_FORBIDDEN` if it is
    /// another user's; 409 `M_CANNOT_OVERWRITE_MEDIA` if it has its file.
    pub async fn fill<B>(
        self: &Arc<Self>,
        owner: UserNum,
        (server, media_id): (&ServerName, &str),
        described: Described,
        body: &mut B,
    ) -> Result<()>
    where
        B: Body<Data = Bytes> + Unpin,
    {
        let here = server == self.server_name;
        let row = here.then(|| self.row(server, media_id)).transpose()?.ok_or_else(no_media)?;
        if row.owner != owner {
            return Err(Error::forbidden("Somebody else has announced this upload."));
        }
        match row.state {
            MediaState::Stored(_) => return Err(already_there()),
            MediaState::Pending { expires_at } if expires_at <= self.clock.now_ms() => return Err(no_media()),
            MediaState::Pending { .. } => {}
        }
        self.take(owner, (media_id.to_owned(), true), described, body).await
    }

    async fn take<B>(
        self: &Arc<Self>,
        owner: UserNum,
        (media_id, announced): (String, bool),
        described: Described,
        body: &mut B,
    ) -> Result<()>
    where
        B: Body<Data = Bytes> + Unpin,
    {
        let _slot = self.uploading.begin(owner)?;
        let declared = body.size_hint().lower();
        if declared > self.limits.max_upload_size {
            return Err(too_large(self.limits.max_upload_size));
        }
        self.check_quota(owner, &self.usage(owner)?, declared)?;
        let name = self.new_media_id();
        let file = receive(self.folder.clone(), name, body, self.limits.max_upload_size).await?;
        let arrived = Arrived { owner, media_id, announced, described, file };
        // A client that goes away now does not leave half of it behind.
        let media = Arc::clone(self);
        tokio::spawn(async move { media.keep(arrived).await }).await.map_err(Error::internal)?
    }

    /// Gives the file its place and has a row name it, in an order that a crash can't harm.
    pub(super) async fn keep(&self, arrived: Arrived) -> Result<()> {
        let (hash, path) = (arrived.file.hash(), arrived.file.path().clone());
        let _guard = self.locks.content(&hash).await;
        let known: Option<ContentRow> = self.store.latest().get_row(Family::Index, &content_key(&hash))?;
        let folder = self.folder.clone();
        if known.is_some() {
            self.name_content(&arrived, known)?.durable().await?;
        } else {
            blocking(move || folder.park(&path, &hash)).await?;
            let folder = self.folder.clone();
            match self.name_content(&arrived, known) {
                Ok(ticket) => ticket.durable().await?,
                Err(error) => {
                    blocking(move || folder.discard(&hash)).await?;
                    return Err(error);
                }
            };
            blocking(move || folder.settle(&hash)).await?;
        }
        self.arrivals.notify_waiters();
        Ok(())
    }

    /// Queues the rows of an upload. Who calls this holds the content.
    fn name_content(&self, arrived: &Arrived, known: Option<ContentRow>) -> Result<Ticket> {
        let (owner, media_id, length) = (arrived.owner, &arrived.media_id, arrived.file.length());
        let hash = arrived.file.hash();
        let _lock = self.locks.user(owner);
        let mut usage = self.usage(owner)?;
        self.check_quota(owner, &usage, length)?;
        usage.bytes += weight(length);
        let mut commit = Commit::new(LogEntry::Housekeeping);
        if arrived.announced {
            self.end_announcement(&mut commit, owner, media_id)?;
        }
        let Described { content_type, name } = arrived.described.clone();
        let stored = StoredMedia { hash, length, content_type, name };
        let row = MediaRow { owner, created_at: self.clock.now_ms(), state: MediaState::Stored(stored) };
        let content = ContentRow { length, uses: known.map_or(0, |known| known.uses) + 1 };
        commit
            .put_row(Family::Index, media_key(media_id), &row)
            .put(Family::Index, own_key(owner, media_id), Bytes::new())
            .put_row(Family::Index, content_key(&hash), &content)
            .put_row(Family::Index, usage_key(owner), &usage);
        Ok(self.store.commit(|_| commit))
    }

    /// The file of an announced upload has come: perhaps not the only one, and perhaps too late.
    fn end_announcement(&self, commit: &mut Commit, owner: UserNum, media_id: &str) -> Result<()> {
        let row: Option<MediaRow> = self.store.latest().get_row(Family::Index, &media_key(media_id))?;
        match row.ok_or_else(no_media)?.state {
            MediaState::Stored(_) => Err(already_there()),
            MediaState::Pending { .. } => {
                let mut pending = self.pending(owner)?;
                pending.retain(|pending| pending.media_id != media_id);
                commit.put_row(Family::Index, pending_key(owner), &pending);
                Ok(())
            }
        }
    }

    fn check_quota(&self, owner: UserNum, usage: &Usage, length: u64) -> Result<()> {
        if usage.closed {
            return Err(closed());
        }
        // What comes from other servers finds room that was made for it.
        if owner != CACHE && usage.bytes.saturating_add(weight(length)) > self.limits.user_quota {
            return Err(Error::forbidden("You have uploaded as much as you may: the server's quota is used up."));
        }
        Ok(())
    }

    pub(super) fn usage(&self, user: UserNum) -> Result<Usage> {
        Ok(self.store.latest().get_row(Family::Index, &usage_key(user))?.unwrap_or_default())
    }

    pub(super) fn pending(&self, user: UserNum) -> Result<Vec<Pending>> {
        Ok(self.store.latest().get_row(Family::Index, &pending_key(user))?.unwrap_or_default())
    }

    /// A name by chance that is fit for a path and a URI.
    pub(super) fn new_media_id(&self) -> String {
        self.randomness.with(|rng| ids::random_string(rng, ID_LENGTH))
    }
}

/// 404 `M_NOT_FOUND`.
pub(super) fn no_media() -> Error {
    Error::not_found("There is no such media here.")
}

fn already_there() -> Error {
    Error::new(409, "M_CANNOT_OVERWRITE_MEDIA", "This upload has been made already.")
}

fn closed() -> Error {
    Error::forbidden("The account is deactivated and its uploads are erased.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_that_can_be_none_is_any() {
        let told = |text: Option<&str>| Described::new(text, None).unwrap().content_type;
        for good in ["image/png", "text/plain; charset=utf-8", "application/vnd.a.b+json", "image/svg+xml ;x=\"y\""] {
            assert_eq!(told(Some(good)), good);
        }
        let long = format!("text/{}", "x".repeat(MAX_TYPE));
        for bad in ["", "image", "image/", "/png", "im age/png", "text/html\r\nx: y", "text/ü", "a/b/c", &long] {
            assert_eq!(told(Some(bad)), ANY_TYPE, "{bad}");
        }
        assert_eq!(told(None), ANY_TYPE);
    }

    #[test]
    fn a_name_is_kept_as_it_is_unless_it_is_a_book() {
        let name = |name: &str| Described::new(None, Some(name.to_owned())).map(|described| described.name);
        assert_eq!(name("").unwrap(), None);
        let odd = "..\\\"a\"\r\n\u{202e}gpj.exe";
        assert_eq!(name(odd).unwrap().as_deref(), Some(odd));
        assert_eq!(name(&"x".repeat(MAX_NAME + 1)).unwrap_err().errcode, "M_INVALID_PARAM");
    }
}
