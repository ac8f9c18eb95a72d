//! State that clients set: what a server checks beyond the auth rules.

use ruma::{CanonicalJsonObject, CanonicalJsonValue, OwnedEventId, UserId};

use super::{Appended, NewEvent, RoomGuard, Rooms, membership::Actor, rows::Membership, transactions::Request};
use crate::{
    error::{Error, Result},
    event::check_content,
    ids::RoomNum,
    users::Session,
};

/// A state event that a client wants.
#[derive(Clone, Debug)]
pub struct NewState {
    /// The type.
    pub event_type: String,
    /// The state key.
    pub state_key: String,
    /// The content.
    pub content: CanonicalJsonObject,
}

impl Rooms {
    /// Sets state, and returns the event's ID once it is on disk. State that is so already, by the same user, stays
    /// as it is.
    ///
    /// # Errors
    /// 403 `M_FORBIDDEN` if the rules deny it; 400 `M_BAD_JSON`, `M_BAD_ALIAS`, `M_INVALID_PARAM` if the content
    /// doesn't fit its type.
    pub async fn set_state(&self, session: &Session, room: RoomNum, new: NewState) -> Result<OwnedEventId> {
        self.set_state_by(session, room, new, None).await
    }

    /// The same for a request, which learns of the event in its commit unless it is a membership.
    pub(super) async fn set_state_by(
        &self,
        session: &Session,
        room: RoomNum,
        new: NewState,
        request: Option<Request>,
    ) -> Result<OwnedEventId> {
        if new.event_type == "m.room.member" {
            let target = <&UserId>::try_from(new.state_key.as_str())
                .map_err(|_| Error::invalid_param("The state key of m.room.member is a user ID."))?;
            return self.set_member(Actor::from(session), room, target, new.content).await;
        }
        let mut guard = self.lock(room).await?;
        if guard.membership(&session.user_id)? != Membership::Join {
            return Err(Error::forbidden("You are not in that room."));
        }
        if let Some(event) = guard.state_event(&new.event_type, &new.state_key)?
            && event.sender() == session.user_id
            && serde_json::from_str::<CanonicalJsonObject>(event.content().get()).is_ok_and(|old| old == new.content)
        {
            return Ok(event.event_id().clone());
        }
        let closes = new.event_type == "m.room.guest_access";
        guard.check_state(&new)?;
        let event = NewEvent::state(&*session.user_id, new.event_type, new.state_key, new.content);
        let mut appended = guard.append(NewEvent { request, ..event })?;
        if closes && let Some(last) = guard.see_guests_out()? {
            // The log is written in order: what is awaited last was written last.
            appended.ticket = last;
        }
        drop(guard);
        appended.durable().await
    }
}

impl RoomGuard<'_> {
    /// Appends state that is not a membership, if its content fits its type.
    pub(super) fn append_state(&mut self, sender: &UserId, new: NewState) -> Result<Appended> {
        self.check_state(&new)?;
        self.append(NewEvent::state(sender, new.event_type, new.state_key, new.content))
    }

    /// Whether state that is not a membership has a content that fits its type.
    fn check_state(&mut self, new: &NewState) -> Result<()> {
        match new.event_type.as_str() {
            "m.room.power_levels" => self.check_power_levels(&new.content)?,
            "m.room.canonical_alias" => self.check_canonical_alias(&new.content)?,
            // The room's rules alone would let any user of this server redact any other's events.
            "m.room.redaction" => return Err(Error::forbidden("A redaction is not state: use /redact for it.")),
            _ => {}
        }
        Ok(())
    }

    fn check_power_levels(&mut self, content: &CanonicalJsonObject) -> Result<()> {
        const LEVELS: &[&str] =
            &["users_default", "events_default", "state_default", "ban", "kick", "redact", "invite"];
        const MAPS: &[&str] = &["users", "events", "notifications"];
        for (key, value) in content {
            let fits = if LEVELS.contains(&key.as_str()) {
                value.as_integer().is_some()
            } else if MAPS.contains(&key.as_str()) {
                value.as_object().is_some_and(|map| map.values().all(|level| level.as_integer().is_some()))
            } else {
                true
            };
            if !fits {
                return Err(Error::bad_json(format!("In power levels, {key} must hold integers.")));
            }
        }
        let users = content.get("users").and_then(CanonicalJsonValue::as_object);
        let Some(users) = users else { return Ok(()) };
        if let Some(user) = users.keys().find(|user| <&UserId>::try_from(user.as_str()).is_err()) {
            return Err(Error::bad_json(format!("In power levels, {user} is not a user ID.")));
        }
        if self.rules().authorization.explicitly_privilege_room_creators {
            let power = self.power()?;
            if let Some(creator) = power.creators().iter().find(|creator| users.contains_key(creator.as_str())) {
                return Err(Error::bad_json(format!(
                    "{creator} made this room and stands above all power levels: they can't be listed among them."
                )));
            }
        }
        Ok(())
    }
}

/// An event's content as a client wrote it: 400 `M_NOT_JSON` where it isn't JSON at all.
pub fn parse_content(json: &str) -> Result<CanonicalJsonObject> {
    check_content(json).map_err(|error| match serde_json::from_str::<serde::de::IgnoredAny>(json) {
        Err(syntax) if !error.is_size() => Error::bad_request("M_NOT_JSON", format!("The body is not JSON: {syntax}.")),
        _ => super::append::format_error(error),
    })
}
