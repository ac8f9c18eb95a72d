//! Upgrading a room: a new one of another version takes its place (client-server API, "Room Upgrades").

use ruma::{CanonicalJsonObject, CanonicalJsonValue, Int, OwnedRoomId, OwnedUserId, RoomId, RoomVersionId, UserId};
use serde::Deserialize;
use serde_json::json;

use super::{
    RoomGuard, Rooms,
    create::{NewRoom, Preset, object},
    room_state::NewState,
    rows::Membership,
    view::{RoomView, ViewError},
};
use crate::{
    error::{Error, Result},
    event,
    ids::UserNum,
    store::Read,
    users::Session,
};

/// State that goes over to the new room; power levels go by themselves.
const TRANSFERRED: &[&str] = &[
    "m.room.server_acl",
    "m.room.encryption",
    "m.room.name",
    "m.room.avatar",
    "m.room.topic",
    "m.room.guest_access",
    "m.room.history_visibility",
    "m.room.join_rules",
];

/// What the new room shall be like.
#[derive(Clone, Debug)]
pub struct Upgrade {
    /// Its version.
    pub version: RoomVersionId,
    /// Who is a creator beside the user who upgrades, where the version knows that.
    pub additional_creators: Vec<OwnedUserId>,
}

impl Rooms {
    /// Makes a room that takes the place of this one, and closes this one.
    ///
    /// # Errors
    /// 403 `M_FORBIDDEN` for who may not close the room.
    pub async fn upgrade(&self, session: &Session, room_id: &RoomId, upgrade: Upgrade) -> Result<OwnedRoomId> {
        let user: &UserId = &session.user_id;
        let mut old = self.lock(self.number(room_id)?).await?;
        if old.membership(user)? != Membership::Join || !old.power()?.may_send(user, "m.room.tombstone", true) {
            return Err(Error::forbidden("You lack the power to upgrade this room."));
        }
        let levels = old.content("m.room.power_levels")?;
        let (mut new, last) = self.make(old.successor(user, upgrade)?).await?;
        let new_id = new.room_id().clone();
        // The new room's events are queued before what follows in the old one: awaiting the end is awaiting all.
        drop(last);
        self.move_names(&mut old, &mut new, session)?;
        let body = "This room has been replaced";
        let tombstone = object(json!({ "body": body, "replacement_room": new_id }))?;
        let state = |event_type: &str, content| NewState {
            event_type: event_type.to_owned(),
            state_key: String::new(),
            content,
        };
        let mut last = old.append_state(user, state("m.room.tombstone", tombstone))?;
        if old.power()?.may_send(user, "m.room.power_levels", true) {
            match old.append_state(user, state("m.room.power_levels", closed(levels))) {
                Ok(closing) => last = closing,
                // "If possible": levels of old can hold what new ones may not.
                Err(error) => tracing::debug!(%error, "an upgraded room stays open"),
            }
        }
        drop((old, new));
        last.durable().await?;
        self.carry_tags(session.user, room_id, &new_id).await?;
        Ok(new_id)
    }

    /// Moves aliases, the canonical alias and the place in the directory.
    fn move_names(&self, old: &mut RoomGuard<'_>, new: &mut RoomGuard<'_>, session: &Session) -> Result<()> {
        self.move_aliases(old.number(), new.number())?;
        let content = old.content("m.room.canonical_alias")?;
        if !content.is_empty() {
            let canonical = |content| NewState {
                event_type: "m.room.canonical_alias".to_owned(),
                state_key: String::new(),
                content,
            };
            // Aliases of other servers, and such as nobody serves any more, can't be checked and stay behind.
            if let Err(error) = new.append_state(&session.user_id, canonical(content)).map(drop) {
                tracing::debug!(%error, "an upgraded room keeps its canonical alias");
            } else if old.may_name(&session.user_id)? {
                drop(old.append_state(&session.user_id, canonical(CanonicalJsonObject::new()))?);
            }
        }
        if self.is_listed(old.number())? {
            drop(self.put_listed(new.number(), Some(session.user)));
            drop(self.put_listed(old.number(), None));
        }
        Ok(())
    }

    /// Gives a room the tags that the user gave its predecessor, unless it has some.
    pub(super) async fn carry_tags(&self, user: UserNum, from: &RoomId, to: &RoomId) -> Result<()> {
        let (Some(from), Some(to)) = (self.store.room_num(from)?, self.store.room_num(to)?) else { return Ok(()) };
        let tags = |room| self.users.account_data(&self.store.latest(), user, Some(room), "m.tag");
        if let Some(old) = tags(from)?
            && tags(to)?.is_none()
        {
            self.users.set_account_data(user, Some(to), "m.tag", &old).await?;
        }
        Ok(())
    }
}

#[derive(Deserialize)]
struct Create {
    predecessor: Predecessor,
}

#[derive(Deserialize)]
struct Predecessor {
    room_id: OwnedRoomId,
}

impl<R: Read> RoomView<'_, R> {
    /// The room that this one took the place of, if it did.
    pub(super) fn predecessor(&self) -> Result<Option<OwnedRoomId>, ViewError> {
        let Some(head) = self.head()? else { return Ok(None) };
        let create: Option<Create> = self.state_content(head.root(), "m.room.create", "")?;
        Ok(create.map(|create| create.predecessor.room_id))
    }
}

impl RoomGuard<'_> {
    /// The content of a state event with an empty key; empty if there is none.
    fn content(&mut self, event_type: &str) -> Result<CanonicalJsonObject> {
        let event = self.state_event(event_type, "")?;
        Ok(event.and_then(|event| serde_json::from_str(event.content().get()).ok()).unwrap_or_default())
    }

    /// The room that this one took the place of, if it did.
    pub(super) fn predecessor(&mut self) -> Result<Option<OwnedRoomId>> {
        let event = self.state_event("m.room.create", "")?;
        let create: Option<Create> = event.and_then(|event| serde_json::from_str(event.content().get()).ok());
        Ok(create.map(|create| create.predecessor.room_id))
    }

    /// What the room that takes this one's place is made from.
    fn successor(&mut self, user: &UserId, upgrade: Upgrade) -> Result<NewRoom> {
        let rules = event::rules(&upgrade.version).map(|rules| &rules.authorization);
        let create = self.content("m.room.create")?;
        let mut creation_content = CanonicalJsonObject::new();
        for key in ["type", "m.federate"] {
            creation_content.extend(create.get(key).map(|value| (key.to_owned(), value.clone())));
        }
        let mut predecessor = json!({ "room_id": self.room_id() });
        let above_all = rules.is_some_and(|rules| rules.explicitly_privilege_room_creators);
        if !above_all {
            predecessor["event_id"] = json!(self.slot().tips.last().map(|(_, event_id)| event_id));
        }
        creation_content.insert("predecessor".to_owned(), object(predecessor)?.into());
        let mut creators = vec![user.to_owned()];
        if rules.is_some_and(|rules| rules.additional_room_creators) && !upgrade.additional_creators.is_empty() {
            creators.extend(upgrade.additional_creators.iter().cloned());
            let list = upgrade.additional_creators.iter().map(|user| user.to_string().into()).collect();
            creation_content.insert("additional_creators".to_owned(), CanonicalJsonValue::Array(list));
        }
        let mut initial_state = Vec::new();
        // Without this event guests may not join; a new room's preset would let them.
        let no_guests = object(json!({ "guest_access": "forbidden" }))?;
        for event_type in TRANSFERRED {
            let mut content = self.content(event_type)?;
            if content.is_empty() && *event_type == "m.room.guest_access" {
                content = no_guests.clone();
            }
            if !content.is_empty() {
                let (event_type, state_key) = ((*event_type).to_owned(), String::new());
                initial_state.push(NewState { event_type, state_key, content });
            }
        }
        let levels = self.content("m.room.power_levels")?;
        let power_levels = transferred_levels(levels, above_all, &creators);
        let new = NewRoom::new(user.to_owned(), upgrade.version, Preset::PrivateChat);
        Ok(NewRoom { creation_content, power_levels, initial_state, ..new })
    }
}

/// The power levels of the old room as the new one can have them: integers, and nothing of who stands above all.
fn transferred_levels(
    mut levels: CanonicalJsonObject,
    above_all: bool,
    creators: &[OwnedUserId],
) -> CanonicalJsonObject {
    for value in levels.values_mut() {
        make_integers(value);
    }
    if above_all {
        let state_default = level(&levels, "state_default", 50);
        if let Some(CanonicalJsonValue::Object(users)) = levels.get_mut("users") {
            users.retain(|user, _| !creators.iter().any(|creator| creator == user.as_str()));
        }
        let events = levels.entry("events".to_owned()).or_insert_with(|| CanonicalJsonObject::new().into());
        if let CanonicalJsonValue::Object(events) = events {
            let tombstone = level(events, "m.room.tombstone", 0).max(state_default + 1).max(150);
            events.insert("m.room.tombstone".to_owned(), Int::new_saturating(tombstone).into());
        }
    } else if let Some(creator) = creators.first() {
        // Whoever could replace the old room can build the new one.
        let users = levels.entry("users".to_owned()).or_insert_with(|| CanonicalJsonObject::new().into());
        if let CanonicalJsonValue::Object(users) = users {
            let own = level(users, creator.as_str(), 0).max(100);
            users.insert(creator.to_string(), Int::new_saturating(own).into());
        }
    }
    levels
}

/// Room versions before 10 allowed levels as strings.
fn make_integers(value: &mut CanonicalJsonValue) {
    match value {
        CanonicalJsonValue::String(text) => {
            if let Some(level) = text.trim().parse().ok().and_then(Int::new) {
                *value = level.into();
            }
        }
        CanonicalJsonValue::Object(map) => map.values_mut().for_each(make_integers),
        _ => {}
    }
}

fn level(levels: &CanonicalJsonObject, key: &str, default: i64) -> i64 {
    levels.get(key).and_then(CanonicalJsonValue::as_integer).map_or(default, i64::from)
}

/// Levels that keep everybody but the powerful from talking and inviting.
fn closed(mut levels: CanonicalJsonObject) -> CanonicalJsonObject {
    for value in levels.values_mut() {
        make_integers(value);
    }
    let floor = level(&levels, "users_default", 0).saturating_add(1).max(50);
    for key in ["events_default", "invite"] {
        let restricted = level(&levels, key, 0).max(floor);
        levels.insert(key.to_owned(), Int::new_saturating(restricted).into());
    }
    levels
}
