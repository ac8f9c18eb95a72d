//! Who is typing where. In memory only: it is over before anybody could miss it.
//!
//! Invariant: each change of a room's list has a moment of its own, taken under the lock under which it is made.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use ruma::{OwnedUserId, RoomId, UserId};
use tokio::{sync::broadcast, time::Instant};

use super::{Rooms, rows::Membership};
use crate::{
    error::{Error, Result},
    ids::{RoomNum, UserNum},
    json::ObjectWriter,
    store::{Live, Store},
    users::Session,
};

/// How long somebody types if the client doesn't say, and at the most.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);
const MAX_TIMEOUT: Duration = Duration::from_secs(120);
/// People who are shown as typing in one room, at the most.
const MAX_TYPING: usize = 100;
/// How late the others may learn that somebody stopped to tell that they type.
const TICK: Duration = Duration::from_secs(1);
/// Changes that other servers may be late to be told of; later ones are not told at all.
const MAX_UNTOLD: usize = 1_000;
/// Rooms that are kept in which nobody types any more.
const MAX_QUIET_ROOMS: usize = 10_000;

/// Who is typing in all rooms.
pub struct Typing {
    store: Arc<Store>,
    state: Mutex<State>,
    told: broadcast::Sender<LocalTyping>,
}

/// A user of this server has begun to type in a room, or ended.
#[derive(Clone, Debug)]
pub struct LocalTyping {
    /// The room.
    pub room: RoomNum,
    /// The user.
    pub user: OwnedUserId,
    /// Whether they type.
    pub typing: bool,
}

#[derive(Default)]
struct State {
    rooms: HashMap<RoomNum, RoomTyping>,
    /// The rooms by the moment of their last change.
    by_moment: BTreeMap<u64, RoomNum>,
    /// The latest moment of a room that was dropped for want of space.
    dropped: u64,
    timer_runs: bool,
}

#[derive(Default)]
struct RoomTyping {
    changed: u64,
    users: Vec<(OwnedUserId, Instant)>,
}

impl Typing {
    pub(super) fn new(store: Arc<Store>) -> Arc<Self> {
        Arc::new(Self { store, state: Mutex::default(), told: broadcast::Sender::new(MAX_UNTOLD) })
    }

    /// The user types, for `timeout` from now on or as long as is usual. Whether they may is the caller's business.
    pub(super) fn start(self: &Arc<Self>, room: RoomNum, user: &UserId, timeout: Option<Duration>) {
        let until = Instant::now() + timeout.unwrap_or(DEFAULT_TIMEOUT).min(MAX_TIMEOUT);
        let mut state = self.lock();
        let users = &mut state.rooms.entry(room).or_default().users;
        let news = match users.iter().position(|(typing, _)| typing == user) {
            Some(known) => {
                users[known].1 = until;
                false
            }
            None if users.len() < MAX_TYPING => {
                users.push((user.to_owned(), until));
                true
            }
            None => return,
        };
        if news {
            state.change(room, self.store.live());
        }
        if !std::mem::replace(&mut state.timer_runs, true) {
            tokio::spawn(run_timer(Arc::downgrade(self)));
        }
    }

    /// The user types no more.
    pub(super) fn stop(&self, room: RoomNum, user: &UserId) {
        let mut state = self.lock();
        let Some(typing) = state.rooms.get_mut(&room) else { return };
        let before = typing.users.len();
        typing.users.retain(|(typing, _)| typing != user);
        if typing.users.len() < before {
            state.change(room, self.store.live());
        }
    }

    /// What users of this server do, from now on.
    pub fn local(&self) -> broadcast::Receiver<LocalTyping> {
        self.told.subscribe()
    }

    /// The rooms in which something changed after the moment `since`, where clients waited for it.
    pub fn rooms_since(&self, since: u64) -> Vec<RoomNum> {
        self.lock().by_moment.range(since.saturating_add(1)..).map(|(_, room)| *room).collect()
    }

    /// Who is typing in the room, if that changed after the moment `since`. For `since` 0 only if somebody is.
    pub fn changed(&self, room: RoomNum, since: u64) -> Option<Vec<OwnedUserId>> {
        let state = self.lock();
        let typing = state.rooms.get(&room);
        let users = || typing.into_iter().flat_map(|typing| &typing.users).map(|(user, _)| user.clone());
        let changed = typing.map_or(state.dropped, |typing| typing.changed) > since;
        let news = if since == 0 { users().next().is_some() } else { changed };
        news.then(|| users().collect())
    }

    /// Drops who stopped to tell, and returns when the next one is due.
    fn expire(&self) -> Option<Instant> {
        let now = Instant::now();
        let mut state = self.lock();
        let due: Vec<RoomNum> = state
            .rooms
            .iter()
            .filter(|(_, typing)| typing.users.iter().any(|(_, until)| *until <= now))
            .map(|(room, _)| *room)
            .collect();
        for room in due {
            if let Some(typing) = state.rooms.get_mut(&room) {
                typing.users.retain(|(_, until)| *until > now);
            }
            state.change(room, self.store.live());
        }
        let next = state.rooms.values().flat_map(|typing| &typing.users).map(|(_, until)| *until).min();
        state.timer_runs = next.is_some();
        next
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Each change under this lock is whole before anything that may panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The list of a room is new: gives it a moment, and wakes those who wait for it.
    fn change(&mut self, room: RoomNum, live: &Live) {
        let typing = self.rooms.entry(room).or_default();
        let before = std::mem::replace(&mut typing.changed, live.next_moment());
        self.by_moment.remove(&before);
        self.by_moment.insert(typing.changed, room);
        self.drop_quiet();
        live.wake_room(room);
    }

    fn drop_quiet(&mut self) {
        if self.rooms.len() <= MAX_QUIET_ROOMS {
            return;
        }
        let quiet = |(_, room): (&u64, &RoomNum)| {
            let typing = self.rooms.get(room)?;
            typing.users.is_empty().then_some((typing.changed, *room))
        };
        if let Some((moment, room)) = self.by_moment.iter().find_map(quiet) {
            self.rooms.remove(&room);
            self.by_moment.remove(&moment);
            self.dropped = self.dropped.max(moment);
        }
    }
}

impl Rooms {
    /// A member types, for `timeout` or as long as is usual, or types no more; 403 `M_FORBIDDEN` for others.
    pub fn set_typing(
        &self,
        session: &Session,
        room_id: &RoomId,
        typing: bool,
        timeout: Option<Duration>,
    ) -> Result<()> {
        let room = self.joined_room(session.user, room_id)?;
        match typing {
            true => self.typing.start(room, &session.user_id, timeout),
            false => self.typing.stop(room, &session.user_id),
        }
        // Nobody may be listening.
        let _ = self.typing.told.send(LocalTyping { room, user: session.user_id.clone(), typing });
        Ok(())
    }

    /// The number of a room that a user of this server is joined to; 403 `M_FORBIDDEN` of any other.
    pub(super) fn joined_room(&self, user: UserNum, room_id: &RoomId) -> Result<RoomNum> {
        let not_joined = || Error::forbidden("You are not in that room.");
        let room = self.store.room_num(room_id)?.ok_or_else(not_joined)?;
        let own = self.view(&self.store.latest(), room).own(user)?;
        own.filter(|own| own.membership == Membership::Join).map(|_| room).ok_or_else(not_joined)
    }
}

/// Ends with the last one who types, or with the server.
async fn run_timer(typing: Weak<Typing>) {
    while let Some(next) = typing.upgrade().and_then(|typing| typing.expire()) {
        // Somebody else's typing may come to end earlier meanwhile.
        tokio::time::sleep_until(next.min(Instant::now() + TICK)).await;
    }
}

/// The `m.typing` event that tells clients who is typing.
pub fn event(users: &[OwnedUserId]) -> Vec<u8> {
    let mut out = Vec::with_capacity(64);
    let mut event = ObjectWriter::open(&mut out);
    let mut content = event.object("content");
    let mut user_ids = content.array("user_ids");
    for user in users {
        user_ids.text(user.as_str());
    }
    user_ids.close();
    content.close();
    event.text("type", "m.typing");
    event.close();
    out
}
