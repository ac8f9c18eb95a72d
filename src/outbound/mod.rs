//! What this server tells others of its own accord: followers of the log, each from a position of its own.

pub mod federation;
mod progress;
pub mod push;
