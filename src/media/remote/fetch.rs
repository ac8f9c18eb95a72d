//! One fetch: asks the server, writes what comes, and tells all who wait how far it is.

use std::{fs::File, io, os::unix::fs::FileExt, sync::Arc, time::Duration};

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::{
    body::Incoming as Body,
    http::{HeaderMap, header},
};
use ruma::OwnedServerName;
use tokio::{
    sync::{mpsc, watch},
    time::Instant,
};

use super::{CACHE, RemoteMedia, disposition::file_name, shape};
use crate::{
    error::{Error, Result},
    media::{Described, Wanted, blocking, incoming::Incoming, upload::Arrived},
    net::{Ask, Multipart, NetError, PeerError, Streamed, segment},
};

/// A server that sends nothing for so long has gone away.
const IDLE: Duration = Duration::from_secs(30);
/// A file has come whole after this time, or not at all.
const DEADLINE: Duration = Duration::from_secs(15 * 60);
/// What is read at once for one who asks, bytes, and how many pieces wait for them.
const PIECE: u64 = 128 << 10;
const WAITING: usize = 2;

/// What is to be fetched.
pub(super) struct Wish {
    pub server: OwnedServerName,
    pub media_id: String,
    /// A thumbnail of it, as the server makes it.
    pub thumbnail: Option<Wanted>,
}

impl Wish {
    /// The name under which it is kept, beside its server's.
    pub fn name(&self) -> String {
        match &self.thumbnail {
            Some(wanted) => format!("{}?{}", self.media_id, shape(wanted)),
            None => self.media_id.clone(),
        }
    }

    /// The same with the server's.
    pub fn key(&self) -> String {
        format!("{}/{}", self.server, self.name())
    }

    /// What comes behind `download` or `thumbnail` in the path, and the query.
    fn path(&self, prefix: &str, query: &str) -> String {
        let (kind, shape) = match &self.thumbnail {
            Some(wanted) => ("thumbnail", format!("{}&", shape(wanted))),
            None => ("download", String::new()),
        };
        format!("{}?{shape}{query}", prefix.replace("KIND", kind))
    }
}

/// How far a fetch is.
#[derive(Clone, Default)]
pub(super) struct Progress {
    head: Option<Arc<Head>>,
    /// Bytes that can be read.
    written: u64,
    end: Option<Result<(), Failure>>,
}

/// What is known of a file as soon as it begins.
struct Head {
    described: Described,
    file: File,
}

/// An error that many are told.
#[derive(Clone)]
struct Failure {
    status: u16,
    errcode: &'static str,
    message: String,
}

impl Failure {
    fn error(&self) -> Error {
        Error::new(self.status, self.errcode, self.message.clone())
    }
}

/// Tells all who wait that there is no more to come.
pub(super) fn end(progress: &watch::Sender<Progress>, outcome: Result<()>) {
    let outcome = outcome.map_err(|error| {
        tracing::debug!(%error, "a file of another server was not fetched");
        Failure { status: error.status, errcode: error.errcode, message: error.message.to_string() }
    });
    progress.send_modify(|progress| progress.end = Some(outcome));
}

/// A file that is on its way here.
pub struct Coming {
    head: Arc<Head>,
    progress: watch::Receiver<Progress>,
}

impl Coming {
    /// Waits until a fetch has begun to bring something.
    pub(super) async fn begun(mut progress: watch::Receiver<Progress>) -> Result<Self> {
        let begun = progress.wait_for(|progress| progress.head.is_some() || progress.end.is_some()).await;
        let begun = begun.map_err(|_| stopped())?.clone();
        match (begun.head, begun.end) {
            (_, Some(Err(failure))) => Err(failure.error()),
            (Some(head), _) => Ok(Self { head, progress }),
            (None, _) => Err(stopped()),
        }
    }

    /// Waits until it is here.
    pub(super) async fn whole(mut self) -> Result<()> {
        let ended = self.progress.wait_for(|progress| progress.end.is_some()).await.map_err(|_| stopped())?;
        match &ended.end {
            Some(Err(failure)) => Err(failure.error()),
            _ => Ok(()),
        }
    }

    /// What its server says of it.
    pub fn described(&self) -> &Described {
        &self.head.described
    }

    /// Its content, piece by piece as it comes.
    pub fn pieces(mut self) -> mpsc::Receiver<io::Result<Bytes>> {
        let (sender, receiver) = mpsc::channel(WAITING);
        tokio::spawn(async move {
            let mut read = 0;
            while let Some(piece) = self.next(read).await.transpose() {
                read += piece.as_ref().map_or(0, |piece| piece.len() as u64);
                let failed = piece.is_err();
                if sender.send(piece).await.is_err() || failed {
                    break;
                }
            }
        });
        receiver
    }

    /// The next piece, `None` at the end.
    async fn next(&mut self, read: u64) -> io::Result<Option<Bytes>> {
        let moved = self.progress.wait_for(|progress| progress.written > read || progress.end.is_some()).await;
        let moved = moved.map_err(io::Error::other)?.clone();
        if moved.written == read {
            return match moved.end {
                Some(Err(failure)) => Err(io::Error::other(failure.message)),
                _ => Ok(None),
            };
        }
        let (head, count) = (self.head.clone(), (moved.written - read).min(PIECE));
        let piece = tokio::task::spawn_blocking(move || {
            let mut piece = vec![0; count as usize];
            head.file.read_exact_at(&mut piece, read).map(|()| Bytes::from(piece))
        });
        piece.await.map_err(io::Error::other)?.map(Some)
    }
}

/// Where the bytes of a file come from.
enum Content {
    Plain(Body),
    Part(Multipart<Body>),
}

impl Content {
    async fn next(&mut self) -> Result<Option<Bytes>, NetError> {
        match self {
            Self::Part(parts) => parts.data().await,
            Self::Plain(body) => loop {
                let Some(frame) = body.frame().await else { return Ok(None) };
                if let Ok(data) = frame?.into_data() {
                    return Ok(Some(data));
                }
            },
        }
    }
}

impl RemoteMedia {
    /// Fetches a file, whose server has so long to begin, and keeps it.
    pub(super) async fn fetch(
        &self,
        wish: &Wish,
        patience: Duration,
        progress: &watch::Sender<Progress>,
    ) -> Result<()> {
        let deadline = Instant::now() + DEADLINE;
        let (headers, content) = self.open(wish, patience).await?;
        let described = describe(&headers)?;
        if wish.thumbnail.is_some() && !described.content_type().starts_with("image/") {
            return Err(Error::new(502, "M_UNKNOWN", "The file's server gave no picture as its thumbnail."));
        }
        let folder = self.media.folder.clone();
        let name = self.media.new_media_id();
        let incoming = blocking(move || Incoming::create(&folder, &name)).await?;
        let head = Head { described: described.clone(), file: incoming.file().map_err(Error::internal)? };
        progress.send_modify(|progress| progress.head = Some(Arc::new(head)));
        let file = self.write(content, incoming, (deadline, progress)).await?;
        if !self.make_room(file.length()).await? {
            return Ok(());
        }
        let arrived = Arrived { owner: CACHE, media_id: wish.key(), announced: false, described, file };
        let media = self.media.clone();
        tokio::spawn(async move { media.keep(arrived).await }).await.map_err(Error::internal)?
    }

    async fn write(
        &self,
        mut content: Content,
        mut incoming: Incoming,
        (deadline, progress): (Instant, &watch::Sender<Progress>),
    ) -> Result<Incoming> {
        let most = self.media.limits.max_remote_size;
        loop {
            let patience = IDLE.min(deadline.saturating_duration_since(Instant::now()));
            let next = tokio::time::timeout(patience, content.next()).await.unwrap_or(Err(NetError::Slow));
            let Some(data) = next.map_err(|error| unavailable().because(error))? else { break };
            if incoming.length() + data.len() as u64 > most {
                return Err(too_large(most));
            }
            let folder = self.media.folder.clone();
            incoming = blocking(move || {
                folder.check_room(data.len() as u64)?;
                incoming.write(&data).map(|()| incoming)
            })
            .await?;
            progress.send_modify(|progress| progress.written = incoming.length());
        }
        blocking(move || incoming.sync().map(|()| incoming)).await
    }

    /// Asks for a file by the road that servers have for that, or by the one that old ones have.
    async fn open(&self, wish: &Wish, patience: Duration) -> Result<(HeaderMap, Content)> {
        let (server, id) = (&wish.server, segment(&wish.media_id));
        let timeout_ms = patience.saturating_sub(super::MARGIN).as_millis();
        let path = wish.path(&format!("/_matrix/federation/v1/media/KIND/{id}"), &format!("timeout_ms={timeout_ms}"));
        let asked = self.peers.open(server, Ask::get(path).within(patience)).await;
        let is_old = |error: &PeerError| matches!(error, PeerError::Refused { status: 404, errcode, .. } if errcode == "M_UNRECOGNIZED");
        match asked {
            Ok(answer) => self.part(answer, patience).await,
            Err(error) if is_old(&error) => {
                let prefix = format!("/_matrix/media/v3/KIND/{}/{id}", segment(server.as_str()));
                let query = format!("timeout_ms={timeout_ms}&allow_remote=false&allow_redirect=true");
                let ask = Ask::get(wish.path(&prefix, &query)).within(patience);
                let answer = self.peers.open(server, ask).await.map_err(refused)?;
                self.check_length(&answer)?;
                Ok((answer.headers, Content::Plain(answer.body)))
            }
            Err(error) => Err(refused(error)),
        }
    }

    /// The part of an answer that holds the file, or what stands where it says that the file is.
    async fn part(&self, answer: Streamed, patience: Duration) -> Result<(HeaderMap, Content)> {
        self.check_length(&answer)?;
        let content_type = answer.header(&header::CONTENT_TYPE).unwrap_or_default().to_owned();
        let parts = Multipart::new(&content_type, answer.body);
        let mut parts = parts.ok_or_else(|| unavailable().because("the answer has no parts"))?;
        let read = async {
            parts.next_part().await?;
            parts.next_part().await
        };
        let read = tokio::time::timeout(patience, read).await.unwrap_or(Err(NetError::Slow));
        let headers = read.map_err(|error| unavailable().because(error))?;
        let headers = headers.ok_or_else(|| unavailable().because("the answer has one part only"))?;
        let Some(location) = headers.get(header::LOCATION) else { return Ok((headers, Content::Part(parts))) };
        let opened = tokio::time::timeout(patience, self.peers.open_url(location.to_str().unwrap_or_default()));
        let opened = opened.await.unwrap_or(Err(NetError::Slow)).map_err(|error| unavailable().because(error))?;
        self.check_length(&opened)?;
        Ok((opened.headers, Content::Plain(opened.body)))
    }

    /// Refuses at once what says that it is too large. The parts of an answer are hardly more than the file.
    fn check_length(&self, answer: &Streamed) -> Result<()> {
        let most = self.media.limits.max_remote_size;
        let length = answer.header(&header::CONTENT_LENGTH).and_then(|length| length.parse::<u64>().ok());
        let slack = 64 << 10;
        if length.is_some_and(|length| length > most.saturating_add(slack)) { Err(too_large(most)) } else { Ok(()) }
    }
}

fn describe(headers: &HeaderMap) -> Result<Described> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let name = text(header::CONTENT_DISPOSITION).and_then(file_name);
    Described::new(text(header::CONTENT_TYPE), name.filter(|name| name.len() <= crate::media::upload::MAX_NAME))
}

/// What a client is told whose file another server doesn't give.
fn refused(error: PeerError) -> Error {
    let told = match &error {
        PeerError::Refused { status: 504, .. } => {
            Error::new(504, "M_NOT_YET_UPLOADED", "This has not been uploaded yet.")
        }
        PeerError::Refused { status: 429, .. } => Error::limit_exceeded(super::RETRY_MS),
        PeerError::Refused { errcode, .. } if errcode == "M_TOO_LARGE" => {
            Error::new(502, "M_TOO_LARGE", "The file is too large for its server to give it.")
        }
        PeerError::Refused { status: 400..500, .. } => Error::not_found("The file's server doesn't give it."),
        _ => unavailable(),
    };
    told.because(error)
}

fn unavailable() -> Error {
    Error::new(502, "M_UNKNOWN", "The file can't be fetched from its server at the moment.")
}

fn too_large(most: u64) -> Error {
    Error::new(502, "M_TOO_LARGE", format!("A file of another server may have {most} bytes here."))
}

fn stopped() -> Error {
    Error::new(502, "M_UNKNOWN", "The server stops.")
}
