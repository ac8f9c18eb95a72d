//! Presence: who is there (client-server API, "Presence"). In memory only, and nothing at all where the admin
//! switched it off.
//!
//! Invariant: each change that others see has a moment of its own, taken under the lock under which it is made.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use ruma::{DeviceId, OwnedDeviceId, UserId};
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast;

use super::Session;
use crate::{
    clock::Clock,
    error::{Error, Result},
    ids::UserNum,
    json::ObjectWriter,
    store::Store,
};

/// Who did nothing for so long, in ms, is `unavailable`.
const IDLE_MS: u64 = 5 * 60 * 1000;
/// Who did something within this time, in ms, is `currently_active`.
const ACTIVE_MS: u64 = 60 * 1000;
/// Whose last sync ended so long ago, in ms, is there no more.
const GRACE_MS: u64 = 30 * 1000;
/// How often it is looked who became idle, or left.
const TICK: Duration = Duration::from_secs(1);
/// Users of whom something is known, at the most; past it those who are offline are forgotten.
const MAX_USERS: usize = 50_000;
/// Devices of one user that count, at the most.
const MAX_DEVICES: usize = 50;
/// Who is on another server and was not told of for so long, in ms, is not known to be there.
const HEARD_MS: u64 = 60 * 60 * 1000;
/// Changes that wait to be told to other servers.
const MAX_UNTOLD: usize = 1_024;
/// The longest status message, in bytes.
const MAX_STATUS_BYTES: usize = 1024;

/// The three states of the spec.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PresenceState {
    /// Here.
    #[default]
    Online,
    /// Here, but idle.
    Unavailable,
    /// Not here, or wants to seem so.
    Offline,
}

/// What others are told of a user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PresenceStatus {
    /// The state.
    pub presence: PresenceState,
    /// When they last did something, in ms before now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_active_ago: Option<u64>,
    /// What they say about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status_msg: Option<String>,
    /// Of who is online: whether they do something right now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub currently_active: Option<bool>,
}

impl PresenceStatus {
    /// Whether the user is not to be reached.
    pub fn is_offline(&self) -> bool {
        self.presence == PresenceState::Offline
    }
}

/// What another server tells of a user of its own.
#[derive(Clone, Debug, Deserialize)]
pub struct Heard {
    presence: PresenceState,
    #[serde(default)]
    last_active_ago: u64,
    status_msg: Option<String>,
    #[serde(default)]
    currently_active: bool,
}

/// The presence of this server's users, and what others tell of theirs.
pub struct Presence {
    tracker: Option<Arc<Tracker>>,
    local: broadcast::Sender<UserNum>,
}

struct Tracker {
    store: Arc<Store>,
    clock: Clock,
    local: broadcast::Sender<UserNum>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    users: HashMap<UserNum, Known>,
    /// Users by the moment of their last change.
    by_moment: BTreeMap<u64, UserNum>,
    timer_runs: bool,
}

#[derive(Clone, Default)]
struct Known {
    devices: Vec<Device>,
    status_msg: Option<String>,
    /// Ms since the epoch, 0 for never.
    last_active: u64,
    shown: Shown,
    changed: u64,
    /// Of who is on another server: what that told last, and when in ms since the epoch.
    elsewhere: Option<(Shown, u64)>,
}

/// A device that is there, or was a moment ago.
#[derive(Clone)]
struct Device {
    id: OwnedDeviceId,
    wanted: PresenceState,
    syncs: usize,
    /// When its last sync ended, or it last said something, in ms since the epoch.
    seen: u64,
}

/// What others see change: nothing is sent while only the time of the last activity moves.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Shown {
    presence: PresenceState,
    active: bool,
}

impl Default for Shown {
    fn default() -> Self {
        Self { presence: PresenceState::Offline, active: false }
    }
}

/// A sync of a user is going on; it ends when this is dropped.
#[must_use = "the sync ends when this is dropped"]
pub struct Syncing(Option<(Arc<Tracker>, UserNum, OwnedDeviceId)>);

impl Drop for Syncing {
    fn drop(&mut self) {
        let Some((tracker, user, device)) = self.0.take() else { return };
        let now = tracker.clock.now_ms();
        if let Some(device) = tracker.lock().users.get_mut(&user).and_then(|known| known.device(&device)) {
            device.syncs = device.syncs.saturating_sub(1);
            device.seen = now;
        }
    }
}

impl Presence {
    /// Nobody is known to be there yet.
    pub(super) fn new(store: Arc<Store>, clock: Clock, enabled: bool) -> Self {
        let local = broadcast::Sender::new(MAX_UNTOLD);
        let tracker = || Tracker { store, clock, local: local.clone(), state: Mutex::default() };
        Self { tracker: enabled.then(|| Arc::new(tracker())), local }
    }

    /// Tells of users of this server whose presence changes from now on.
    pub fn local_changes(&self) -> broadcast::Receiver<UserNum> {
        self.local.subscribe()
    }

    /// Takes what another server tells of a user of its own; whether others see a change. Waking them is the caller's
    /// business.
    pub fn hear(&self, user: UserNum, heard: Heard) -> bool {
        self.tracker.as_ref().is_some_and(|tracker| tracker.hear(user, heard))
    }

    /// Whether there is presence at all on this server.
    pub fn is_enabled(&self) -> bool {
        self.tracker.is_some()
    }

    /// A sync of a device begins, which wants the user to be seen as `wanted`.
    pub fn sync(&self, session: &Session, wanted: PresenceState) -> Syncing {
        let Some(tracker) = self.tracker.as_ref().filter(|_| wanted != PresenceState::Offline) else {
            return Syncing(None);
        };
        tracker.update(session, |known, now| {
            if known.shown.presence == PresenceState::Offline && wanted == PresenceState::Online {
                known.last_active = now;
            }
            if let Some(device) = known.device(&session.device_id) {
                device.wanted = wanted;
                device.syncs += 1;
            }
        });
        Syncing(Some((tracker.clone(), session.user, session.device_id.clone())))
    }

    /// The user did something.
    pub fn active(&self, session: &Session) {
        let Some(tracker) = &self.tracker else { return };
        tracker.update(session, |known, now| {
            known.last_active = now;
            // Who wants to seem offline doesn't become visible by it.
            if let Some(device) = known.device(&session.device_id)
                && device.wanted == PresenceState::Unavailable
            {
                device.wanted = PresenceState::Online;
            }
        });
    }

    /// The user says how they want to be seen.
    ///
    /// # Errors
    /// 400 `M_INVALID_PARAM` if the message is too long.
    pub fn set(&self, session: &Session, presence: PresenceState, status_msg: Option<String>) -> Result<()> {
        if status_msg.as_ref().is_some_and(|text| text.len() > MAX_STATUS_BYTES) {
            return Err(Error::invalid_param(format!("A status message has at most {MAX_STATUS_BYTES} bytes.")));
        }
        let Some(tracker) = &self.tracker else { return Ok(()) };
        tracker.update(session, |known, now| {
            if presence == PresenceState::Online {
                known.last_active = now;
            }
            if let Some(device) = known.device(&session.device_id) {
                device.wanted = presence;
                device.seen = now;
            }
            known.status_msg = status_msg;
        });
        Ok(())
    }

    /// How a user is seen.
    pub fn get(&self, user: UserNum) -> PresenceStatus {
        let Some(tracker) = &self.tracker else { return Known::default().status(0) };
        let now = tracker.clock.now_ms();
        tracker.settle(now);
        tracker.lock().users.get(&user).cloned().unwrap_or_default().status(now)
    }

    /// Those whose presence changed after the moment `since`, in the order of the changes. For `since` 0 those who
    /// are not offline.
    pub fn changed_since(&self, since: u64) -> Vec<(UserNum, PresenceStatus)> {
        let Some(tracker) = &self.tracker else { return Vec::new() };
        let now = tracker.clock.now_ms();
        let state = tracker.lock();
        let changed = state.by_moment.range(since.saturating_add(1)..);
        let known = changed.filter_map(|(_, user)| Some((*user, state.users.get(user)?)));
        let news = known.filter(|(_, known)| since > 0 || known.shown.presence != PresenceState::Offline);
        news.map(|(user, known)| (user, known.status(now))).collect()
    }
}

impl Known {
    fn device(&mut self, id: &DeviceId) -> Option<&mut Device> {
        self.devices.iter_mut().find(|device| device.id == id)
    }

    fn status(&self, now: u64) -> PresenceStatus {
        let Shown { presence, active } = self.shown;
        PresenceStatus {
            presence,
            last_active_ago: (self.last_active > 0).then(|| now.saturating_sub(self.last_active)),
            status_msg: self.status_msg.clone(),
            currently_active: (presence == PresenceState::Online).then_some(active),
        }
    }

    /// What its devices, or its server, and the time make of it.
    fn at(&self, now: u64) -> Shown {
        if let Some((shown, heard)) = self.elsewhere {
            return if now.saturating_sub(heard) < HEARD_MS { shown } else { Shown::default() };
        }
        let idle = now.saturating_sub(self.last_active);
        let mut wanted = self.devices.iter().filter(|device| device.is_here(now)).map(|device| device.wanted);
        let presence = match wanted.clone().find(|wanted| *wanted == PresenceState::Online) {
            Some(_) if idle < IDLE_MS => PresenceState::Online,
            Some(_) => PresenceState::Unavailable,
            None => wanted.find(|wanted| *wanted == PresenceState::Unavailable).unwrap_or(PresenceState::Offline),
        };
        Shown { presence, active: presence == PresenceState::Online && idle < ACTIVE_MS }
    }
}

impl Device {
    fn is_here(&self, now: u64) -> bool {
        self.syncs > 0 || now.saturating_sub(self.seen) < GRACE_MS
    }
}

impl Tracker {
    fn update(self: &Arc<Self>, session: &Session, change: impl FnOnce(&mut Known, u64)) {
        let now = self.clock.now_ms();
        let mut state = self.lock();
        state.make_room();
        let known = state.users.entry(session.user).or_default();
        if known.device(&session.device_id).is_none() && known.devices.len() < MAX_DEVICES {
            let id = session.device_id.clone();
            known.devices.push(Device { id, wanted: PresenceState::Offline, syncs: 0, seen: now });
        }
        let status_msg = known.status_msg.clone();
        change(known, now);
        let shown = known.at(now);
        if std::mem::replace(&mut known.shown, shown) != shown || known.status_msg != status_msg {
            self.tell(&mut state, session.user);
        }
        if shown.presence != PresenceState::Offline && !std::mem::replace(&mut state.timer_runs, true) {
            tokio::spawn(run_timer(Arc::downgrade(self)));
        }
    }

    fn hear(self: &Arc<Self>, user: UserNum, heard: Heard) -> bool {
        let now = self.clock.now_ms();
        let mut state = self.lock();
        state.make_room();
        if state.users.len() >= MAX_USERS && !state.users.contains_key(&user) {
            return false;
        }
        let known = state.users.entry(user).or_default();
        let active = heard.presence == PresenceState::Online && heard.currently_active;
        let shown = Shown { presence: heard.presence, active };
        let status_msg = heard.status_msg.filter(|text| text.len() <= MAX_STATUS_BYTES);
        known.elsewhere = Some((shown, now));
        known.last_active = now.saturating_sub(heard.last_active_ago);
        let is_news = known.shown != shown || known.status_msg != status_msg;
        (known.shown, known.status_msg) = (shown, status_msg);
        if is_news {
            self.tell(&mut state, user);
        }
        if shown.presence != PresenceState::Offline && !std::mem::replace(&mut state.timer_runs, true) {
            tokio::spawn(run_timer(Arc::downgrade(self)));
        }
        is_news
    }

    /// Gives the user's change a moment, and wakes those who may see it, as far as they are known to be neighbours.
    fn tell(&self, state: &mut State, user: UserNum) {
        let Some(known) = state.users.get_mut(&user) else { return };
        if known.elsewhere.is_none() {
            // Nobody may be listening.
            let _ = self.local.send(user);
        }
        let before = std::mem::replace(&mut known.changed, self.store.live().next_moment());
        state.by_moment.remove(&before);
        state.by_moment.insert(known.changed, user);
        self.store.live().wake_neighbours(user);
    }

    /// Makes those idle or offline whose time is over.
    fn settle(&self, now: u64) {
        let mut state = self.lock();
        let mut due = Vec::new();
        for (user, known) in &mut state.users {
            known.devices.retain(|device| device.is_here(now));
            let shown = known.at(now);
            if std::mem::replace(&mut known.shown, shown) != shown {
                due.push(*user);
            }
        }
        for user in due {
            self.tell(&mut state, user);
        }
    }

    /// Whether the timer has anybody left to look after; if not, the next one who comes starts it again.
    fn keep_timer(&self) -> bool {
        let mut state = self.lock();
        let may_change = |known: &Known| !known.devices.is_empty() || known.shown.presence != PresenceState::Offline;
        state.timer_runs = state.users.values().any(may_change);
        state.timer_runs
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Each change under this lock is whole before anything that may panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn make_room(&mut self) {
        if self.users.len() < MAX_USERS {
            return;
        }
        self.users.retain(|_, known| known.shown.presence != PresenceState::Offline || !known.devices.is_empty());
        let users = &self.users;
        self.by_moment.retain(|_, user| users.contains_key(user));
    }
}

/// Ends with the last one who is there, or with the server.
async fn run_timer(tracker: Weak<Tracker>) {
    loop {
        tokio::time::sleep(TICK).await;
        let Some(tracker) = tracker.upgrade() else { return };
        tracker.settle(tracker.clock.now_ms());
        if !tracker.keep_timer() {
            return;
        }
    }
}

/// The `m.presence` event that tells clients of a user.
pub fn event(user_id: &UserId, status: &PresenceStatus) -> Result<Vec<u8>> {
    let content = serde_json::to_vec(status).map_err(Error::internal)?;
    let mut out = Vec::with_capacity(content.len() + 96);
    let mut event = ObjectWriter::open(&mut out);
    event.json("content", &content);
    event.text("sender", user_id.as_str());
    event.text("type", "m.presence");
    event.close();
    Ok(out)
}
