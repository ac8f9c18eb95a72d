//! What is known in memory of the published end of the log: where each room and user ends, who is joined
//! where, and whom to wake. Nothing here is stored; all of it can be had again from the database.
//!
//! Invariant: it is updated before a position is published, so a reader who takes the position first and
//! looks here afterwards misses nothing.

use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio::sync::Notify;

use super::{StoreError, commit::Notice};
use crate::ids::{Position, RoomNum, UserNum};

/// Users whose rooms are kept in memory, at the most; past it those who don't wait are forgotten.
const MAX_USERS: usize = 20_000;

/// Changes of devices that are remembered; of older ones the database tells.
const MAX_DEVICE_CHANGES: usize = 10_000;

/// The rooms that a user is joined to, in ascending order.
pub type JoinedRooms = Arc<Vec<RoomNum>>;

/// The published end of the log, in memory.
pub struct Live {
    state: RwLock<State>,
    boot_id: u32,
    moment: AtomicU64,
    /// Where the log ended when the process started. What was touched before then reads as touched here.
    boot: Position,
}

#[derive(Default)]
struct State {
    /// By room number: the last position that touched the room, 0 for none since the start.
    room_tails: Vec<u64>,
    user_tails: HashMap<UserNum, Position>,
    users: HashMap<UserNum, LiveUser>,
    /// Of each room, the joined ones among `users`.
    members: HashMap<RoomNum, Vec<UserNum>>,
    device_changes: DeviceChanges,
}

/// Whose devices changed lately, in the order of the changes.
#[derive(Default)]
struct DeviceChanges {
    changes: VecDeque<(Position, UserNum)>,
    /// Up to here some may be missing.
    forgotten: Position,
}

struct LiveUser {
    rooms: JoinedRooms,
    waker: Arc<Notify>,
}

impl Live {
    pub(super) fn starting_at(boot: Position) -> Self {
        let state = State { device_changes: DeviceChanges::after(boot), ..State::default() };
        Self { state: RwLock::new(state), boot_id: rand::random(), moment: AtomicU64::new(0), boot }
    }

    // No code that may panic runs under the lock with the state half changed.
    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Of `rooms`, those that something touched after `since`.
    pub fn changed_rooms(&self, rooms: &[RoomNum], since: Position) -> Vec<RoomNum> {
        if since < self.boot {
            return rooms.to_vec();
        }
        let state = self.read();
        let touched = |room: &RoomNum| state.room_tails.get(room.0 as usize).is_some_and(|tail| *tail > since.0);
        rooms.iter().copied().filter(touched).collect()
    }

    /// Whether something that only this user sees was written after `since`.
    pub fn user_changed(&self, user: UserNum, since: Position) -> bool {
        since < self.boot || self.read().user_tails.get(&user).is_some_and(|tail| *tail > since)
    }

    /// The users whose devices changed after `since`, with where; `None` if memory does not reach back so far.
    pub fn device_changes(&self, since: Position) -> Option<Vec<(Position, UserNum)>> {
        self.read().device_changes.since(since)
    }

    /// The rooms that the user is joined to, from memory, else by `load`. `load` reads the database under the
    /// lock, so that no change falls between the two.
    pub fn joined_rooms(
        &self,
        user: UserNum,
        load: impl FnOnce() -> Result<Vec<RoomNum>, StoreError>,
    ) -> Result<JoinedRooms, StoreError> {
        if let Some(known) = self.read().users.get(&user) {
            return Ok(known.rooms.clone());
        }
        let mut state = self.write();
        if let Some(known) = state.users.get(&user) {
            return Ok(known.rooms.clone());
        }
        state.make_room();
        let mut rooms = load()?;
        rooms.sort_unstable();
        for room in &rooms {
            state.members.entry(*room).or_default().push(user);
        }
        let rooms = Arc::new(rooms);
        state.users.insert(user, LiveUser { rooms: rooms.clone(), waker: Arc::default() });
        Ok(rooms)
    }

    /// Notified when something may have changed for a user whose `joined_rooms` were asked for before.
    pub fn waker(&self, user: UserNum) -> Option<Arc<Notify>> {
        self.read().users.get(&user).map(|known| known.waker.clone())
    }

    /// Wakes the user's waiting requests: for what lives in memory only (typing, presence).
    pub fn wake_user(&self, user: UserNum) {
        self.read().wake(user);
    }

    /// Wakes all waiting members of a room: for what lives in memory only (typing, presence).
    pub fn wake_room(&self, room: RoomNum) {
        self.read().wake_members(room);
    }

    /// A number of this run of the server, by which tokens tell what they remember of its memory.
    pub fn boot_id(&self) -> u32 {
        self.boot_id
    }

    /// Wakes all waiting members of the rooms that the user is joined to, as far as those are known in memory.
    pub fn wake_neighbours(&self, user: UserNum) {
        self.read().wake_neighbours(user);
    }

    /// How often what lives in memory only (typing, presence) has changed in this run of the server.
    ///
    /// Who keeps such things takes a new moment under the lock under which the change is made; who reads them
    /// asks for the moment first, and so misses nothing up to it.
    pub fn moment(&self) -> u64 {
        self.moment.load(Ordering::SeqCst)
    }

    /// A new moment; the first is 1.
    pub fn next_moment(&self) -> u64 {
        self.moment.fetch_add(1, Ordering::SeqCst) + 1
    }

    pub(super) fn apply(&self, position: Position, notices: &[Notice]) {
        let mut state = self.write();
        for notice in notices {
            match *notice {
                Notice::Room(room) => state.touch_room(room, position),
                Notice::User(user) => {
                    state.user_tails.insert(user, position);
                }
                Notice::Devices(user) => state.device_changes.push(position, user),
                Notice::Joined(room, user) => state.join(room, user),
                Notice::Left(room, user) => state.leave(room, user),
            }
        }
    }

    pub(super) fn wake(&self, notices: &[Notice]) {
        let state = self.read();
        for notice in notices {
            match *notice {
                Notice::Room(room) => state.wake_members(room),
                Notice::Devices(user) => state.wake_sharers(user),
                Notice::User(user) | Notice::Joined(_, user) | Notice::Left(_, user) => state.wake(user),
            }
        }
    }
}

impl State {
    fn touch_room(&mut self, room: RoomNum, position: Position) {
        let index = room.0 as usize;
        if self.room_tails.len() <= index {
            self.room_tails.resize(index + 1, 0);
        }
        self.room_tails[index] = position.0;
    }

    fn join(&mut self, room: RoomNum, user: UserNum) {
        let Some(known) = self.users.get_mut(&user) else { return };
        if let Err(place) = known.rooms.binary_search(&room) {
            Arc::make_mut(&mut known.rooms).insert(place, room);
            self.members.entry(room).or_default().push(user);
        }
    }

    fn leave(&mut self, room: RoomNum, user: UserNum) {
        let Some(known) = self.users.get_mut(&user) else { return };
        if let Ok(place) = known.rooms.binary_search(&room) {
            Arc::make_mut(&mut known.rooms).remove(place);
            self.forget_member(room, user);
        }
    }

    fn forget_member(&mut self, room: RoomNum, user: UserNum) {
        if let Some(members) = self.members.get_mut(&room) {
            members.retain(|member| *member != user);
            if members.is_empty() {
                self.members.remove(&room);
            }
        }
    }

    fn make_room(&mut self) {
        if self.users.len() < MAX_USERS {
            return;
        }
        let idle: Vec<UserNum> = self
            .users
            .iter()
            .filter(|(_, known)| Arc::strong_count(&known.waker) == 1)
            .map(|(user, _)| *user)
            .collect();
        for user in idle {
            if let Some(known) = self.users.remove(&user) {
                for room in known.rooms.iter() {
                    self.forget_member(*room, user);
                }
            }
        }
    }

    fn wake(&self, user: UserNum) {
        if let Some(known) = self.users.get(&user) {
            known.waker.notify_waiters();
        }
    }

    fn wake_neighbours(&self, user: UserNum) {
        for room in self.users.get(&user).into_iter().flat_map(|known| known.rooms.iter()) {
            self.wake_members(*room);
        }
    }

    /// Wakes the user and whoever shares a room with them; all, where that isn't known in memory.
    fn wake_sharers(&self, user: UserNum) {
        if self.users.contains_key(&user) {
            self.wake(user);
            self.wake_neighbours(user);
        } else {
            self.users.values().for_each(|known| known.waker.notify_waiters());
        }
    }

    fn wake_members(&self, room: RoomNum) {
        for member in self.members.get(&room).into_iter().flatten() {
            self.wake(*member);
        }
    }
}

impl DeviceChanges {
    fn after(boot: Position) -> Self {
        Self { changes: VecDeque::new(), forgotten: boot }
    }

    fn push(&mut self, position: Position, user: UserNum) {
        self.changes.push_back((position, user));
        if self.changes.len() > MAX_DEVICE_CHANGES
            && let Some((oldest, _)) = self.changes.pop_front()
        {
            self.forgotten = oldest;
        }
    }

    fn since(&self, since: Position) -> Option<Vec<(Position, UserNum)>> {
        if since < self.forgotten {
            return None;
        }
        let first = self.changes.partition_point(|(position, _)| *position <= since);
        Some(self.changes.range(first..).copied().collect())
    }
}
