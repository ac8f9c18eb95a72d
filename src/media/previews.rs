//! Pictures that the server itself keeps, for previews of pages. They belong to nobody; the oldest go when there are
//! too many of them.

use std::{io::Cursor, sync::Arc};

use bytes::Bytes;
use http_body_util::Full;
use image::{ImageFormat, ImageReader};
use tokio::sync::Mutex;

use super::{Described, Media, rows::MediaRow, rows::media_key};
use crate::{
    error::{Error, Result},
    ids::UserNum,
    store::{
        Family, Read,
        keys::{Index, KeyBuilder},
    },
};

/// In whose name they are kept: no user has this number.
const NOBODY: UserNum = UserNum(0);
/// What they may count for together, bytes.
const QUOTA: u64 = 256 << 20;
/// For so long a picture stays, milliseconds: as long as a preview that names it may be told, and twice.
const LEAST_AGE_MS: u64 = 2 * 60 * 60 * 1000;

/// Held while a picture is stored.
#[derive(Default)]
pub(super) struct PreviewLock(Mutex<()>);

/// A picture that is stored.
#[derive(Clone, Debug)]
pub struct PreviewPicture {
    /// Its `mxc:` address.
    pub uri: String,
    /// Its type.
    pub content_type: &'static str,
    /// Its width, pixels.
    pub width: u32,
    /// Its height, pixels.
    pub height: u32,
    /// Its bytes.
    pub length: usize,
}

impl Media {
    /// Keeps a picture for a preview; `None` if it is no JPEG, PNG, GIF or WebP.
    ///
    /// # Errors
    /// 429 `M_LIMIT_EXCEEDED` if so many were stored within the last hours that there is no room.
    pub async fn keep_for_preview(self: &Arc<Self>, picture: Bytes) -> Result<Option<PreviewPicture>> {
        let Some((format, (width, height))) = look_at(&picture) else { return Ok(None) };
        let content_type = format.to_mime_type();
        let length = picture.len();
        let _lock = self.preview_lock.0.lock().await;
        self.make_room_for_preview(length as u64).await?;
        let described = Described::new(Some(content_type), None)?;
        let media_id = self.upload(NOBODY, described, &mut Full::new(picture)).await?;
        let uri = format!("mxc://{}/{media_id}", self.server_name);
        Ok(Some(PreviewPicture { uri, content_type, width, height, length }))
    }

    /// Deletes the oldest half, if there are too many.
    async fn make_room_for_preview(&self, length: u64) -> Result<()> {
        if self.usage(NOBODY)?.bytes + length <= QUOTA {
            return Ok(());
        }
        let pictures = self.uploads_by_age(NOBODY)?;
        let old = self.clock.now_ms().saturating_sub(LEAST_AGE_MS);
        let half = pictures.len() / 2;
        let gone = pictures.into_iter().take(half).take_while(|(created_at, _)| *created_at < old);
        let gone: Vec<String> = gone.map(|(_, media_id)| media_id).collect();
        if gone.is_empty() {
            return Err(Error::limit_exceeded(LEAST_AGE_MS));
        }
        // Nobody names or reads a content for the first time while some of them go.
        let _all = self.locks.all_contents().await;
        self.erase_uploads(NOBODY, &gone).await
    }

    /// When each upload of somebody was stored, and its media ID, the oldest first.
    pub(super) fn uploads_by_age(&self, owner: UserNum) -> Result<Vec<(u64, String)>> {
        let prefix = KeyBuilder::user(owner, Index::OwnMedia).build();
        let snapshot = self.store.snapshot();
        let mut rows = snapshot.scan_prefix(Family::Index, &prefix);
        let mut uploads = Vec::new();
        while let Some((key, _)) = rows.next()? {
            let media_id = String::from_utf8_lossy(&key[prefix.len()..]).into_owned();
            let row: Option<MediaRow> = snapshot.get_row(Family::Index, &media_key(&media_id))?;
            uploads.extend(row.map(|row| (row.created_at, media_id)));
        }
        uploads.sort_unstable();
        Ok(uploads)
    }
}

/// What kind of picture it is, and how large; from its first bytes alone.
fn look_at(picture: &Bytes) -> Option<(ImageFormat, (u32, u32))> {
    let reader = ImageReader::new(Cursor::new(picture)).with_guessed_format().ok()?;
    let known = [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::Gif, ImageFormat::WebP];
    let format = reader.format().filter(|format| known.contains(format))?;
    Some((format, reader.into_dimensions().ok()?))
}
