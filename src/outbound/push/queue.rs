//! What is on its way to gateways: a queue for each pusher, in memory, sent in order, tried again when it fails.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use rand::RngExt;
use ruma::push::Action;
use serde::Deserialize;
use tokio::sync::Semaphore;

use super::{badge::Badges, body, invite::Invite};
use crate::{
    app::App,
    error::Result,
    ids::{EventNum, Position, RoomNum, UserNum},
    net::HttpClient,
    outbound::progress::Progress,
    users::Pusher,
};

/// Notifications that wait for one pusher, at the most; the oldest are given up for newer ones.
const MAX_WAITING: usize = 100;
/// How long a notification is tried, ms: later nobody wants it any more.
const MAX_AGE_MS: u64 = 60 * 60 * 1000;
/// How long to wait after the first failure; twice as long after each more.
const FIRST_DELAY: Duration = Duration::from_secs(1);
/// The longest wait.
const MAX_DELAY: Duration = Duration::from_secs(300);
/// Requests at one time.
const MAX_REQUESTS: usize = 32;

/// A pusher: its user, application and push key.
pub(super) type Target = (UserNum, String, String);

/// What a pusher is to be told.
#[derive(Clone, Debug)]
pub(super) enum What {
    /// An event, and how.
    Event { room: RoomNum, number: EventNum, actions: Arc<[Action]> },
    /// An invite to a room that this server is not in.
    Invite(Arc<Invite>),
    /// How much is not read.
    Badge,
}

/// Something that waits for a pusher.
#[derive(Clone, Debug)]
pub(super) struct Item {
    /// The entry of the log that it comes from.
    pub position: Position,
    pub what: What,
    /// When it was queued, in ms.
    pub since: u64,
}

/// All that waits.
pub(super) struct Queues {
    app: Arc<App>,
    client: HttpClient,
    badges: Arc<Badges>,
    requests: Semaphore,
    /// A pusher is here as long as a task works for it.
    waiting: Mutex<HashMap<Target, VecDeque<Item>>>,
    pub progress: Progress,
}

impl Queues {
    pub fn new(app: Arc<App>, client: HttpClient) -> Arc<Self> {
        Arc::new(Self {
            app,
            client,
            badges: Arc::default(),
            requests: Semaphore::new(MAX_REQUESTS),
            waiting: Mutex::default(),
            progress: Progress::default(),
        })
    }

    pub fn badges(&self) -> Arc<Badges> {
        self.badges.clone()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Target, VecDeque<Item>>> {
        // No code that may panic runs under the lock with something half changed.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues something for a pusher, and sees that somebody sends it.
    pub fn push(self: &Arc<Self>, target: Target, item: Item) {
        let mut waiting = self.lock();
        self.progress.wait(item.position);
        let Some(queue) = waiting.get_mut(&target) else {
            waiting.insert(target.clone(), VecDeque::from([item]));
            tokio::spawn(Arc::clone(self).send_all(target));
            return;
        };
        // One number is enough, the newest; and what is too much is given up.
        let surplus = match item.what {
            What::Badge => queue.iter().skip(1).position(|other| matches!(other.what, What::Badge)).map(|at| at + 1),
            What::Event { .. } | What::Invite(_) => (queue.len() >= MAX_WAITING).then_some(1),
        };
        let given_up = surplus.and_then(|at| queue.remove(at));
        queue.push_back(item);
        if let Some(item) = given_up {
            self.progress.settle(item.position);
            self.progress.wake();
        }
    }

    /// Works for one pusher until nothing waits for it.
    async fn send_all(self: Arc<Self>, target: Target) {
        let mut delay = FIRST_DELAY;
        while let Some(item) = self.first(&target) {
            let outcome = tokio::select! {
                outcome = self.send(&target, &item) => outcome,
                () = self.app.stopped() => return,
            };
            let done = outcome.unwrap_or_else(|error| {
                tracing::error!(%error, "a notification can't be told");
                true
            });
            if done || self.app.clock.now_ms().saturating_sub(item.since) > MAX_AGE_MS {
                self.finish(&target, &item);
                delay = FIRST_DELAY;
                continue;
            }
            let jitter = self.app.randomness.with(|rng| rng.random_range(0.75..1.25));
            tokio::select! {
                () = tokio::time::sleep(delay.mul_f64(jitter)) => {}
                () = self.app.stopped() => return,
            }
            delay = (delay * 2).min(MAX_DELAY);
        }
    }

    /// What waits first; nobody works for the pusher any more if nothing does.
    fn first(&self, target: &Target) -> Option<Item> {
        let mut waiting = self.lock();
        let first = waiting.get(target)?.front().cloned();
        if first.is_none() {
            waiting.remove(target);
        }
        first
    }

    fn finish(&self, target: &Target, item: &Item) {
        if let Some(queue) = self.lock().get_mut(target) {
            queue.pop_front();
        }
        self.progress.settle(item.position);
        self.progress.wake_after_work();
    }

    /// Tells a pusher something; whether that is done with.
    async fn send(&self, (user, app_id, pushkey): &Target, item: &Item) -> Result<bool> {
        let pushers = self.app.users.pushers(&self.app.store.latest(), *user)?;
        let is_it = |pusher: &&Pusher| pusher.app_id == *app_id && pusher.pushkey == *pushkey;
        let Some(pusher) = pushers.iter().find(is_it) else { return Ok(true) };
        let Some(body) = self.body(*user, pusher, item)? else { return Ok(true) };
        let _permit = self.requests.acquire().await;
        match self.client.post_json(&pusher.url, body).await {
            Ok(answer) if (200..300).contains(&answer.status) => {
                if is_rejected(&answer.body, pushkey) {
                    tracing::info!(app_id, "a gateway rejected a push key: its pusher is removed");
                    self.app.users.delete_pusher(*user, app_id, pushkey).await?;
                }
                Ok(true)
            }
            Ok(answer) => {
                tracing::debug!(status = answer.status, url = pusher.url, "a gateway took no notification");
                Ok(false)
            }
            Err(error) => {
                tracing::debug!(%error, url = pusher.url, "a gateway was not reached");
                Ok(false)
            }
        }
    }

    /// What to tell; `None` if there is nothing to tell any more.
    fn body(&self, user: UserNum, pusher: &Pusher, item: &Item) -> Result<Option<Vec<u8>>> {
        let unread = self.badges.tell(&self.app, user)?;
        let (room, number, actions) = match &item.what {
            What::Event { room, number, actions } => (room, number, actions),
            What::Invite(invite) if !invite.waits(&self.app)? => return Ok(None),
            What::Invite(invite) => return body::of_invite(&self.app, pusher, invite, unread).map(Some),
            What::Badge => return body::of_badge(pusher, unread).map(Some),
        };
        let snapshot = self.app.store.snapshot();
        match self.app.rooms.happening(&snapshot, (*room, *number))? {
            // It was read in the meantime, or the user has left.
            Some(happening) if happening.actions_for(user)?.is_none() => Ok(None),
            Some(happening) => body::of_event(&self.app, (user, pusher), &happening, (actions, unread)).map(Some),
            None => Ok(None),
        }
    }
}

/// Whether a gateway's answer says that it knows a push key no more.
fn is_rejected(answer: &[u8], pushkey: &str) -> bool {
    #[derive(Deserialize)]
    struct Answer {
        #[serde(default)]
        rejected: Vec<String>,
    }
    serde_json::from_slice::<Answer>(answer).is_ok_and(|answer| answer.rejected.iter().any(|key| key == pushkey))
}
