//! `salon room`: lists the rooms of a stopped server, and removes them from it.

use std::error::Error;

use clap::Subcommand;
use ruma::OwnedRoomId;

use super::closed_store;
use crate::{
    config::Config,
    ids::RoomNum,
    rooms::{purge, rows::RoomHead},
    store::{Family, Read, Store, StoreError, decode, keys},
};

/// What can be done with rooms.
#[derive(Subcommand)]
pub enum RoomCommand {
    /// List the rooms, with their members and their events
    List,
    /// Remove a room and all of its events from this server; other servers keep theirs
    Purge {
        /// The room's ID, such as !abc:example.org
        room_id: OwnedRoomId,
    },
}

/// Does what was asked for.
pub fn run(config: &Config, command: RoomCommand) -> Result<(), Box<dyn Error>> {
    let store = closed_store(config)?;
    match command {
        RoomCommand::List => list(&store)?,
        RoomCommand::Purge { room_id } => {
            let found = store.room_num(&room_id)?.map(|room| head(&store, room)).transpose()?.flatten();
            let room = store.room_num(&room_id)?.filter(|_| found.is_some());
            let room = room.ok_or_else(|| format!("this server has no room {room_id}"))?;
            purge::purge(&store, room)?;
            println!("{room_id} is removed.");
        }
    }
    Ok(())
}

fn list(store: &Store) -> Result<(), Box<dyn Error>> {
    let snapshot = store.snapshot();
    let mut rows = snapshot.scan(Family::Rooms, &[], &[]);
    let mut rooms = 0;
    while let Some((key, value)) = rows.next()? {
        let room = keys::read_u32(key, 0).ok_or(StoreError::Malformed(Family::Rooms))?;
        let head: RoomHead = decode(Family::Rooms, value)?;
        let (id, events) = (store.room_id(RoomNum(room))?, head.next.0 - 1);
        println!("{id}  version {}  {} joined  {} invited  {events} events", head.version, head.joined, head.invited);
        rooms += 1;
    }
    println!("{rooms} rooms");
    Ok(())
}

fn head(store: &Store, room: RoomNum) -> Result<Option<RoomHead>, StoreError> {
    store.latest().get_row(Family::Rooms, &keys::room(room))
}
