//! Getting out of a room that this server is not in: declining an invite, taking back a knock. It always works here,
//! whatever becomes of the other servers.

use std::time::Duration;

use ruma::{CanonicalJsonObject, OwnedServerName};

use super::join::Attempt;
use crate::{
    error::{Error, Result},
    ids::RoomNum,
    net::{Ask, segment},
    rooms::{Rooms, membership::Actor, rows::Membership},
};

/// How long the other server is given to take note.
const PATIENCE: Duration = Duration::from_secs(10);

impl Rooms {
    /// Leaves such a room.
    pub(in crate::rooms) async fn leave_elsewhere(
        &self,
        actor: Actor<'_>,
        room: RoomNum,
        content: CanonicalJsonObject,
    ) -> Result<()> {
        let not_there = || Error::forbidden("You are not in that room.");
        let user = self.store.user_num(actor.user_id)?.ok_or_else(not_there)?;
        let own = self.view(&self.store.latest(), room).own(user)?.ok_or_else(not_there)?;
        if matches!(own.membership, Membership::Leave | Membership::Ban) {
            return Ok(());
        }
        if let Some(server) = self.inviter_server(room, user)?.filter(|server| self.peers.allows(server)) {
            let told = tokio::time::timeout(PATIENCE, self.tell_leave(&server, actor, room, content)).await;
            if !matches!(told, Ok(Ok(()))) {
                tracing::info!(%server, user = %actor.user_id, "a server was not told that an invite is declined");
            }
        }
        let _turn = self.ingest.turn(room).await;
        self.note_own(room, user, Membership::Leave, None)?.durable().await?;
        Ok(())
    }

    async fn tell_leave(
        &self,
        server: &OwnedServerName,
        actor: Actor<'_>,
        room: RoomNum,
        content: CanonicalJsonObject,
    ) -> Result<(), Attempt> {
        let room_id = self.store.room_id(room).map_err(Error::from)?;
        let wanted = (Membership::Leave, "make_leave");
        let (_, pdu) = self.complete(server, (&room_id, actor.user_id), wanted, content).await?;
        let (room_id, event_id) = (segment(room_id.as_str()), segment(pdu.event_id().as_str()));
        let body = pdu.to_object().map_err(Error::internal)?;
        let ask = Ask::put(format!("/_matrix/federation/v2/send_leave/{room_id}/{event_id}"), body);
        self.peers.ask_raw(server, ask).await?;
        Ok(())
    }
}
