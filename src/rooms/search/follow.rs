//! The follower of the log that keeps words findable. What it writes and how far it is are one commit.
//!
//! A database whose log does not reach back to where the follower was, or that has never been searched, is read whole.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{Notify, watch},
    time::{sleep, timeout},
};

use super::index::Changes;
use crate::{
    error::Result,
    ids::{EventNum, Position, RoomNum},
    rooms::{Rooms, rows::RoomHead},
    store::{Commit, Family, Follower, LogEntry, StoreError, decode, keys::read_u32},
};

/// Who searches waits no longer than this for what was said just before.
const PATIENCE: Duration = Duration::from_secs(1);
/// The follower's name.
const NAME: &str = "search";
/// After work, what has come meanwhile is gathered for this time: many messages share a commit.
const PAUSE: Duration = Duration::from_millis(250);
/// Where this many entries came at once, more are waiting.
const MANY: usize = 200;
/// Rows of one commit, about.
const MAX_ROWS: usize = 20_000;
/// Events that are read for one commit at the most, while a database is read whole.
const EVENTS: u64 = 1_000;

/// How far the follower is.
pub(in crate::rooms) struct Searchable {
    position: watch::Sender<Position>,
    /// Somebody waits for it.
    wanted: Notify,
}

impl Default for Searchable {
    fn default() -> Self {
        Self { position: watch::Sender::new(Position(0)), wanted: Notify::new() }
    }
}

impl Rooms {
    /// Waits until what is published now can be searched, or for a moment.
    pub async fn search_caught_up(&self) {
        let published = self.store.published();
        let mut position = self.searchable.position.subscribe();
        if *position.borrow_and_update() < published {
            self.searchable.wanted.notify_one();
            // Whoever waits in vain, while all rooms are read anew, finds what is known.
            let _ = timeout(PATIENCE, position.wait_for(|position| *position >= published)).await;
        }
    }

    /// Follows the log for as long as the server runs.
    pub async fn follow_search(&self) -> Result<()> {
        let mut follower = Follower::resume(Arc::clone(&self.store), NAME)?;
        if follower.lost_its_place()? {
            self.index_all(&mut follower).await?;
        }
        if let Err(error) = self.follow_words(&mut follower).await {
            tracing::error!(%error, "what searches need is damaged");
            self.index_all(&mut follower).await?;
            self.follow_words(&mut follower).await?;
        }
        Ok(())
    }

    /// Returns only where something goes wrong.
    async fn follow_words(&self, follower: &mut Follower) -> Result<()> {
        loop {
            self.searchable.position.send_replace(follower.position());
            let entries = follower.next().await?;
            let Some((last, _)) = entries.last().copied() else { continue };
            match self.index_entries(&entries)? {
                Some(mut commit) => {
                    follower.keep_with(&mut commit, last);
                    self.store.commit(|_| commit).durable().await?;
                    follower.read_to(last);
                    self.searchable.position.send_replace(last);
                    if entries.len() < MANY {
                        tokio::select! {
                            () = sleep(PAUSE) => {}
                            () = self.searchable.wanted.notified() => {}
                        }
                    }
                }
                None => follower.done(last, false),
            }
        }
    }

    /// What follows from a stretch of the log, if anything.
    fn index_entries(&self, entries: &[(Position, LogEntry)]) -> Result<Option<Commit>> {
        let snapshot = self.store.snapshot();
        let mut changes = Changes::new(self, &snapshot);
        for (_, entry) in entries {
            if let LogEntry::Event(room, number) = *entry
                && let Err(error) = changes.note(room, number)
            {
                // The room was purged, or is broken: others go on.
                tracing::error!(%error, "an event can't be searched");
            }
        }
        if changes.is_empty() { Ok(None) } else { changes.finish().map(Some) }
    }

    /// Reads every room anew.
    async fn index_all(&self, follower: &mut Follower) -> Result<()> {
        tracing::info!("reading all rooms, so that they can be searched");
        let position = self.store.published();
        for (room, next) in self.rooms_and_ends()? {
            let mut from = 1;
            while from < next.0 {
                let (commit, behind) = self.index_stretch(room, from..next.0)?;
                self.store.commit(|_| commit).durable().await?;
                from = behind;
            }
        }
        follower.read_to(position);
        follower.keep(position);
        tracing::info!("all rooms can be searched");
        Ok(())
    }

    /// Reads some of a room's events; returns where to go on.
    fn index_stretch(&self, room: RoomNum, events: std::ops::Range<u64>) -> Result<(Commit, u64)> {
        let snapshot = self.store.snapshot();
        let mut changes = Changes::new(self, &snapshot);
        if events.start == 1 {
            changes.forget_room(room);
        }
        let mut at = events.start;
        while at < events.end && at - events.start < EVENTS && changes.rows() < MAX_ROWS {
            if let Err(error) = changes.note(room, EventNum(at)).and_then(|()| changes.settle()) {
                tracing::error!(%error, "an event can't be searched");
            }
            at += 1;
        }
        Ok((changes.finish()?, at))
    }

    fn rooms_and_ends(&self) -> Result<Vec<(RoomNum, EventNum)>, StoreError> {
        let snapshot = self.store.snapshot();
        let mut rows = snapshot.scan(Family::Rooms, &[], &[]);
        let mut rooms = Vec::new();
        while let Some((key, value)) = rows.next()? {
            let room = read_u32(key, 0).ok_or(StoreError::Malformed(Family::Rooms))?;
            rooms.push((RoomNum(room), decode::<RoomHead>(Family::Rooms, value)?.next));
        }
        Ok(rooms)
    }
}
