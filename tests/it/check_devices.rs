//! `salon check` on keys and messages of devices: whole as it was used, and each way to break it is found by name.

use ruma::device_id;
use salon::{
    check,
    ids::{Position, UserNum},
    store::{
        Commit, Family, LogEntry, Store, StoreOptions,
        keys::{self, Devices, Index, KeyBuilder},
    },
    users::{
        keys::{list_key, stock_key},
        to_device::{Inbox, inbox_key},
    },
};
use serde_json::json;

use crate::{
    common::{TestServer, copy_folder},
    keys::publish_all,
};

/// A server with a device, `D`, that has keys and messages; stopped.
async fn used_server() -> TestServer {
    let mut server = TestServer::start().await;
    let body = json!({ "username": "alice", "password": "secret", "device_id": "D" });
    let alice = server.register_with(body).await;
    publish_all(&alice).await;
    for transaction in ["1", "2"] {
        let body = json!({ "messages": { &alice.user_id: { "*": { "n": 1 } } } });
        alice.put(&format!("/v3/sendToDevice/org.example.note/{transaction}"), body).await.ok();
    }
    server.stop().await;
    server
}

const USER: UserNum = UserNum(1);

/// A way to break the database, and what the check has to say of it.
type Breakage = (fn(&mut Commit), &'static str);

const BREAKAGES: &[Breakage] = &[
    (
        |commit| {
            commit.delete(Family::Index, KeyBuilder::user(USER, Index::Device).tail(b"D").build());
        },
        "the device of these keys is not there",
    ),
    (
        |commit| {
            commit.put(Family::Devices, KeyBuilder::devices(USER, Devices::Keys).tail(b"D").build(), b"[]".to_vec());
        },
        "these keys are no JSON object",
    ),
    (
        |commit| {
            commit.delete(Family::Devices, list_key(USER));
        },
        "no list of devices tells of them",
    ),
    (
        |commit| {
            commit.put_row(Family::Devices, list_key(USER), &Position(1));
        },
        "nothing at 1 tells that this user's devices changed",
    ),
    (
        |commit| {
            commit.put(Family::Devices, keys::device_change(Position(1)), USER.0.to_be_bytes().to_vec());
        },
        "user 1 does not name this as the last change",
    ),
    (
        |commit| {
            commit.delete(Family::Devices, stock_key(USER, device_id!("D")));
        },
        "its device does not count this key",
    ),
    (
        |commit| {
            let key = salon::users::keys::one_time_key(USER, device_id!("D"), "signed_curve25519", 1);
            commit.delete(Family::Devices, key);
        },
        "signed_curve25519 key 1 is missing",
    ),
    (
        |commit| {
            let key = salon::users::keys::one_time_key_id(USER, device_id!("D"), "signed_curve25519", "K1");
            commit.put(Family::Devices, key, 2_u64.to_be_bytes().to_vec());
        },
        "its ID leads to another key",
    ),
    (
        |commit| {
            let key = salon::users::keys::one_time_key_id(USER, device_id!("D"), "signed_curve25519", "none");
            commit.put(Family::Devices, key, 2_u64.to_be_bytes().to_vec());
        },
        "the key that it names is not there, or another",
    ),
    (
        |commit| {
            commit.put_row(Family::Devices, inbox_key(USER, device_id!("D")), &Inbox { messages: 1, bytes: 9 });
        },
        "it does not count the messages that wait",
    ),
    (
        |commit| {
            commit.delete(Family::Devices, inbox_key(USER, device_id!("D")));
        },
        "its device does not count it",
    ),
    (
        |commit| {
            commit.put(Family::ToDevice, keys::to_device(USER, "D").u64(1).build(), b"text".to_vec());
        },
        "it is no JSON object",
    ),
    (
        |commit| {
            commit.put(Family::Devices, KeyBuilder::number(1).byte(b'?').build(), vec![]);
        },
        "its kind is unknown",
    ),
];

#[tokio::test]
async fn keys_and_messages_that_were_used_are_whole_and_each_way_to_break_them_is_found() {
    let server = used_server().await;
    let open = |folder: &std::path::Path| Store::open(folder, StoreOptions::default()).unwrap();
    let report = check::check(&open(&server.config().data_dir)).unwrap();
    assert!(report.is_clean(), "{report}");
    let text = report.to_string();
    assert!(text.contains("3 one-time keys") && text.contains("2 messages to devices"), "{text}");
    for (breaks, finding) in BREAKAGES {
        let copy = tempfile::tempdir().unwrap();
        copy_folder(&server.config().data_dir, copy.path());
        let store = open(copy.path());
        let mut commit = Commit::new(LogEntry::Housekeeping);
        breaks(&mut commit);
        store.commit(|_| commit).durable().await.unwrap();
        drop(store);
        let report = check::check(&open(copy.path())).unwrap();
        assert!(report.problems().iter().any(|problem| problem.contains(finding)), "{finding:?} is not in:\n{report}");
    }
}
