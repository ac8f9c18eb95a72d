//! Sending a delayed event, once.

use ruma::OwnedEventId;

use super::{DelayedEvent, Due, Happened, key};
use crate::{
    error::Result,
    ids::UserNum,
    rooms::{
        Rooms,
        room_state::{NewState, parse_content},
        transactions::Request,
    },
    store::{Commit, Family, LogEntry},
    users::{
        Session,
        restrictions::{locked, suspended},
    },
};

impl Rooms {
    /// Sends an event whose time has come, if it still waits. What it comes to grief on is what became of it.
    pub async fn send_due(&self, (user, delay_id): (UserNum, String)) -> Result<()> {
        let _lock = self.schedule.user(user).await;
        let Some(row) = self.delayed_row(user, &delay_id)?.filter(|row| row.outcome.is_none()) else { return Ok(()) };
        if row.due() > self.clock.now_ms() {
            // Put off just now, it is in the schedule again.
            return Ok(());
        }
        let due = Due { user, delay_id, row };
        if !self.users.is_active(user)? {
            return self.forget_delayed(&due).await;
        }
        match self.send_delayed(due.clone()).await {
            Ok(()) => Ok(()),
            Err(error) => {
                tracing::debug!(%error, delay_id = due.delay_id, "a delayed event was not sent");
                let failed = Happened::Failed { errcode: error.errcode.to_owned(), error: error.message.into_owned() };
                self.finish_delayed(due, failed).await
            }
        }
    }

    /// Sends an event that waits, whose user's lock the caller holds.
    pub(super) async fn send_delayed(&self, due: Due) -> Result<()> {
        let event_id = self.send_as_asked(&due).await?;
        let is_noted = self.delayed_row(due.user, &due.delay_id)?.is_none_or(|row| row.outcome.is_some());
        if is_noted {
            self.schedule.remove(due.row.due(), due.user, &due.delay_id);
            return Ok(());
        }
        // A membership, or state that was so already.
        self.finish_delayed(due, Happened::Sent(event_id)).await
    }

    async fn send_as_asked(&self, due: &Due) -> Result<OwnedEventId> {
        let restrictions = self.users.restrictions(due.user)?;
        if restrictions.locked {
            return Err(locked());
        }
        if restrictions.suspended {
            return Err(suspended());
        }
        let session = Session {
            user_id: self.store.user_id(due.user)?,
            user: due.user,
            device_id: due.row.device_id.clone(),
            is_guest: self.users.is_guest(due.user)?,
            // The device may be logged out by now.
            token: Default::default(),
            restrictions,
        };
        let DelayedEvent { room_id, event_type, state_key, content } = due.row.event.clone();
        let (content, request) = (parse_content(&content)?, Request::Delayed(due.clone()));
        let room = self.number(&room_id)?;
        match state_key {
            Some(state_key) => {
                self.set_state_by(&session, room, NewState { event_type, state_key, content }, Some(request)).await
            }
            None => self.send_content(&session, room, (event_type, content), request).await,
        }
    }

    /// Of a user who is gone nothing is sent any more.
    async fn forget_delayed(&self, due: &Due) -> Result<()> {
        let mut commit = Commit::new(LogEntry::Housekeeping);
        commit.delete(Family::Index, key(due.user, &due.delay_id));
        self.store.commit(|_| commit).durable().await?;
        Ok(())
    }
}
