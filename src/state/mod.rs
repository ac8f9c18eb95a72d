//! The state of rooms: what is true in a room at a given event. Pure: no I/O, no async.

pub mod auth;
pub mod chains;
pub mod power;
pub mod resolve;
pub mod trie;

#[cfg(test)]
mod tests;
