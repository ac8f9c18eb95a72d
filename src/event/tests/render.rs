//! Events as clients get them.

use ruma::{RoomVersionId, room_id};
use serde_json::{Value, json};

use super::*;

const TARGET: &str = "$acR1l0raoZnm60CBwAVgqbZqoO_mYU81xysh1u7XcJk";

fn stored(draft: Draft, version: &RoomVersionId) -> StoredEvent {
    StoredEvent::decode(&StoredEvent::encode(&seal(draft, version).unwrap()).into()).unwrap()
}

fn render(stored: &StoredEvent, unsigned: &Unsigned<'_>) -> Value {
    let event = ClientEvent { stored, room_id: None, unsigned };
    serde_json::from_str(event.to_raw().unwrap().get()).unwrap()
}

#[test]
fn unsigned_has_what_was_given_and_the_room_is_named_on_demand() {
    let stored = stored(draft("m.room.topic", Some(""), json!({"topic": "t"})), &RoomVersionId::V12);
    let unsigned = Unsigned {
        age: Some(-5),
        transaction_id: Some("\"odd\" \\ \n id"),
        delay_id: None,
        prev_content_json: Some(br#"{"topic":"s"}"#),
        prev_sender: Some("@bob:salon.test"),
        replaces_state: Some("$old"),
        membership: Some("join"),
        redacted_because_json: Some(br#"{"type":"m.room.redaction"}"#),
        relations_json: Some(br#"{"m.thread":{}}"#),
    };
    let mut out = b"[".to_vec();
    ClientEvent { stored: &stored, room_id: Some(room_id!("!room:salon.test")), unsigned: &unsigned }.write(&mut out);
    out.push(b']');
    assert_eq!(
        serde_json::from_slice::<Value>(&out).unwrap(),
        json!([{
            "content": {"topic": "t"},
            "event_id": stored.event_id(),
            "origin_server_ts": 1_700_000_000_000_u64,
            "room_id": "!room:salon.test",
            "sender": "@alice:salon.test",
            "state_key": "",
            "type": "m.room.topic",
            "unsigned": {
                "age": -5,
                "transaction_id": "\"odd\" \\ \n id",
                "prev_content": {"topic": "s"},
                "prev_sender": "@bob:salon.test",
                "replaces_state": "$old",
                "membership": "join",
                "redacted_because": {"type": "m.room.redaction"},
                "m.relations": {"m.thread": {}},
            },
        }])
    );
}

#[test]
fn a_message_has_neither_state_key_nor_empty_unsigned() {
    let stored = stored(draft("m.room.message", None, json!({"body": "x"})), &RoomVersionId::V6);
    let keys = render(&stored, &Unsigned::default());
    let keys: Vec<_> = keys.as_object().unwrap().keys().cloned().collect();
    assert_eq!(keys, ["content", "event_id", "origin_server_ts", "sender", "type"]);
}

/// Room version 11, "Moving the `redacts` property": both places are filled for clients.
#[test]
fn a_redaction_names_its_target_in_both_places() {
    for version in offered() {
        let reason = json!({"reason": "spam"});
        let redaction = Draft { redacts: Some(TARGET.try_into().unwrap()), ..draft("m.room.redaction", None, reason) };
        let event = render(&stored(redaction, &version), &Unsigned::default());
        assert_eq!(event["redacts"], TARGET, "{version}");
        assert_eq!(event["content"], json!({"reason": "spam", "redacts": TARGET}), "{version}");
    }
}

#[test]
fn a_target_in_the_wrong_place_does_not_count() {
    let misplaced = draft("m.room.redaction", None, json!({"redacts": TARGET}));
    let event = render(&stored(misplaced.clone(), &RoomVersionId::V10), &Unsigned::default());
    assert_eq!(event.get("redacts"), None);

    let other = "$bkyHI-4sFPgIzPSvYHTvKoMiJ1aTyZ0BEYoEDZZW2cI";
    let both = Draft { redacts: Some(other.try_into().unwrap()), ..misplaced };
    let event = render(&stored(both, &RoomVersionId::V10), &Unsigned::default());
    assert_eq!((&event["redacts"], &event["content"]["redacts"]), (&json!(other), &json!(other)));

    // A top-level key that a peer added to a redaction of version 11.
    let pdu = seal(draft("m.room.redaction", None, json!({"redacts": TARGET})), &RoomVersionId::V11).unwrap();
    let mut object = pdu.to_object().unwrap();
    object.insert("redacts".to_owned(), other.into());
    let pdu = Pdu::from_object(object, rules(&RoomVersionId::V11).unwrap()).unwrap();
    let back = StoredEvent::decode(&StoredEvent::encode(&pdu).into()).unwrap().to_pdu(pdu.room_id()).unwrap();
    assert_eq!(back.redacts().unwrap(), TARGET);
    assert_eq!(render(&StoredEvent::from(&back), &Unsigned::default())["redacts"], TARGET);
}

#[test]
fn stored_events_become_pdus_again() {
    let create = Draft { room: DraftRoom::New { nonce: [1; 12] }, ..draft("m.room.create", Some(""), json!({})) };
    for draft in [create, draft("m.room.member", Some("@alice:salon.test"), json!({"membership": "join"}))] {
        let pdu = seal(draft, &RoomVersionId::V12).unwrap();
        let back = StoredEvent::from(&pdu).to_pdu(pdu.room_id()).unwrap();
        assert_eq!(format!("{back:?}"), format!("{pdu:?}"));
    }
}

#[test]
fn stripped_state_has_four_fields() {
    let stored = stored(draft("m.room.name", Some(""), json!({"name": "n"})), &RoomVersionId::V12);
    let mut out = Vec::new();
    StrippedState(&stored).write(&mut out);
    assert_eq!(
        serde_json::from_slice::<Value>(&out).unwrap(),
        json!({"content": {"name": "n"}, "sender": "@alice:salon.test", "state_key": "", "type": "m.room.name"})
    );
}

#[test]
fn damaged_rows_are_refused() {
    let row = StoredEvent::encode(&seal(draft("t", None, json!({})), &RoomVersionId::V12).unwrap());
    let damaged = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut row = row.clone();
        change(&mut row);
        StoredEvent::decode(&row.into())
    };
    assert!(damaged(&|_| {}).is_ok());
    assert!(damaged(&|row| row[0] = 2).is_err(), "format");
    assert!(damaged(&|row| row.truncate(40)).is_err(), "header");
    assert!(damaged(&|row| row.truncate(60)).is_err(), "event ID");
    assert!(damaged(&|row| row.truncate(row.len() - 1)).is_ok(), "only a hash can tell");
    assert!(damaged(&|row| row.truncate(200)).is_err(), "a span beyond the end");
    assert!(damaged(&|row| row[51] = b'!').is_err(), "sigil");
    assert!(damaged(&|row| *row.last_mut().unwrap() = 0xff).is_err(), "UTF-8");
}
