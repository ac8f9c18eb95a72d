//! The authorization rules: which state an event depends on, and whether that state allows it. ruma knows the rules;
//! this says in our types what goes in and what comes out.

use std::sync::Arc;

use ruma::{
    EventId, OwnedRoomId, UserId,
    events::{StateEventType, TimelineEventType, room::member::MembershipState},
    room::JoinRuleKind,
    room_version_rules::RoomVersionRules,
    state_res::{
        self,
        events::{RoomJoinRulesEvent, RoomMemberEvent},
    },
};
use serde::Deserialize;
use serde_json::value::{RawValue, to_raw_value};
use thiserror::Error;

use crate::event::{Draft, Pdu};

/// The rules of the room refuse an event. The sentence is fit for clients.
#[derive(Clone, Debug, Error)]
#[error("The room's rules refuse this event: {0}")]
pub struct Denied(pub String);

/// A place in a room's state.
pub type StateKey = (StateEventType, String);

/// The state that an event's `auth_events` are chosen from, as "Auth events selection" says.
///
/// # Errors
/// The event's content is so malformed that it has no answer; the rules would refuse it.
pub fn auth_types(rules: &RoomVersionRules, event: &Pdu) -> Result<Vec<StateKey>, Denied> {
    select(rules, event.event_type(), event.sender(), event.state_key(), event.content())
}

/// The same for an event that isn't sealed yet: what is found there becomes its `auth_events`.
pub fn auth_types_of_draft(rules: &RoomVersionRules, draft: &Draft) -> Result<Vec<StateKey>, Denied> {
    let event_type = TimelineEventType::from(draft.event_type.as_str());
    // Only a membership's content matters here; others needn't be written out.
    let content = match event_type {
        TimelineEventType::RoomMember => to_raw_value(&draft.content),
        _ => to_raw_value(&()),
    };
    let content = content.map_err(|error| Denied(error.to_string()))?;
    select(rules, &event_type, &draft.sender, draft.state_key.as_deref(), &content)
}

fn select(
    rules: &RoomVersionRules,
    event_type: &TimelineEventType,
    sender: &UserId,
    state_key: Option<&str>,
    content: &RawValue,
) -> Result<Vec<StateKey>, Denied> {
    state_res::auth_types_for_event(event_type, sender, state_key, content, &rules.authorization).map_err(Denied)
}

/// Checks what depends on no state: the form of create events, and that the `auth_events` are those that the
/// selection allows, accepted and of the same room. Once an event, on receipt.
///
/// `fetch` must find each of the event's auth events, and from version 12 on the create event.
pub fn check_independent(
    rules: &RoomVersionRules,
    event: &Pdu,
    fetch: impl Fn(&EventId) -> Option<Arc<Pdu>>,
) -> Result<(), Denied> {
    state_res::check_state_independent_auth_rules(&rules.authorization, event, fetch).map_err(Denied)
}

/// Checks an event against a state: that of its `auth_events`, the one before it, or the current one. Signatures
/// must have been checked before.
pub fn check_dependent(
    rules: &RoomVersionRules,
    event: &Pdu,
    state: impl Fn(&StateEventType, &str) -> Option<Arc<Pdu>>,
) -> Result<(), Denied> {
    state_res::check_state_dependent_auth_rules(&rules.authorization, event, state).map_err(Denied)
}

/// The membership that an `m.room.member` event gives; `leave` where there is none or it is malformed.
pub fn membership(event: Option<&Pdu>) -> MembershipState {
    event.and_then(|event| RoomMemberEvent::new(event).membership().ok()).unwrap_or(MembershipState::Leave)
}

/// The join rule of an `m.room.join_rules` event; `invite` where there is none or it is malformed.
pub fn join_rule(event: Option<&Pdu>) -> JoinRuleKind {
    event.and_then(|event| RoomJoinRulesEvent::new(event).join_rule().ok()).unwrap_or(JoinRuleKind::Invite)
}

/// The rooms whose members may join under the rules `restricted` and `knock_restricted`. Conditions of an unknown
/// or malformed kind let nobody in.
pub fn allowed_rooms(join_rules: &Pdu) -> Vec<OwnedRoomId> {
    #[derive(Deserialize)]
    struct Content<'a> {
        #[serde(borrow)]
        allow: Vec<&'a RawValue>,
    }
    #[derive(Deserialize)]
    struct Condition {
        r#type: String,
        room_id: OwnedRoomId,
    }
    let conditions =
        serde_json::from_str(join_rules.content().get()).map_or(vec![], |content: Content<'_>| content.allow);
    conditions
        .iter()
        .filter_map(|condition| serde_json::from_str::<Condition>(condition.get()).ok())
        .filter(|condition| condition.r#type == "m.room_membership")
        .map(|condition| condition.room_id)
        .collect()
}

#[cfg(test)]
mod tests {
    use ruma::RoomVersionId;
    use serde_json::{Value, json};

    use super::*;
    use crate::{
        event::offered,
        state::tests::{Branch, New, TestRoom, user},
    };

    fn keys(found: &[StateKey]) -> Vec<String> {
        let mut keys: Vec<_> = found.iter().map(|(event_type, key)| format!("{event_type} {key}")).collect();
        keys.sort();
        keys
    }

    #[test]
    fn auth_events_are_selected_as_the_version_says() {
        for version in offered() {
            let (room, branch) = TestRoom::new(&version);
            let select = |event_type: &str, state_key: Option<&str>, content: Value| {
                let new = New { sender: user(1), event_type, state_key, content, ts: 1 };
                keys(&auth_types(room.rules, &room.make(&branch.heads, &branch.state, new).unwrap()).unwrap())
            };
            let member = |n: usize| format!("m.room.member {}", user(n));
            let levels = "m.room.power_levels ".to_owned();
            let rules = "m.room.join_rules ".to_owned();
            // From version 12 on, the room's ID stands for the create event.
            let create = (version != RoomVersionId::V12).then(|| "m.room.create ".to_owned());
            let with = |more: &[String]| {
                let mut keys = vec![levels.clone()];
                keys.extend_from_slice(more);
                keys.extend(create.clone());
                keys.sort();
                keys
            };
            assert_eq!(select("m.room.message", None, json!({})), with(&[member(1)]));
            assert_eq!(select("m.room.topic", Some(""), json!({})), with(&[member(1)]));
            let target = user(2);
            let membership = |content: Value| select("m.room.member", Some(target.as_str()), content);
            assert_eq!(membership(json!({"membership": "ban"})), with(&[member(1), member(2)]));
            let invite = with(&[member(1), member(2), rules.clone()]);
            assert_eq!(membership(json!({"membership": "invite"})), invite);
            let third = json!({"membership": "invite", "third_party_invite": {"signed": {"token": "t"}}});
            let third_key = "m.room.third_party_invite t".to_owned();
            assert_eq!(membership(third), with(&[member(1), member(2), rules.clone(), third_key]));
            let authorised = json!({"membership": "join", "join_authorised_via_users_server": user(3)});
            let restricted = !matches!(version, RoomVersionId::V6 | RoomVersionId::V7);
            let via = if restricted { vec![member(3)] } else { vec![] };
            assert_eq!(membership(authorised), with(&[&[member(1), member(2), rules.clone()], &via[..]].concat()));
        }
    }

    #[test]
    fn a_membership_without_state_key_or_membership_has_no_selection() {
        let (room, branch) = TestRoom::new(&RoomVersionId::V12);
        for (state_key, content) in [(None, json!({"membership": "join"})), (Some(""), json!({}))] {
            let new = New { sender: user(1), event_type: "m.room.member", state_key, content, ts: 1 };
            assert!(room.make(&branch.heads, &branch.state, new).is_err());
        }
    }

    /// Whether `sender` may set `target`'s membership.
    fn may(room: &mut TestRoom, branch: &Branch, sender: usize, target: usize, membership: &str) -> bool {
        room.set_membership(&mut branch.clone(), sender, target, membership).is_ok()
    }

    #[test]
    fn memberships_change_as_the_rules_say() {
        for version in offered() {
            let (mut room, mut branch) = TestRoom::new(&version);
            let room = &mut room;
            // 1 and 2 are moderators, 3 and 4 are strangers to the public room.
            assert!(may(room, &branch, 3, 3, "join"));
            assert!(!may(room, &branch, 3, 4, "join"), "for somebody else");
            assert!(!may(room, &branch, 3, 4, "invite"), "by a stranger");
            assert!(may(room, &branch, 1, 3, "ban"));
            assert!(!may(room, &branch, 1, 2, "ban"), "an equal");
            assert!(!may(room, &branch, 1, 0, "leave"), "the creator");
            assert!(may(room, &branch, 1, 1, "leave"));
            assert!(!may(room, &branch, 3, 3, "leave"), "was never there");
            assert!(!may(room, &branch, 3, 3, "dance"));

            room.set_membership(&mut branch, 1, 3, "ban").unwrap();
            assert!(!may(room, &branch, 3, 3, "join"), "banned");
            assert!(may(room, &branch, 1, 3, "leave"), "unban");

            let private = New::state(user(0), "m.room.join_rules", "", json!({"join_rule": "invite"}));
            room.send(&mut branch, private).unwrap();
            assert!(!may(room, &branch, 4, 4, "join"));
            room.set_membership(&mut branch, 1, 4, "invite").unwrap();
            assert!(may(room, &branch, 4, 4, "join") && may(room, &branch, 4, 4, "leave"));

            let knock = New::state(user(0), "m.room.join_rules", "", json!({"join_rule": "knock"}));
            room.send(&mut branch, knock).unwrap();
            room.set_membership(&mut branch, 1, 3, "leave").unwrap();
            assert_eq!(may(room, &branch, 3, 3, "knock"), version != RoomVersionId::V6);
        }
    }

    #[test]
    fn levels_decide_who_sends_what() {
        let (mut room, mut branch) = TestRoom::new(&RoomVersionId::V12);
        room.set_membership(&mut branch, 3, 3, "join").unwrap();
        let message = |sender| New { sender, event_type: "m.room.message", state_key: None, content: json!({}), ts: 1 };
        assert!(room.send(&mut branch, message(user(3))).is_ok());
        let refused = room.send(&mut branch, message(user(4))).unwrap_err().to_string();
        assert_eq!(refused, "The room's rules refuse this event: sender's membership is not `join`");
        let topic = |sender| New::state(sender, "m.room.topic", "", json!({}));
        assert!(room.send(&mut branch, topic(user(1))).is_ok());
        assert!(room.send(&mut branch, topic(user(3))).is_err());
        let about_other = New::state(user(1), "org.example", "@x:salon.test", json!({}));
        assert!(room.send(&mut branch, about_other).is_err(), "a state key of another user");
    }

    #[test]
    fn auth_events_must_be_accepted_and_the_expected_ones() {
        let (room, branch) = TestRoom::new(&RoomVersionId::V11);
        let new = || New { sender: user(1), event_type: "m.room.message", state_key: None, content: json!({}), ts: 1 };
        let event = room.make(&branch.heads, &branch.state, new()).unwrap();
        let check = |event: &Pdu, reject: &str| {
            check_independent(room.rules, event, |id| {
                let found = room.event(id)?;
                let rejected = found.type_str() == reject;
                Some(Arc::new((*found).clone().with_rejected(rejected)))
            })
        };
        assert!(check(&event, "").is_ok());
        assert!(check(&event, "m.room.power_levels").is_err(), "a rejected one");
        assert!(check_independent(room.rules, &event, |_| None).is_err(), "missing ones");
        let none = room.make(&branch.heads, &Default::default(), new()).unwrap();
        assert!(check(&none, "").is_err(), "no create event");
    }

    #[test]
    fn join_rules_and_memberships_are_read_with_their_defaults() {
        let (mut room, mut branch) = TestRoom::new(&RoomVersionId::V12);
        let allow = json!([
            {"type": "m.room_membership", "room_id": "!a:b"},
            {"type": "org.example", "room_id": "!c:d"},
            {"type": "m.room_membership", "room_id": 5},
            "odd",
        ]);
        let restricted = json!({"join_rule": "restricted", "allow": allow});
        let id = room.send(&mut branch, New::state(user(0), "m.room.join_rules", "", restricted)).unwrap();
        let event = room.event(&id).unwrap();
        assert_eq!(join_rule(Some(&event)), JoinRuleKind::Restricted);
        assert_eq!(allowed_rooms(&event), ["!a:b"]);
        assert_eq!(join_rule(None), JoinRuleKind::Invite);

        let id = room.set_membership(&mut branch, 1, 1, "leave").unwrap();
        let levels = room.event(&branch.state[&(StateEventType::RoomPowerLevels, String::new())]).unwrap();
        assert_eq!(membership(Some(&room.event(&id).unwrap())), MembershipState::Leave);
        assert_eq!(membership(Some(&levels)), MembershipState::Leave);
        assert_eq!(membership(None), MembershipState::Leave);
        assert_eq!(allowed_rooms(&levels), Vec::<OwnedRoomId>::new());
    }
}
