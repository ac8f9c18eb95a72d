//! Events through their life: sealed, checked, stored, rendered; and what is refused at their door.

use std::collections::BTreeMap;

use proptest::prelude::*;
use ruma::{
    CanonicalJsonObject, RoomVersionId,
    serde::Base64,
    signatures::{Verified, hash_and_sign_event, reference_hash, sign_json, verify_event},
};
use serde_json::{Value, json};

use super::*;

/// A draft of each type that some version's redaction treats specially, and of one that none does.
fn drafts() -> Vec<Draft> {
    let target = Some("$acR1l0raoZnm60CBwAVgqbZqoO_mYU81xysh1u7XcJk".try_into().unwrap());
    let redaction = Draft { redacts: target, ..draft("m.room.redaction", None, json!({"reason": "spam"})) };
    let join = json!({"membership": "join", "displayname": "A", "third_party_invite": {"signed": {}, "x": 1}});
    vec![
        draft("m.room.message", None, json!({"msgtype": "m.text", "body": "\u{7f}\u{1}\"\\ é 🙂"})),
        draft("m.room.create", Some(""), json!({"creator": "@alice:salon.test", "room_version": "9", "x": 1})),
        draft("m.room.member", Some("@alice:salon.test"), join),
        draft("m.room.power_levels", Some(""), json!({"ban": 1, "invite": 2, "notifications": {"room": 3}})),
        draft("m.room.join_rules", Some(""), json!({"join_rule": "restricted", "allow": []})),
        draft("m.room.history_visibility", Some(""), json!({"history_visibility": "shared", "x": 1})),
        draft("m.room.aliases", Some("salon.test"), json!({"aliases": []})),
        draft("odd \"type\" \u{8}", Some("odd \\ key\n"), json!({})),
        redaction,
    ]
}

fn verify(object: &CanonicalJsonObject, version: &RoomVersionId) -> Verified {
    let keys = BTreeMap::from([(key().id().to_string(), Base64::parse(key().public_base64()).unwrap())]);
    let keys = BTreeMap::from([("salon.test".to_owned(), keys)]);
    verify_event(&keys, object, rules(version).unwrap()).unwrap()
}

#[test]
fn sealed_events_verify_and_parse_to_themselves_in_every_version() {
    for version in offered() {
        for draft in drafts() {
            let pdu = seal(draft.clone(), &version).unwrap();
            let object = pdu.to_object().unwrap();
            assert_eq!(verify(&object, &version), Verified::All, "{version} {draft:?}");
            let hash = reference_hash(&object, rules(&version).unwrap()).unwrap();
            assert_eq!(pdu.event_id().as_str(), format!("${hash}"));
            assert_eq!(pdu.json(), serde_json::to_string(&object).unwrap().as_bytes(), "canonical");

            let parsed = Pdu::parse(str::from_utf8(pdu.json()).unwrap(), rules(&version).unwrap()).unwrap();
            assert_eq!(parsed.event_id(), pdu.event_id());
            assert_eq!(parsed.json(), pdu.json());
            assert_eq!(parsed.room_id(), "!room:salon.test");
            assert_eq!(parsed.type_str(), draft.event_type);
            assert_eq!(parsed.state_key(), draft.state_key.as_deref());
            assert_eq!(parsed.redacts(), draft.redacts.as_deref());
            assert_eq!((parsed.depth(), parsed.origin_server_ts()), (7, 1_700_000_000_000));
            assert_eq!((parsed.prev_events().len(), parsed.auth_events().len()), (1, 1));
        }
    }
}

#[test]
fn ruma_signs_to_the_same_bytes() {
    for version in offered() {
        let pdu = seal(drafts().remove(2), &version).unwrap();
        let mut object = pdu.to_object().unwrap();
        object.remove("hashes");
        object.remove("signatures");
        hash_and_sign_event("salon.test", &key(), &mut object, &rules(&version).unwrap().redaction).unwrap();
        assert_eq!(serde_json::to_vec(&object).unwrap(), pdu.json().as_ref());
    }
}

/// The appendix "Cryptographic Test Vectors", which our key must meet also as ruma's key pair.
#[test]
fn the_key_signs_events_and_json_as_the_specification_does() {
    let seed = Base64::<ruma::serde::base64::Standard>::parse("YJDBA9Xnr2sVqXD9Vj7XVUnmFZcZrlw8Md7kMW+3XA1").unwrap();
    let key = SigningKey::from_bytes(&[seed.as_bytes(), b"1"].concat()).unwrap();
    let mut object = content(json!({"one": 1, "two": "Two"}));
    sign_json("domain", &key, &mut object).unwrap();
    assert_eq!(
        serde_json::to_value(&object).unwrap()["signatures"]["domain"]["ed25519:1"],
        "KqmLSbO39/Bzb0QIYE82zqLwsA+PDzYIpIRA2sRQ4sL53+sN6/fpNSoqE7BP7vBZhG6kYdD13EIMJpvhJI+6Bw"
    );
    let mut event = content(json!({
        "room_id": "!x:domain", "sender": "@a:domain", "origin": "domain", "origin_server_ts": 1_000_000,
        "type": "X", "content": {}, "prev_events": [], "auth_events": [], "depth": 3, "unsigned": {"age_ts": 1_000_000},
    }));
    let v1 = ruma::room_version_rules::RoomVersionRules::V1;
    hash_and_sign_event("domain", &key, &mut event, &v1.redaction).unwrap();
    let event = serde_json::to_value(&event).unwrap();
    assert_eq!(event["hashes"]["sha256"], "5jM4wQpv6lnBo7CLIghJuHdW+s2CMBJPUOGOC89ncos");
    assert_eq!(
        event["signatures"]["domain"]["ed25519:1"],
        "KxwGjPSDEtvnFgU00fwFz+l6d2pJM6XBIaMEn81SXPTRl16AqLAYqfIReFGZlHi5KLjAWbOoMszkwsQma+lYAg"
    );
}

/// The examples of the appendix "Canonical JSON".
#[test]
fn contents_become_canonical_as_in_the_specification() {
    for (json, canonical) in [
        ("{}", "{}"),
        (r#"{ "one": 1, "two": "Two" }"#, r#"{"one":1,"two":"Two"}"#),
        (r#"{ "b": "2", "a": "1" }"#, r#"{"a":"1","b":"2"}"#),
        (r#"{"a":"日本語"}"#, r#"{"a":"日本語"}"#),
        (r#"{"本":2,"日":1}"#, r#"{"日":1,"本":2}"#),
        (r#"{"a":"\u65E5"}"#, r#"{"a":"日"}"#),
        (r#"{"a":null}"#, r#"{"a":null}"#),
        (
            r#"{"auth":{"success":true,"mxid":"@john.doe:example.com","profile":{"display_name":"John Doe"}}}"#,
            r#"{"auth":{"mxid":"@john.doe:example.com","profile":{"display_name":"John Doe"},"success":true}}"#,
        ),
    ] {
        assert_eq!(serde_json::to_string(&check_content(json).unwrap()).unwrap(), canonical);
    }
}

#[test]
fn a_room_of_version_12_is_named_by_its_create_event() {
    let create = |nonce| Draft {
        room: DraftRoom::New { nonce: [nonce; 12] },
        ..draft("m.room.create", Some(""), json!({"room_version": "12"}))
    };
    let pdu = seal(create(1), &RoomVersionId::V12).unwrap();
    assert_eq!(pdu.room_id().strip_sigil(), pdu.event_id().localpart());
    assert!(!pdu.to_object().unwrap().contains_key("room_id"));
    assert_eq!(ruma::state_res::Event::room_id(&pdu), None, "as the auth rules want it");
    assert_eq!(verify(&pdu.to_object().unwrap(), &RoomVersionId::V12), Verified::All);

    let twin = seal(create(2), &RoomVersionId::V12).unwrap();
    assert_ne!(twin.room_id(), pdu.room_id(), "equal rooms of one millisecond");
    let redacted = redact_pdu(&pdu, rules(&RoomVersionId::V12).unwrap()).unwrap();
    assert_eq!(redacted.json(), pdu.json(), "nothing of it is lost in redaction");

    let message = seal(draft("m.room.message", None, json!({})), &RoomVersionId::V12).unwrap();
    let mut object = message.to_object().unwrap();
    object.remove("room_id");
    assert!(Pdu::from_object(object, rules(&RoomVersionId::V12).unwrap()).is_err());
}

#[test]
fn the_whole_event_may_have_65536_bytes_and_no_more() {
    let rules = rules(&RoomVersionId::V12).unwrap();
    let with_body = |n: usize| draft("m.room.message", None, json!({"body": "x".repeat(n)}));
    let rest = seal(with_body(0), &RoomVersionId::V12).unwrap().json().len();

    let largest = seal(with_body(MAX_PDU_BYTES - rest), &RoomVersionId::V12).unwrap();
    assert_eq!(largest.json().len(), MAX_PDU_BYTES);
    let parsed = Pdu::parse(str::from_utf8(largest.json()).unwrap(), rules).unwrap();
    assert_eq!(parsed.event_id(), largest.event_id());

    let Err(FormatError::TooLarge(bytes)) = seal(with_body(MAX_PDU_BYTES - rest + 1), &RoomVersionId::V12) else {
        panic!("a byte too many");
    };
    assert_eq!(bytes, MAX_PDU_BYTES + 1);
    let json = str::from_utf8(largest.json()).unwrap().replacen("xxx", "xxxx", 1);
    assert!(Pdu::parse(&json, rules).unwrap_err().is_size());
}

#[test]
fn fields_may_have_255_bytes() {
    let at = |event_type: usize, state_key: usize| {
        seal(draft(&"t".repeat(event_type), Some(&"k".repeat(state_key)), json!({})), &RoomVersionId::V11)
    };
    let largest = at(255, 255).unwrap();
    assert!(Pdu::parse(str::from_utf8(largest.json()).unwrap(), rules(&RoomVersionId::V11).unwrap()).is_ok());
    for (event_type, state_key) in [(256, 1), (1, 256)] {
        let error = at(event_type, state_key).unwrap_err();
        assert!(matches!(error, FormatError::FieldTooLong { bytes: 256, .. }) && error.is_size());
    }
}

#[test]
fn malformed_events_are_refused() {
    let rules = rules(&RoomVersionId::V11).unwrap();
    let good = seal(draft("m.room.message", None, json!({})), &RoomVersionId::V11).unwrap();
    let good: Value = serde_json::from_slice(good.json()).unwrap();
    let ids = |n: usize| json!(vec!["$a"; n]);
    for (field, value) in [
        ("content", json!([])),
        ("content", json!({"a": 0.5})),
        ("hashes", json!("x")),
        ("signatures", Value::Null),
        ("sender", json!("alice")),
        ("room_id", json!("room")),
        ("type", json!(1)),
        ("state_key", json!(1)),
        ("state_key", Value::Null),
        ("depth", json!(-1)),
        ("origin_server_ts", json!("now")),
        ("origin_server_ts", json!(-1)),
        ("prev_events", ids(21)),
        ("auth_events", ids(11)),
        ("prev_events", json!(["x"])),
        ("sender", json!(format!("@{}:b", "a".repeat(253)))),
    ] {
        let mut bad = good.clone();
        bad[field] = value;
        assert!(Pdu::parse(&bad.to_string(), rules).is_err(), "{field}: {}", bad[field]);
    }
    for field in ["content", "depth", "sender", "type", "room_id", "origin_server_ts", "prev_events", "hashes"] {
        let mut bad = good.clone();
        bad.as_object_mut().unwrap().remove(field);
        assert!(Pdu::parse(&bad.to_string(), rules).is_err(), "without {field}");
    }
    assert!(Pdu::parse("[]", rules).is_err() && Pdu::parse("{", rules).is_err());
}

#[test]
fn unsigned_and_white_space_do_not_change_an_event() {
    let rules = rules(&RoomVersionId::V12).unwrap();
    let pdu = seal(draft("m.room.message", None, json!({"body": "x"})), &RoomVersionId::V12).unwrap();
    let mut value: Value = serde_json::from_slice(pdu.json()).unwrap();
    value["unsigned"] = json!({"age": 5});
    let parsed = Pdu::parse(&serde_json::to_string_pretty(&value).unwrap(), rules).unwrap();
    assert_eq!((parsed.event_id(), parsed.json()), (pdu.event_id(), pdu.json()));
}

#[test]
fn a_draft_with_too_many_edges_is_refused_and_depth_ends_at_the_largest_integer() {
    let ids = vec!["$a".try_into().unwrap(); 21];
    let key = key();
    let seal = |prev: usize, auth: usize| {
        draft("t", None, json!({})).seal(Seal {
            rules: rules(&RoomVersionId::V12).unwrap(),
            prev_events: &ids[..prev],
            auth_events: &ids[..auth],
            depth: u64::MAX,
            key: &key,
            server_name: ruma::server_name!("salon.test"),
        })
    };
    assert_eq!(seal(20, 10).unwrap().depth(), (1 << 53) - 1);
    assert!(seal(21, 1).is_err() && seal(1, 11).is_err());
}

#[test]
fn versions_without_event_id_hashes_are_unknown() {
    for version in [RoomVersionId::V1, RoomVersionId::V2, "org.example".try_into().unwrap()] {
        assert!(rules(&version).is_none());
    }
    assert!(offered().contains(&DEFAULT_VERSION));
    assert!(known().iter().all(|version| rules(version).is_some()));
    assert!(offered().iter().all(|version| known().contains(version)));
}

pub fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-(1_i64 << 53) + 1..1 << 53).prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(any::<String>(), inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn random_events_survive_storage_and_rendering(
        value in prop::collection::btree_map(any::<String>(), any_json(), 0..5),
        event_type in "\\PC{0,40}",
        state_key in prop::option::of(any::<String>().prop_filter("length", |key| key.len() <= 255)),
    ) {
        let value = Value::Object(value.into_iter().collect());
        let pdu = seal(draft(&event_type, state_key.as_deref(), value.clone()), &RoomVersionId::V12).unwrap();
        prop_assert_eq!(verify(&pdu.to_object().unwrap(), &RoomVersionId::V12), Verified::All);

        let row = StoredEvent::encode(&pdu).into();
        let stored = StoredEvent::decode(&row).unwrap();
        prop_assert_eq!(stored.event_type(), event_type.as_str());
        prop_assert_eq!(stored.state_key().map(|key| key.into_owned()), state_key.clone());
        prop_assert_eq!(stored.sender(), "@alice:salon.test");
        prop_assert_eq!(stored.origin_server_ts(), 1_700_000_000_000);
        prop_assert_eq!(stored.pdu_json(), pdu.json());

        let raw = ClientEvent { stored: &stored, room_id: None, unsigned: &Unsigned::default() }.to_raw().unwrap();
        let mut wanted = json!({
            "content": value, "event_id": pdu.event_id(), "origin_server_ts": 1_700_000_000_000_u64,
            "sender": "@alice:salon.test", "type": event_type,
        });
        if let Some(key) = state_key {
            wanted["state_key"] = key.into();
        }
        prop_assert_eq!(serde_json::from_str::<Value>(raw.get()).unwrap(), wanted);
    }

    #[test]
    fn any_bytes_are_refused_or_read_without_panic(mut row in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Some(first) = row.first_mut() {
            *first = 1;
        }
        if let Ok(stored) = StoredEvent::decode(&row.into()) {
            let mut out = Vec::new();
            ClientEvent { stored: &stored, room_id: None, unsigned: &Unsigned::default() }.write(&mut out);
        }
    }

    #[test]
    fn any_text_is_refused_or_parsed_without_panic(json in any_json(), text in any::<String>()) {
        for rules in [rules(&RoomVersionId::V3), rules(&RoomVersionId::V12)] {
            prop_assert!(Pdu::parse(&json.to_string(), rules.unwrap()).is_err());
            prop_assert!(Pdu::parse(&text, rules.unwrap()).is_err());
        }
    }
}
