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

#[cfg(test)]
mod tests {
    use RoomPowerLevelsIntField::{Ban, Invite, Kick, Redact};
    use ruma::{RoomVersionId, user_id};
    use serde_json::{Value, json};

    use super::*;
    use crate::state::tests::{New, TestRoom, user};

    /// The levels in a room of this version with these contents of the two events.
    fn power(version: &RoomVersionId, create: Value, levels: Option<Value>) -> Power {
        let (room, branch) = TestRoom::new(version);
        let creator = user(0);
        let make = |event_type, content| {
            room.make(&branch.heads, &branch.state, New::state(creator, event_type, "", content)).unwrap()
        };
        let levels = levels.map(|content| Arc::new(make("m.room.power_levels", content)));
        Power::new(room.rules, &make("m.room.create", create), levels)
    }

    #[test]
    fn without_an_event_defaults_hold_and_creators_have_100_or_everything() {
        for version in [RoomVersionId::V6, RoomVersionId::V10, RoomVersionId::V11, RoomVersionId::V12] {
            let power = power(&version, json!({"creator": user(0)}), None);
            let all = version == RoomVersionId::V12;
            assert_eq!(power.of(user(0)), if all { UserPowerLevel::Infinite } else { int!(100).into() });
            assert_eq!(power.of(user(1)), int!(0));
            assert_eq!((power.to_send("x", true), power.to_send("x", false)), (int!(50), int!(0)));
            assert_eq!([Ban, Kick, Redact, Invite].map(|f| power.to_act(f)), [50, 50, 50, 0].map(Int::from));
            assert_eq!(power.to_notify("room"), int!(50));
            assert!(power.may_send(user(0), "x", true) && !power.may_send(user(1), "x", true));
        }
    }

    #[test]
    fn the_event_sets_levels() {
        let levels = json!({
            "users": {user(1).as_str(): 60}, "users_default": 5, "events": {"x": 70, "m.room.name": 10},
            "events_default": 6, "state_default": 7, "ban": 1, "kick": 2, "redact": 61, "invite": 4,
            "notifications": {"room": 8},
        });
        let power = power(&RoomVersionId::V11, json!({}), Some(levels));
        assert_eq!([0, 1, 2].map(|n| power.of(user(n))), [5, 60, 5].map(|n: i32| UserPowerLevel::from(Int::from(n))));
        assert_eq!((power.to_send("x", true), power.to_send("x", false)), (int!(70), int!(70)));
        assert_eq!((power.to_send("y", true), power.to_send("y", false)), (int!(7), int!(6)));
        assert_eq!([Ban, Kick, Redact, Invite].map(|f| power.to_act(f)), [1, 2, 61, 4].map(Int::from));
        assert_eq!((power.to_notify("room"), power.to_notify("other")), (int!(8), int!(50)));
        assert!(power.may_send(user(1), "m.room.name", true) && !power.may_send(user(1), "x", true));
        assert!(power.may_act(user(2), Ban) && !power.may_act(user(1), Redact));
        assert!(power.may_redact(user(1), user_id!("@zoe:salon.test")), "of one server");
        assert!(!power.may_redact(user(1), user(3)));
    }

    #[test]
    fn creators_of_version_12_stand_above_all_levels() {
        let create = json!({"additional_creators": [user(3)]});
        let power = power(&RoomVersionId::V12, create.clone(), Some(json!({"redact": 1000})));
        assert_eq!([0, 3].map(|n| power.of(user(n))), [UserPowerLevel::Infinite; 2]);
        assert!(power.may_redact(user(3), user(0)) && !power.may_redact(user(4), user(0)));
        assert_eq!(power.creators().len(), 2);
        let older = super::tests::power(&RoomVersionId::V11, create, None);
        assert_eq!(older.of(user(3)), int!(0));
    }

    #[test]
    fn odd_values_are_read_as_the_version_wants_and_else_ignored() {
        let odd = json!({"ban": "30", "kick": [], "users": {user(1).as_str(): "40"}, "events": 5});
        let old = power(&RoomVersionId::V9, json!({"creator": user(0)}), Some(odd.clone()));
        assert_eq!((old.to_act(Ban), old.to_act(Kick)), (int!(30), int!(50)));
        assert_eq!(old.of(user(1)), int!(40));
        assert_eq!(old.to_send("x", true), int!(50));
        let new = power(&RoomVersionId::V10, json!({"creator": user(0)}), Some(odd));
        assert_eq!((new.to_act(Ban), new.of(user(1))), (int!(50), UserPowerLevel::from(int!(0))));
    }
}
