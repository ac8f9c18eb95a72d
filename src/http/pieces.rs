//! Bodies that come piece by piece from elsewhere, and files between other bytes.

use std::{
    fs::File,
    io,
    os::unix::fs::FileExt,
    pin::Pin,
    task::{Context, Poll},
};

use axum::body::Body;
use bytes::Bytes;
use hyper::body::Frame;
use tokio::sync::mpsc;

/// What is held in memory of a file on its way out, bytes, and how many pieces wait.
const PIECE: u64 = 128 << 10;
const WAITING: usize = 2;

/// A body of what is received.
pub fn received(pieces: mpsc::Receiver<io::Result<Bytes>>) -> Body {
    Body::new(Pieces(pieces))
}

/// A body of a whole file between other bytes. It is read as the other side takes it.
pub fn framed(head: Vec<u8>, file: File, tail: Vec<u8>) -> Body {
    let (sender, pieces) = mpsc::channel(WAITING);
    tokio::task::spawn_blocking(move || {
        let outcome = send_framed(&sender, head, &file, tail);
        if let Err(error) = outcome {
            // Nobody may be there any more.
            let _ = sender.blocking_send(Err(error));
        }
    });
    received(pieces)
}

/// Ends early when nobody takes it any more.
fn send_framed(sender: &mpsc::Sender<io::Result<Bytes>>, head: Vec<u8>, file: &File, tail: Vec<u8>) -> io::Result<()> {
    let length = file.metadata()?.len();
    let mut sent = 0;
    let mut next = Some(Bytes::from(head));
    while let Some(piece) = next.take() {
        if sender.blocking_send(Ok(piece)).is_err() {
            return Ok(());
        }
        if sent < length {
            let mut piece = vec![0; (length - sent).min(PIECE) as usize];
            file.read_exact_at(&mut piece, sent)?;
            sent += piece.len() as u64;
            next = Some(piece.into());
        }
    }
    let _ = sender.blocking_send(Ok(tail.into()));
    Ok(())
}

struct Pieces(mpsc::Receiver<io::Result<Bytes>>);

impl hyper::body::Body for Pieces {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        self.0.poll_recv(cx).map(|piece| piece.map(|piece| piece.map(Frame::data)))
    }
}
