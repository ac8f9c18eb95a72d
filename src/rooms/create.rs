//! Making a room (client-server API, "Creation").

use std::collections::BTreeMap;

use ruma::{
    CanonicalJsonObject, CanonicalJsonValue, OwnedRoomAliasId, OwnedRoomId, OwnedUserId, RoomId, RoomVersionId,
};
use serde_json::json;

use super::{Appended, NewEvent, RoomGuard, Rooms};
use crate::{
    error::{Error, Result},
    event,
    ids::random_string,
};

/// A room that somebody wants.
#[derive(Clone, Debug)]
pub struct NewRoom {
    /// Who makes it.
    pub creator: OwnedUserId,
    /// Its version.
    pub version: RoomVersionId,
    /// Further content of its create event: `type`, `m.federate`, `additional_creators`, `predecessor`.
    pub creation_content: CanonicalJsonObject,
    /// Join rule, history visibility and guest access to begin with.
    pub preset: Preset,
    /// Replaces keys of the power levels' content.
    pub power_levels: CanonicalJsonObject,
    /// State events, set after what the preset sets: type, state key, content.
    pub initial_state: Vec<(String, String, CanonicalJsonObject)>,
    /// Its name.
    pub name: Option<String>,
    /// Its topic.
    pub topic: Option<String>,
    /// Its alias, reserved by the caller.
    pub alias: Option<OwnedRoomAliasId>,
    /// Who is invited.
    pub invite: Vec<OwnedUserId>,
    /// Whether the invites are to a direct chat.
    pub is_direct: bool,
    /// The profile of the creator, for the member event.
    pub creator_profile: CanonicalJsonObject,
    /// The profiles of the invited.
    pub invite_profiles: BTreeMap<OwnedUserId, CanonicalJsonObject>,
}

/// The spec's presets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preset {
    /// By invitation only.
    PrivateChat,
    /// The same; all who are invited have the creator's power.
    TrustedPrivateChat,
    /// Everybody may join.
    PublicChat,
}

impl Preset {
    fn join_rule(self) -> &'static str {
        if self == Self::PublicChat { "public" } else { "invite" }
    }

    fn guest_access(self) -> &'static str {
        if self == Self::PublicChat { "forbidden" } else { "can_join" }
    }
}

impl Rooms {
    /// Makes a room. It is on disk when this returns.
    ///
    /// # Errors
    /// 400 `M_INVALID_ROOM_STATE` if the wanted state is not allowed; 400 `M_UNSUPPORTED_ROOM_VERSION`.
    pub async fn create(&self, new: NewRoom) -> Result<OwnedRoomId> {
        let rules = event::rules(&new.version)
            .ok_or_else(|| Error::bad_request("M_UNSUPPORTED_ROOM_VERSION", "This room version is not supported."))?;
        let authorization = &rules.authorization;
        let room_id = if authorization.room_create_event_id_as_room_id { None } else { Some(self.mint_room_id()?) };
        let mut content = new.creation_content.clone();
        content.insert("room_version".to_owned(), new.version.to_string().into());
        if !authorization.use_room_create_sender {
            content.insert("creator".to_owned(), new.creator.to_string().into());
        }
        if authorization.additional_room_creators && new.preset == Preset::TrustedPrivateChat {
            add_creators(&mut content, &new.invite);
        }
        let additional_creators = creators_of(&content);
        let create = NewEvent::state(new.creator.clone(), "m.room.create", "", content);
        let (mut guard, _) = self.begin(new.version.clone(), room_id, create).await?;
        let first = guard.fill(&new, authorization.explicitly_privilege_room_creators, &additional_creators);
        let last = first.map_err(|error| match error.status {
            403 => Error::bad_request("M_INVALID_ROOM_STATE", error.message),
            _ => error,
        })?;
        let room_id = guard.room_id().clone();
        drop(guard);
        last.durable().await?;
        Ok(room_id)
    }

    fn mint_room_id(&self) -> Result<OwnedRoomId> {
        let opaque = self.randomness.with(|rng| random_string(rng, 18));
        RoomId::parse(format!("!{opaque}:{}", self.server_name)).map_err(Error::internal)
    }
}

impl RoomGuard<'_> {
    /// The events behind the create event, in the spec's order.
    fn fill(&mut self, new: &NewRoom, creators_above_all: bool, additional_creators: &[String]) -> Result<Appended> {
        let creator = &new.creator;
        let mut member = new.creator_profile.clone();
        member.insert("membership".to_owned(), "join".to_owned().into());
        let mut last = self.append(NewEvent::state(creator.clone(), "m.room.member", creator.as_str(), member))?;
        let levels = power_levels(new, creators_above_all, additional_creators)?;
        last = replace(last, self.append(NewEvent::state(creator.clone(), "m.room.power_levels", "", levels))?);
        for (event_type, state_key, content) in initial_state(new)? {
            last = replace(last, self.append(NewEvent::state(creator.clone(), event_type, state_key, content))?);
        }
        for user in &new.invite {
            let mut member = new.invite_profiles.get(user).cloned().unwrap_or_default();
            member.insert("membership".to_owned(), "invite".to_owned().into());
            if new.is_direct {
                member.insert("is_direct".to_owned(), true.into());
            }
            last =
                replace(last, self.append(NewEvent::state(creator.clone(), "m.room.member", user.as_str(), member))?);
        }
        Ok(last)
    }
}

/// Of several appends only the last one need be awaited: the log is written in order.
fn replace(_: Appended, last: Appended) -> Appended {
    last
}

fn power_levels(
    new: &NewRoom,
    creators_above_all: bool,
    additional_creators: &[String],
) -> Result<CanonicalJsonObject> {
    let mut users = serde_json::Map::new();
    if !creators_above_all {
        users.insert(new.creator.to_string(), json!(100));
    }
    if new.preset == Preset::TrustedPrivateChat {
        for user in new.invite.iter().filter(|user| !additional_creators.contains(&user.to_string())) {
            users.insert(user.to_string(), json!(100));
        }
    }
    // Where creators stand above all levels, upgrading a room is theirs alone.
    let tombstone = if creators_above_all { 150 } else { 100 };
    let mut levels = object(json!({
        "users": users,
        "users_default": 0,
        "events": {
            "m.room.name": 50,
            "m.room.power_levels": 100,
            "m.room.history_visibility": 100,
            "m.room.canonical_alias": 50,
            "m.room.avatar": 50,
            "m.room.tombstone": tombstone,
            "m.room.server_acl": 100,
            "m.room.encryption": 100,
        },
        "events_default": 0,
        "state_default": 50,
        "ban": 50,
        "kick": 50,
        "redact": 50,
        "invite": if new.preset == Preset::PublicChat { 50 } else { 0 },
    }))?;
    levels.extend(new.power_levels.clone());
    Ok(levels)
}

/// What follows the power levels: alias, preset, `initial_state`, name and topic. A later one of the same key
/// wins over an earlier one, so that each key is set once.
fn initial_state(new: &NewRoom) -> Result<Vec<(String, String, CanonicalJsonObject)>> {
    let mut state = Vec::new();
    if let Some(alias) = &new.alias {
        state.push(("m.room.canonical_alias", object(json!({ "alias": alias }))?));
    }
    state.push(("m.room.join_rules", object(json!({ "join_rule": new.preset.join_rule() }))?));
    state.push(("m.room.history_visibility", object(json!({ "history_visibility": "shared" }))?));
    state.push(("m.room.guest_access", object(json!({ "guest_access": new.preset.guest_access() }))?));
    let mut state: Vec<_> =
        state.into_iter().map(|(event_type, content)| (event_type.to_owned(), String::new(), content)).collect();
    let mut set = |event_type: String, state_key: String, content| match state
        .iter_mut()
        .find(|(known, key, _)| *known == event_type && *key == state_key)
    {
        Some(entry) => entry.2 = content,
        None => state.push((event_type, state_key, content)),
    };
    for (event_type, state_key, content) in new.initial_state.iter().cloned() {
        set(event_type, state_key, content);
    }
    if let Some(name) = &new.name {
        set("m.room.name".to_owned(), String::new(), object(json!({ "name": name }))?);
    }
    if let Some(topic) = &new.topic {
        let content = json!({ "topic": topic, "m.topic": { "m.text": [{ "body": topic }] } });
        set("m.room.topic".to_owned(), String::new(), object(content)?);
    }
    Ok(state)
}

fn creators_of(content: &CanonicalJsonObject) -> Vec<String> {
    let creators = content.get("additional_creators").and_then(CanonicalJsonValue::as_array).unwrap_or_default();
    creators.iter().filter_map(|user| user.as_str().map(ToOwned::to_owned)).collect()
}

fn add_creators(content: &mut CanonicalJsonObject, users: &[OwnedUserId]) {
    let mut creators = creators_of(content);
    creators.extend(users.iter().map(ToString::to_string));
    creators.sort_unstable();
    creators.dedup();
    if !creators.is_empty() {
        let creators = creators.into_iter().map(CanonicalJsonValue::from).collect();
        content.insert("additional_creators".to_owned(), CanonicalJsonValue::Array(creators));
    }
}

/// A JSON object of ours in canonical form.
pub(super) fn object(value: serde_json::Value) -> Result<CanonicalJsonObject> {
    match CanonicalJsonValue::try_from(value).map_err(Error::internal)? {
        CanonicalJsonValue::Object(object) => Ok(object),
        _ => Err(Error::internal("the content of an event is an object")),
    }
}
