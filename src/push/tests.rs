//! Tests of the rules against the specification, and of matching against ruma's own.

use std::{
    convert::Infallible,
    pin::pin,
    task::{Context, Poll, Waker},
};

use proptest::prelude::*;
use ruma::{
    OwnedUserId, RoomVersionId, UInt, owned_room_id, owned_user_id,
    push::{PushConditionPowerLevelsCtx, PushConditionRoomCtx, Ruleset},
    room_version_rules::{AuthorizationRules, RoomPowerLevelsRules},
    serde::Raw,
    server_name,
};
use serde_json::{Value, json};

use super::*;
use crate::event::{Draft, DraftRoom, Seal, SigningKey, StoredEvent, check_content, rules};

const SENDER: &str = "@bob:salon.test";

fn alice() -> OwnedUserId {
    owned_user_id!("@alice:salon.test")
}

/// A message event with this content; state if `state_key` is there.
fn event(event_type: &str, state_key: Option<&str>, content: Value) -> PushEvent {
    let room_id = owned_room_id!("!room:salon.test");
    let draft = Draft {
        room: DraftRoom::Existing(room_id.clone()),
        sender: SENDER.try_into().unwrap(),
        event_type: event_type.to_owned(),
        state_key: state_key.map(ToOwned::to_owned),
        content: check_content(&content.to_string()).unwrap(),
        redacts: None,
        origin_server_ts: 1_700_000_000_000,
    };
    let previous = ["$bkyHI-4sFPgIzPSvYHTvKoMiJ1aTyZ0BEYoEDZZW2cI".try_into().unwrap()];
    let seal = Seal {
        rules: rules(&RoomVersionId::V11).unwrap(),
        prev_events: &previous,
        auth_events: &previous,
        depth: 7,
        key: &SigningKey::generate(&[3; 32]),
        server_name: server_name!("salon.test"),
    };
    PushEvent::new(StoredEvent::from(&draft.seal(seal).unwrap()), &room_id)
}

fn text(body: &str) -> PushEvent {
    event("m.room.message", None, json!({ "msgtype": "m.text", "body": body }))
}

/// A room of some members where the sender may or may not call all.
#[derive(Clone, Copy)]
struct Room {
    members: u64,
    may_notify: bool,
}

impl Surroundings for Room {
    type Error = Infallible;

    fn member_count(&mut self) -> Result<u64, Infallible> {
        Ok(self.members)
    }

    fn may_notify(&mut self, kind: &str) -> Result<bool, Infallible> {
        Ok(self.may_notify && kind == "room")
    }

    fn display_name(&mut self) -> Result<Option<String>, Infallible> {
        Ok(Some("Alice Liddell".to_owned()))
    }
}

const ROOM: Room = Room { members: 3, may_notify: false };

/// Whether alice hears of an event, and loudly.
fn hears(changes: &Changes, event: &PushEvent, mut room: Room) -> (bool, bool) {
    let matcher = Matcher::new(&changes.apply(&alice()));
    let Ok(reaction) = matcher.reaction(event, &mut room);
    reaction.map_or((false, false), |reaction| (reaction.notify, reaction.highlight))
}

fn own(kind: Kind, rule_id: &str, rule: Value) -> Rule {
    let part = |name: &str| rule[name].clone();
    let conditions = serde_json::from_value(part("conditions")).unwrap_or_default();
    let actions = serde_json::from_value(part("actions")).unwrap();
    Rule::own(kind, rule_id.to_owned(), actions, (conditions, part("pattern").as_str().map(str::to_owned))).unwrap()
}

fn names(changes: &Changes, kind: Kind) -> Vec<String> {
    changes.apply(&alice()).of(kind).iter().map(|rule| rule.rule_id.clone()).collect()
}

#[test]
fn the_predefined_rules_are_those_of_the_specification() {
    let rules = serde_json::to_value(RuleSet::predefined(&alice())).unwrap();
    let short = |kind: &str| -> Vec<&str> {
        let names = rules[kind].as_array().unwrap().iter().map(|rule| rule["rule_id"].as_str().unwrap());
        names.map(|name| name.strip_prefix(".m.rule.").unwrap()).collect()
    };
    let overrides = [
        "master",
        "suppress_notices",
        "invite_for_me",
        "member_event",
        "is_user_mention",
        "is_room_mention",
        "tombstone",
        "reaction",
        "room.server_acl",
        "suppress_edits",
    ];
    assert_eq!(short("override"), overrides);
    let underrides = ["call", "encrypted_room_one_to_one", "room_one_to_one", "message", "encrypted"];
    assert_eq!(short("underride"), underrides);
    for empty in ["content", "room", "sender"] {
        assert_eq!(rules[empty], json!([]), "told even where there is none");
    }
    let mention = json!({
        "rule_id": ".m.rule.is_user_mention", "default": true, "enabled": true,
        "conditions": [{
            "kind": "event_property_contains", "key": r"content.m\.mentions.user_ids", "value": "@alice:salon.test"
        }],
        "actions": ["notify", { "set_tweak": "sound", "value": "default" }, { "set_tweak": "highlight" }],
    });
    assert_eq!(rules["override"][4], mention);
    let master = json!({
        "rule_id": ".m.rule.master", "default": true, "enabled": false, "conditions": [], "actions": []
    });
    assert_eq!(rules["override"][0], master);
}

#[test]
fn who_changed_nothing_hears_messages_and_mentions_aloud() {
    let none = Changes::default();
    let message = |content: Value| event("m.room.message", None, content);
    let mentions = |mentions: Value| message(json!({ "msgtype": "m.text", "body": "x", "m.mentions": mentions }));
    let may = Room { may_notify: true, ..ROOM };
    let edit = json!({ "rel_type": "m.replace", "event_id": "$x" });
    for (event, room, heard) in [
        (text("hello alice"), ROOM, (true, false)),
        (event("m.room.encrypted", None, json!({})), ROOM, (true, false)),
        (event("m.call.invite", None, json!({})), ROOM, (true, false)),
        (message(json!({ "msgtype": "m.notice", "body": "@alice" })), ROOM, (false, false)),
        (mentions(json!({ "user_ids": ["@alice:salon.test"] })), ROOM, (true, true)),
        (mentions(json!({ "user_ids": "@alice:salon.test" })), ROOM, (true, false)),
        (mentions(json!({ "user_ids": ["@carol:salon.test"] })), ROOM, (true, false)),
        (mentions(json!({ "room": true })), ROOM, (true, false)),
        (mentions(json!({ "room": true })), may, (true, true)),
        (mentions(json!({ "room": "true" })), may, (true, false)),
        (event("m.reaction", None, json!({})), ROOM, (false, false)),
        (event("m.room.tombstone", Some(""), json!({})), ROOM, (true, true)),
        (event("m.room.tombstone", None, json!({})), ROOM, (false, false)),
        (event("m.room.server_acl", Some(""), json!({})), ROOM, (false, false)),
        (event("m.room.topic", Some(""), json!({ "topic": "alice" })), ROOM, (false, false)),
        (event("m.room.member", Some("@alice:salon.test"), json!({ "membership": "invite" })), ROOM, (true, false)),
        (event("m.room.member", Some("@carol:salon.test"), json!({ "membership": "invite" })), ROOM, (false, false)),
        (message(json!({ "msgtype": "m.text", "body": "x", "m.relates_to": edit })), ROOM, (false, false)),
        (
            message(json!({ "body": "x", "m.relates_to": edit, "m.mentions": { "user_ids": ["@alice:salon.test"] } })),
            ROOM,
            (true, true),
        ),
    ] {
        assert_eq!(hears(&none, &event, room), heard, "{:?}", event.stored().pdu_json());
    }
    let mut quiet = Changes::default();
    quiet.set_enabled(&RuleSet::predefined(&alice()), (Kind::Override, ".m.rule.master"), true).unwrap();
    assert_eq!(hears(&quiet, &mentions(json!({ "user_ids": ["@alice:salon.test"] })), ROOM), (false, false));
}

#[test]
fn own_rules_go_before_predefined_ones_in_the_order_of_their_kinds() {
    let mut changes = Changes::default();
    let loud = json!(["notify", { "set_tweak": "highlight" }]);
    let mut put = |kind, name: &str, rule| changes.put(kind, own(kind, name, rule), &Place::default()).unwrap();
    put(Kind::Content, "cake", json!({ "pattern": "cake", "actions": loud }));
    put(Kind::Room, "!room:salon.test", json!({ "actions": [] }));
    put(Kind::Room, "!other:salon.test", json!({ "actions": loud }));
    put(Kind::Sender, SENDER, json!({ "actions": ["notify"] }));
    put(
        Kind::Override,
        "small",
        json!({
            "conditions": [
                { "kind": "room_member_count", "is": "<3" },
                { "kind": "event_match", "key": "type", "pattern": "m.room.*" },
            ],
            "actions": ["dont_notify"],
        }),
    );
    assert_eq!(hears(&changes, &text("Cake!"), ROOM), (true, true), "words go before rooms");
    assert_eq!(hears(&changes, &text("cakes"), ROOM), (false, false), "the room is muted, whoever speaks");
    assert_eq!(hears(&changes, &text("cake"), Room { members: 2, ..ROOM }), (false, false));
    changes.set_enabled(&RuleSet::default(), (Kind::Room, "!room:salon.test"), false).unwrap();
    let topic = event("m.room.topic", Some(""), json!({ "topic": "cake" }));
    assert_eq!(hears(&changes, &topic, ROOM), (true, false), "the sender's rule knows no types");
    assert_eq!(hears(&changes, &text("cakes"), ROOM), (true, false));
}

#[test]
fn conditions_of_every_kind() {
    let message = event(
        "m.room.message",
        None,
        json!({ "msgtype": "m.text", "body": "Alice liddell?", "n": 7, "null": null, "list": [1, "two", [3]], "o": {} }),
    );
    let holds = |condition: Value| {
        let mut changes = Changes::default();
        let actions = json!(["notify", { "set_tweak": "highlight", "value": true }]);
        let rule = json!({ "conditions": [condition], "actions": actions });
        changes.put(Kind::Override, own(Kind::Override, "it", rule), &Place::default()).unwrap();
        hears(&changes, &message, Room { members: 10, may_notify: true }).1
    };
    let is = |key: &str, value: Value| json!({ "kind": "event_property_is", "key": key, "value": value });
    let has = |key: &str, value: Value| json!({ "kind": "event_property_contains", "key": key, "value": value });
    let glob = |key: &str, pattern: &str| json!({ "kind": "event_match", "key": key, "pattern": pattern });
    for condition in [
        json!({ "kind": "contains_display_name" }),
        json!({ "kind": "room_member_count", "is": "10" }),
        json!({ "kind": "room_member_count", "is": ">=10" }),
        json!({ "kind": "sender_notification_permission", "key": "room" }),
        is("content.n", json!(7)),
        is("content.null", Value::Null),
        is("type", json!("m.room.message")),
        has("content.list", json!(1)),
        has("content.list", json!("two")),
        glob("room_id", "!room:salon.test"),
        glob("sender", "@BOB:*"),
        glob("content.msgtype", "m.t?xt"),
        glob("content.body", "lidd*"),
    ] {
        assert!(holds(condition.clone()), "{condition}");
    }
    for condition in [
        json!({ "kind": "room_member_count", "is": "<10" }),
        json!({ "kind": "sender_notification_permission", "key": "org.example.all" }),
        json!({ "kind": "org.example.unknown", "key": "type" }),
        is("content.n", json!("7")),
        is("content.missing", Value::Null),
        is("content.list", Value::Null),
        has("content.list", json!(3)),
        has("content.body", json!("Alice")),
        glob("content.n", "*"),
        glob("content.missing", "*"),
        glob("state_key", "*"),
        glob("content.msgtype", "text"),
        glob("content", "*"),
    ] {
        assert!(!holds(condition.clone()), "{condition}");
    }
}

#[test]
fn rules_are_placed_and_moved() {
    let mut changes = Changes::default();
    let put = |changes: &mut Changes, name: &str, before: Option<&str>, after: Option<&str>| {
        let place = Place { before: before.map(str::to_owned), after: after.map(str::to_owned) };
        changes.put(Kind::Override, own(Kind::Override, name, json!({ "actions": [] })), &place)
    };
    let order = |changes: &Changes| names(changes, Kind::Override)[1..].iter().take(4).cloned().collect::<Vec<_>>();
    put(&mut changes, "a", None, None).unwrap();
    put(&mut changes, "b", None, None).unwrap();
    put(&mut changes, "c", None, Some("a")).unwrap();
    put(&mut changes, "d", Some("a"), None).unwrap();
    assert_eq!(order(&changes), ["b", "d", "a", "c"]);
    put(&mut changes, "b", None, Some("a")).unwrap();
    assert_eq!(order(&changes), ["d", "a", "b", "c"], "moved behind");
    put(&mut changes, "d", None, Some("c")).unwrap();
    assert_eq!(order(&changes), ["a", "b", "c", "d"], "to the end");
    put(&mut changes, "d", Some("b"), Some("a")).unwrap();
    assert_eq!(order(&changes), ["a", "d", "b", "c"]);
    put(&mut changes, "b", None, None).unwrap();
    assert_eq!(order(&changes), ["a", "d", "b", "c"], "what is there stays where it is");
    for neighbour in [".m.rule.tombstone", "nobody", "a"] {
        let error = put(&mut changes, "a", Some(neighbour), None).unwrap_err();
        assert_eq!(error, RuleError::NoNeighbour(neighbour.to_owned()));
    }
    assert_eq!(names(&changes, Kind::Override)[0], ".m.rule.master", "it stays above all");
    assert_eq!(order(&changes), ["a", "d", "b", "c"]);
}

#[test]
fn what_is_as_predefined_is_not_stored() {
    let predefined = RuleSet::predefined(&alice());
    let mut changes = Changes::default();
    let message = (Kind::Underride, ".m.rule.message");
    changes.set_enabled(&predefined, message, false).unwrap();
    changes.set_actions(&predefined, message, vec![]).unwrap();
    changes
        .put(Kind::Content, own(Kind::Content, "x", json!({ "pattern": "x", "actions": [] })), &Place::default())
        .unwrap();
    let stored = changes.to_stored().unwrap();
    assert_eq!(Changes::parse(Some(&stored)).unwrap().to_stored().unwrap(), stored);
    let rules = Changes::parse(Some(&stored)).unwrap().apply(&alice());
    let rule = rules.get(message.0, message.1).unwrap();
    assert!(!rule.enabled && rule.actions.is_empty() && rule.default);

    changes.set_enabled(&predefined, message, true).unwrap();
    changes.set_actions(&predefined, message, serde_json::from_value(json!(["notify"])).unwrap()).unwrap();
    changes.delete(&predefined, Kind::Content, "x").unwrap();
    assert_eq!(changes.to_stored().unwrap(), "");
    assert_eq!(changes.delete(&predefined, Kind::Content, "x"), Err(RuleError::NotFound));
    assert_eq!(changes.delete(&predefined, message.0, message.1), Err(RuleError::Predefined));
    assert_eq!(changes.set_enabled(&predefined, (Kind::Room, "!x:y"), true), Err(RuleError::NotFound));
    assert_eq!(changes.set_actions(&predefined, (Kind::Override, message.1), vec![]), Err(RuleError::NotFound));
}

/// What ruma makes of the same rules and event.
fn ruma_hears(rules: &RuleSet, event: &PushEvent, room: Room) -> (bool, bool) {
    let rules: Ruleset = serde_json::from_value(serde_json::to_value(rules).unwrap()).unwrap();
    let raw: Raw<Value> = serde_json::from_slice(event.stored().pdu_json()).unwrap();
    let mut around = PushConditionRoomCtx::new(
        owned_room_id!("!room:salon.test"),
        UInt::try_from(room.members).unwrap(),
        alice(),
        "Alice Liddell".to_owned(),
    );
    let level = if room.may_notify { 50 } else { 0 };
    around.power_levels = Some(PushConditionPowerLevelsCtx::new(
        [(SENDER.try_into().unwrap(), level.into())].into(),
        0.into(),
        Default::default(),
        RoomPowerLevelsRules::new(&AuthorizationRules::V11, None),
    ));
    let matched = pin!(rules.get_match(&raw, &around)).poll(&mut Context::from_waker(Waker::noop()));
    let Poll::Ready(matched) = matched else { panic!("it waits for nothing") };
    let notify = matched.is_some_and(|rule| rule.triggers_notification());
    (notify, notify && matched.is_some_and(|rule| rule.triggers_highlight()))
}

/// Text of few letters, so that patterns often match.
fn text_of_few_letters() -> impl Strategy<Value = String> {
    "[abAB_ -]{0,16}"
}

/// Ruma takes the second of two wildcards side by side for a character.
fn pattern() -> impl Strategy<Value = String> {
    "[?*]?([ab_ -]{1,2}[?*]?){0,4}"
}

fn condition() -> impl Strategy<Value = Value> {
    let key = prop::sample::select(vec!["content.body", "content.msgtype", "type", r"content.m\.x.y", "sender"]);
    let value = prop_oneof![Just(json!(1)), Just(json!("a")), Just(json!(true)), Just(Value::Null)];
    let count = ("(==|<|>|<=|>=)?", 0..5_u8).prop_map(|(sign, n)| format!("{sign}{n}"));
    prop_oneof![
        (key.clone(), pattern())
            .prop_map(|(key, pattern)| json!({ "kind": "event_match", "key": key, "pattern": pattern })),
        (key.clone(), value.clone())
            .prop_map(|(key, value)| json!({ "kind": "event_property_is", "key": key, "value": value })),
        value.prop_map(|value| json!({ "kind": "event_property_contains", "key": "content.list", "value": value })),
        count.prop_map(|count| json!({ "kind": "room_member_count", "is": count })),
        Just(json!({ "kind": "sender_notification_permission", "key": "room" })),
        Just(json!({ "kind": "contains_display_name" })),
    ]
}

fn actions() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(json!([])),
        Just(json!(["notify"])),
        Just(json!(["notify", { "set_tweak": "highlight" }])),
        Just(json!([{ "set_tweak": "highlight" }])),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Ruma's own matching compiles a regular expression for each event, and recurses as deep as a text has words.
    #[test]
    fn we_hear_what_ruma_hears(
        overrides in prop::collection::vec((prop::collection::vec(condition(), 0..3), actions()), 0..4),
        content in prop::collection::vec((pattern(), actions()), 0..4),
        body in prop_oneof![text_of_few_letters(), Just("Alice liddell".to_owned())],
        (msgtype, list) in (text_of_few_letters(), prop_oneof![Just(json!([1, "a", null])), Just(json!("a"))]),
        (members, may_notify) in (1..4_u64, any::<bool>()),
    ) {
        let mut changes = Changes::default();
        for (index, (conditions, actions)) in overrides.into_iter().enumerate() {
            let rule = own(Kind::Override, &index.to_string(), json!({ "conditions": conditions, "actions": actions }));
            changes.put(Kind::Override, rule, &Place::default()).unwrap();
        }
        for (index, (pattern, actions)) in content.into_iter().enumerate() {
            let rule = own(Kind::Content, &index.to_string(), json!({ "pattern": pattern, "actions": actions }));
            changes.put(Kind::Content, rule, &Place::default()).unwrap();
        }
        let event = event("m.room.message", None, json!({
            "msgtype": msgtype, "body": body, "list": list, "m.x": { "y": true }
        }));
        let room = Room { members, may_notify };
        prop_assert_eq!(hears(&changes, &event, room), ruma_hears(&changes.apply(&alice()), &event, room));
    }
}
