//! Carries what changes about a user into their rooms: a new name or avatar into their member events, the end of
//! their account into leaving, and into the end of their media where they wanted that. A follower of the log: it resumes after a crash, and does nothing twice.

use std::{sync::Arc, time::Duration};

use ruma::{CanonicalJsonObject, CanonicalJsonValue};
use tokio::sync::watch;

use super::{Rooms, membership::Actor, rows::Membership, view::own_rooms};
use crate::{
    error::Result,
    ids::{Position, RoomNum, UserNum},
    store::{Follower, LogEntry, StoreError, Ticket, trim_log},
};

/// Who waits for the follower waits no longer than this.
const PATIENCE: Duration = Duration::from_secs(5);
/// The log is looked at for trimming after this many entries.
const TRIM_EVERY: u64 = 1_000;

/// How far the follower is.
pub(super) type Carried = watch::Sender<Position>;

impl Rooms {
    /// Follows the log for as long as the server runs.
    pub async fn follow_profiles(&self) -> Result<(), StoreError> {
        let mut follower = Follower::resume(Arc::clone(&self.store), "profiles")?;
        self.carried.send_replace(follower.position());
        loop {
            for (position, entry) in follower.next().await? {
                let worked = match entry {
                    LogEntry::Profile(user) => Some((user, self.carry_profile(user).await)),
                    LogEntry::Deactivated(user) => Some((user, self.bid_farewell(user).await)),
                    _ => None,
                };
                if let Some((user, outcome)) = &worked {
                    if let Err(error) = outcome {
                        tracing::error!(%error, "a user's change did not reach all of their rooms");
                    }
                    if let Err(error) = self.users.refresh_directory(*user) {
                        tracing::error!(%error, "the user directory is behind");
                    }
                }
                follower.done(position, worked.is_some());
                self.carried.send_replace(position);
                if position.0.is_multiple_of(TRIM_EVERY) {
                    trim_log(&self.store)?;
                }
            }
        }
    }

    /// Waits until what is published now has reached the rooms, or for a few seconds.
    pub async fn caught_up(&self) {
        let wanted = self.store.published();
        let mut carried = self.carried.subscribe();
        // Whoever waits in vain sees the change a little later.
        let _ = tokio::time::timeout(PATIENCE, carried.wait_for(|position| *position >= wanted)).await;
    }

    /// Puts a user's name and avatar into their member events; rooms that have them already are left alone.
    async fn carry_profile(&self, user: UserNum) -> Result<()> {
        let user_id = self.store.user_id(user)?;
        let profile = self.member_profile(&user_id)?;
        let mut last = None;
        for room in self.rooms_of(user, |membership| membership == Membership::Join)? {
            let mut guard = self.lock(room).await?;
            if guard.membership(&user_id)? != Membership::Join {
                continue;
            }
            let Some(event) = guard.state_event("m.room.member", user_id.as_str())? else { continue };
            let old: CanonicalJsonObject = serde_json::from_str(event.content().get()).unwrap_or_default();
            let Some(content) = with_profile(old, &profile) else { continue };
            let actor = Actor { user_id: &user_id, is_guest: false };
            match guard.append_carried(actor, content) {
                Ok(ticket) => last = Some(ticket),
                Err(error) => tracing::debug!(%error, "a room does not take a new profile"),
            }
        }
        settle(last).await
    }

    /// What follows from the end of an account.
    async fn bid_farewell(&self, user: UserNum) -> Result<()> {
        let left = self.leave_all(user).await;
        if self.users.is_erased(user)? {
            self.media.erase(user).await?;
        }
        left
    }

    /// Has a user leave all rooms, and decline all invites.
    async fn leave_all(&self, user: UserNum) -> Result<()> {
        let user_id = self.store.user_id(user)?;
        let in_it = |membership| matches!(membership, Membership::Join | Membership::Invite | Membership::Knock);
        let mut last = None;
        for room in self.rooms_of(user, in_it)? {
            let mut guard = self.lock(room).await?;
            if !in_it(guard.membership(&user_id)?) {
                continue;
            }
            let actor = Actor { user_id: &user_id, is_guest: false };
            match guard.append_member(actor, &user_id, Membership::Leave, CanonicalJsonObject::new()) {
                Ok(appended) => last = Some(appended.ticket),
                Err(error) => tracing::debug!(%error, "a room can't be left"),
            }
        }
        settle(last).await
    }

    fn rooms_of(&self, user: UserNum, wanted: impl Fn(Membership) -> bool) -> Result<Vec<RoomNum>> {
        let own = own_rooms(&self.store.snapshot(), user)?;
        Ok(own.iter().filter(|(_, own)| wanted(own.membership)).map(|(room, _)| *room).collect())
    }
}

async fn settle(last: Option<Ticket>) -> Result<()> {
    if let Some(ticket) = last {
        ticket.durable().await?;
    }
    Ok(())
}

/// The content of a member event with another profile; `None` if it has that one.
fn with_profile(mut content: CanonicalJsonObject, profile: &CanonicalJsonObject) -> Option<CanonicalJsonObject> {
    let fields = ["displayname", "avatar_url"];
    if fields.iter().all(|field| value(&content, field) == value(profile, field)) {
        return None;
    }
    for field in fields {
        content.remove(field);
        content.extend(profile.get(field).map(|value| (field.to_owned(), value.clone())));
    }
    // The reason was for the join.
    content.remove("reason");
    Some(content)
}

fn value<'a>(content: &'a CanonicalJsonObject, field: &str) -> Option<&'a str> {
    content.get(field).and_then(CanonicalJsonValue::as_str)
}
