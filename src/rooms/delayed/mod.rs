//! Events that are sent later, unless that is put off or cancelled (MSC4140, "Cancellable delayed events").
//!
//! Invariant: an event is sent once, whatever crashes: its row says that it was sent in the event's own commit. Only a
//! membership is another commit; it stands already when it is tried again.

mod rows;
mod schedule;
mod sending;

use self::rows::all as all_delayed;
pub use self::rows::{DelayedEvent, DelayedRow, Due, Happened, Outcome, key};
pub(super) use self::schedule::Schedule;
use super::{Rooms, room_state::parse_content};
use crate::{
    error::{Error, Result},
    ids::{self, UserNum},
    store::{
        Commit, Family, LogEntry, Read, StoreError, decode,
        keys::{self, read_u32},
    },
    users::Session,
};

/// How long an event may be delayed, milliseconds.
const MAX_DELAY_MS: u64 = 30 * 24 * 60 * 60 * 1000;
/// Events that a user may have waiting.
const MAX_SCHEDULED: usize = 100;
/// Of so many of a user's events is remembered what became of them.
const MAX_FINISHED: usize = 50;
/// And for so long, milliseconds.
const REMEMBERED_MS: u64 = 7 * 24 * 60 * 60 * 1000;
/// A type, a state key or a transaction ID may have this many bytes.
const MAX_FIELD: usize = 255;
/// What every delay ID begins with.
const PREFIX: &str = "delayed_";
/// Letters of a delay ID that are chance: who knows it may manage the event.
const SECRET_LENGTH: usize = 32;

/// An event that a client wants to be sent later.
#[derive(Clone, Debug)]
pub struct NewDelayed {
    /// The event.
    pub event: DelayedEvent,
    /// How much later, milliseconds.
    pub delay_ms: u64,
    /// What the client calls the request; empty where it has no name for it.
    pub transaction: String,
}

/// What somebody does to an event that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Its time begins anew.
    Restart,
    /// It is sent at once.
    Send,
    /// It is not sent.
    Cancel,
}

impl Rooms {
    /// Has an event sent later, and returns its delay ID.
    ///
    /// # Errors
    /// 403 `M_FORBIDDEN` if the user is not in the room; 400 `M_INVALID_PARAM` without a delay, `M_MAX_DELAY_EXCEEDED`
    /// with too long a one; 429 `M_LIMIT_EXCEEDED` if too many wait already; 400 `M_NOT_JSON`, `M_BAD_JSON` or 413
    /// `M_TOO_LARGE` if the event has no valid form.
    pub async fn delay(&self, session: &Session, new: NewDelayed) -> Result<String> {
        self.check_delayed(session, &new)?;
        let _lock = self.schedule.user(session.user).await;
        let rows = self.delayed_rows(session.user)?;
        let is_same = |row: &DelayedRow| {
            !new.transaction.is_empty()
                && row.transaction == new.transaction
                && row.device_id == session.device_id
                && (&row.event.room_id, &row.event.event_type) == (&new.event.room_id, &new.event.event_type)
        };
        if let Some((delay_id, _)) = rows.iter().find(|(_, row)| is_same(row)) {
            return Ok(delay_id.clone());
        }
        let now = self.clock.now_ms();
        let waiting = || rows.iter().filter(|(_, row)| row.outcome.is_none()).map(|(_, row)| row.due());
        if waiting().count() >= MAX_SCHEDULED {
            let next = waiting().min().unwrap_or(now);
            return Err(Error::limit_exceeded(next.saturating_sub(now).max(1)));
        }
        let secret = self.randomness.with(|rng| ids::random_string(rng, SECRET_LENGTH));
        let delay_id = format!("{PREFIX}{}_{secret}", session.user.0);
        let NewDelayed { event, delay_ms, transaction } = new;
        let device_id = session.device_id.clone();
        let row = DelayedRow { event, delay_ms, since_ms: now, device_id, transaction, outcome: None };
        let mut commit = Commit::new(LogEntry::Housekeeping);
        for forgotten in outdated(&rows, now) {
            commit.delete(Family::Index, key(session.user, forgotten));
        }
        commit.put_row(Family::Index, key(session.user, &delay_id), &row);
        self.store.commit(|_| commit).durable().await?;
        self.schedule.add(row.due(), session.user, &delay_id);
        Ok(delay_id)
    }

    /// What a user has delayed, and what became of it: what is or was due first comes first.
    pub fn delayed(&self, user: UserNum) -> Result<Vec<(String, DelayedRow)>> {
        let mut rows = self.delayed_rows(user)?;
        rows.sort_by_key(|(_, row)| row.due());
        Ok(rows)
    }

    /// One of the events that a user has delayed, and what became of it as far as all may see that.
    pub fn delayed_event(&self, user: UserNum, delay_id: &str) -> Result<Option<DelayedRow>> {
        Ok(self.store.snapshot().get_row(Family::Index, &key(user, delay_id))?)
    }

    /// Does something to an event that waits. Who knows its delay ID may.
    ///
    /// # Errors
    /// 404 `M_NOT_FOUND` if there is none of that ID; 409 `M_UNKNOWN` if something else became of it already; what
    /// sending it comes to grief on, in which case it goes on waiting.
    pub async fn manage_delayed(&self, delay_id: &str, action: Action) -> Result<()> {
        let no_event = || Error::not_found("There is no delayed event of this ID.");
        let user = user_of(delay_id).ok_or_else(no_event)?;
        let _lock = self.schedule.user(user).await;
        let mut row = self.delayed_row(user, delay_id)?.ok_or_else(no_event)?;
        match (row.outcome.as_ref().map(|outcome| &outcome.what), action) {
            (None, Action::Restart) => {
                self.schedule.remove(row.due(), user, delay_id);
                row.since_ms = self.clock.now_ms();
                self.schedule.add(row.due(), user, delay_id);
                self.put_delayed(user, delay_id, &row).await
            }
            (None, Action::Cancel) => {
                self.finish_delayed(Due { user, delay_id: delay_id.to_owned(), row }, Happened::Cancelled).await
            }
            (None, Action::Send) => self.send_delayed(Due { user, delay_id: delay_id.to_owned(), row }).await,
            (Some(Happened::Sent(_)), Action::Send) => Ok(()),
            (Some(Happened::Cancelled | Happened::Failed { .. }), Action::Cancel) => Ok(()),
            (Some(_), _) => Err(Error::new(409, "M_UNKNOWN", "This event was sent or cancelled already.")),
        }
    }

    fn check_delayed(&self, session: &Session, new: &NewDelayed) -> Result<()> {
        let DelayedEvent { room_id, event_type, state_key, content } = &new.event;
        if new.delay_ms == 0 {
            return Err(Error::invalid_param("A delay is above 0."));
        }
        if new.delay_ms > MAX_DELAY_MS {
            let error = Error::bad_request("M_MAX_DELAY_EXCEEDED", "An event can't be delayed for so long.");
            return Err(error.with_field("max_delay", MAX_DELAY_MS));
        }
        if event_type.len().max(state_key.as_ref().map_or(0, String::len)) > MAX_FIELD {
            return Err(Error::new(413, "M_TOO_LARGE", "A type and a state key have at most 255 bytes."));
        }
        if new.transaction.len() > MAX_FIELD {
            return Err(Error::invalid_param("A transaction ID has at most 255 bytes."));
        }
        parse_content(content)?;
        match self.store.room_num(room_id)? {
            Some(room) if self.is_joined(&self.store.snapshot(), session.user, room)? => Ok(()),
            _ => Err(Error::forbidden("You are not in that room.")),
        }
    }

    async fn finish_delayed(&self, due: Due, what: Happened) -> Result<()> {
        let Due { user, delay_id, mut row } = due;
        self.schedule.remove(row.due(), user, &delay_id);
        row.outcome = Some(Outcome { what, at_ms: self.clock.now_ms() });
        self.put_delayed(user, &delay_id, &row).await
    }

    async fn put_delayed(&self, user: UserNum, delay_id: &str, row: &DelayedRow) -> Result<()> {
        let mut commit = Commit::new(LogEntry::Housekeeping);
        commit.put_row(Family::Index, key(user, delay_id), row);
        self.store.commit(|_| commit).durable().await?;
        Ok(())
    }

    fn delayed_row(&self, user: UserNum, delay_id: &str) -> Result<Option<DelayedRow>> {
        Ok(self.store.latest().get_row(Family::Index, &key(user, delay_id))?)
    }

    fn delayed_rows(&self, user: UserNum) -> Result<Vec<(String, DelayedRow)>> {
        let snapshot = self.store.snapshot();
        let prefix = keys::delayed(user).build();
        let mut found = Vec::new();
        let mut rows = snapshot.scan_prefix(Family::Index, &prefix);
        while let Some((key, value)) = rows.next()? {
            let delay_id = String::from_utf8_lossy(&key[prefix.len()..]).into_owned();
            found.push((delay_id, decode(Family::Index, value)?));
        }
        Ok(found)
    }

    /// All events that wait: when they are due, whose they are, and their IDs.
    fn all_waiting(&self) -> Result<Vec<(u64, UserNum, String)>> {
        let snapshot = self.store.snapshot();
        let prefix = all_delayed().build();
        let mut waiting = Vec::new();
        let mut rows = snapshot.scan_prefix(Family::Index, &prefix);
        while let Some((key, value)) = rows.next()? {
            let row: DelayedRow = decode(Family::Index, value)?;
            if row.outcome.is_none() {
                let user = UserNum(read_u32(key, prefix.len()).ok_or(StoreError::Malformed(Family::Index))?);
                let delay_id = String::from_utf8_lossy(&key[prefix.len() + 4..]).into_owned();
                waiting.push((row.due(), user, delay_id));
            }
        }
        Ok(waiting)
    }
}

/// Whose event it is, as its ID says.
pub fn user_of(delay_id: &str) -> Option<UserNum> {
    let (user, _) = delay_id.strip_prefix(PREFIX)?.split_once('_')?;
    user.parse().ok().map(UserNum)
}

/// Events of which nobody needs to know any more what became of them.
fn outdated(rows: &[(String, DelayedRow)], now: u64) -> Vec<&str> {
    let mut finished: Vec<(u64, &str)> =
        rows.iter().filter_map(|(id, row)| Some((row.outcome.as_ref()?.at_ms, id.as_str()))).collect();
    finished.sort_unstable();
    let too_many = (finished.len() + 1).saturating_sub(MAX_FINISHED);
    let old = |at_ms: u64| at_ms.saturating_add(REMEMBERED_MS) < now;
    let gone = finished.into_iter().enumerate().filter(|(n, (at_ms, _))| *n < too_many || old(*at_ms));
    gone.map(|(_, (_, id))| id).collect()
}
