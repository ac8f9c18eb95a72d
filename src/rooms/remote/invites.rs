//! Invites between servers: those that come for users here, and those of users here for others.

use std::sync::Arc;

use ruma::{
    CanonicalJsonObject, CanonicalJsonValue, EventId, OwnedRoomId, RoomId, RoomVersionId, ServerName, UserId,
    signatures::sign_event,
};
use serde::Deserialize;
use tokio::sync::broadcast;

use crate::{
    error::{Error, Result},
    event::{self, Pdu, StoredEvent},
    ids::{Position, RoomNum, UserNum},
    net::{Ask, PeerError, segment},
    rooms::{
        NewEvent, RoomGuard, Rooms,
        append::Received,
        ingest::verified_one,
        membership::Actor,
        rows::{Membership, OwnRoom, Verdict},
        view::{own_key, own_rooms},
    },
    store::{Commit, Family, LogEntry, Notice, Ticket, keys},
    users::feed::FeedEntry,
};

/// Invites that may wait for one user.
const MAX_WAITING: usize = 1_000;
/// Events that tell of the room, at the most, and bytes of all of them.
const MAX_TELLING: (usize, usize) = (50, 256 << 10);

/// A user here was invited to a room that this server is not in.
#[derive(Clone, Debug)]
pub struct Invited {
    /// Where that was published.
    pub position: Position,
    /// The user.
    pub user: UserNum,
    /// The room.
    pub room: RoomNum,
    /// Its ID.
    pub room_id: OwnedRoomId,
    /// The invite.
    pub event: StoredEvent,
    /// The stripped state, a JSON array.
    pub told: Vec<u8>,
}

/// An invite of another server's user for one here.
pub struct Invitation<'a> {
    /// The server.
    pub origin: &'a ServerName,
    /// The room.
    pub room_id: &'a RoomId,
    /// The event's ID, as the request has it.
    pub event_id: &'a EventId,
    /// The room's version.
    pub version: RoomVersionId,
    /// The member event.
    pub object: CanonicalJsonObject,
    /// Events that tell what room it is.
    pub state: Vec<CanonicalJsonObject>,
}

impl Rooms {
    /// Tells of invites by other servers from now on.
    pub fn invites(&self) -> broadcast::Receiver<Invited> {
        self.invited.subscribe()
    }

    /// Takes an invite for a user here, and returns it with our signature.
    ///
    /// # Errors
    /// 400 `M_INVALID_PARAM` if it is none; 403 `M_FORBIDDEN`, `M_INVITE_BLOCKED` if the user can't be invited.
    pub async fn take_invite(&self, mut invitation: Invitation<'_>) -> Result<CanonicalJsonObject> {
        let rules = event::rules(&invitation.version).ok_or_else(|| {
            let unknown = "This server doesn't know the room's version.";
            Error::bad_request("M_INCOMPATIBLE_ROOM_VERSION", unknown)
                .with_field("room_version", invitation.version.as_str())
        })?;
        let object = invitation.object.clone();
        let checked = verified_one(&self.keyring, invitation.room_id, rules, object).await;
        let pdu = checked.map_err(|why| Error::invalid_param(format!("The event does not hold: {why}.")))?;
        let target = invitation.target(&pdu)?;
        if !self.users.is_local(target) {
            return Err(Error::invalid_param("The user is not of this server."));
        }
        let user = self.store.user_num(target)?.ok_or_else(no_such_user)?;
        self.users.profile_fields(user).map_err(|_| no_such_user())?;
        self.check_invitee(target)?;
        sign_event(self.server_name.as_str(), &*self.signing_key, &mut invitation.object, &rules.redaction)
            .map_err(|error| Error::bad_json(error.to_string()))?;
        let room = self.store.intern_room(invitation.room_id)?;
        // Where we are in the room, the event comes by the way of all events.
        if self.resides_in(room)? {
            self.check_acl(room, invitation.origin)?;
            if matches!(self.lock(room).await?.membership(target)?, Membership::Join | Membership::Ban) {
                return Err(Error::forbidden("This user is in the room already, or banned from it."));
            }
        } else {
            let told = invitation.told(&pdu, rules)?;
            let _turn = self.ingest.turn(room).await;
            let ticket = self.note_own(room, user, Membership::Invite, Some(told.clone()))?;
            let position = ticket.durable().await?;
            let room_id = invitation.room_id.to_owned();
            // Nobody may be listening.
            let _ = self.invited.send(Invited { position, user, room, room_id, event: StoredEvent::from(&*pdu), told });
        }
        Ok(invitation.object)
    }

    /// Writes how a user stands to a room that this server is not in.
    pub(super) fn note_own(
        &self,
        room: RoomNum,
        user: UserNum,
        membership: Membership,
        stripped_state: Option<Vec<u8>>,
    ) -> Result<Ticket> {
        let snapshot = self.store.snapshot();
        if matches!(membership, Membership::Invite | Membership::Knock) {
            let rooms = own_rooms(&snapshot, user)?;
            if rooms.iter().filter(|(_, own)| own.membership == membership).count() >= MAX_WAITING {
                return Err(Error::forbidden("Too many invites or knocks of this user wait for an answer."));
            }
        }
        let latest = self.store.latest();
        let before = self.view(&latest, room).own(user)?;
        Ok(self.store.commit(|position| {
            let mut commit = Commit::new(LogEntry::User(user));
            let own = OwnRoom {
                membership,
                event: None,
                since: position,
                joined_until: before.as_ref().and_then(|before| before.joined_until),
                forgotten: false,
                stripped_state,
            };
            if let Some(before) = &before {
                commit.delete(Family::Feed, keys::user_position(user, before.since));
            }
            commit
                .put_row(Family::Index, own_key(user, room), &own)
                .put_row(Family::Feed, keys::user_position(user, position), &FeedEntry::Membership(room))
                .notify(Notice::Left(room, user))
                .notify(Notice::User(user));
            commit
        }))
    }

    /// Invites a user of another server, which has to sign it.
    pub(in crate::rooms) async fn invite_elsewhere(
        &self,
        actor: Actor<'_>,
        room: RoomNum,
        target: &UserId,
        content: CanonicalJsonObject,
    ) -> Result<Option<Arc<Pdu>>> {
        let server = target.server_name();
        if !self.peers.allows(server) {
            return Err(Error::forbidden("This server does not deal with the user's server."));
        }
        let (pdu, body, room_id) = {
            let mut guard = self.lock(room).await?;
            if guard.membership(target)? == Membership::Invite && guard.membership(actor.user_id)? == Membership::Join {
                return Ok(None);
            }
            let (pdu, body) = guard.invitation(actor, target, content)?;
            (pdu, body, guard.room_id().clone())
        };
        let (path_room, path_event) = (segment(room_id.as_str()), segment(pdu.event_id().as_str()));
        let ask = Ask::put(format!("/_matrix/federation/v2/invite/{path_room}/{path_event}"), body);
        #[derive(Deserialize)]
        struct Answer {
            event: CanonicalJsonObject,
        }
        let answer: Answer = self.peers.ask(server, ask).await.map_err(not_invited)?;
        let _turn = self.ingest.turn(room).await;
        let mut guard = self.lock(room).await?;
        let signed = Pdu::from_object(answer.event, guard.rules()).ok();
        let signed = signed.filter(|signed| signed.event_id() == pdu.event_id() && is_whole(signed, &pdu));
        let signed =
            Arc::new(signed.ok_or_else(|| Error::forbidden("The user's server answered with another event."))?);
        let appended = guard.append_received(signed.clone(), Received { vouched: true, ..Received::default() })?;
        drop(guard);
        let verdict = appended.verdict;
        appended.durable().await?;
        match verdict {
            Verdict::Accepted => Ok(Some(signed)),
            _ => Err(Error::forbidden("The room changed meanwhile: its rules refuse the invite now.")),
        }
    }
}

/// Whether another server has added signatures to an event, and done nothing else to it.
fn is_whole(signed: &Pdu, ours: &Pdu) -> bool {
    let without = |pdu: &Pdu| {
        pdu.to_object().map(|mut object| {
            object.remove("signatures");
            object
        })
    };
    matches!((without(signed), without(ours)), (Ok(signed), Ok(ours)) if signed == ours)
}

impl RoomGuard<'_> {
    /// An invite that the rules allow, and the body by which the user's server is asked to sign it.
    fn invitation(
        &mut self,
        actor: Actor<'_>,
        target: &UserId,
        mut content: CanonicalJsonObject,
    ) -> Result<(Arc<Pdu>, CanonicalJsonObject)> {
        content.insert("membership".to_owned(), Membership::Invite.as_str().to_owned().into());
        let event = NewEvent::state(actor.user_id, "m.room.member", target.as_str(), content);
        let pdu = self.sealed(event)?;
        let state = self.telling(actor.user_id)?;
        let object = pdu.to_object().map_err(Error::internal)?;
        let body = CanonicalJsonObject::from([
            ("event".to_owned(), CanonicalJsonValue::Object(object)),
            ("room_version".to_owned(), self.head().version.as_str().to_owned().into()),
            ("invite_room_state".to_owned(), CanonicalJsonValue::Array(state)),
        ]);
        Ok((pdu, body))
    }
}

impl Invitation<'_> {
    /// Whom the invite is for, if it is one.
    fn target<'p>(&self, pdu: &'p Pdu) -> Result<&'p UserId> {
        let wrong = |what: &'static str| Err(Error::invalid_param(what));
        if pdu.event_id() != self.event_id {
            return wrong("The event has another ID.");
        }
        if pdu.type_str() != "m.room.member" || Membership::of_content(pdu.content().get()) != Membership::Invite {
            return wrong("The event is no invite.");
        }
        if pdu.sender().server_name() != self.origin {
            return wrong("Who invites is not of your server.");
        }
        let target = pdu.state_key().and_then(|key| <&UserId>::try_from(key).ok());
        target.ok_or_else(|| Error::invalid_param("The state key of m.room.member is a user ID."))
    }

    /// The stripped state that the user is shown: what the other server tells of the room, and the invite.
    fn told(&self, pdu: &Pdu, rules: &ruma::room_version_rules::RoomVersionRules) -> Result<Vec<u8>> {
        let named_by = |object: &CanonicalJsonObject| {
            object.get("type").and_then(CanonicalJsonValue::as_str) == Some("m.room.create")
                && Pdu::from_object(object.clone(), rules).is_ok_and(|create| create.room_id() == self.room_id)
        };
        if rules.authorization.room_create_event_id_as_room_id && !self.state.iter().any(named_by) {
            let missing = "invite_room_state lacks the create event that gives the room its ID.";
            return Err(Error::bad_request("M_MISSING_PARAM", missing));
        }
        told(&self.state, pdu)
    }
}

/// The stripped state that a user is shown whose membership `pdu` is: what another server tells of the room, and that.
pub(super) fn told(state: &[CanonicalJsonObject], pdu: &Pdu) -> Result<Vec<u8>> {
    let text = |object: &CanonicalJsonObject, key: &str| object.get(key).and_then(CanonicalJsonValue::as_str).is_some();
    let mut events = Vec::new();
    for object in state.iter().take(MAX_TELLING.0) {
        let is_state = ["type", "state_key", "sender"].iter().all(|key| text(object, key))
            && object.get("content").is_some_and(CanonicalJsonValue::is_object);
        if !is_state {
            return Err(Error::bad_request("M_MISSING_PARAM", "What tells of the room holds what is no state event."));
        }
        events.push(stripped(object));
    }
    events.push(stripped(&pdu.to_object().map_err(Error::internal)?));
    let told = serde_json::to_vec(&events).map_err(Error::internal)?;
    if told.len() > MAX_TELLING.1 {
        return Err(Error::new(413, "M_TOO_LARGE", "What tells of the room is too large."));
    }
    Ok(told)
}

fn stripped(object: &CanonicalJsonObject) -> CanonicalJsonObject {
    let keys = ["type", "state_key", "sender", "content"];
    keys.into_iter().filter_map(|key| Some((key.to_owned(), object.get(key)?.clone()))).collect()
}

/// What a client is told whose invite the other server did not take.
fn not_invited(error: PeerError) -> Error {
    let told = match &error {
        PeerError::Refused { status: 404, message, .. } => Error::not_found(message.clone()),
        PeerError::Refused { errcode, message, .. } if errcode == "M_INVITE_BLOCKED" => {
            Error::new(403, "M_INVITE_BLOCKED", message.clone())
        }
        PeerError::Refused { errcode, .. } if errcode == "M_INCOMPATIBLE_ROOM_VERSION" => {
            let unknown = "The user's server doesn't know the room's version.";
            Error::bad_request("M_UNSUPPORTED_ROOM_VERSION", unknown)
        }
        PeerError::Refused { message, .. } => Error::forbidden(message.clone()),
        _ => Error::forbidden("The user's server can't be asked to invite them."),
    };
    told.because(error)
}

fn no_such_user() -> Error {
    Error::not_found("There is no such user here.")
}
