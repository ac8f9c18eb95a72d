//! Media and crashes: wherever the server is killed, what was acknowledged is there, and no row is without its file.

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    common::{Answer, TestClient, TestServer},
    lifecycle::{Running, check_is_clean},
    media::{download, files, upload},
};

/// Stops the server, lets `change` do to the folder of its media what a crash may have done, and starts it again.
async fn crashed(server: &mut TestServer, client: &TestClient, change: impl FnOnce(&Path)) -> TestClient {
    server.stop().await;
    change(&server.config().data_dir.join("media"));
    server.restart().await;
    client.at(server.base_url())
}

fn only_file(folder: &Path) -> PathBuf {
    let inner = fs::read_dir(folder).unwrap().next().unwrap().unwrap().path();
    if inner.is_dir() { only_file(&inner) } else { inner }
}

#[tokio::test]
async fn the_next_start_settles_whatever_was_under_way() {
    let mut server = TestServer::start().await;
    let alice = server.register("alice").await;
    let address = upload(&alice, "text/plain", None, b"kept".to_vec()).await;
    let unnamed = "0f".repeat(32);

    // Between its name and the commit; while it was written; between the commit and its place.
    let alice = crashed(&mut server, &alice, |media| {
        let incoming = media.join("incoming");
        fs::write(incoming.join(&unnamed), "nobody was told of it").unwrap();
        fs::write(incoming.join("new-half"), "hal").unwrap();
        let content = only_file(&media.join("content"));
        fs::rename(&content, incoming.join(content.file_name().unwrap())).unwrap();
    })
    .await;
    assert!(files(&server, "incoming").is_empty());
    assert_eq!(files(&server, "content").len(), 1);
    assert_eq!(download(&alice, &address).await.text().await.unwrap(), "kept");

    // The same content is taken again, wherever an earlier attempt has left it.
    let hash = files(&server, "content")[0].file_name().unwrap().to_owned();
    let alice = crashed(&mut server, &alice, |media| {
        fs::copy(only_file(&media.join("content")), media.join("incoming").join(&hash)).unwrap();
    })
    .await;
    let again = upload(&alice, "text/plain", None, b"kept".to_vec()).await;
    assert_eq!(download(&alice, &again).await.text().await.unwrap(), "kept");
    assert!(files(&server, "incoming").is_empty());
}

/// What was acknowledged: addresses and the bytes behind them.
type Ledger = Arc<Mutex<HashMap<String, Vec<u8>>>>;

/// Uploads until the server is gone: files of many sizes, each second one a content that others upload too.
async fn upload_until_refused(client: TestClient, ledger: Ledger, seed: usize) {
    for n in 0.. {
        let body = match n % 2 {
            0 => format!("{seed}-{n}-").into_bytes().repeat(1 + n * 977 % 30_000),
            _ => format!("shared-{}", n % 7).into_bytes(),
        };
        let request = client.request(Method::POST, "/_matrix/media/v3/upload").body(body.clone());
        let Ok(answer) = request.send().await else { return };
        assert_eq!(answer.status(), 200);
        let Ok(answer) = answer.json::<Value>().await else { return };
        let address = answer["content_uri"].as_str().unwrap().strip_prefix("mxc://").unwrap().to_owned();
        ledger.lock().unwrap().insert(address, body);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_under_load_it_has_all_that_it_acknowledged_and_nothing_else() {
    let data = tempfile::tempdir().unwrap();
    let server = Running::start(data.path());
    let alice = server.register("alice").await;
    let session = json!({ "user_id": alice.user_id, "device_id": alice.device_id, "access_token": alice.access_token });
    let ledger = Ledger::default();
    let mut server = Some(server);
    for round in 0..6_u64 {
        let running = server.take().unwrap();
        let uploads: Vec<_> = (0..6)
            .map(|n| {
                let client = running.client().with_session(&session);
                tokio::spawn(upload_until_refused(client, ledger.clone(), round as usize * 10 + n))
            })
            .collect();
        // Another moment each time: the steps of an upload take between microseconds and milliseconds.
        tokio::time::sleep(Duration::from_micros(150_000 + round * 7_337)).await;
        running.kill();
        for upload in uploads {
            upload.await.unwrap();
        }
        // Before the next start has settled anything, no row is without its file.
        check_is_clean(data.path());
        let running = Running::start(data.path());
        assert!(
            fs::read_dir(data.path().join("media/incoming")).unwrap().next().is_none(),
            "what was under way is settled"
        );
        server = Some(running);
    }
    let running = server.take().unwrap();
    let alice = running.client().with_session(&session);
    let ledger = ledger.lock().unwrap().clone();
    assert!(ledger.len() > 20, "{} uploads are too few to learn from", ledger.len());
    for (address, body) in ledger {
        let found = download(&alice, &address).await;
        assert!(found.status() == 200 && found.bytes().await.unwrap() == body, "{address}");
    }
    Answer::to(alice.request(Method::GET, "/v3/account/whoami")).await.ok();
    running.kill();
    let said = check_is_clean(data.path());
    assert!(!said.contains("files that nothing names"), "{said}");
}
