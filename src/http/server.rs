//! The server's life: accept, serve, and end within a bounded time with no answer cut short.

use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{Router, extract::ConnectInfo};
use hyper::body::Incoming;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto, graceful::GracefulShutdown},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
    sync::Semaphore,
};
use tokio_io_timeout::TimeoutStream;
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;

use super::limits::{MAX_CONNECTIONS, Patience};

/// How long running requests may go on after the server was told to stop.
const DRAIN: Duration = Duration::from_secs(3);
/// How long to wait after the system had no socket to give.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(200);
/// How often a connection of HTTP/2 is asked whether somebody is there, and how long for an answer.
const PING: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(20));

/// Serves `router` on `listener` by plain HTTP until `shutdown` ends; then lets running requests end.
pub async fn serve(listener: TcpListener, router: Router, patience: Patience, shutdown: impl Future<Output = ()>) {
    serve_by(listener, None, router, patience, shutdown).await;
}

/// The same by HTTPS.
pub async fn serve_tls(
    listener: TcpListener,
    tls: TlsAcceptor,
    router: Router,
    patience: Patience,
    shutdown: impl Future<Output = ()>,
) {
    serve_by(listener, Some(tls), router, patience, shutdown).await;
}

async fn serve_by(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    router: Router,
    patience: Patience,
    shutdown: impl Future<Output = ()>,
) {
    let connections = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let graceful = GracefulShutdown::new();
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(patience.head);
    let http2 = &mut builder.http2();
    http2.timer(TokioTimer::new()).max_concurrent_streams(128).keep_alive_interval(PING.0).keep_alive_timeout(PING.1);
    tokio::pin!(shutdown);
    loop {
        let accepted = async {
            // The semaphore is never closed.
            let permit = connections.clone().acquire_owned().await;
            (listener.accept().await, permit)
        };
        let ((stream, address), permit) = tokio::select! {
            () = &mut shutdown => break,
            (accepted, permit) = accepted => match accepted {
                Ok(connection) => (connection, permit),
                Err(error) => {
                    tracing::warn!(%error, "could not accept a connection");
                    tokio::time::sleep(ACCEPT_BACKOFF).await;
                    continue;
                }
            },
        };
        // Small answers must not wait for a full packet; a socket that can't be told so works as well.
        let _ = stream.set_nodelay(true);
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(patience.answer));
        let asked = Arc::new(AtomicBool::new(false));
        let service = hyper::service::service_fn({
            let (router, asked) = (router.clone(), asked.clone());
            move |mut request: hyper::Request<Incoming>| {
                asked.store(true, Ordering::Relaxed);
                request.extensions_mut().insert(patience);
                answer(router.clone(), request, address)
            }
        });
        let (builder, tls, watcher) = (builder.clone(), tls.clone(), graceful.watcher());
        tokio::spawn(async move {
            let converse = async {
                let Some(stream) = secured(tls, Box::pin(stream), patience.head).await else { return };
                let connection = builder.serve_connection(TokioIo::new(stream), service);
                // An error here is a client that broke off; it has nobody left to be told.
                let _ = watcher.watch(connection.into_owned()).await;
            };
            tokio::select! {
                () = converse => {}
                () = silence(&asked, patience.head) => {}
            }
            drop(permit);
        });
    }
    drop(listener);
    if tokio::time::timeout(DRAIN, graceful.shutdown()).await.is_err() {
        tracing::warn!("some requests did not end in time and were cut off");
    }
}

/// A connection to read from and write to.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// The connection with TLS on it, if there is to be any; `None` for a client that speaks none.
async fn secured(
    tls: Option<TlsAcceptor>,
    stream: impl Stream + 'static,
    patience: Duration,
) -> Option<Box<dyn Stream>> {
    let Some(tls) = tls else { return Some(Box::new(stream)) };
    let accepted = tokio::time::timeout(patience, tls.accept(stream)).await.ok()?.ok()?;
    Some(Box::new(accepted))
}

/// Ends if nothing was asked in time. hyper counts from the first bytes that tell it which HTTP this is.
async fn silence(asked: &AtomicBool, patience: Duration) {
    tokio::time::sleep(patience).await;
    if asked.load(Ordering::Relaxed) {
        std::future::pending::<()>().await;
    }
}

async fn answer(
    router: Router,
    mut request: hyper::Request<Incoming>,
    address: SocketAddr,
) -> Result<axum::response::Response, Infallible> {
    request.extensions_mut().insert(ConnectInfo(address));
    router.oneshot(request).await
}
