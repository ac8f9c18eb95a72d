//! Sending: messages of any type, and redactions (client-server API, "Sending events to a room" and "Redactions").

use ruma::{
    CanonicalJsonObject, CanonicalJsonValue, EventId, OwnedEventId, OwnedRoomId, UserId,
    state_res::events::RoomPowerLevelsIntField,
};

use super::{
    NewEvent, RoomGuard, Rooms,
    room_state::parse_content,
    rows::{Membership, Verdict},
    transactions::{self, Endpoint, Request},
};
use crate::{
    error::{Error, Result},
    ids::RoomNum,
    users::{Session, restrictions::suspended},
};

const REDACTION: &str = "m.room.redaction";

/// A message that a client sends.
#[derive(Clone, Debug)]
pub struct NewMessage<'a> {
    /// The room.
    pub room_id: OwnedRoomId,
    /// The type.
    pub event_type: String,
    /// The content, as the client wrote it.
    pub content: &'a str,
    /// What the client calls the request.
    pub transaction_id: String,
}

/// A redaction that a client asks for.
#[derive(Clone, Debug)]
pub struct NewRedaction<'a> {
    /// The room.
    pub room_id: OwnedRoomId,
    /// What is redacted.
    pub target: OwnedEventId,
    /// The content, as the client wrote it: usually a `reason`.
    pub content: &'a str,
    /// What the client calls the request.
    pub transaction_id: String,
}

impl Rooms {
    /// Sends a message, and returns its ID once it is on disk. A request that was answered before gets the same ID.
    ///
    /// # Errors
    /// 403 `M_FORBIDDEN` if the user is not in the room or may not send this; 400 `M_NOT_JSON`, `M_BAD_JSON` or 413
    /// `M_TOO_LARGE` if the content has no valid form. For an `m.room.redaction` those of [`Rooms::redact`] too.
    pub async fn send_message(&self, session: &Session, new: NewMessage<'_>) -> Result<OwnedEventId> {
        let content = parse_content(new.content)?;
        let room = self.number_of_joined(&new.room_id)?;
        let endpoint = Endpoint::Send(&new.event_type);
        let transaction = self.transaction(session, room, endpoint, new.transaction_id)?;
        self.send_content(session, room, (new.event_type, content), Request::Transaction(transaction)).await
    }

    /// The same for what `request` asks for, and whose content is parsed.
    pub(super) async fn send_content(
        &self,
        session: &Session,
        room: RoomNum,
        (event_type, mut content): (String, CanonicalJsonObject),
        request: Request,
    ) -> Result<OwnedEventId> {
        let target = if event_type == REDACTION { Some(take_target(&mut content)?) } else { None };
        let event = NewEvent::message(session.user_id.clone(), event_type, content);
        self.send_once(session, room, NewEvent { redacts: target, request: Some(request), ..event }).await
    }

    /// Redacts an event, and returns the redaction's ID once it is on disk.
    ///
    /// # Errors
    /// 403 `M_FORBIDDEN` if the event is another's and the user lacks the power for it, `M_USER_SUSPENDED` if they are
    /// suspended; 404 `M_NOT_FOUND` if it is
    /// not in the room.
    pub async fn redact(&self, session: &Session, new: NewRedaction<'_>) -> Result<OwnedEventId> {
        let mut content = parse_content(new.content)?;
        content.remove("redacts");
        let room = self.number_of_joined(&new.room_id)?;
        let endpoint = Endpoint::Redact(&new.target);
        let transaction = self.transaction(session, room, endpoint, new.transaction_id)?;
        let event = NewEvent::message(session.user_id.clone(), REDACTION, content);
        let request = Some(Request::Transaction(transaction));
        self.send_once(session, room, NewEvent { redacts: Some(new.target), request, ..event }).await
    }

    async fn send_once(&self, session: &Session, room: RoomNum, event: NewEvent) -> Result<OwnedEventId> {
        let mut guard = self.lock(room).await?;
        if let Some(Request::Transaction(transaction)) = &event.request
            && let Some((event_id, position)) = guard.earlier(transaction)?
        {
            drop(guard);
            transactions::landed(&self.store, position).await;
            return Ok(event_id);
        }
        if let Some(target) = &event.redacts {
            guard.check_redaction(session, target)?;
        }
        guard.check_relation(&event)?;
        let appended = guard.append(event)?;
        drop(guard);
        appended.durable().await
    }

    /// The number of a room that somebody wants to act in as a member.
    fn number_of_joined(&self, room_id: &ruma::RoomId) -> Result<RoomNum> {
        self.store.room_num(room_id)?.ok_or_else(not_joined)
    }
}

impl RoomGuard<'_> {
    /// Whether a client may redact an event. The auth rules of new room versions let everybody send redactions;
    /// servers then ignore those without effect.
    fn check_redaction(&mut self, session: &Session, target: &EventId) -> Result<()> {
        let user: &UserId = &session.user_id;
        if self.membership(user)? != Membership::Join {
            return Err(not_joined());
        }
        let sender = self.with_view(|view| match view.find(target)? {
            Some(number) if view.meta(number)?.verdict == Verdict::Accepted => {
                Ok::<_, Error>(Some(view.event(number)?.sender().into_owned()))
            }
            _ => Ok(None),
        })?;
        let sender = sender.ok_or_else(|| Error::not_found("There is no such event in this room."))?;
        if sender != user.as_str() && session.restrictions.suspended {
            return Err(suspended());
        }
        if sender == user.as_str() || self.power()?.may_act(user, RoomPowerLevelsIntField::Redact) {
            return Ok(());
        }
        Err(Error::forbidden("You don't have the power to redact what others sent."))
    }
}

fn not_joined() -> Error {
    Error::forbidden("You are not in that room.")
}

/// Takes out what a redaction's content names as its target.
fn take_target(content: &mut CanonicalJsonObject) -> Result<OwnedEventId> {
    let target = content.remove("redacts");
    let target = target.as_ref().and_then(CanonicalJsonValue::as_str).and_then(|id| EventId::parse(id).ok());
    target.ok_or_else(|| Error::bad_json("A redaction names the event that it redacts in \"redacts\"."))
}
