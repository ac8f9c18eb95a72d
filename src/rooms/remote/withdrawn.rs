//! Invites that the other side takes back: the member event that does it comes with a transaction, of a room that this
//! server is not in.

use ruma::{
    CanonicalJsonObject, CanonicalJsonValue, OwnedEventId, RoomId, RoomVersionId, ServerName, UserId,
    room_version_rules::RoomVersionRules,
};
use serde::Deserialize;

use crate::{
    error::Result,
    event,
    rooms::{
        Rooms,
        ingest::verified_one,
        rows::{Membership, OwnRoom},
    },
};

impl Rooms {
    /// Ends an invite of a user here, if the event is of the server that invited them and says that they are out.
    /// Returns the event's ID, or nothing if it is something else.
    pub(in crate::rooms) async fn withdraw_invite(
        &self,
        origin: &ServerName,
        object: &CanonicalJsonObject,
    ) -> Result<Option<OwnedEventId>> {
        let text = |key: &str| object.get(key).and_then(CanonicalJsonValue::as_str);
        let (Some("m.room.member"), Some(Ok(target)), Some(Ok(room_id))) =
            (text("type"), text("state_key").map(<&UserId>::try_from), text("room_id").map(<&RoomId>::try_from))
        else {
            return Ok(None);
        };
        let (Some(user), Some(room)) = (self.store.user_num(target)?, self.store.room_num(room_id)?) else {
            return Ok(None);
        };
        let _turn = self.ingest.turn(room).await;
        let own = self.view(&self.store.latest(), room).own(user)?;
        let Some(invite) = own.filter(|own| own.membership == Membership::Invite) else { return Ok(None) };
        let Some(rules) = rules_told(&invite) else { return Ok(None) };
        let Ok(pdu) = verified_one(&self.keyring, room_id, rules, object.clone()).await else { return Ok(None) };
        let is_out = matches!(Membership::of_content(pdu.content().get()), Membership::Leave | Membership::Ban);
        let is_inviter = self.inviter_server(room, user)?.is_some_and(|server| server == origin);
        if !is_out || !is_inviter || pdu.sender().server_name() != origin {
            return Ok(None);
        }
        self.note_own(room, user, Membership::Leave, None)?.durable().await?;
        Ok(Some(pdu.event_id().clone()))
    }
}

/// The rules of the room that an invite is for, as far as its stripped state tells.
fn rules_told(invite: &OwnRoom) -> Option<&'static RoomVersionRules> {
    #[derive(Deserialize)]
    struct Stripped {
        #[serde(rename = "type")]
        kind: String,
        content: Content,
    }
    #[derive(Deserialize)]
    struct Content {
        room_version: Option<RoomVersionId>,
    }
    let told: Vec<Stripped> = serde_json::from_slice(invite.stripped_state.as_deref()?).ok()?;
    let create = told.into_iter().find(|event| event.kind == "m.room.create")?;
    event::rules(&create.content.room_version?)
}
