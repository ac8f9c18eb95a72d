//! What this server does of its own accord: followers of the log, each from a position of its own, and what waits for
//! its time.

pub mod delayed;
pub mod federation;
mod progress;
pub mod push;
