//! Finding what was uploaded, and waiting for what is announced.

use std::{fs::File, io};

use ruma::ServerName;

use super::{
    Media,
    rows::{MediaRow, MediaState, StoredMedia, media_key},
    upload::no_media,
};
use crate::{
    error::{Error, Result},
    store::{Family, Read},
};

/// A media ID may have this many letters; the specification names no bound.
const MAX_ID: usize = 255;

/// An uploaded file, to be read.
#[derive(Debug)]
pub struct Opened {
    /// What was said of it.
    pub media: StoredMedia,
    /// Its content.
    pub file: File,
}

impl Media {
    /// Opens an uploaded file. If it is announced and has not come yet, it is waited for until `patience` ends.
    ///
    /// # Errors
    /// 404 `M_NOT_FOUND` for what is not here; 504 `M_NOT_YET_UPLOADED`.
    pub async fn read(
        &self,
        server: &ServerName,
        media_id: &str,
        patience: impl Future<Output = ()>,
    ) -> Result<Opened> {
        let media = self.find(server, media_id, patience).await?;
        match self.folder.open(&media.hash) {
            Ok(file) => Ok(Opened { media, file }),
            // Erased since the row was read; else the database and the files say different things.
            Err(error) if error.kind() == io::ErrorKind::NotFound && self.row(server, media_id).is_err() => {
                Err(no_media())
            }
            Err(error) => Err(Error::internal(error)),
        }
    }

    /// What was uploaded under an ID, waited for until `patience` ends.
    pub(super) async fn find(
        &self,
        server: &ServerName,
        media_id: &str,
        patience: impl Future<Output = ()>,
    ) -> Result<StoredMedia> {
        tokio::pin!(patience);
        loop {
            // First listen, then look: what comes in between is not missed.
            let arrival = self.arrivals.notified();
            match self.row(server, media_id)?.state {
                MediaState::Stored(media) => return Ok(media),
                MediaState::Pending { expires_at } if expires_at <= self.clock.now_ms() => return Err(no_media()),
                MediaState::Pending { .. } => {}
            }
            tokio::select! {
                () = arrival => {}
                () = &mut patience => {
                    return Err(Error::new(504, "M_NOT_YET_UPLOADED", "This has not been uploaded yet."));
                }
            }
        }
    }

    /// The row of an ID; 404 `M_NOT_FOUND` if there is none here.
    pub(super) fn row(&self, server: &ServerName, media_id: &str) -> Result<MediaRow> {
        // Files of other servers stand under their server's name too, which no ID of ours can look like.
        let key = match server == self.server_name {
            true if is_media_id(media_id) => media_key(media_id),
            true => return Err(no_media()),
            false => media_key(&format!("{server}/{media_id}")),
        };
        self.store.latest().get_row(Family::Index, &key)?.ok_or_else(no_media)
    }
}

/// Whatever else stands in an ID can't be a key: no path, no other row.
pub(super) fn is_media_id(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= MAX_ID
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}
