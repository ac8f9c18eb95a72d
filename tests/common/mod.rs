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
pub mod federation;
mod room;
mod server;

#[allow(unused_imports, reason = "the same")]
pub use self::{
    client::{Answer, TestClient, encode},
    federation::{Federation, Peer},
    room::TestRoom,
    server::{Builder, PASSWORD, TestServer},
};

/// Copies a folder with all that is in it.
pub fn copy_folder(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}
