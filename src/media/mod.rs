//! Media: the files that users upload, each content once on disk however many uploads name it, and pictures made
//! smaller. Knows neither rooms nor accounts.
//!
//! Invariant: whenever a row names a content, its file is there. A file is on disk under its content's hash before
//! the commit that names it first, and is deleted after the one that takes the last name away. What a crash leaves
//! between the two lies in one folder, and is settled at the next start.

mod erase;
pub mod folder;
mod incoming;
mod locks;
mod open;
mod previews;
pub mod remote;
pub mod rows;
mod thumbnail;
mod upload;

use std::{io, sync::Arc};

use ruma::OwnedServerName;
use tokio::sync::Notify;

use self::{
    folder::Folder,
    locks::{Locks, Uploading},
    previews::PreviewLock,
    rows::content_key,
    thumbnail::Thumbnails,
};
pub use self::{
    open::Opened,
    previews::PreviewPicture,
    thumbnail::{Method, Thumbnail, Wanted},
    upload::{Announced, Described},
};
use crate::{
    clock::{Clock, Randomness},
    config,
    error::{Error, Result},
    store::{Family, Read, Store, StoreError},
};

/// The media of this server.
pub struct Media {
    store: Arc<Store>,
    server_name: OwnedServerName,
    clock: Clock,
    randomness: Randomness,
    limits: config::Media,
    folder: Folder,
    locks: Locks,
    uploading: Arc<Uploading>,
    /// Tells those who wait for an announced upload that one has come.
    arrivals: Notify,
    thumbnails: Thumbnails,
    preview_lock: PreviewLock,
}

impl Media {
    /// Over an open store. Brings order into what a crash may have left.
    pub fn open(
        store: Arc<Store>,
        server_name: OwnedServerName,
        (clock, randomness): (Clock, Randomness),
        limits: config::Media,
    ) -> Result<Self, StoreError> {
        let folder = settled_folder(&store)?;
        Ok(Self {
            store,
            server_name,
            clock,
            randomness,
            limits,
            folder,
            locks: Locks::default(),
            uploading: Arc::default(),
            arrivals: Notify::new(),
            thumbnails: Thumbnails::default(),
            preview_lock: PreviewLock::default(),
        })
    }

    /// How many bytes a file may have that is uploaded.
    pub fn max_upload_size(&self) -> u64 {
        self.limits.max_upload_size
    }
}

/// The folder of a store's media, with nothing in it half done. Nobody else may be using it.
pub fn settled_folder(store: &Store) -> Result<Folder, StoreError> {
    let folder = Folder::of(store.data_dir());
    let failed = |error| StoreError::File { path: store.data_dir().join("media"), error };
    folder.make().map_err(failed)?;
    // A row that can't be read is not an answer: the sweep ends there, and the start with it.
    let is_named = |hash: &_| match store.latest().get(Family::Index, &content_key(hash)) {
        Ok(row) => Ok(row.is_some()),
        Err(error) => Err(io::Error::other(error)),
    };
    folder.sweep(is_named).map_err(failed)?;
    Ok(folder)
}

/// Does work on files where it may block.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(Error::internal)?.map_err(|error| match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            Error::new(507, "M_UNKNOWN", "The server's disk is full: it takes no files for now.").because(error)
        }
        _ => Error::internal(error),
    })
}
