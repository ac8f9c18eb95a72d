//! What the benches share: a server without HTTP, and people who need no registration.

#![allow(dead_code, reason = "not every bench calls all of it")]

use std::sync::Arc;

use ruma::{OwnedUserId, RoomVersionId, UserId, owned_device_id};
use salon::{
    app::App,
    clock::{Clock, Randomness},
    config::Config,
    ids::RoomNum,
    rooms::create::{NewRoom, Preset},
    users::{Restrictions, Session},
};
use tokio::runtime::Runtime;

/// A server on a folder of its own, which goes with it.
pub struct Core {
    pub runtime: Runtime,
    pub app: Arc<App>,
    _folder: tempfile::TempDir,
}

impl Core {
    pub fn start() -> Self {
        let runtime = Runtime::new().expect("a runtime");
        let folder = tempfile::tempdir().expect("a folder");
        let config = Config { data_dir: folder.path().to_owned(), ..Config::default() };
        let app = runtime
            .block_on(async { App::build(config, Clock::System, Randomness::seeded(1)) })
            .expect("the server starts");
        Self { runtime, app, _folder: folder }
    }

    /// Somebody of this server, as if logged in.
    pub fn session(&self, name: &str) -> Session {
        let user_id: OwnedUserId = format!("@{name}:localhost").try_into().expect("a user ID");
        let user = self.app.store.intern_user(&user_id).expect("a number");
        Session {
            user_id,
            user,
            device_id: owned_device_id!("BENCH"),
            is_guest: false,
            token: Default::default(),
            restrictions: Restrictions::default(),
        }
    }

    /// Makes a room.
    pub fn create(&self, new: NewRoom) -> RoomNum {
        let room_id = self.runtime.block_on(self.app.rooms.create(new)).expect("the room is made");
        self.app.rooms.number(&room_id).expect("the room is there")
    }
}

/// A room that anybody may join.
pub fn open_room(creator: &UserId) -> NewRoom {
    NewRoom::new(creator.to_owned(), RoomVersionId::V12, Preset::PublicChat)
}
