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
