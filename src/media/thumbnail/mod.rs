//! Thumbnails: made once, kept on disk, by few threads and with bounded memory however many are asked for.

mod jpeg;
mod picture;
mod size;
mod webp;

use std::{
    fs::{self, File},
    io::{self, Seek},
    num::NonZeroUsize,
    path::PathBuf,
    sync::Arc,
};

use image::ImageFormat;
use quick_cache::sync::Cache;
use ruma::ServerName;
use tokio::sync::{self, Semaphore};

pub use self::size::{Method, Wanted};
use self::{
    picture::{MEMORY, Made, Picture, Refusal, look},
    size::Plan,
};
use super::{
    Media,
    folder::Folder,
    incoming::Incoming,
    rows::{ContentHash, StoredMedia},
};
use crate::error::{Error, Result};

/// Pictures of which it is remembered what they are.
const SEEN: usize = 10_000;
/// Of one picture so many thumbnails are kept; more of them are made each time.
const MAX_KEPT: usize = 24;
/// Locks against making the same twice at once.
const STRIPES: usize = 64;
/// Threads that make thumbnails at once, at the most.
const MAX_THREADS: usize = 4;
/// Memory is given out in pieces of this many bytes.
const PIECE: u64 = 1 << 20;
/// All pictures that are worked on take no more memory than this, bytes.
const ALL_MEMORY: u64 = 320 << 20;
/// What each pixel of a thumbnail takes on its way to its size, bytes.
const PER_PIXEL: u64 = 40;

/// A picture that is small enough, to be read.
#[derive(Debug)]
pub struct Thumbnail {
    /// Its bytes.
    pub file: File,
    /// What it is.
    pub format: ImageFormat,
    /// The content that it was made of.
    pub hash: ContentHash,
    /// What was made of it; empty for the picture itself.
    pub variant: String,
}

impl Thumbnail {
    /// What a file of it may be called.
    pub fn file_name(&self) -> String {
        format!("thumbnail.{}", self.format.extensions_str().first().unwrap_or(&"bin"))
    }
}

/// What makes thumbnails, and what is known of their pictures.
pub(super) struct Thumbnails {
    threads: Arc<Semaphore>,
    memory: Arc<Semaphore>,
    making: [sync::Mutex<()>; STRIPES],
    seen: Cache<ContentHash, Result<Picture, Refusal>>,
}

impl Default for Thumbnails {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        Self {
            threads: Arc::new(Semaphore::new((cores / 2).clamp(1, MAX_THREADS))),
            memory: Arc::new(Semaphore::new(pieces(ALL_MEMORY) as usize)),
            making: std::array::from_fn(|_| sync::Mutex::default()),
            seen: Cache::new(SEEN),
        }
    }
}

fn pieces(bytes: u64) -> u32 {
    u32::try_from(bytes.div_ceil(PIECE)).unwrap_or(u32::MAX)
}

impl Thumbnails {
    /// Does work on pictures when a thread and so much memory are free. A decoder that panics has met a picture
    /// that is damaged in a way that nobody thought of.
    async fn work<T: Send + 'static>(
        &self,
        bytes: u64,
        job: impl FnOnce() -> io::Result<Result<T, Refusal>> + Send + 'static,
    ) -> Result<Result<T, Refusal>> {
        let memory = self.memory.clone().acquire_many_owned(pieces(bytes)).await.map_err(Error::internal)?;
        let thread = self.threads.clone().acquire_owned().await.map_err(Error::internal)?;
        let job = tokio::task::spawn_blocking(move || {
            // Held until it is done, also when nobody waits for it any more.
            let _held = (memory, thread);
            job()
        });
        match job.await {
            Ok(outcome) => outcome.map_err(Error::internal),
            Err(error) if error.is_panic() => {
                tracing::warn!("a decoder of pictures panicked");
                Ok(Err(Refusal::Damaged))
            }
            Err(error) => Err(Error::internal(error)),
        }
    }
}

impl Media {
    /// A thumbnail of an uploaded picture, or the picture where it is no larger. If it is announced and has not come
    /// yet, it is waited for until `patience` ends.
    ///
    /// # Errors
    /// Those of `read`; 400 `M_UNKNOWN` if it is no picture that we know, or broken; 413 `M_TOO_LARGE` if decoding
    /// it would take too much.
    pub async fn thumbnail(
        &self,
        (server, media_id): (&ServerName, &str),
        wanted: Wanted,
        patience: impl Future<Output = ()>,
    ) -> Result<Thumbnail> {
        let media = self.find(server, media_id, patience).await?;
        let hash = media.hash;
        let picture = self.picture(&media).await?;
        let plan = wanted.plan(picture.size);
        let moving = wanted.animated && picture.animated;
        if plan == Plan::Original && moving == picture.animated {
            let file = self.folder.open(&hash).map_err(Error::internal)?;
            return Ok(Thumbnail { file, format: picture.format, hash, variant: String::new() });
        }
        let variant = Variant { plan, wanted, moving };
        if let Some(kept) = self.kept(hash, &variant)? {
            return Ok(kept);
        }
        let _making = self.thumbnails.making[usize::from(hash.0[0]) % STRIPES].lock().await;
        match self.kept(hash, &variant)? {
            Some(kept) => Ok(kept),
            None => self.make(hash, picture, variant).await,
        }
    }

    /// What a file is, from memory or by looking.
    async fn picture(&self, media: &StoredMedia) -> Result<Picture> {
        let (hash, length, folder) = (media.hash, media.length, self.folder.clone());
        let seen = match self.thumbnails.seen.get(&hash) {
            Some(seen) => seen,
            None => {
                let seen = self.thumbnails.work(length.min(MEMORY), move || Ok(look(folder.open(&hash)?, length)));
                let seen = seen.await?;
                self.thumbnails.seen.insert(hash, seen);
                seen
            }
        };
        seen.map_err(refused)
    }

    /// A thumbnail that was made before.
    fn kept(&self, hash: ContentHash, variant: &Variant) -> Result<Option<Thumbnail>> {
        let folder = self.folder.thumbnails_path(&hash);
        for format in variant.formats() {
            let name = variant.name(*format);
            match File::open(folder.join(&name)) {
                Ok(file) => return Ok(Some(Thumbnail { file, format: *format, hash, variant: name })),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(Error::internal(error)),
            }
        }
        Ok(None)
    }

    async fn make(&self, hash: ContentHash, picture: Picture, variant: Variant) -> Result<Thumbnail> {
        let (folder, name) = (self.folder.clone(), self.new_media_id());
        let bytes = picture.cost + variant.plan.pixels() * PER_PIXEL;
        if bytes > ALL_MEMORY {
            return Err(refused(Refusal::TooLarge));
        }
        let made = self.thumbnails.work(bytes, move || {
            let made = match variant.make(folder.open(&hash)?, &picture) {
                Ok(made) => made,
                Err(refusal) => return Ok(Err(refusal)),
            };
            let variant = variant.name(made.format);
            let file = keep(&folder, &hash, &name, (&variant, &made.bytes))?;
            Ok(Ok(Thumbnail { file, format: made.format, hash, variant }))
        });
        let made = made.await?;
        if let Err(refusal) = &made {
            // It would be the same the next time.
            self.thumbnails.seen.insert(hash, Err(*refusal));
        }
        made.map_err(refused)
    }
}

/// What is to be made of a picture.
#[derive(Clone, Copy)]
struct Variant {
    plan: Plan,
    wanted: Wanted,
    moving: bool,
}

impl Variant {
    /// What it may come out as. A picture that moves too long comes to a standstill.
    fn formats(&self) -> &'static [ImageFormat] {
        match self.moving {
            true => &[ImageFormat::Gif, ImageFormat::Jpeg, ImageFormat::Png],
            false => &[ImageFormat::Jpeg, ImageFormat::Png],
        }
    }

    /// The name of its file: the same for whatever comes to the same.
    fn name(&self, format: ImageFormat) -> String {
        let ending = match format {
            ImageFormat::Gif => "gif",
            ImageFormat::Png => "png",
            _ => "jpg",
        };
        let motion = if self.moving { "moving" } else { "still" };
        match self.plan {
            Plan::Original => format!("{motion}.{ending}"),
            Plan::Shrink { keep: (width, height), .. } => {
                let method = if self.wanted.method == Method::Crop { "crop" } else { "scale" };
                format!("{width}x{height}-{method}-{motion}.{ending}")
            }
        }
    }

    fn make(&self, mut file: File, picture: &Picture) -> Result<Made, Refusal> {
        if self.moving
            && let Ok(made) = picture.moving(file.try_clone()?, self.plan)
        {
            return Ok(made);
        }
        file.rewind()?;
        picture.still(file, self.plan)
    }
}

/// Writes a thumbnail, keeps it if there are not too many, and leaves none behind of what was erased meanwhile.
fn keep(folder: &Folder, hash: &ContentHash, temporary: &str, (name, bytes): (&str, &[u8])) -> io::Result<File> {
    let mut written = Incoming::create(folder, temporary)?;
    written.write(bytes)?;
    written.sync()?;
    let place = folder.thumbnails_path(hash);
    fs::create_dir_all(&place)?;
    if fs::read_dir(&place)?.count() < MAX_KEPT {
        fs::rename(written.path(), PathBuf::from(&place).join(name))?;
    }
    if folder.open(hash).is_err() {
        folder.discard(hash)?;
    }
    written.file()
}

fn refused(refusal: Refusal) -> Error {
    match refusal {
        Refusal::NotAPicture => {
            Error::bad_request("M_UNKNOWN", "Thumbnails are made of JPEG, PNG, GIF and WebP pictures only.")
        }
        Refusal::Damaged => Error::bad_request("M_UNKNOWN", "There is no thumbnail, since the picture is damaged."),
        Refusal::TooLarge => Error::new(413, "M_TOO_LARGE", "The picture is too large for a thumbnail to be made."),
    }
}
