//! What redaction keeps of each event, by room version.

use ruma::RoomVersionId;
use serde_json::{Value, json};

use super::*;

/// The content of an event of this version after redaction.
fn redacted_content(version: u8, event_type: &str, value: &Value) -> Value {
    let version = RoomVersionId::try_from(version.to_string()).unwrap();
    let pdu = seal(draft(event_type, Some(""), value.clone()), &version).unwrap();
    let redacted = redact_pdu(&pdu, rules(&version).unwrap()).unwrap();
    assert_eq!(redacted.event_id(), pdu.event_id());
    let again = Pdu::parse(str::from_utf8(redacted.json()).unwrap(), rules(&version).unwrap()).unwrap();
    assert_eq!(again.event_id(), pdu.event_id(), "hash and signature cover only what stays");
    serde_json::from_str(redacted.content().get()).unwrap()
}

/// What the redaction algorithm of each version keeps, as the room version pages say.
#[test]
fn each_version_keeps_what_it_says() {
    let levels = json!({
        "ban": 1, "events": {"a": 1}, "events_default": 2, "kick": 3, "redact": 4, "state_default": 5, "users": {},
        "users_default": 6,
    });
    let mut all_levels = levels.clone();
    all_levels["invite"] = json!(7);
    let mut full_levels = all_levels.clone();
    full_levels["notifications"] = json!({"room": 8});
    let create = json!({"creator": "@a:b", "room_version": "1", "type": "m.space"});
    let signed = json!({"membership": "invite", "third_party_invite": {"signed": {"token": "t"}}});
    let member = json!({
        "membership": "invite", "displayname": "x", "join_authorised_via_users_server": "@b:c",
        "third_party_invite": {"display_name": "y", "signed": {"token": "t"}},
    });
    let allow = json!({"join_rule": "restricted", "allow": [{"room_id": "!a:b"}]});
    let mut full_allow = allow.clone();
    full_allow["x"] = json!(1);

    for version in 6..=12_u8 {
        let authorised = json!({"membership": "invite", "join_authorised_via_users_server": "@b:c"});
        let cases = [
            ("m.room.message", json!({"body": "x"}), json!({})),
            ("m.room.topic", json!({"topic": "x"}), json!({})),
            ("m.room.aliases", json!({"aliases": ["#a:b"]}), json!({})),
            (
                "m.room.history_visibility",
                json!({"history_visibility": "joined", "x": 1}),
                json!({"history_visibility": "joined"}),
            ),
            ("m.room.create", create.clone(), if version >= 11 { create.clone() } else { json!({"creator": "@a:b"}) }),
            (
                "m.room.power_levels",
                full_levels.clone(),
                if version >= 11 { all_levels.clone() } else { levels.clone() },
            ),
            (
                "m.room.join_rules",
                full_allow.clone(),
                if version >= 8 { allow.clone() } else { json!({"join_rule": "restricted"}) },
            ),
            (
                "m.room.member",
                member.clone(),
                match version {
                    ..=8 => json!({"membership": "invite"}),
                    9..=10 => authorised.clone(),
                    _ => {
                        let mut kept = signed.clone();
                        kept["join_authorised_via_users_server"] = json!("@b:c");
                        kept
                    }
                },
            ),
            (
                "m.room.redaction",
                json!({"redacts": "$a", "reason": "x"}),
                if version >= 11 { json!({"redacts": "$a"}) } else { json!({}) },
            ),
        ];
        for (event_type, content, kept) in cases {
            assert_eq!(redacted_content(version, event_type, &content), kept, "version {version}, {event_type}");
        }
    }
}

#[test]
fn a_redacted_redaction_names_its_target_only_from_version_11_on() {
    for version in offered() {
        let target = Some("$acR1l0raoZnm60CBwAVgqbZqoO_mYU81xysh1u7XcJk".try_into().unwrap());
        let pdu = seal(Draft { redacts: target, ..draft("m.room.redaction", None, json!({})) }, &version).unwrap();
        let redacted = redact_pdu(&pdu.with_rejected(true), rules(&version).unwrap()).unwrap();
        let keeps = matches!(version, RoomVersionId::V11 | RoomVersionId::V12);
        assert_eq!(redacted.redacts().is_some(), keeps, "{version}");
        assert!(redacted.rejected());
    }
}
