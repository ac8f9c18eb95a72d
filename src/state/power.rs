//! Power levels: who may do what, outside of the auth rules themselves.

use std::{collections::HashSet, sync::Arc};

use ruma::{
    Int, OwnedUserId, UserId,
    events::{TimelineEventType, room::power_levels::UserPowerLevel},
    int,
    room_version_rules::{AuthorizationRules, RoomVersionRules},
    state_res::events::{RoomCreateEvent, RoomPowerLevelsEvent, RoomPowerLevelsIntField},
};

use crate::event::Pdu;

/// The levels of one state of a room. Values that are missing or malformed count as their defaults.
#[derive(Clone, Debug)]
pub struct Power {
    rules: AuthorizationRules,
    creators: HashSet<OwnedUserId>,
    levels: Option<RoomPowerLevelsEvent<Arc<Pdu>>>,
}

impl Power {
    /// The levels that follow from the create event and, if there is one, the power levels event.
    pub fn new(rules: &RoomVersionRules, create: &Pdu, power_levels: Option<Arc<Pdu>>) -> Self {
        let rules = rules.authorization.clone();
        let creators = RoomCreateEvent::new(create).creators(&rules).unwrap_or_default();
        Self { rules, creators, levels: power_levels.map(RoomPowerLevelsEvent::new) }
    }

    /// A user's level: infinite for the creators of rooms of version 12 and later.
    pub fn of(&self, user: &UserId) -> UserPowerLevel {
        let creator = self.creators.contains(user);
        if creator && self.rules.explicitly_privilege_room_creators {
            return UserPowerLevel::Infinite;
        }
        match &self.levels {
            Some(levels) => levels.user_power_level(user, &self.rules).unwrap_or_default().into(),
            None if creator => int!(100).into(),
            None => int!(0).into(),
        }
    }

    /// The users who made the room, by the meaning of its version.
    pub fn creators(&self) -> &HashSet<OwnedUserId> {
        &self.creators
    }

    /// The level for sending an event of some type. For `m.room.member` the auth rules ask for other levels.
    pub fn to_send(&self, event_type: &str, state: bool) -> Int {
        use RoomPowerLevelsIntField::{EventsDefault, StateDefault};
        let event_type = TimelineEventType::from(event_type);
        let level = self.levels.as_ref().and_then(|levels| {
            // Any state key will do: that there is one makes it a state event.
            levels.event_power_level(&event_type, state.then_some(""), &self.rules).ok()
        });
        level.unwrap_or_else(|| if state { StateDefault } else { EventsDefault }.default_value())
    }

    /// The level for `redact`, `invite`, `kick` or `ban`.
    pub fn to_act(&self, field: RoomPowerLevelsIntField) -> Int {
        let level = self.levels.as_ref().and_then(|levels| levels.get_as_int(field, &self.rules).ok().flatten());
        level.unwrap_or_else(|| field.default_value())
    }

    /// The level for a notification of some kind, such as `room`.
    pub fn to_notify(&self, kind: &str) -> Int {
        let levels = self.levels.as_ref().and_then(|levels| levels.notifications(&self.rules).ok().flatten());
        levels.and_then(|levels| levels.get(kind).copied()).unwrap_or(int!(50))
    }

    /// Whether a user may send events of some type.
    pub fn may_send(&self, user: &UserId, event_type: &str, state: bool) -> bool {
        self.of(user) >= self.to_send(event_type, state)
    }

    /// Whether a user may `redact`, `invite`, `kick` or `ban`, as far as the level goes.
    pub fn may_act(&self, user: &UserId, field: RoomPowerLevelsIntField) -> bool {
        self.of(user) >= self.to_act(field)
    }

    /// Whether an accepted `m.room.redaction` by `redactor` takes effect on an event of `sender`
    /// ("Handling redactions"): with the level for it, or where both are of one server.
    pub fn may_redact(&self, redactor: &UserId, sender: &UserId) -> bool {
        redactor.server_name() == sender.server_name() || self.may_act(redactor, RoomPowerLevelsIntField::Redact)
    }
}
