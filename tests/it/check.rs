//! `salon check`: a database that was used for real is whole, and each way to break it is found by name.

use salon::{
    check,
    ids::{EventNum, Position, RoomNum, UserNum},
    media::{
        folder::Folder,
        rows::{ContentRow, Pending, Usage, pending_key, usage_key},
    },
    rooms::{
        NewEvent,
        create::{NewRoom, Preset},
        relations::{Kinds, ThreadRow, awaited_key},
        reports::{Report, Subject},
        rows::{EventMeta, Membership, RoomHead, Verdict},
        view::{member_key, own_key},
    },
    store::{
        Commit, Family, Key, LogEntry, Read, Store, StoreOptions, decode, encode,
        keys::{self, Index, KeyBuilder},
    },
    users::Restrictions,
};
use serde_json::{Value, json};

use crate::{
    common::{TestServer, copy_folder},
    media::upload,
};

/// A JSON object as an event's content.
fn content(value: Value) -> ruma::CanonicalJsonObject {
    salon::event::check_content(&value.to_string()).unwrap()
}

/// A server with two users, a room with members, messages, a relation and a redaction, account data, push rules and a
/// pusher; stopped.
async fn used_server() -> (TestServer, Store) {
    let mut server = TestServer::start().await;
    let client = server.register("alice").await;
    let alice = client.clone();
    let bob = server.register("bob").await;
    alice.put("/v3/user/@alice:localhost/account_data/org.example", json!({ "a": 1 })).await.ok();
    alice.post("/v3/user/@alice:localhost/filter", json!({ "room": { "timeline": { "limit": 5 } } })).await.ok();
    alice.put("/v3/pushrules/global/content/x", json!({ "pattern": "x", "actions": [] })).await.ok();
    let pusher = json!({
        "app_id": "org.example.app", "pushkey": "key", "kind": "http", "app_display_name": "App", "lang": "en",
        "device_display_name": "Phone", "data": { "url": "https://push.example.org/_matrix/push/v1/notify" },
    });
    alice.post("/v3/pushers/set", pusher).await.ok();
    upload(&alice, "text/plain", None, b"a file".to_vec()).await;
    alice.post("/_matrix/media/v1/create", json!({})).await.ok();
    let rooms = &server.app().rooms;
    let (alice, bob): (ruma::OwnedUserId, ruma::OwnedUserId) =
        (alice.user_id.try_into().unwrap(), bob.user_id.try_into().unwrap());
    let mut new = NewRoom::new(alice.clone(), salon::event::DEFAULT_VERSION, Preset::PrivateChat);
    new.name = Some("A room".to_owned());
    new.invite = vec![bob.clone(), "@carol:localhost".try_into().unwrap()];
    let room_id = rooms.create(new).await.unwrap();
    let room = rooms.number(&room_id).unwrap();
    let join = NewEvent::state(bob.clone(), "m.room.member", bob.as_str(), content(json!({ "membership": "join" })));
    rooms.send(room, join).await.unwrap();
    let say = |body: &str| NewEvent::message(alice.clone(), "m.room.message", content(json!({ "body": body })));
    let first = rooms.send(room, say("first")).await.unwrap();
    let relates_to = json!({ "m.relates_to": { "rel_type": "m.thread", "event_id": first } });
    rooms.send(room, NewEvent::message(bob.clone(), "m.room.message", content(relates_to))).await.unwrap();
    let gone = rooms.send(room, say("gone")).await.unwrap();
    let redaction = NewEvent { redacts: Some(gone), ..NewEvent::message(bob, "m.room.redaction", content(json!({}))) };
    // Bob may redact only his own: this one has no effect.
    rooms.send(room, redaction.clone()).await.unwrap();
    rooms.send(room, NewEvent { sender: alice.clone(), ..redaction.clone() }).await.unwrap();
    let to = |event: &str| content(json!({ "m.relates_to": { "rel_type": "m.reference", "event_id": event } }));
    let message = |content| NewEvent::message(alice.clone(), "m.room.message", content);
    rooms.send(room, message(to("$elsewhere"))).await.unwrap();
    let broken = rooms.send(room, message(to(first.as_str()))).await.unwrap();
    // It redacts what relates to an event, and relates to it itself.
    let both = NewEvent { content: to(broken.as_str()), redacts: Some(broken), sender: alice.clone(), ..redaction };
    rooms.send(room, both).await.unwrap();
    let path = format!("/v3/rooms/{}/send/m.room.message/t1", room_id);
    client.put(&path, json!({ "body": "by HTTP" })).await.ok();
    server.app().rooms.search_caught_up().await;
    server.stop().await;
    let store = Store::open(&server.config().data_dir, StoreOptions::default()).unwrap();
    (server, store)
}

const ROOM: RoomNum = RoomNum(1);

fn head(store: &Store) -> RoomHead {
    store.latest().get_row(Family::Rooms, &keys::room(ROOM)).unwrap().unwrap()
}

fn meta(store: &Store, number: EventNum) -> EventMeta {
    store.latest().get_row(Family::EventMeta, &keys::event(ROOM, number)).unwrap().unwrap()
}

fn last(store: &Store) -> EventNum {
    EventNum(head(store).next.0 - 1)
}

fn first_row(store: &Store, family: Family, prefix: &[u8]) -> (Key, Vec<u8>) {
    let snapshot = store.snapshot();
    let mut rows = snapshot.scan_prefix(family, prefix);
    let (key, value) = rows.next().unwrap().expect("a row");
    (Key::from_slice(key), value.to_vec())
}

#[tokio::test]
async fn a_database_that_was_used_is_whole() {
    let (_server, store) = used_server().await;
    let report = check::check(&store).unwrap();
    assert!(report.is_clean(), "{report}");
    let text = report.to_string();
    assert!(text.contains("1 rooms") && text.contains("3 users") && text.contains("2 devices"), "{text}");
    assert!(text.contains("2 uploads") && text.contains("1 files"), "{text}");
}

#[tokio::test]
async fn a_room_that_was_purged_leaves_nothing_behind() {
    let (_server, store) = used_server().await;
    // It waits for the disk, which a thread of the runtime may not.
    let purge = tokio::task::spawn_blocking(move || salon::rooms::purge::purge(&store, ROOM).map(|()| store));
    let store = purge.await.unwrap().unwrap();
    let report = check::check(&store).unwrap();
    assert!(report.is_clean(), "{report}");
    let counted = report.to_string();
    assert!(!counted.contains(" events") && !counted.contains(" members"), "{counted}");
}

/// A way to break the database, and what the check has to say of it.
type Breakage = (fn(&Store, &mut Commit), &'static str);

fn put_meta(store: &Store, commit: &mut Commit, change: impl FnOnce(&mut EventMeta)) {
    let number = last(store);
    let mut row = meta(store, number);
    change(&mut row);
    commit.put_row(Family::EventMeta, keys::event(ROOM, number), &row);
}

fn put_head(store: &Store, commit: &mut Commit, change: impl FnOnce(&mut RoomHead)) {
    let mut row = head(store);
    change(&mut row);
    commit.put_row(Family::Rooms, keys::room(ROOM), &row);
}

/// The file of the one upload.
fn media_file(store: &Store) -> std::path::PathBuf {
    Folder::of(store.data_dir()).contents().unwrap().remove(0).0
}

const BREAKAGES: &[Breakage] = &[
    (
        |store, commit| {
            let key = keys::event(ROOM, EventNum(9));
            let row = store.latest().get(Family::EventJson, &key).unwrap().unwrap().to_vec();
            let at = row.windows(7).position(|seven| seven == b"m.room.").unwrap();
            let mut row = row;
            row[at] = b'n';
            commit.put(Family::EventJson, key, row);
        },
        "event 9: it hashes to",
    ),
    (
        |store, commit| {
            let key = keys::event(ROOM, EventNum(11));
            let row = store.latest().get(Family::EventJson, &key).unwrap().unwrap().to_vec();
            let text = row.windows(5).position(|five| five == b"first").unwrap();
            let mut row = row;
            row[text] = b'F';
            commit.put(Family::EventJson, key, row);
        },
        "event 11: its content does not have the hash",
    ),
    (
        |_, commit| {
            commit.delete(Family::EventJson, keys::event(ROOM, EventNum(4)));
        },
        "event 4: its row of event_meta or event_json is missing",
    ),
    (
        |_, commit| {
            commit.put(Family::EventMeta, keys::event(ROOM, EventNum(4)), vec![0xff; 3]);
        },
        "of event_meta: its value is malformed",
    ),
    (
        |store, commit| {
            let (key, _) = first_row(store, Family::EventIds, &[]);
            commit.delete(Family::EventIds, key);
        },
        "event_ids does not lead to it",
    ),
    (
        |_, commit| {
            commit.put(Family::EventIds, keys::event_id("$none"), [0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2].to_vec());
        },
        "of event_ids: it leads to room 1, event 2, which has another ID",
    ),
    (
        |store, commit| put_meta(store, commit, |meta| meta.prev = vec![EventNum(1)]),
        "its previous events are not those that event_meta names",
    ),
    (
        |store, commit| put_meta(store, commit, |meta| meta.auth.clear()),
        "its auth events are not those that event_meta names",
    ),
    (|store, commit| put_meta(store, commit, |meta| meta.depth += 1), "event_meta says depth"),
    (|store, commit| put_meta(store, commit, |meta| meta.sender = UserNum(3)), "event_meta says that user 3 sent it"),
    (
        |store, commit| put_meta(store, commit, |meta| meta.verdict = Verdict::Rejected),
        "it was not accepted, but stands in the timeline",
    ),
    (|store, commit| put_meta(store, commit, |meta| meta.position = Position(1)), "it stands in the timeline at"),
    (
        |store, commit| {
            let root = meta(store, EventNum(3)).after;
            put_meta(store, commit, |meta| (meta.before, meta.after) = (root, root));
        },
        "the state before it is",
    ),
    (
        |store, commit| {
            let root = meta(store, EventNum(3)).after;
            put_meta(store, commit, |meta| meta.after = root);
        },
        "the state after it is",
    ),
    (
        |store, commit| put_meta(store, commit, |meta| meta.replaces = Some(EventNum(2))),
        "another event that it replaces",
    ),
    (
        |store, commit| put_meta(store, commit, |meta| meta.redacted_by = Some(EventNum(2))),
        "event 2, which is to have redacted it, does not",
    ),
    (
        |store, commit| {
            let number = head(store).next.0;
            let meta = meta(store, last(store));
            commit.put_row(Family::EventMeta, keys::event(ROOM, EventNum(number + 3)), &meta);
        },
        "no event of its room has this number",
    ),
    (
        |store, commit| {
            let position = meta(store, last(store)).position;
            commit.delete(Family::Timeline, keys::timeline(ROOM, position, u32::MAX));
        },
        "events were accepted, but the timeline has",
    ),
    (
        |store, commit| {
            let head = head(store);
            commit.delete(Family::State, keys::state_node(ROOM, &head.state));
        },
        "is missing",
    ),
    (
        |store, commit| {
            let head = head(store);
            let key = keys::state_node(ROOM, &head.state);
            let mut node = store.latest().get(Family::State, &key).unwrap().unwrap().to_vec();
            *node.last_mut().unwrap() ^= 1;
            commit.put(Family::State, key, node);
        },
        "this state node hashes to",
    ),
    (
        |store, commit| {
            let root = meta(store, EventNum(3)).after;
            put_head(store, commit, |head| head.state = root);
        },
        "its head says state",
    ),
    (
        |store, commit| {
            let position = meta(store, EventNum(3)).position;
            commit.delete(Family::Roots, keys::room_position(ROOM, position));
            let _ = store;
        },
        "event 3: roots has None where the current state became",
    ),
    (
        |store, commit| put_head(store, commit, |head| head.extremities = vec![EventNum(2)]),
        "its head says extremities [EventNum(2)]",
    ),
    (|store, commit| put_head(store, commit, |head| head.joined += 1), "its head counts 3 joined and 1 invited"),
    (|store, commit| put_head(store, commit, |head| head.depth += 1), "its head says depth"),
    (|store, commit| put_head(store, commit, |head| head.tail = Position(1)), "its head says tail 1"),
    (
        |_, commit| {
            commit.delete(Family::Rooms, keys::room(ROOM));
        },
        "it has no head, but",
    ),
    (
        |_, commit| {
            commit.put(Family::Roots, keys::room_position(RoomNum(7), Position(1)), vec![0; 16]);
        },
        "it belongs to a room that doesn't exist",
    ),
    (
        |_, commit| {
            commit.delete(Family::Index, member_key(ROOM, UserNum(2)));
        },
        "the members in index do not say that",
    ),
    (
        |store, commit| {
            let mut own = store.latest().get(Family::Index, &own_key(UserNum(2), ROOM)).unwrap().unwrap().to_vec();
            own[0] = encode(&Membership::Ban)[0];
            commit.put(Family::Index, own_key(UserNum(2), ROOM), own);
        },
        "member 2: the user's own row of the room is missing or says something else",
    ),
    (
        |store, commit| {
            let (key, _) = first_row(store, Family::Feed, &UserNum(2).0.to_be_bytes());
            commit.delete(Family::Feed, key);
        },
        "user 2, room 1: the user's feed has no membership at",
    ),
    (
        |store, commit| {
            let (_, value) = first_row(store, Family::Feed, &UserNum(2).0.to_be_bytes());
            commit.put(Family::Feed, keys::user_position(UserNum(2), Position(2)), value);
        },
        "feed of user 2 at 2: what it tells of is not there, or changed elsewhere",
    ),
    (
        |store, commit| {
            let (key, row) = first_row(store, Family::Index, &KeyBuilder::room(ROOM, Index::Thread).build());
            let row: ThreadRow = decode(Family::Index, &row).unwrap();
            commit.put_row(Family::Index, key, &ThreadRow { number: EventNum(row.number.0 + 1), ..row });
        },
        "has no such row",
    ),
    (
        |store, commit| {
            let (key, _) = first_row(store, Family::Index, &KeyBuilder::room(ROOM, Index::Awaited).build());
            commit.delete(Family::Index, key);
        },
        "what it relates to does not know of it",
    ),
    (
        |store, commit| {
            let (_, row) = first_row(store, Family::Index, &KeyBuilder::room(ROOM, Index::Thread).build());
            let row: ThreadRow = decode(Family::Index, &row).unwrap();
            let root = EventNum(row.number.0 - 1);
            commit.put_row(
                Family::EventMeta,
                keys::event(ROOM, root),
                &EventMeta { children: Kinds::default(), ..meta(store, root) },
            );
        },
        "what it relates to does not know of it",
    ),
    (
        |store, commit| {
            let (_, row) = first_row(store, Family::Index, &KeyBuilder::room(ROOM, Index::Thread).build());
            let row: ThreadRow = decode(Family::Index, &row).unwrap();
            commit.put_row(Family::Index, awaited_key(ROOM, &row.root), &Kinds::THREAD);
        },
        "the event that it awaits is there",
    ),
    (
        |store, commit| {
            let (key, _) = first_row(store, Family::Index, &KeyBuilder::room(ROOM, Index::Relation).build());
            commit.delete(Family::Index, key);
        },
        "is missing or another",
    ),
    (
        |_, commit| {
            commit.put(Family::Index, KeyBuilder::room(ROOM, Index::Timestamp).u64(5).u64(3).build(), vec![]);
        },
        "room 1, event 3 has no such row",
    ),
    (
        |store, commit| {
            let (key, _) = first_row(store, Family::Index, &KeyBuilder::user(UserNum(1), Index::Transaction).build());
            commit.put(Family::Index, key, b"$none".to_vec());
        },
        "the event that it names is not there",
    ),
    (
        |_, commit| {
            commit.put(Family::Index, KeyBuilder::number(3).byte(b'?').build(), vec![]);
        },
        "its kind is unknown",
    ),
    (
        |store, commit| {
            let (key, _) = first_row(store, Family::Index, &KeyBuilder::global(Index::Token).build());
            commit.delete(Family::Index, key);
        },
        "a token of it is missing",
    ),
    (
        |store, commit| {
            let (key, _) = first_row(store, Family::Index, &KeyBuilder::user(UserNum(1), Index::Device).build());
            commit.delete(Family::Index, key);
        },
        "is not there, or does not know this token",
    ),
    (
        |_, commit| {
            commit.delete(Family::Index, KeyBuilder::user(UserNum(2), Index::Account).build());
        },
        "its user has no account",
    ),
    (
        |_, commit| {
            commit.delete(Family::Index, KeyBuilder::user(UserNum(1), Index::Pushers).build());
        },
        "user 1 has no such pusher",
    ),
    (
        |store, commit| {
            let (key, _) = first_row(store, Family::Index, &KeyBuilder::global(Index::Pushkey).build());
            commit.delete(Family::Index, key);
        },
        "its push key does not lead to the user",
    ),
    (
        |store, commit| {
            let (key, _) = first_row(store, Family::Index, &KeyBuilder::user(UserNum(1), Index::Device).build());
            commit.delete(Family::Index, key);
        },
        "the device that set it is not there",
    ),
    (
        |_, commit| {
            commit.put_row(Family::Index, KeyBuilder::user(UserNum(1), Index::AccountDataSize).build(), &7_u64);
        },
        "its counter says something else",
    ),
    (
        |_, commit| {
            commit.delete(Family::Names, keys::name(b'U', &2_u32.to_be_bytes()));
        },
        "names of users: number 2 has no name",
    ),
    (
        |_, commit| {
            commit.put_row(Family::Meta, keys::meta("last_user"), &9_u32);
        },
        "names of users: the counter says 9, the last number is 3",
    ),
    (
        |_, commit| {
            commit.delete(Family::Log, keys::log(Position(5)));
        },
        "log: position 5 is missing",
    ),
    (
        |store, commit| {
            let position = meta(store, EventNum(3)).position;
            commit.put_row(Family::Log, keys::log(position), &LogEntry::Housekeeping);
        },
        "event 3: the log at",
    ),
    (
        |_, commit| {
            commit.put_row(Family::Meta, keys::meta("follower/profiles"), &Position(1 << 40));
        },
        "this follower's position lies outside the log",
    ),
    (
        |store, commit| {
            let (key, _) = first_row(store, Family::Index, &KeyBuilder::user(UserNum(1), Index::OwnMedia).build());
            commit.delete(Family::Index, key);
        },
        "its user does not know of it",
    ),
    (
        |_, commit| {
            commit.put(Family::Index, KeyBuilder::user(UserNum(2), Index::OwnMedia).tail(b"none").build(), vec![]);
        },
        "user 2: their upload none is missing, or another's",
    ),
    (
        |_, commit| {
            commit.delete(Family::Index, KeyBuilder::user(UserNum(1), Index::PendingMedia).build());
        },
        "its user has not announced it",
    ),
    (
        |_, commit| {
            let none = Pending { media_id: "none".to_owned(), expires_at: 1 };
            commit.put_row(Family::Index, pending_key(UserNum(2)), &vec![none]);
        },
        "user 2: the upload none that they announced is missing",
    ),
    (
        |_, commit| {
            commit.put_row(Family::Index, usage_key(UserNum(1)), &Usage { bytes: 7, closed: false });
        },
        "user 1: their uploads count for 4096 bytes, their usage says something else",
    ),
    (
        |store, commit| {
            let (key, _) = first_row(store, Family::Index, &KeyBuilder::global(Index::MediaContent).build());
            commit.delete(Family::Index, key);
        },
        "its content is missing, or has another length",
    ),
    (
        |store, commit| {
            let (key, _) = first_row(store, Family::Index, &KeyBuilder::global(Index::MediaContent).build());
            commit.put_row(Family::Index, key, &ContentRow { length: 6, uses: 2 });
        },
        "1 uploads name it, its row says something else",
    ),
    (|store, _| std::fs::write(media_file(store), "another").unwrap(), "its file has 7 bytes that hash to"),
    (|store, _| std::fs::remove_file(media_file(store)).unwrap(), "its file can't be read"),
    (
        |store, commit| {
            let (key, _) = first_row(store, Family::Index, &KeyBuilder::room(ROOM, Index::Word).build());
            commit.delete(Family::Index, key);
        },
        "nothing leads to it from its word",
    ),
    (
        |store, commit| {
            let (key, _) = first_row(store, Family::Index, &KeyBuilder::room(ROOM, Index::Worded).build());
            commit.delete(Family::Index, key);
        },
        "does not know that it has the word",
    ),
    (
        |_, commit| {
            let restrictions = Restrictions { locked: true, suspended: false };
            commit.put_row(Family::Index, KeyBuilder::user(UserNum(3), Index::Restrictions).build(), &restrictions);
        },
        "user 3: its restrictions are of no account",
    ),
    (
        |_, commit| {
            let subject = Subject::User("@bob:localhost".try_into().unwrap());
            let report = Report { at_ms: 1, by: UserNum(9), subject, reason: String::new() };
            commit.put_row(Family::Index, KeyBuilder::global(Index::Report).u64(1).build(), &report);
        },
        "who reports has no name",
    ),
    (
        |_, commit| {
            commit.put(Family::Meta, keys::meta("other"), vec![1]);
        },
        "meta other: nothing of this name belongs here",
    ),
];

#[tokio::test]
async fn each_way_to_break_it_is_found_by_name() {
    let (server, store) = used_server().await;
    drop(store);
    for (breaks, finding) in BREAKAGES {
        let copy = tempfile::tempdir().unwrap();
        copy_folder(&server.config().data_dir, copy.path());
        let store = Store::open(copy.path(), StoreOptions::default()).unwrap();
        let mut commit = Commit::new(LogEntry::Housekeeping);
        breaks(&store, &mut commit);
        store.commit(|_| commit).durable().await.unwrap();
        drop(store);
        let store = Store::open(copy.path(), StoreOptions::default()).unwrap();
        let report = check::check(&store).unwrap();
        assert!(report.problems().iter().any(|problem| problem.contains(finding)), "{finding:?} is not in:\n{report}");
    }
}
