//! Member events that another server is to complete and sign: `make_join`, `make_leave`, `make_knock`.

use ruma::{CanonicalJsonObject, CanonicalJsonValue, RoomId, RoomVersionId, ServerName, UserId};

use crate::{
    error::{Error, Result},
    rooms::{NewEvent, RoomGuard, Rooms, rows::Membership},
};

impl Rooms {
    /// A member event that the rules allow, with its place in the room, for a user of another server; and the room's
    /// version.
    ///
    /// # Errors
    /// 403 `M_FORBIDDEN` if the user may not; 400 `M_INCOMPATIBLE_ROOM_VERSION` if their server doesn't know the room's
    /// version.
    pub async fn template(
        &self,
        origin: &ServerName,
        (room_id, user_id): (&RoomId, &UserId),
        membership: Membership,
        versions: Option<&[RoomVersionId]>,
    ) -> Result<(RoomVersionId, CanonicalJsonObject)> {
        if user_id.server_name() != origin {
            return Err(Error::forbidden("The user is not of your server."));
        }
        let room = self.resident(origin, room_id)?;
        let mut guard = self.lock(room).await?;
        let version = guard.head().version.clone();
        if versions.is_some_and(|versions| !versions.contains(&version)) {
            let error =
                Error::bad_request("M_INCOMPATIBLE_ROOM_VERSION", "Your server doesn't know the room's version.");
            return Err(error.with_field("room_version", version.as_str()));
        }
        Ok((version, guard.template(user_id, membership)?))
    }
}

impl RoomGuard<'_> {
    fn template(&mut self, user_id: &UserId, membership: Membership) -> Result<CanonicalJsonObject> {
        let mut content = CanonicalJsonObject::new();
        content.insert("membership".to_owned(), membership.as_str().to_owned().into());
        if membership == Membership::Join {
            let before = self.membership(user_id)?;
            if let Some(authoriser) = self.join_authoriser(user_id, before)? {
                content.insert("join_authorised_via_users_server".to_owned(), authoriser.to_string().into());
            }
        }
        let event = NewEvent::state(user_id, "m.room.member", user_id.as_str(), content);
        let mut object = self.sealed(event)?.to_object().map_err(Error::internal)?;
        // It is not ours to sign.
        object.remove("signatures");
        object.remove("hashes");
        let origin = self.rooms.server_name.to_string();
        object.insert("origin".to_owned(), CanonicalJsonValue::String(origin));
        Ok(object)
    }
}
