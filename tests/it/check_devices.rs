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
        backups::{BackedUpKey, BackupRow, backed_up_key, backup_key},
        feed::FeedEntry,
        keys::{SignatureRow, Usage, cross_signing_key, device_keys_key, list_key, signature_key, stock_key},
        to_device::{Inbox, inbox_key},
    },
};
use serde_json::json;

use crate::{
    common::{TestServer, copy_folder},
    keys::{device_keys, publish_all},
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
    let version = json!({ "algorithm": "m.megolm_backup.v1.curve25519-aes-sha2", "auth_data": {} });
    alice.post("/v3/room_keys/version", version).await.ok();
    let key = json!({
        "first_message_index": 0, "forwarded_count": 0, "is_verified": true, "session_data": { "ciphertext": "x" },
    });
    alice.put("/v3/room_keys/keys/!a:localhost/session?version=1", key).await.ok();
    let mut device = alice.clone();
    device.device_id = "ASLEEP".to_owned();
    let asleep = json!({ "device_id": "ASLEEP", "device_data": {}, "device_keys": device_keys(&device) });
    alice.put("/_matrix/client/unstable/org.matrix.msc3814.v1/dehydrated_device", asleep).await.ok();
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
            commit.delete(Family::Devices, device_keys_key(USER, device_id!("ASLEEP")));
        },
        "this dehydrated device has no keys, or is logged in",
    ),
    (
        |commit| {
            commit.put(Family::Devices, cross_signing_key(USER, Usage::Master), b"[]".to_vec());
        },
        "this is no key that users have",
    ),
    (
        |commit| {
            let row = SignatureRow { position: Position(1), ..SignatureRow::default() };
            commit.put_row(Family::Devices, signature_key(USER, UserNum(2), "K"), &row);
        },
        "the signer's feed does not tell of it",
    ),
    (
        |commit| {
            let entry = FeedEntry::Signatures(UserNum(2), "K".to_owned());
            commit.put_row(Family::Feed, keys::user_position(USER, Position(1)), &entry);
        },
        "what it tells of is not there, or changed elsewhere",
    ),
    (
        |commit| {
            let row =
                BackupRow { algorithm: String::new(), auth_data: "{}".to_owned(), count: 7, bytes: 18, changes: 1 };
            commit.put_row(Family::Devices, backup_key(USER, 1), &row);
        },
        "it counts 7 keys, but there are 1",
    ),
    (
        |commit| {
            commit.delete(Family::Devices, backup_key(USER, 1));
        },
        "backup 1 is missing",
    ),
    (
        |commit| {
            let key = BackedUpKey {
                first_message_index: 0,
                forwarded_count: 0,
                is_verified: false,
                session_data: "{}".to_owned(),
            };
            commit.put_row(Family::Devices, backed_up_key(USER, 9, "!a:localhost", "session"), &key);
        },
        "its backup is not there",
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
    assert!(text.contains("1 backed-up keys") && text.contains("2 devices with keys"), "{text}");
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
