//! HTTP: the one route table, what requests are decoded with, what answers look like, and the server's life.

pub mod answer;
mod compress;
mod cors;
pub mod extract;
pub mod files;
mod guests;
pub mod limits;
pub mod media;
pub mod pieces;
pub mod rate_limit;
mod restrictions;
mod router;
mod server;
pub mod tls;
mod web;
pub mod x_matrix;

pub use self::{
    router::{protected, router},
    server::{serve, serve_tls},
};
