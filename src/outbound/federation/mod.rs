//! Sends other servers what happens in rooms that their users are in (server-server API, "Transactions").
//!
//! Invariant: before the follower's position passes an event, each server that is to have it was sent it, or a row says
//! since when that server is behind; so a crash makes servers hear something twice, which they know by its ID, but not
//! miss it.

mod destination;
mod devices;
mod edus;
mod presence;
mod queue;

use std::{collections::BTreeSet, sync::Arc};

use ruma::{OwnedServerName, UserId};

use self::queue::{Item, Queues};
use crate::{
    app::App,
    error::Result,
    ids::{EventNum, Position, RoomNum},
    rooms::rows::{EventMeta, Place},
    store::{Follower, LogEntry},
};

/// The follower's name.
const NAME: &str = "federation";

/// Follows the log for as long as the server runs.
pub async fn follow(app: Arc<App>) -> Result<()> {
    let queues = Queues::new(app.clone());
    queues.catch_up_all()?;
    let (events, ()) = tokio::join!(follow_log(&app, &queues), presence::follow(app.clone(), queues.clone()));
    events
}

async fn follow_log(app: &Arc<App>, queues: &Arc<Queues>) -> Result<()> {
    let mut follower = Follower::resume(app.store.clone(), NAME)?;
    let mut kept = follower.position();
    let mut typing = app.rooms.typing.local();
    loop {
        tokio::select! {
            entries = follower.next() => {
                for (position, entry) in entries? {
                    let told = match entry {
                        LogEntry::Event(room, number) => tell(app, queues, position, (room, number)),
                        LogEntry::Outbox => devices::tell_outbox(app, queues, position),
                        LogEntry::User(user) | LogEntry::Deactivated(user) => {
                            devices::tell_change(app, queues, position, user)
                        }
                        LogEntry::Receipt(room, user) => edus::tell_receipt(app, queues, (room, position), user),
                        _ => Ok(()),
                    };
                    if let Err(error) = told {
                        tracing::error!(%error, %position, "something was not sent to other servers");
                    }
                    follower.read_to(position);
                }
            }
            () = queues.progress.settled_some() => {}
            Ok(change) = typing.recv() => {
                if let Err(error) = edus::tell_typing(app, queues, &change) {
                    tracing::error!(%error, "that somebody types was not sent to other servers");
                }
            }
        }
        queues.progress.keep(&follower, &mut kept);
    }
}

/// Queues an event for the servers that are to have it from here.
fn tell(app: &App, queues: &Arc<Queues>, position: Position, (room, number): (RoomNum, EventNum)) -> Result<()> {
    let snapshot = app.store.snapshot();
    let view = app.rooms.view(&snapshot, room);
    // The room may have been purged.
    if view.head()?.is_none() {
        return Ok(());
    }
    let meta = view.meta(number)?;
    if meta.is_visible() && meta.place == Place::Live && meta.after != meta.before {
        presence::greet(app, queues, &view, (&view.event(number)?, &meta))?;
    }
    let sender = app.store.user_id(meta.sender)?;
    if !meta.is_visible() || meta.place != Place::Live || !(app.users.is_local(&sender) || meta.vouched) {
        return Ok(());
    }
    let mut servers: BTreeSet<OwnedServerName> = view.servers()?.into_iter().map(|(server, _)| server).collect();
    servers.extend(of_target(&view.event(number)?, &meta));
    for server in servers {
        let had_it_first = server == sender.server_name() && meta.vouched;
        if !had_it_first && app.peers.allows(&server) {
            Queues::push(queues, server, position, Item::Event(room, number));
        }
    }
    Ok(())
}

/// The server of whose membership an event is: it may not be in the room, any more or at all.
fn of_target(event: &crate::event::StoredEvent, meta: &EventMeta) -> Option<OwnedServerName> {
    if event.type_json() != b"\"m.room.member\"" || meta.after == meta.before {
        return None;
    }
    let target = event.state_key()?;
    Some(<&UserId>::try_from(&*target).ok()?.server_name().to_owned())
}
