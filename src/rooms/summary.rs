//! What a room shows of itself to those who are not in it: in the directory, as a summary, in a space.

use ruma::{OwnedRoomId, RoomId, room::JoinRuleKind};
use serde::{Deserialize, Serialize};

use super::{
    Rooms,
    rows::{Membership, RoomHead},
    view::RoomView,
    visibility::HistoryVisibility,
};
use crate::{
    error::{Error, Result},
    ids::{RoomNum, UserNum},
    state::auth::{allowed_rooms, join_rule},
    store::{Read, Snapshot},
};

/// One room of the directory (client-server API, `PublishedRoomsChunk`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomSummary {
    /// Its ID.
    pub room_id: OwnedRoomId,
    /// How many members have joined.
    pub num_joined_members: u64,
    /// Whether everybody may read.
    pub world_readable: bool,
    /// Whether guests may join.
    pub guest_can_join: bool,
    /// Its join rule.
    #[serde(default = "public")]
    pub join_rule: String,
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its topic, as plain text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub topic: Option<String>,
    /// Its canonical alias.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub canonical_alias: Option<String>,
    /// The `mxc:` address of its avatar.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub avatar_url: Option<String>,
    /// Its type, such as `m.space`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub room_type: Option<String>,
}

/// What else the summary of a single room tells.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FullSummary {
    /// What the directory shows too.
    #[serde(flatten)]
    pub room: RoomSummary,
    /// Its version, which old servers don't tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub room_version: Option<String>,
    /// The algorithm of its encryption.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encryption: Option<String>,
    /// Whose members may join, where the join rule asks for that.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allowed_room_ids: Vec<OwnedRoomId>,
    /// How the asking user stands to the room.
    #[serde(skip_deserializing, skip_serializing_if = "Option::is_none")]
    pub membership: Option<&'static str>,
}

impl FullSummary {
    /// Whether everybody may see that there is such a room.
    pub fn is_open(&self) -> bool {
        self.room.world_readable || matches!(&*self.room.join_rule, "public" | "knock" | "knock_restricted")
    }

    /// Whether it is a space.
    pub fn is_space(&self) -> bool {
        self.room.room_type.as_deref() == Some("m.space")
    }
}

/// The join rule of a room whose summary names none (client-server API, `RoomSummary`).
fn public() -> String {
    "public".to_owned()
}

impl<R: Read> RoomView<'_, R> {
    /// What the room shows of itself.
    pub fn summary(&self, room_id: OwnedRoomId, head: &RoomHead) -> Result<RoomSummary> {
        let root = head.root();
        let text = |event_type: &str, field: &str| -> Result<Option<String>> {
            let content: Option<serde_json::Value> = self.state_content(root, event_type, "")?;
            let text = content.and_then(|content| content.get(field)?.as_str().map(ToOwned::to_owned));
            Ok(text.filter(|text| !text.is_empty()))
        };
        Ok(RoomSummary {
            num_joined_members: head.joined,
            world_readable: self.history_visibility(root)? == HistoryVisibility::WorldReadable,
            guest_can_join: text("m.room.guest_access", "guest_access")?.as_deref() == Some("can_join"),
            join_rule: text("m.room.join_rules", "join_rule")?.unwrap_or_else(|| "invite".to_owned()),
            name: text("m.room.name", "name")?,
            topic: text("m.room.topic", "topic")?,
            canonical_alias: text("m.room.canonical_alias", "alias")?,
            avatar_url: text("m.room.avatar", "url")?,
            room_type: text("m.room.create", "type")?,
            room_id,
        })
    }
}

impl Rooms {
    /// The summary of a room, for who is in it or may get in: `user` is who asks, if they are logged in.
    ///
    /// # Errors
    /// 404 `M_NOT_FOUND` for everybody else, whether there is such a room or not.
    pub fn full_summary(&self, user: Option<UserNum>, room: RoomNum) -> Result<FullSummary> {
        self.visible_summary(&self.store.snapshot(), user, room)?.ok_or_else(no_room)
    }

    /// The same; `None` for who may not see it.
    pub(super) fn visible_summary(
        &self,
        snapshot: &Snapshot<'_>,
        user: Option<UserNum>,
        room: RoomNum,
    ) -> Result<Option<FullSummary>> {
        let own = user.map(|user| self.view(snapshot, room).own(user)).transpose()?.flatten();
        let membership = own.as_ref().map_or(Membership::Leave, |own| own.membership);
        let Some(mut summary) = self.summary_of(snapshot, room)? else { return Ok(None) };
        summary.membership = user.map(|_| membership.as_str());
        Ok(self.may_see(snapshot, user, &summary, membership)?.then_some(summary))
    }

    /// What a room shows of itself to whom it shows itself; `None` if it is not here.
    pub(super) fn summary_of(&self, snapshot: &Snapshot<'_>, room: RoomNum) -> Result<Option<FullSummary>> {
        let view = self.view(snapshot, room);
        let room_id = self.store.room_id(room)?;
        let Some(head) = view.head()? else { return Ok(None) };
        let event = |event_type| {
            let number = view.state_at(head.root(), event_type, "")?;
            number.map(|number| view.pdu(number, &room_id)).transpose()
        };
        let join_rules = event("m.room.join_rules")?;
        let rule = join_rule(join_rules.as_deref());
        let allowed_room_ids = match (&rule, &join_rules) {
            (JoinRuleKind::Restricted | JoinRuleKind::KnockRestricted, Some(event)) => allowed_rooms(event),
            _ => Vec::new(),
        };
        let summary = view.summary(room_id.clone(), &head)?;
        let encryption: Option<Encryption> = view.state_content(head.root(), "m.room.encryption", "")?;
        Ok(Some(FullSummary {
            room: summary,
            room_version: Some(head.version.to_string()),
            encryption: encryption.map(|encryption| encryption.algorithm),
            allowed_room_ids,
            membership: None,
        }))
    }

    /// Whether a user, if there is one, who stands so to a room may see its summary.
    pub(super) fn may_see(
        &self,
        snapshot: &Snapshot<'_>,
        user: Option<UserNum>,
        summary: &FullSummary,
        membership: Membership,
    ) -> Result<bool> {
        Ok(summary.is_open()
            || matches!(membership, Membership::Join | Membership::Invite | Membership::Knock)
            || self.is_in_any(snapshot, user, &summary.allowed_room_ids)?)
    }

    fn is_in_any(&self, snapshot: &Snapshot<'_>, user: Option<UserNum>, rooms: &[OwnedRoomId]) -> Result<bool> {
        let Some(user) = user else { return Ok(false) };
        for room_id in rooms {
            if let Some(room) = self.store.room_num(room_id)?
                && self.is_joined(snapshot, user, room)?
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The number of a room by its ID or alias; 404 `M_NOT_FOUND` if this server knows no such room.
    pub fn find(&self, id_or_alias: &ruma::RoomOrAliasId) -> Result<RoomNum> {
        match <&RoomId>::try_from(id_or_alias) {
            Ok(room_id) => self.number(room_id),
            Err(alias) => self.resolve_alias(alias),
        }
    }
}

#[derive(Deserialize)]
struct Encryption {
    algorithm: String,
}

fn no_room() -> Error {
    Error::not_found("There is no such room here that you could see.")
}
