//! Making a room (client-server API, "Creation").

use std::collections::{BTreeSet, HashSet};

use ruma::{
    CanonicalJsonObject, CanonicalJsonValue, OwnedRoomId, OwnedUserId, RoomAliasId, RoomId, RoomVersionId, UserId,
};
use serde::Deserialize;
use serde_json::json;

use super::{Appended, NewEvent, RoomGuard, Rooms, membership::Actor, room_state::NewState, rows::Membership};
use crate::{
    error::{Error, Result},
    event,
    ids::{UserNum, random_string},
    store::Ticket,
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
    /// State events, set after what the preset sets.
    pub initial_state: Vec<NewState>,
    /// Its name.
    pub name: Option<String>,
    /// Its topic.
    pub topic: Option<String>,
    /// The local part of its alias.
    pub alias_localpart: Option<String>,
    /// Whether the directory lists it.
    pub listed: bool,
    /// Who is invited.
    pub invite: Vec<OwnedUserId>,
    /// Whether the invites are to a direct chat.
    pub is_direct: bool,
}

impl NewRoom {
    /// A room of which nothing more is wanted.
    pub fn new(creator: OwnedUserId, version: RoomVersionId, preset: Preset) -> Self {
        Self {
            creator,
            version,
            creation_content: CanonicalJsonObject::new(),
            preset,
            power_levels: CanonicalJsonObject::new(),
            initial_state: Vec::new(),
            name: None,
            topic: None,
            alias_localpart: None,
            listed: false,
            invite: Vec::new(),
            is_direct: false,
        }
    }
}

/// The spec's presets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
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
    /// 400 `M_INVALID_ROOM_STATE` if the wanted state is not allowed; 400 `M_ROOM_IN_USE` if its alias is taken; 400
    /// `M_UNSUPPORTED_ROOM_VERSION`; 403 if somebody can't be invited.
    pub async fn create(&self, new: NewRoom) -> Result<OwnedRoomId> {
        let elsewhere: BTreeSet<_> = new.invite.iter().filter(|user| !self.users.is_local(user)).cloned().collect();
        let (creator, content) = (new.creator.clone(), new.invite_content());
        let (guard, last) = self.make(new).await?;
        let (room, room_id) = (guard.number(), guard.room_id().clone());
        drop(guard);
        last.durable().await?;
        for user in &elsewhere {
            let actor = Actor { user_id: &creator, is_guest: false };
            if let Err(error) = self.invite_elsewhere(actor, room, user, content.clone()).await {
                let number = self.store.intern_user(&creator)?;
                if let Some(forgotten) = self.lock(room).await?.give_up(&creator, number)? {
                    forgotten.durable().await?;
                }
                return Err(error);
            }
        }
        Ok(room_id)
    }

    /// Makes a room and holds it. Awaiting its last event is awaiting all of it.
    pub(super) async fn make(&self, mut new: NewRoom) -> Result<(RoomGuard<'_>, Appended)> {
        let rules = event::rules(&new.version)
            .ok_or_else(|| Error::bad_request("M_UNSUPPORTED_ROOM_VERSION", "This room version is not supported."))?;
        let invited: BTreeSet<_> = std::mem::take(&mut new.invite).into_iter().filter(|u| *u != new.creator).collect();
        new.invite = invited.into_iter().collect();
        for user in &new.invite {
            if self.users.is_local(user) {
                self.check_invitee(user)?;
            } else if !self.peers.allows(user.server_name()) {
                return Err(Error::forbidden(format!("This server does not deal with the server of {user}.")));
            }
        }
        let alias = new.alias_localpart.as_deref().map(|localpart| self.reserve_alias(localpart)).transpose()?;

        let authorization = &rules.authorization;
        let room_id = if authorization.room_create_event_id_as_room_id { None } else { Some(self.mint_room_id()?) };
        let mut content = new.creation_content.clone();
        content.insert("room_version".to_owned(), new.version.to_string().into());
        if authorization.use_room_create_sender {
            content.remove("creator");
        } else {
            content.insert("creator".to_owned(), new.creator.to_string().into());
        }
        if authorization.additional_room_creators && new.preset == Preset::TrustedPrivateChat {
            add_creators(&mut content, &new.invite);
        }
        let create = NewEvent::state(new.creator.clone(), "m.room.create", "", content);
        let (mut guard, _) = self.begin(new.version.clone(), room_id, create).await?;
        let creator = self.store.intern_user(&new.creator)?;
        if let Some(reserved) = &alias {
            // Not awaited: the events that follow land behind it.
            let _ = reserved.give_to(guard.number(), creator);
        }
        match guard.fill(&new, alias.as_ref().map(|reserved| &*reserved.alias)) {
            Ok(mut last) => {
                if new.listed {
                    // It lands behind the last event: nobody may find half a room.
                    last.ticket = self.put_listed(guard.number(), Some(creator));
                }
                Ok((guard, last))
            }
            Err(error) => {
                if let Some(reserved) = &alias {
                    self.drop_alias(&reserved.alias, guard.number());
                }
                if let Some(forgotten) = guard.give_up(&new.creator, creator)? {
                    forgotten.durable().await?;
                }
                Err(match error.status {
                    403 => Error::bad_request("M_INVALID_ROOM_STATE", error.message),
                    _ => error,
                })
            }
        }
    }

    fn mint_room_id(&self) -> Result<OwnedRoomId> {
        let opaque = self.randomness.with(|rng| random_string(rng, 18));
        RoomId::parse(format!("!{opaque}:{}", self.server_name)).map_err(Error::internal)
    }
}

impl RoomGuard<'_> {
    /// The events behind the create event, in the spec's order.
    fn fill(&mut self, new: &NewRoom, alias: Option<&RoomAliasId>) -> Result<Appended> {
        let creator = Actor { user_id: &new.creator, is_guest: false };
        let none = CanonicalJsonObject::new();
        let mut last = self.append_member(creator, creator.user_id, Membership::Join, none)?;
        let above_all = self.rules().authorization.explicitly_privilege_room_creators;
        let creators = self.power()?.creators().clone();
        let content = power_levels(new, above_all.then_some(&creators))?;
        let levels = NewState { event_type: "m.room.power_levels".to_owned(), state_key: String::new(), content };
        last = replace(last, self.append_state(creator.user_id, levels)?);
        for state in initial_state(new, alias)? {
            last = replace(last, self.append_initial(creator, state)?);
        }
        let rooms = self.rooms;
        for user in new.invite.iter().filter(|user| rooms.users.is_local(user)) {
            last = replace(last, self.append_member(creator, user, Membership::Invite, new.invite_content())?);
        }
        Ok(last)
    }

    fn append_initial(&mut self, creator: Actor<'_>, state: NewState) -> Result<Appended> {
        if state.event_type == "m.room.member" {
            return Err(Error::bad_request(
                "M_INVALID_ROOM_STATE",
                "Members can't be made by initial_state: invite them.",
            ));
        }
        self.append_state(creator.user_id, state)
    }

    /// Has the creator of a room that could not be filled leave and forget it.
    fn give_up(&mut self, creator: &UserId, number: UserNum) -> Result<Option<Ticket>> {
        if self.membership(creator)? != Membership::Join {
            return Ok(None);
        }
        let actor = Actor { user_id: creator, is_guest: false };
        let _ = self.append_member(actor, creator, Membership::Leave, CanonicalJsonObject::new())?;
        self.forget(number).map(Some)
    }
}

impl NewRoom {
    fn invite_content(&self) -> CanonicalJsonObject {
        self.is_direct.then(|| ("is_direct".to_owned(), true.into())).into_iter().collect()
    }
}

/// Of several appends only the last one need be awaited: the log is written in order.
fn replace(_: Appended, last: Appended) -> Appended {
    last
}

/// The content of the first power levels. `above_all`: the creators, where they stand above all levels.
fn power_levels(new: &NewRoom, above_all: Option<&HashSet<OwnedUserId>>) -> Result<CanonicalJsonObject> {
    let mut users = serde_json::Map::new();
    let mut set = |user: &OwnedUserId| {
        if !above_all.is_some_and(|creators| creators.contains(user)) {
            users.insert(user.to_string(), json!(100));
        }
    };
    set(&new.creator);
    if new.preset == Preset::TrustedPrivateChat {
        new.invite.iter().for_each(set);
    }
    // Where creators stand above all levels, upgrading a room is theirs alone.
    let tombstone = if above_all.is_some() { 150 } else { 100 };
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
fn initial_state(new: &NewRoom, alias: Option<&RoomAliasId>) -> Result<Vec<NewState>> {
    let mut state = Vec::new();
    let mut set = |event_type: &str, state_key: &str, content| match state
        .iter_mut()
        .find(|known: &&mut NewState| known.event_type == event_type && known.state_key == state_key)
    {
        Some(known) => known.content = content,
        None => {
            state.push(NewState { event_type: event_type.to_owned(), state_key: state_key.to_owned(), content });
        }
    };
    if let Some(alias) = alias {
        set("m.room.canonical_alias", "", object(json!({ "alias": alias }))?);
    }
    set("m.room.join_rules", "", object(json!({ "join_rule": new.preset.join_rule() }))?);
    set("m.room.history_visibility", "", object(json!({ "history_visibility": "shared" }))?);
    set("m.room.guest_access", "", object(json!({ "guest_access": new.preset.guest_access() }))?);
    for NewState { event_type, state_key, content } in new.initial_state.iter().cloned() {
        set(&event_type, &state_key, content);
    }
    if let Some(name) = &new.name {
        set("m.room.name", "", object(json!({ "name": name }))?);
    }
    if let Some(topic) = &new.topic {
        let content = json!({ "topic": topic, "m.topic": { "m.text": [{ "mimetype": "text/plain", "body": topic }] } });
        set("m.room.topic", "", object(content)?);
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
