//! What a request may cost before it is looked at, and how long the server waits for a client.

use std::time::Duration;

/// A JSON body may have this many bytes. An event has 64 KiB at the most; `createRoom` carries many.
pub const MAX_JSON_BODY: usize = 2 << 20;
/// A body that another server has signed may have this many bytes: a transaction has 50 events of 64 KiB, and 100 EDUs.
pub const MAX_SIGNED_BODY: usize = 8 << 20;
/// What is read of a body whose request was refused, bytes.
pub const MAX_DISCARDED: usize = 64 << 20;
/// Such a body is read no longer than this.
pub const DISCARD_TIMEOUT: Duration = Duration::from_secs(5);
/// Open connections; one more waits in the kernel's queue.
pub const MAX_CONNECTIONS: usize = 10_000;

/// How long a client may take over its part of a conversation. Each connection's requests carry it.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// A request's head must have arrived after this, counted from the connection's start or the last answer.
    pub head: Duration,
    /// A body must have arrived after this.
    pub body: Duration,
    /// The client must take some of the answer within this.
    pub answer: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { head: Duration::from_secs(30), body: Duration::from_secs(30), answer: Duration::from_secs(60) }
    }
}
