//! What users report to the administrators: events, rooms, users (client-server API, "Reporting Content").
//!
//! Invariant: there are never more than `MAX_REPORTS`, nor more than `MAX_OF_USER` of one user; the oldest go.

use ruma::{OwnedEventId, OwnedRoomId, OwnedUserId};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use super::Rooms;
use crate::{
    error::{Error, Result},
    ids::UserNum,
    store::{
        Commit, Family, Key, LogEntry, Read, Snapshot, StoreError, decode,
        keys::{Index, KeyBuilder, read_u64},
    },
    users::Session,
};

/// Reports that are kept.
const MAX_REPORTS: usize = 10_000;
/// Reports of one user that are kept.
const MAX_OF_USER: usize = 100;
/// A reason may have this many bytes.
const MAX_REASON: usize = 4_000;

/// What is reported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Subject {
    /// An event.
    Event {
        /// Its room.
        room_id: OwnedRoomId,
        /// Its ID.
        event_id: OwnedEventId,
        /// Who sent it.
        sender: OwnedUserId,
    },
    /// A room as a whole.
    Room(OwnedRoomId),
    /// A user.
    User(OwnedUserId),
}

/// A report as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// When it was made, milliseconds since the epoch.
    pub at_ms: u64,
    /// Who made it.
    pub by: UserNum,
    /// What it is about.
    pub subject: Subject,
    /// Why, in the user's words; may be empty.
    pub reason: String,
}

/// Reports, newest first.
#[derive(Debug)]
pub struct ReportPage {
    /// Each with its ID.
    pub reports: Vec<(u64, Report)>,
    /// Where the next page begins, if there is one.
    pub next: Option<u64>,
    /// How many there are in all.
    pub total: usize,
}

/// Held by who makes a report, until it is on disk.
#[derive(Default)]
pub(super) struct ReportLock(Mutex<()>);

impl Rooms {
    /// Reports an event to the administrators.
    ///
    /// # Errors
    /// 404 `M_NOT_FOUND` if the user is not in the room, or can't see such an event there.
    pub async fn report_event(
        &self,
        session: &Session,
        (room_id, event_id): (OwnedRoomId, OwnedEventId),
        reason: String,
    ) -> Result<()> {
        let sender = self.sender_of_seen(session, (&room_id, &event_id))?;
        self.report(session, Subject::Event { room_id, event_id, sender }, reason).await
    }

    /// Reports a room to the administrators; 404 `M_NOT_FOUND` if this server knows no such room.
    pub async fn report_room(&self, session: &Session, room_id: OwnedRoomId, reason: String) -> Result<()> {
        self.number(&room_id)?;
        self.report(session, Subject::Room(room_id), reason).await
    }

    /// Reports a user to the administrators; 404 `M_NOT_FOUND` if this server knows no such user.
    pub async fn report_user(&self, session: &Session, user_id: OwnedUserId, reason: String) -> Result<()> {
        if self.store.user_num(&user_id)?.is_none() {
            return Err(Error::not_found("There is no such user here."));
        }
        self.report(session, Subject::User(user_id), reason).await
    }

    /// A page of reports, from an ID downwards.
    pub fn reports(&self, from: Option<u64>, limit: usize) -> Result<ReportPage> {
        let snapshot = self.store.snapshot();
        let mut all = all(&snapshot)?;
        let total = all.len();
        all.retain(|(id, _)| from.is_none_or(|from| *id <= from));
        all.reverse();
        let next = all.get(limit).map(|(id, _)| *id);
        all.truncate(limit);
        Ok(ReportPage { reports: all, next, total })
    }

    /// Deletes a report that was dealt with; 404 `M_NOT_FOUND` if there is none of that ID.
    pub async fn dismiss_report(&self, id: u64) -> Result<()> {
        let _lock = self.report_lock.0.lock().await;
        if self.store.latest().get(Family::Index, &key(id))?.is_none() {
            return Err(Error::not_found("There is no such report."));
        }
        let mut commit = Commit::new(LogEntry::Housekeeping);
        commit.delete(Family::Index, key(id));
        self.store.commit(|_| commit).durable().await?;
        Ok(())
    }

    fn sender_of_seen(
        &self,
        session: &Session,
        (room_id, event_id): (&OwnedRoomId, &OwnedEventId),
    ) -> Result<OwnedUserId> {
        let snapshot = self.store.snapshot();
        let room = self.number(room_id)?;
        if !self.is_joined(&snapshot, session.user, room)? {
            return Err(Error::not_found("There is no such event, or you are not in its room."));
        }
        let event = self.history(&snapshot, &self.users, session, room_id)?.event(event_id)?;
        Ok(self.store.user_id(event.meta.sender)?)
    }

    async fn report(&self, session: &Session, subject: Subject, reason: String) -> Result<()> {
        if reason.len() > MAX_REASON {
            return Err(Error::new(413, "M_TOO_LARGE", "A reason has at most 4,000 bytes."));
        }
        let _lock = self.report_lock.0.lock().await;
        let now = self.clock.now_ms();
        let mut commit = Commit::new(LogEntry::Housekeeping);
        let last = self.make_room(&mut commit, session.user, &subject)?;
        // An ID that was dismissed is not given out again.
        let id = last.map_or(now, |last| now.max(last + 1));
        tracing::info!(by = %session.user_id, ?subject, "something was reported: see `salon report list`");
        commit.put_row(Family::Index, key(id), &Report { at_ms: now, by: session.user, subject, reason });
        self.store.commit(|_| commit).durable().await?;
        Ok(())
    }

    /// Deletes what a new report takes the place of, and returns the last ID that was given out.
    fn make_room(&self, commit: &mut Commit, by: UserNum, subject: &Subject) -> Result<Option<u64>> {
        let all = all(&self.store.snapshot())?;
        let last = all.last().map(|(id, _)| *id);
        let (own, others): (Vec<_>, Vec<_>) = all.into_iter().partition(|(_, report)| report.by == by);
        let (again, own): (Vec<_>, Vec<_>) = own.into_iter().partition(|(_, report)| report.subject == *subject);
        let too_many = (own.len() + 1).saturating_sub(MAX_OF_USER);
        let mut gone: Vec<u64> = again.iter().chain(&own[..too_many]).map(|(id, _)| *id).collect();
        if others.len() + own.len() - too_many >= MAX_REPORTS {
            gone.extend(others.first().map(|(id, _)| *id));
        }
        for id in gone {
            commit.delete(Family::Index, key(id));
        }
        Ok(last)
    }
}

/// `index`: 0 → report.
fn key(id: u64) -> Key {
    KeyBuilder::global(Index::Report).u64(id).build()
}

/// All reports by their IDs, oldest first.
fn all(snapshot: &Snapshot<'_>) -> Result<Vec<(u64, Report)>, StoreError> {
    let prefix = KeyBuilder::global(Index::Report).build();
    let mut rows = snapshot.scan_prefix(Family::Index, &prefix);
    let mut all = Vec::new();
    while let Some((key, value)) = rows.next()? {
        let id = read_u64(key, prefix.len()).ok_or(StoreError::Malformed(Family::Index))?;
        all.push((id, decode(Family::Index, value)?));
    }
    Ok(all)
}
