//! Getting out of a room that this server is not in: declining an invite, taking back a knock. It always works here,
//! whatever becomes of the other servers.

use std::time::Duration;

use ruma::{CanonicalJsonObject, OwnedServerName};

use super::join::Attempt;
use crate::{
    error::{Error, Result},
    ids::{RoomNum, UserNum},
    net::{Ask, segment},
    rooms::{Rooms, membership::Actor, rows::Membership},
};

/// How long the other server is given to take note.
const PATIENCE: Duration = Duration::from_secs(10);
/// Servers that are told.
const MAX_SERVERS: usize = 3;

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
        let servers = self.who_may_hear(room, user)?;
        let telling = async {
            for server in &servers {
                if self.tell_leave(server, actor, room, content.clone()).await.is_ok() {
                    return true;
                }
            }
            false
        };
        if !tokio::time::timeout(PATIENCE, telling).await.unwrap_or(false) {
            tracing::info!(user = %actor.user_id, "no server was told that somebody declines an invite, or takes a knock back");
        }
        let _turn = self.ingest.turn(room).await;
        self.note_own(room, user, Membership::Leave, None)?.durable().await?;
        Ok(())
    }

    /// Servers that may be in a room, which a user here wants to have nothing to do with.
    fn who_may_hear(&self, room: RoomNum, user: UserNum) -> Result<Vec<OwnedServerName>> {
        let mut servers = self.who_told(room, user)?;
        servers.extend(self.store.room_id(room)?.server_name().map(ToOwned::to_owned));
        servers.retain(|server| self.peers.allows(server));
        servers.dedup();
        servers.truncate(MAX_SERVERS);
        Ok(servers)
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
