//! The read model behind `/sync`: what changed for one user between a token and now.
//!
//! Invariants: it writes nothing but the deletion of messages to the device that its token acknowledges; its cost follows
//! what changed, not how many rooms the user is in; the token that it returns never lies behind what it has shown, or
//! beyond what was published.

mod device_lists;
mod encryption;
mod extras;
mod filter;
mod initial;
mod moved;
mod newcomers;
mod reader;
mod room;
mod rooms;
mod state;
mod stream;
mod summary;
mod timeline;
mod token;

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

pub use self::{
    device_lists::{DeviceLists, device_lists_since},
    initial::{initial_sync, room_initial_sync},
    stream::{StreamRequest, stream},
    token::SyncToken,
};
use self::{
    encryption::{DeviceKeyCounts, Devices},
    filter::SyncFilter,
    moved::Moved,
    rooms::{Feed, RoomsPart},
};
use crate::{
    app::App,
    error::{Error, Result},
    ids::{Position, RoomNum, UserNum},
    json::ObjectWriter,
    rooms::view::own_rooms,
    store::{JoinedRooms, Snapshot},
    users::{Session, filters::Filter},
};

/// A sync does not wait longer than this, whatever its client says.
pub const MAX_TIMEOUT: Duration = Duration::from_secs(300);
/// Syncs of one user that wait at the same moment, on all devices: each costs something when there is news.
pub const MAX_WAITING: usize = 100;
/// When to come back who may not wait.
const RETRY_MS: u64 = 5_000;

/// A sync that a client asks for.
#[derive(Default)]
pub struct Request {
    /// Where the client is; `None`: it has nothing yet.
    pub since: Option<SyncToken>,
    /// What it wants.
    pub filter: Filter,
    /// Whether it wants all state again.
    pub full_state: bool,
    /// Whether it wants the state at the end of each timeline.
    pub use_state_after: bool,
    /// How long to wait for something new.
    pub timeout: Duration,
}

/// Answers a sync: at once if there is something new, else when there is or the time is over.
///
/// # Errors
/// 429 `M_LIMIT_EXCEEDED` if it would have to wait beside too many others of this user.
pub async fn sync(app: &App, session: &Session, request: &Request) -> Result<Vec<u8>> {
    if let Some(since) = request.since {
        app.users.acknowledge(session, since.to_device, since.boot != app.store.live().boot_id())?;
    }
    let wait = Wait { since: request.since, timeout: request.timeout, all: request.full_state, any_room: false };
    let build = |since, joined| Builder::new(app, session, request, since, joined).build();
    match until_news(app, session, wait, build).await? {
        News::Answer(answer) => Ok(answer),
        News::Nothing(now) => nothing(app, session, now),
    }
}

/// How a request waits for news.
struct Wait {
    /// Where the client is; `None`: it has nothing yet.
    since: Option<SyncToken>,
    /// How long it waits.
    timeout: Duration,
    /// Whether it wants an answer whatever happened.
    all: bool,
    /// Whether it wants to hear of a room that the user is not in.
    any_room: bool,
}

/// What a wait came to.
enum News {
    /// There is something to tell.
    Answer(Vec<u8>),
    /// Nothing happened up to here.
    Nothing(SyncToken),
}

/// Builds an answer until there is something to tell, the time is over, or the server stops.
async fn until_news(
    app: &App,
    session: &Session,
    wait: Wait,
    build: impl Fn(Option<SyncToken>, JoinedRooms) -> Result<Built>,
) -> Result<News> {
    let deadline = Instant::now() + wait.timeout.min(MAX_TIMEOUT);
    let mut since = wait.since;
    loop {
        app.users.check_session(session)?;
        let joined = joined_rooms(app, session.user)?;
        let waker = app.store.live().waker(session.user).unwrap_or_default();
        let notified = waker.notified();
        tokio::pin!(notified);
        // From here on no wake-up is lost.
        notified.as_mut().enable();

        let built = match idle_at(app, session, since.filter(|_| !wait.all && !wait.any_room), &joined)? {
            Some(now) => Built::Nothing(now),
            None => build(since, joined)?,
        };
        let now = match built {
            Built::Answer(answer) => return Ok(News::Answer(answer)),
            Built::Behind(position) => {
                app.store.wait_published(Position(position.0.saturating_sub(1))).await;
                continue;
            }
            Built::Nothing(now) => now,
        };
        // Nothing up to here concerns the user: no need to look there again.
        since = Some(now);
        // Each of them holds the waker, as does who keeps it.
        let waits = !wait.all && Instant::now() < deadline;
        if waits && Arc::strong_count(&waker) > MAX_WAITING + 1 {
            return Err(Error::limit_exceeded(RETRY_MS));
        }
        if !waits {
            return Ok(News::Nothing(now));
        }
        tokio::select! {
            biased;
            () = notified => {}
            () = app.store.wait_published(now.position), if wait.any_room => {}
            () = tokio::time::sleep_until(deadline) => return Ok(News::Nothing(now)),
            () = app.stopped() => return Ok(News::Nothing(now)),
        }
    }
}

/// The rooms that a user is joined to, in memory from the first time on.
pub fn joined_rooms(app: &App, user: UserNum) -> Result<JoinedRooms> {
    let load = || own_rooms(&app.store.snapshot(), user).map(|rooms| rooms.joined());
    Ok(app.store.live().joined_rooms(user, load)?)
}

/// Where a client is for whom memory alone tells that there is nothing new: an idle client costs no look at the
/// database. `joined` must have been read before.
fn idle_at(app: &App, session: &Session, since: Option<SyncToken>, joined: &JoinedRooms) -> Result<Option<SyncToken>> {
    let Some(since) = since else { return Ok(None) };
    let live = app.store.live();
    // These first: what is told after them is found by what is asked next.
    let (moment, position) = (live.moment(), app.store.published());
    let now = SyncToken { boot: live.boot_id(), moment, position, to_device: position };
    let idle = since.boot == now.boot
        && since.moment == now.moment
        && since.to_device == since.position
        && !live.user_changed(session.user, since.position)
        && live.changed_rooms(joined, since.position).is_empty()
        && !device_lists::concern(app, session.user, joined, since.position)?;
    Ok(idle.then_some(now))
}

/// The answer that there is nothing new.
fn nothing(app: &App, session: &Session, now: SyncToken) -> Result<Vec<u8>> {
    let mut out = Vec::with_capacity(128);
    let mut answer = ObjectWriter::open(&mut out);
    answer.text("next_batch", &now.to_string());
    DeviceKeyCounts::read(app, &app.store.latest(), session)?.write(&mut answer);
    answer.close();
    Ok(out)
}

/// What came of one attempt.
enum Built {
    /// There is something to tell.
    Answer(Vec<u8>),
    /// There is nothing new.
    Nothing(SyncToken),
    /// The database is ahead of what was published, for this user: to be tried again behind that position.
    Behind(Position),
}

/// One attempt at an answer, over one snapshot.
struct Builder<'a> {
    app: &'a App,
    session: &'a Session,
    request: &'a Request,
    since: Option<SyncToken>,
    filter: SyncFilter<'a>,
    joined: JoinedRooms,
    snapshot: Snapshot<'a>,
    now: SyncToken,
}

impl<'a> Builder<'a> {
    /// `joined` must have been read before: what changes after that, the user's feed tells.
    fn new(
        app: &'a App,
        session: &'a Session,
        request: &'a Request,
        since: Option<SyncToken>,
        joined: JoinedRooms,
    ) -> Self {
        let (boot, moment) = (app.store.live().boot_id(), app.store.live().moment());
        let snapshot = app.store.snapshot();
        let position = snapshot.position();
        let now = SyncToken { position, boot, moment, to_device: position };
        let filter = SyncFilter::new(&request.filter);
        Self { app, session, request, since, filter, joined, snapshot, now }
    }

    fn build(mut self) -> Result<Built> {
        let since = self.since.map(|token| token.position);
        let feed = match since {
            Some(since) => Feed::read(self.app, &self.snapshot, self.session.user, since)?,
            None => Feed::default(),
        };
        let touched = self.touched_rooms();
        let account_data = self.account_data(since)?;
        let rooms = match self.rooms_part(since, (&touched, &feed), &account_data)? {
            RoomsPart::Behind(position) => return Ok(Built::Behind(position)),
            RoomsPart::Nothing => None,
            RoomsPart::Rooms(rooms) => Some(rooms),
        };
        let moved = match since {
            Some(since) => Moved::among(self.app, &self.snapshot, (&touched, &feed), since)?,
            None => Vec::new(),
        };
        let devices = Devices::read(&self, (&moved, &feed))?;
        self.now.to_device = devices.delivered_until();
        let global = self.global_account_data(&account_data);
        let presence = self.presence(&moved, &feed)?;
        // A client's first sync, or one that wants everything again, is answered whatever there is.
        let asked = self.since.is_none() || self.request.full_state;
        if !asked && rooms.is_none() && global.is_empty() && presence.is_empty() && !devices.is_news() {
            return Ok(Built::Nothing(self.now));
        }
        let mut out = Vec::with_capacity(1024);
        let mut answer = ObjectWriter::open(&mut out);
        answer.text("next_batch", &self.now.to_string());
        for (part, events) in [("account_data", &global), ("presence", &presence)] {
            if !events.is_empty() {
                room::write_events(answer.key(part), events);
            }
        }
        devices.write(&mut answer);
        if let Some(rooms) = rooms {
            answer.json("rooms", &rooms);
        }
        answer.close();
        Ok(Built::Answer(out))
    }

    /// Joined rooms in which something was published, or typed, since the client's token.
    fn touched_rooms(&self) -> Vec<RoomNum> {
        let Some(since) = self.since.filter(|_| !self.request.full_state) else { return self.joined.to_vec() };
        if self.is_restarted() {
            return self.joined.to_vec();
        }
        let mut rooms = self.app.store.live().changed_rooms(&self.joined, since.position);
        let typed_in = self.app.rooms.typing.rooms_since(self.known_moment());
        rooms.extend(typed_in.into_iter().filter(|room| self.joined.binary_search(room).is_ok()));
        rooms
    }

    /// Whether the client's token is of an earlier run of the server.
    fn is_restarted(&self) -> bool {
        self.since.is_some_and(|since| since.boot != self.now.boot)
    }

    /// How far the client is in what lives in memory; of another run of the server it knows nothing.
    fn known_moment(&self) -> u64 {
        self.since.filter(|since| since.boot == self.now.boot).map_or(0, |since| since.moment)
    }
}
