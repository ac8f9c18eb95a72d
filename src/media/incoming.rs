//! A file that is being written: under a name by chance, hashed as it grows, gone if it is not parked in the end.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::PathBuf,
    time::Duration,
};

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::Body;
use sha2::{Digest, Sha256};
use tokio::time::{Instant, timeout};

use super::{blocking, folder::Folder, rows::ContentHash};
use crate::error::{Error, Result};

/// What is held in memory of an upload before it is written, bytes.
const BUFFER: usize = 256 << 10;
/// A client that sends nothing for so long has gone away.
const IDLE: Duration = Duration::from_secs(30);
/// A whole upload must have arrived after this.
const DEADLINE: Duration = Duration::from_secs(60 * 60);

/// A file under a name by chance, which is removed when this is dropped.
pub struct Incoming {
    file: File,
    path: PathBuf,
    hasher: Sha256,
    length: u64,
}

impl Drop for Incoming {
    fn drop(&mut self) {
        // Parked, it is not there any more; what can't be removed now is swept at the next start.
        let _ = fs::remove_file(&self.path);
    }
}

impl Incoming {
    /// An empty file.
    pub fn create(folder: &Folder, name: &str) -> io::Result<Self> {
        let path = folder.new_path(name);
        let file = OpenOptions::new().write(true).read(true).create_new(true).open(&path)?;
        Ok(Self { file, path, hasher: Sha256::new(), length: 0 })
    }

    /// Adds to the end.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.hasher.update(bytes);
        self.length += bytes.len() as u64;
        Ok(())
    }

    /// Waits until all of it is on disk.
    pub fn sync(&self) -> io::Result<()> {
        self.file.sync_all()
    }

    /// The hash of what was written.
    pub fn hash(&self) -> ContentHash {
        ContentHash(self.hasher.clone().finalize().into())
    }

    /// How much was written, bytes.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Where it is now.
    pub fn path(&self) -> &PathBuf {
        &self.path
    }

    /// The file itself, which can be read on though nothing names it any more.
    pub fn file(&self) -> io::Result<File> {
        self.file.try_clone()
    }
}

/// Writes a body to a new file as it arrives, at most `limit` bytes of it, and waits for the disk.
pub async fn receive<B>(folder: Folder, name: String, body: &mut B, limit: u64) -> Result<Incoming>
where
    B: Body<Data = Bytes> + Unpin,
{
    let declared = body.size_hint().lower();
    let place = folder.clone();
    let create = move || place.check_room(declared).and_then(|()| Incoming::create(&place, &name));
    let mut incoming = blocking(create).await?;
    let mut buffer = Vec::with_capacity(BUFFER);
    let deadline = Instant::now() + DEADLINE;
    while let Some(mut data) = next(body, deadline).await? {
        if incoming.length + (buffer.len() + data.len()) as u64 > limit {
            return Err(too_large(limit));
        }
        while !data.is_empty() {
            let fits = data.split_to(data.len().min(BUFFER - buffer.len()));
            buffer.extend_from_slice(&fits);
            if buffer.len() == BUFFER {
                (incoming, buffer) = write(&folder, incoming, buffer).await?;
            }
        }
    }
    (incoming, _) = write(&folder, incoming, buffer).await?;
    blocking(move || incoming.sync().map(|()| incoming)).await
}

/// The next piece of a body, `None` at its end.
async fn next<B>(body: &mut B, deadline: Instant) -> Result<Option<Bytes>>
where
    B: Body<Data = Bytes> + Unpin,
{
    loop {
        let patience = IDLE.min(deadline.saturating_duration_since(Instant::now()));
        match timeout(patience, body.frame()).await {
            Ok(None) => return Ok(None),
            // Trailers say nothing about a file.
            Ok(Some(Ok(frame))) => match frame.into_data() {
                Ok(data) => return Ok(Some(data)),
                Err(_) => continue,
            },
            Ok(Some(Err(_))) => return Err(Error::bad_request("M_UNKNOWN", "The upload ended too early.")),
            Err(_) => return Err(Error::new(408, "M_UNKNOWN", "The upload did not arrive in time.")),
        }
    }
}

/// Hashing and writing are work for a thread that may be kept. The buffer comes back empty.
async fn write(folder: &Folder, mut incoming: Incoming, mut buffer: Vec<u8>) -> Result<(Incoming, Vec<u8>)> {
    let folder = folder.clone();
    blocking(move || {
        folder.check_room(buffer.len() as u64)?;
        incoming.write(&buffer)?;
        buffer.clear();
        Ok((incoming, buffer))
    })
    .await
}

/// 413 `M_TOO_LARGE`.
pub fn too_large(limit: u64) -> Error {
    Error::new(413, "M_TOO_LARGE", format!("A file may have {limit} bytes here."))
}
