//! Whole servers in the test process, and clients that speak HTTP to them, so that tests read as stories.
//!
//! ```ignore
//! let server = TestServer::start().await;
//! let alice = server.register("alice").await;
//! let me = alice.get("/v3/account/whoami").await.ok();
//! alice.get("/v3/nothing").await.refused(404, "M_UNRECOGNIZED");
//! ```

#![allow(dead_code, reason = "not every test binary calls all of it")]

mod client;
mod room;
mod server;

#[allow(unused_imports, reason = "the same")]
pub use self::{
    client::{Answer, TestClient, encode},
    room::TestRoom,
    server::{Builder, PASSWORD, TestServer},
};
