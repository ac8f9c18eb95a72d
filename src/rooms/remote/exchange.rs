//! Invitations of third parties between servers (server-server API, "Third-party invites"): who shows that one is theirs
//! is invited by the server of who sent it.

use std::time::Duration;

use ruma::{CanonicalJsonObject, CanonicalJsonValue, OwnedUserId, RoomId, ServerName, UserId};
use serde::Deserialize;

use crate::{
    error::{Error, Result},
    ids::RoomNum,
    net::{Ask, PeerError, segment},
    rooms::{Rooms, membership::Actor, rows::Membership},
};

/// How long an invite may take to come here by the way of all events.
const PATIENCE: Duration = Duration::from_secs(10);

/// The member event that another server wants to be made, in part.
#[derive(Deserialize)]
pub struct Exchange {
    #[serde(rename = "type")]
    event_type: String,
    room_id: ruma::OwnedRoomId,
    sender: OwnedUserId,
    state_key: OwnedUserId,
    content: ExchangeContent,
}

#[derive(Deserialize)]
struct ExchangeContent {
    membership: String,
    third_party_invite: ThirdPartyInvite,
}

#[derive(Deserialize)]
struct ThirdPartyInvite {
    signed: CanonicalJsonObject,
}

/// An invite of a third party that an identity server has kept until it knew who that is.
pub struct Pending {
    /// Who it is.
    pub user_id: OwnedUserId,
    /// The room.
    pub room_id: ruma::OwnedRoomId,
    /// Who invited them.
    pub sender: OwnedUserId,
    /// The identity server's word for it.
    pub signed: CanonicalJsonObject,
}

impl Rooms {
    /// Has a user here invited whom an identity server knows now.
    ///
    /// # Errors
    /// 404 `M_NOT_FOUND` if there is no such user; 403 `M_FORBIDDEN` if the proof does not hold.
    pub async fn take_pending(&self, pending: Pending) -> Result<()> {
        let Pending { user_id, room_id, sender, signed } = pending;
        let user = self.store.user_num(&user_id)?.filter(|_| self.users.is_local(&user_id));
        let user = user.ok_or_else(|| Error::not_found("There is no such user here."))?;
        self.users.profile_fields(user)?;
        self.check_invitee(&user_id)?;
        if !self.users.is_local(&sender) {
            return self.ask_for_invite(&user_id, &room_id, (&sender, &signed)).await;
        }
        let actor = Actor { user_id: &user_id, is_guest: false };
        let appended = self.lock(self.number(&room_id)?).await?.append_third_party_invite(actor, signed)?;
        appended.durable().await.map(drop)
    }

    /// Invites a user of another server who shows that an invitation by somebody here is theirs.
    ///
    /// # Errors
    /// 400 `M_INVALID_PARAM` if the event is none of an invite; 403 `M_FORBIDDEN` if the proof does not hold.
    pub async fn exchange_invite(&self, origin: &ServerName, room_id: &RoomId, wanted: Exchange) -> Result<()> {
        let room = self.resident(origin, room_id)?;
        let Exchange { event_type, room_id: named, sender, state_key: target, content } = wanted;
        if event_type != "m.room.member" || named != room_id || content.membership != "invite" {
            return Err(Error::invalid_param("The event is no invite to this room."));
        }
        if target.server_name() != origin {
            return Err(Error::forbidden("The user is not of your server."));
        }
        let (inviter, content) =
            self.lock(room).await?.third_party_invite(&target, content.third_party_invite.signed)?;
        if inviter != sender {
            return Err(Error::forbidden("Somebody else has sent this invitation."));
        }
        let actor = Actor { user_id: &inviter, is_guest: false };
        self.invite_elsewhere(actor, room, &target, content).await.map(drop)
    }

    /// Has the server of who sent an invitation invite a user here, who shows that it is theirs.
    ///
    /// # Errors
    /// 403 `M_FORBIDDEN` if the proof is not the user's, or the server doesn't accept it or can't be asked.
    pub(in crate::rooms) async fn ask_for_invite(
        &self,
        user_id: &UserId,
        room_id: &RoomId,
        (sender, signed): (&UserId, &CanonicalJsonObject),
    ) -> Result<()> {
        if signed.get("mxid").and_then(CanonicalJsonValue::as_str) != Some(user_id.as_str()) {
            return Err(Error::forbidden("This invitation is not meant for you."));
        }
        let third_party = CanonicalJsonObject::from([
            // Only whoever sent the invitation knows what they called the third party.
            ("display_name".to_owned(), String::new().into()),
            ("signed".to_owned(), signed.clone().into()),
        ]);
        let content = CanonicalJsonObject::from([
            ("membership".to_owned(), "invite".to_owned().into()),
            ("third_party_invite".to_owned(), third_party.into()),
        ]);
        let body = CanonicalJsonObject::from([
            ("type".to_owned(), "m.room.member".to_owned().into()),
            ("room_id".to_owned(), room_id.to_string().into()),
            ("sender".to_owned(), sender.to_string().into()),
            ("state_key".to_owned(), user_id.to_string().into()),
            ("content".to_owned(), content.into()),
        ]);
        let path = format!("/_matrix/federation/v1/exchange_third_party_invite/{}", segment(room_id.as_str()));
        let asked = self.peers.ask_raw(sender.server_name(), Ask::put(path, body)).await;
        asked.map(drop).map_err(|error| {
            let told = match &error {
                PeerError::Refused { message, .. } => Error::forbidden(message.clone()),
                _ => Error::forbidden("The server of who sent this invitation can't be asked."),
            };
            told.because(error)
        })
    }

    /// The same in a room that this server is in: the invite comes by the way of all events.
    pub(in crate::rooms) async fn await_invite(
        &self,
        user_id: &UserId,
        room: RoomNum,
        signed: &CanonicalJsonObject,
    ) -> Result<()> {
        let room_id = self.store.room_id(room)?;
        self.ask_for_invite(user_id, &room_id, (sender_of(signed)?, signed)).await?;
        let waiting = async {
            loop {
                let published = self.store.published();
                let own = match self.store.user_num(user_id)? {
                    Some(user) => self.view(&self.store.latest(), room).own(user)?,
                    None => None,
                };
                if own.is_some_and(|own| own.membership == Membership::Invite) {
                    return Ok(());
                }
                self.store.wait_published(published).await;
            }
        };
        // If it does not come, the join says what is missing.
        tokio::time::timeout(PATIENCE, waiting).await.unwrap_or(Ok(()))
    }
}

/// Who sent an invitation, as a client's proof tells; 400 `M_BAD_JSON` if it doesn't.
pub(super) fn sender_of(signed: &CanonicalJsonObject) -> Result<&UserId> {
    let sender = signed.get("sender").and_then(CanonicalJsonValue::as_str);
    let sender = sender.and_then(|sender| <&UserId>::try_from(sender).ok());
    sender.ok_or_else(|| Error::bad_json("`third_party_signed` has no `sender`."))
}
