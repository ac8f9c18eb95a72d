//! What a request may cost before it is looked at.

use std::time::Duration;

/// A JSON body may have this many bytes. An event has 64 KiB at the most; `createRoom` carries many.
pub const MAX_JSON_BODY: usize = 2 << 20;
/// A body must have arrived after this.
pub const BODY_TIMEOUT: Duration = Duration::from_secs(30);
/// A request's head must have arrived after this.
pub const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// Open connections; one more waits in the kernel's queue.
pub const MAX_CONNECTIONS: usize = 10_000;
