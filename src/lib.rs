//! Salon: a Matrix homeserver in one binary.
//!
//! The way through the house: `main` → `cli` → `app` builds everything → `http::router` is the one table of
//! routes → a handler in `client` makes one call into the domain (`rooms`, `users`) or a read model (`sync`).
//! Arrows between modules point down only; `tests/layers.rs` holds them.

pub mod app;
pub mod check;
pub mod cli;
pub mod client;
pub mod clock;
pub mod config;
pub mod error;
pub mod event;
pub mod federation;
pub mod http;
pub mod ids;
pub mod json;
pub mod media;
pub mod net;
pub mod outbound;
pub mod previews;
pub mod push;
pub mod rooms;
pub mod state;
pub mod store;
pub mod sync;
pub mod users;
