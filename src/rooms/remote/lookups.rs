//! What is looked up at other servers for people here: profiles, and their directories of rooms.

use ruma::{CanonicalJsonObject, ServerName, UserId};
use serde_json::{Map, Value};

use crate::{
    error::{Error, Result},
    net::{Ask, PeerError, segment},
    rooms::Rooms,
};

impl Rooms {
    /// The profile of a user, of this server or another; 404 `M_NOT_FOUND` if there is no such user, or their server
    /// can't be asked.
    pub async fn look_up_profile(&self, user_id: &UserId) -> Result<Map<String, Value>> {
        let not_found = || Error::not_found("There is no such user.");
        if self.users.is_local(user_id) {
            let user = self.store.user_num(user_id)?.ok_or_else(not_found)?;
            return self.users.profile_fields(user);
        }
        let path = format!("/_matrix/federation/v1/query/profile?user_id={}", segment(user_id.as_str()));
        let asked = self.peers.ask(user_id.server_name(), Ask::get(path).up_to(128 << 10)).await;
        asked.map_err(|error| not_found().because(error))
    }

    /// A page of another server's directory, as it gives it.
    ///
    /// # Errors
    /// 404 `M_NOT_FOUND` if it can't be asked; its own refusal otherwise.
    pub async fn look_up_directory(&self, server: &ServerName, request: CanonicalJsonObject) -> Result<Value> {
        let ask = Ask::post("/_matrix/federation/v1/publicRooms", request).up_to(4 << 20);
        self.peers.ask(server, ask).await.map_err(|error| match &error {
            PeerError::Refused { message, .. } => Error::forbidden(message.clone()).because(error),
            _ => Error::not_found("That server can't be asked for its rooms.").because(error),
        })
    }
}
