//! Knocking on a room that this server is not in (server-server API, "Knocking upon a room"), and being turned away from
//! one: a knock is refused, or an invite taken back.

use ruma::{
    CanonicalJsonObject, CanonicalJsonValue, OwnedEventId, OwnedServerName, RoomId, RoomVersionId, ServerName, UserId,
};
use serde::Deserialize;

use super::{
    invites::told,
    join::{Attempt, failed},
};
use crate::{
    error::{Error, Result},
    event,
    ids::{RoomNum, UserNum},
    net::{Ask, segment},
    rooms::{
        Rooms,
        ingest::{Outcome, verified_one},
        membership::Actor,
        rows::{Membership, OwnRoom},
        stripped,
    },
};

#[derive(Deserialize)]
struct KnockAnswer {
    #[serde(default)]
    knock_room_state: Vec<CanonicalJsonObject>,
}

impl Rooms {
    /// Knocks on a room by the first of some servers that takes the knock.
    ///
    /// # Errors
    /// As for a join by other servers.
    pub async fn knock_elsewhere(
        &self,
        actor: Actor<'_>,
        room_id: &RoomId,
        servers: &[OwnedServerName],
        content: CanonicalJsonObject,
    ) -> Result<RoomNum> {
        let room = self.store.intern_room(room_id)?;
        let user = self.store.intern_user(actor.user_id)?;
        let mut errors = Vec::new();
        for server in servers {
            match self.knock_by(server, actor.user_id, room_id, content.clone()).await {
                Ok(told) => {
                    let _turn = self.ingest.turn(room).await;
                    self.note_own(room, user, Membership::Knock, Some(told))?.durable().await?;
                    return Ok(room);
                }
                Err(Attempt::Peer(error)) => errors.push(error),
                Err(Attempt::Own(error)) => return Err(error),
            }
        }
        Err(failed(&errors))
    }

    /// Has a server take a knock; what it tells of the room.
    async fn knock_by(
        &self,
        server: &ServerName,
        user_id: &UserId,
        room_id: &RoomId,
        content: CanonicalJsonObject,
    ) -> Result<Vec<u8>, Attempt> {
        let wanted = (Membership::Knock, "make_knock");
        let (version, pdu) = self.complete(server, (room_id, user_id), wanted, content).await?;
        let rules = event::rules(&version).filter(|rules| rules.authorization.knocking);
        rules.ok_or_else(|| Attempt::malformed(server, "rooms of this version take no knocks"))?;
        let (room, id) = (segment(room_id.as_str()), segment(pdu.event_id().as_str()));
        let body = pdu.to_object().map_err(Error::internal)?;
        let path = format!("/_matrix/federation/v1/send_knock/{room}/{id}");
        let KnockAnswer { knock_room_state } = self.peers.ask(server, Ask::put(path, body)).await?;
        told(&knock_room_state, &pdu).map_err(|error| Attempt::malformed(server, &error.message))
    }

    /// Takes a member event by which a knock of a user here is refused, or their invite is taken back, in a room that
    /// this server is not in; `None` if it is no such event.
    ///
    /// Nobody here knows who has which power in such a room. It counts if a server says so that told of the room.
    pub(in crate::rooms) async fn turned_away(
        &self,
        origin: &ServerName,
        object: &CanonicalJsonObject,
    ) -> Option<(OwnedEventId, Outcome)> {
        let (room, user, own) = self.waits_outside(object).ok().flatten()?;
        let version = version_told(&own)?;
        let rules = event::rules(&version)?;
        let event_id = event::Pdu::from_object(object.clone(), rules).ok()?.event_id().clone();
        let outcome = self.turn_away(origin, (room, user), rules, object).await;
        Some((event_id, outcome.map_err(|error| error.message.into_owned())))
    }

    async fn turn_away(
        &self,
        origin: &ServerName,
        (room, user): (RoomNum, UserNum),
        rules: &'static ruma::room_version_rules::RoomVersionRules,
        object: &CanonicalJsonObject,
    ) -> Result<()> {
        let room_id = self.store.room_id(room)?;
        let checked = verified_one(&self.keyring, &room_id, rules, object.clone()).await;
        let pdu = checked.map_err(|why| Error::forbidden(format!("The event was refused: {why}.")))?;
        let mut known = self.who_told(room, user)?;
        known.extend(room_id.server_name().map(ToOwned::to_owned));
        if pdu.sender().server_name() != origin || !known.iter().any(|server| server == origin) {
            return Err(Error::forbidden("This server is not in that room, and knows nothing of who says so."));
        }
        let membership = Membership::of_content(pdu.content().get());
        let _turn = self.ingest.turn(room).await;
        // Meanwhile they may have come in.
        if self.waits_outside(object)?.is_none() {
            return Err(Error::forbidden("This user waits for nothing in that room."));
        }
        self.note_own(room, user, membership, None)?.durable().await?;
        Ok(())
    }

    /// The room and the user of a leave or ban by somebody else, if the user is invited there, or knocks, and this
    /// server is not in the room.
    fn waits_outside(&self, object: &CanonicalJsonObject) -> Result<Option<(RoomNum, UserNum, OwnRoom)>> {
        let text = |key: &str| object.get(key).and_then(CanonicalJsonValue::as_str);
        let membership = object.get("content").and_then(CanonicalJsonValue::as_object);
        let membership = membership.and_then(|content| content.get("membership")?.as_str());
        if text("type") != Some("m.room.member") || !matches!(membership, Some("leave" | "ban")) {
            return Ok(None);
        }
        let room_id = text("room_id").and_then(|id| <&RoomId>::try_from(id).ok());
        let user_id = text("state_key").and_then(|id| <&UserId>::try_from(id).ok());
        let (Some(room_id), Some(user_id)) = (room_id, user_id) else { return Ok(None) };
        let (Some(room), Some(user)) = (self.store.room_num(room_id)?, self.store.user_num(user_id)?) else {
            return Ok(None);
        };
        if !self.users.is_local(user_id) || self.resides_in(room)? {
            return Ok(None);
        }
        let own = self.view(&self.store.latest(), room).own(user)?;
        let own = own.filter(|own| matches!(own.membership, Membership::Invite | Membership::Knock));
        Ok(own.map(|own| (room, user, own)))
    }
}

/// The version of a room that the stripped state tells.
fn version_told(own: &OwnRoom) -> Option<RoomVersionId> {
    let told = stripped::read(own.stripped_state.as_deref()?);
    let create = told.into_iter().find(|event| event.event_type == "m.room.create")?;
    create.content.get("room_version")?.as_str()?.try_into().ok()
}
