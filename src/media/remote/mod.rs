//! Media of other servers: fetched once for all who ask, passed on to them and written to disk at the same time, and kept
//! until there is too much of it (server-server API, "Content Repository").
//!
//! Invariant: what is kept has come whole. It is the upload of nobody, under the name of its server and its ID there.

mod disposition;
mod fetch;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use ruma::ServerName;
use tokio::sync::{self, watch};

pub use self::fetch::Coming;
use self::fetch::{Progress, Wish};
use super::{Media, Method, Opened, Thumbnail, Wanted, rows::weight, upload::no_media};
use crate::{
    error::{Error, Result},
    ids::UserNum,
    net::Peers,
};

/// In whose name files of other servers are kept: no user has this number.
pub(super) const CACHE: UserNum = UserNum(u32::MAX);
/// Fetches at one time, and those from one server.
const MAX_FETCHES: (usize, usize) = (200, 20);
/// When to try again where there are too many.
const RETRY_MS: u64 = 1_000;
/// How long another server is waited for beside the time that an upload is.
const MARGIN: Duration = Duration::from_secs(15);
/// Uploads that one commit takes away.
const BATCH: usize = 200;

/// The media of other servers.
pub struct RemoteMedia {
    media: Arc<Media>,
    peers: Arc<Peers>,
    /// What is being fetched, by the name under which it is kept.
    fetches: Mutex<HashMap<String, (String, watch::Receiver<Progress>)>>,
    /// Held while the oldest files are deleted.
    trimming: sync::Mutex<()>,
    stopping: watch::Receiver<bool>,
}

/// A file of another server.
pub enum Found {
    /// It is here.
    Here(Opened),
    /// It comes.
    Coming(Coming),
}

/// A thumbnail of a file of another server.
pub enum FoundThumbnail {
    /// One that was made here.
    Made(Thumbnail),
    /// One that the other server has made.
    Theirs(Found),
}

impl RemoteMedia {
    /// Fetches through `peers` into `media`, until `stopping` is true.
    pub fn new(media: Arc<Media>, peers: Arc<Peers>, stopping: watch::Receiver<bool>) -> Self {
        Self { media, peers, fetches: Mutex::default(), trimming: sync::Mutex::default(), stopping }
    }

    /// A file, from here or from its server. An upload that is announced there is waited for so long.
    ///
    /// # Errors
    /// 404 `M_NOT_FOUND`, 504 `M_NOT_YET_UPLOADED` as its server says; 502 `M_TOO_LARGE`; 502 `M_UNKNOWN` if the server
    /// can't be asked.
    pub async fn read(self: &Arc<Self>, (server, media_id): (&ServerName, &str), patience: Duration) -> Result<Found> {
        self.find(Wish { server: server.to_owned(), media_id: media_id.to_owned(), thumbnail: None }, patience).await
    }

    /// A thumbnail: made here, or by its server where that can't be.
    ///
    /// # Errors
    /// Those of `read`, and those of a thumbnail of a file of this server.
    pub async fn thumbnail(
        self: &Arc<Self>,
        (server, media_id): (&ServerName, &str),
        wanted: Wanted,
        patience: Duration,
    ) -> Result<FoundThumbnail> {
        let made = match self.read((server, media_id), patience).await {
            Ok(found) => {
                if let Found::Coming(coming) = found {
                    coming.whole().await?;
                }
                self.media.thumbnail((server, media_id), wanted, std::future::ready(())).await
            }
            Err(error) => Err(error),
        };
        match made {
            Ok(made) => Ok(FoundThumbnail::Made(made)),
            Err(error) if matches!(error.status, 400 | 413) || error.errcode == "M_TOO_LARGE" => {
                let wish = Wish { server: server.to_owned(), media_id: media_id.to_owned(), thumbnail: Some(wanted) };
                // What stands in the way here is what the client is told.
                self.find(wish, patience).await.map(FoundThumbnail::Theirs).map_err(|_| error)
            }
            Err(error) => Err(error),
        }
    }

    async fn find(self: &Arc<Self>, wish: Wish, patience: Duration) -> Result<Found> {
        let here = self.media.read(&wish.server, &wish.name(), std::future::ready(())).await;
        match here {
            Ok(opened) => return Ok(Found::Here(opened)),
            Err(error) if error.status != 404 => return Err(error),
            Err(_) => {}
        }
        if !self.peers.allows(&wish.server) || !super::open::is_media_id(&wish.media_id) {
            return Err(no_media());
        }
        let progress = self.begin(wish, patience)?;
        match tokio::time::timeout(patience + MARGIN, Coming::begun(progress)).await {
            Ok(coming) => Ok(Found::Coming(coming?)),
            Err(_) => Err(Error::new(504, "M_NOT_YET_UPLOADED", "This file has not come from its server yet.")),
        }
    }

    /// Fetches a file, unless somebody does already.
    fn begin(self: &Arc<Self>, wish: Wish, patience: Duration) -> Result<watch::Receiver<Progress>> {
        let (server, key) = (wish.server.to_string(), wish.key());
        let mut fetches = self.fetches();
        if let Some((_, progress)) = fetches.get(&key) {
            return Ok(progress.clone());
        }
        let of_server = fetches.values().filter(|(other, _)| *other == server).count();
        if fetches.len() >= MAX_FETCHES.0 || of_server >= MAX_FETCHES.1 {
            return Err(Error::limit_exceeded(RETRY_MS));
        }
        let (sender, progress) = watch::channel(Progress::default());
        fetches.insert(key.clone(), (server, progress.clone()));
        let (remote, mut stopping) = (Arc::clone(self), self.stopping.clone());
        tokio::spawn(async move {
            tokio::select! {
                outcome = remote.fetch(&wish, patience + MARGIN, &sender) => {
                    // Whoever asks from now on finds it here, or tries again.
                    remote.fetches().remove(&key);
                    fetch::end(&sender, outcome);
                }
                _ = stopping.wait_for(|stopping| *stopping) => {}
            }
        });
        Ok(progress)
    }

    fn fetches(&self) -> MutexGuard<'_, HashMap<String, (String, watch::Receiver<Progress>)>> {
        // The map is changed by single steps only.
        self.fetches.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Deletes the oldest files until a quarter of the room is free, if one of this length does not fit in. Whether it
    /// does at all.
    async fn make_room(&self, length: u64) -> Result<bool> {
        let most = self.media.limits.remote_cache;
        let needed = weight(length);
        if needed > most {
            return Ok(false);
        }
        let _turn = self.trimming.lock().await;
        if self.media.usage(CACHE)?.bytes + needed <= most {
            return Ok(true);
        }
        for oldest in self.media.uploads_by_age(CACHE)?.chunks(BATCH) {
            let ids: Vec<String> = oldest.iter().map(|(_, media_id)| media_id.clone()).collect();
            // Nobody names or reads a content for the first time while some of them go.
            let _all = self.media.locks.all_contents().await;
            self.media.erase_uploads(CACHE, &ids).await?;
            if self.media.usage(CACHE)?.bytes + needed <= most - most / 4 {
                break;
            }
        }
        Ok(true)
    }
}

/// The part of a name that tells a thumbnail from others.
fn shape(wanted: &Wanted) -> String {
    let method = if wanted.method == Method::Crop { "crop" } else { "scale" };
    format!("width={}&height={}&method={method}&animated={}", wanted.size.0, wanted.size.1, wanted.animated)
}
