//! Push: tells gateways what users with pushers are notified of, and how much they have not read (push gateway API).
//!
//! Invariant: what the log holds is pushed, or given up, before the follower's position passes it; so a crash
//! makes gateways hear something twice, which they know by its event ID, but not miss it.

mod badge;
mod body;
mod invite;
mod queue;

use std::{collections::HashMap, sync::Arc};

use self::{
    badge::Badges,
    invite::Invite,
    queue::{Item, Queues, What},
};
use crate::{
    app::App,
    error::{Error, Result},
    ids::{EventNum, Position, RoomNum, UserNum},
    net::HttpClient,
    rooms::{remote::Invited, view::own_rooms},
    store::{Follower, LogEntry},
    users::Pusher,
};

/// The follower's name.
const NAME: &str = "push";

/// Follows the log for as long as the server runs.
pub async fn follow(app: Arc<App>) -> Result<()> {
    let mut follower = Follower::resume(app.store.clone(), NAME)?;
    let mut kept = follower.position();
    let client = HttpClient::new(app.config.push.allow_private_addresses).map_err(Error::internal)?;
    let queues = Queues::new(app.clone(), client);
    let mut push = Push::new(&app, queues.clone())?;
    let mut invites = app.rooms.invites();
    loop {
        tokio::select! {
            entries = follower.next() => {
                for (position, entry) in entries? {
                    if let Err(error) = push.act_on(position, entry) {
                        tracing::error!(%error, %position, "something was not pushed");
                    }
                    follower.read_to(position);
                }
            }
            () = queues.progress.settled_some() => {}
            Ok(invited) = invites.recv() => {
                if let Err(error) = push.tell_invite(invited) {
                    tracing::error!(%error, "an invite was not pushed");
                }
            }
        }
        queues.progress.keep(&follower, &mut kept);
    }
}

/// Who has pushers, and what is on its way to them.
struct Push<'a> {
    app: &'a App,
    users: HashMap<UserNum, Vec<Pusher>>,
    badges: Arc<Badges>,
    queues: Arc<Queues>,
}

impl<'a> Push<'a> {
    fn new(app: &'a App, queues: Arc<Queues>) -> Result<Self> {
        let mut push = Self { app, users: HashMap::new(), badges: queues.badges(), queues };
        for user in app.users.users_with_pushers(&app.store.snapshot())? {
            push.look_up(user)?;
        }
        Ok(push)
    }

    fn act_on(&mut self, position: Position, entry: LogEntry) -> Result<()> {
        match entry {
            LogEntry::Event(room, number) => self.tell(position, (room, number)),
            LogEntry::User(user) | LogEntry::Receipt(_, user) => {
                self.look_up(user)?;
                self.tell_badge(position, user)
            }
            LogEntry::Deactivated(user) => self.look_up(user),
            LogEntry::Profile(_) | LogEntry::Outbox | LogEntry::Housekeeping => Ok(()),
        }
    }

    fn look_up(&mut self, user: UserNum) -> Result<()> {
        let pushers = self.app.users.pushers(&self.app.store.snapshot(), user)?;
        if pushers.is_empty() {
            self.users.remove(&user);
            self.badges.forget(user);
        } else {
            self.users.insert(user, pushers);
        }
        Ok(())
    }

    /// Queues what the pushers of all whom an event concerns are to be told.
    fn tell(&self, position: Position, (room, number): (RoomNum, EventNum)) -> Result<()> {
        if self.users.is_empty() {
            return Ok(());
        }
        let snapshot = self.app.store.snapshot();
        let Some(happening) = self.app.rooms.happening(&snapshot, (room, number))? else { return Ok(()) };
        for (user, pushers) in &self.users {
            let rooms = || own_rooms(&snapshot, *user).map(|rooms| rooms.joined());
            let joined = self.app.store.live().joined_rooms(*user, rooms)?;
            if joined.binary_search(&room).is_err() && !happening.names(*user) {
                continue;
            }
            if let Some(actions) = happening.actions_for(*user)? {
                self.queue(*user, pushers, position, &What::Event { room, number, actions: actions.into() });
            }
        }
        // Whoever writes has read.
        self.tell_badge(position, happening.sender())
    }

    /// Queues what the pushers of a user are to be told of an invite to a room that this server is not in.
    fn tell_invite(&mut self, invited: Invited) -> Result<()> {
        let (user, position) = (invited.user, invited.position);
        // They may have come with an entry of the log that is yet to be read.
        self.look_up(user)?;
        let Some(pushers) = self.users.get(&user) else { return Ok(()) };
        if let Some(invite) = Invite::to_tell(self.app, invited)? {
            self.queue(user, pushers, position, &What::Invite(invite));
        }
        Ok(())
    }

    /// Queues the number of what a user has not read, if it has become less than their pushers know.
    fn tell_badge(&self, position: Position, user: UserNum) -> Result<()> {
        if let Some(pushers) = self.users.get(&user)
            && self.badges.is_less(self.app, user)?
        {
            self.queue(user, pushers, position, &What::Badge);
        }
        Ok(())
    }

    fn queue(&self, user: UserNum, pushers: &[Pusher], position: Position, what: &What) {
        for pusher in pushers {
            let item = Item { position, what: what.clone(), since: self.app.clock.now_ms() };
            Queues::push(&self.queues, (user, pusher.app_id.clone(), pusher.pushkey.clone()), item);
        }
    }
}
