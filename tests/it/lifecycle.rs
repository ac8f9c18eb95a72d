//! The built binary through the hard moments of its life: a stop with requests open, a disk that is full, a folder
//! of a newer version, a backup.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use serde_json::json;
use tempfile::TempDir;

use crate::{
    common::{Answer, PASSWORD, TestClient},
    media::{download, upload},
};

const BINARY: &str = env!("CARGO_BIN_EXE_salon");

/// A server that runs until it is dropped.
pub struct Running {
    process: Child,
    pub address: String,
}

impl Running {
    pub fn start(data: &Path) -> Self {
        Self::start_by(Command::new(BINARY).args(arguments(data)))
    }

    fn start_by(command: &mut Command) -> Self {
        // Tests ask for much more in a second than people do.
        command.env("SALON_RATE_LIMITS__ENABLED", "false");
        let command = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let address = lines.find_map(|line| line.unwrap().trim().strip_prefix("open  http://").map(str::to_owned));
        Self { process, address: address.expect("the server prints its address") }
    }

    pub fn id(&self) -> u32 {
        self.process.id()
    }

    pub fn client(&self) -> TestClient {
        TestClient::anonymous(&format!("http://{}", self.address))
    }

    pub async fn register(&self, username: &str) -> TestClient {
        let auth = json!({ "type": "m.login.dummy" });
        let body = json!({ "username": username, "password": PASSWORD, "auth": auth });
        let session = self.client().post("/v3/register", body).await.ok();
        self.client().with_session(&session)
    }

    /// kill -9.
    pub fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    pub fn terminate(&self) {
        let kill = format!("kill -s TERM {}", self.process.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    }

    /// Waits for the end, and tells whether it was a good one and what was said on standard error.
    pub fn wait(&mut self) -> (bool, String) {
        let status = self.process.wait().unwrap();
        let mut said = String::new();
        self.process.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        (status.success(), said)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn arguments(data: &Path) -> Vec<String> {
    let data = data.to_str().unwrap();
    ["--listen", "127.0.0.1:0", "--log-level", "warn", "--data-dir", data].map(str::to_owned).to_vec()
}

pub fn run(data: &Path, command: &[&str]) -> Output {
    Command::new(BINARY).args(arguments(data)).args(command).stdin(Stdio::null()).output().unwrap()
}

#[track_caller]
pub fn check_is_clean(data: &Path) -> String {
    let output = run(data, &["check"]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("The database is whole."), "{said}");
    said
}

/// Every file below a folder, with its bytes.
fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(contents(&path));
        } else {
            files.insert(path.clone(), std::fs::read(path).unwrap());
        }
    }
    files
}

#[tokio::test]
async fn a_request_that_is_open_does_not_hold_up_the_end() {
    let data = tempfile::tempdir().unwrap();
    let mut server = Running::start(data.path());
    server.register("alice").await;
    // Its body never comes.
    let mut half = TcpStream::connect(&server.address).unwrap();
    half.write_all(b"POST /_matrix/client/v3/login HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{").unwrap();
    std::thread::sleep(Duration::from_millis(200));
    let begin = Instant::now();
    server.terminate();
    let (well, said) = server.wait();
    assert!(well, "{said}");
    assert!(begin.elapsed() < Duration::from_secs(5), "it took {:?}", begin.elapsed());
    assert!(check_is_clean(data.path()).contains("1 accounts"));
}

#[tokio::test]
async fn a_long_poll_that_is_open_does_not_hold_up_the_end() {
    let data = tempfile::tempdir().unwrap();
    let mut server = Running::start(data.path());
    let alice = server.register("alice").await;
    let since = alice.get("/v3/sync").await.ok()["next_batch"].as_str().unwrap().to_owned();
    let path = format!("/v3/sync?timeout=60000&since={since}");
    let poll = tokio::spawn(async move { alice.request(reqwest::Method::GET, &path).send().await });
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!poll.is_finished(), "nothing has happened that it could tell of");
    let begin = Instant::now();
    server.terminate();
    // The runtime has this test's poll to serve while the process ends.
    let (well, said) = tokio::task::spawn_blocking(move || server.wait()).await.unwrap();
    assert!(well, "{said}");
    assert!(begin.elapsed() < Duration::from_secs(5), "it took {:?}", begin.elapsed());
    // Answered or cut off, but not left waiting.
    let _ = poll.await.unwrap();
}

#[tokio::test]
async fn a_database_in_use_is_neither_checked_nor_copied() {
    let data = tempfile::tempdir().unwrap();
    let _server = Running::start(data.path());
    let target = data.path().join("copy");
    for command in [&["check"][..], &["room", "list"], &["backup", target.to_str().unwrap()]] {
        let output = run(data.path(), command);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains("in use by another server"), "{said}");
    }
    assert!(!target.join("db").exists());
}

#[test]
fn where_there_is_no_database_none_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("nothing");
    let output = run(&data, &["check"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).unwrap().contains("there is no database in"));
    assert!(!data.exists());
}

#[tokio::test]
async fn a_folder_of_another_version_is_refused_and_left_as_it_is() {
    let data = tempfile::tempdir().unwrap();
    let mut server = Running::start(data.path());
    server.register("alice").await;
    server.terminate();
    server.wait();
    for (schema, word) in [("4711", "newer"), ("1", "before its first release")] {
        std::fs::write(data.path().join("schema"), schema).unwrap();
        let before = contents(data.path());
        for command in [&["serve"][..], &["check"]] {
            let output = run(data.path(), command);
            assert_eq!(output.status.code(), Some(1), "{output:?}");
            let said = String::from_utf8(output.stderr).unwrap();
            assert!(said.contains(word) && said.contains(schema), "{said}");
        }
        assert!(before == contents(data.path()), "something in the folder was touched");
    }
}

#[tokio::test]
async fn a_backup_is_a_server_of_its_own() {
    let data = tempfile::tempdir().unwrap();
    let mut server = Running::start(data.path());
    let alice = server.register("alice").await;
    let file = upload(&alice, "text/plain", None, b"a file".to_vec()).await;
    server.terminate();
    server.wait();
    // As a crash may leave it: uploaded, and not yet at its place.
    let media = data.path().join("media");
    let content = contents(&media.join("content")).into_keys().next().unwrap();
    std::fs::rename(&content, media.join("incoming").join(content.file_name().unwrap())).unwrap();
    let copy = data.path().join("copy");
    let output = run(data.path(), &["backup", copy.to_str().unwrap()]);
    assert!(output.status.success(), "{output:?}");
    let again = run(data.path(), &["backup", copy.to_str().unwrap()]);
    assert!(!again.status.success(), "a backup must not be written over another");
    check_is_clean(&copy);
    let server = Running::start(&copy);
    let session = json!({ "user_id": alice.user_id, "device_id": alice.device_id, "access_token": alice.access_token });
    let alice = server.client().with_session(&session);
    alice.get("/v3/account/whoami").await.ok();
    assert_eq!(download(&alice, &file).await.text().await.unwrap(), "a file");
}

/// Writes account data until the server is gone; returns the number of the last one that was acknowledged.
async fn write_until_it_fails(client: &TestClient) -> u64 {
    let filler = "x".repeat(20_000);
    for number in 1..2_000 {
        let path = format!("/v3/user/{}/account_data/org.example.n", client.user_id);
        let request = client.request(reqwest::Method::PUT, &path).json(&json!({ "n": number, "filler": filler }));
        match request.send().await {
            Ok(response) => assert_eq!(response.status(), 200),
            Err(_) => return number - 1,
        }
    }
    panic!("the limit was never reached");
}

#[tokio::test]
async fn a_write_that_fails_stops_the_server_with_a_message_and_loses_nothing() {
    let data: TempDir = tempfile::tempdir().unwrap();
    // No file may grow beyond 2 MiB (in blocks of 512 bytes): as good as a full disk. Ignored, the signal becomes an error.
    let limited = "trap '' XFSZ; ulimit -f 4096; exec \"$0\" \"$@\"";
    let mut server = Running::start_by(Command::new("sh").args(["-c", limited, BINARY]).args(arguments(data.path())));
    let alice = server.register("alice").await;
    let last = write_until_it_fails(&alice).await;
    let (well, said) = server.wait();
    assert!(!well && last > 10, "{last}: {said}");
    assert!(
        said.contains("the database could not be written") && said.contains("Nothing that was acknowledged is lost"),
        "{said}"
    );
    assert!(!said.contains("panicked"), "{said}");

    check_is_clean(data.path());
    let server = Running::start(data.path());
    let session = json!({ "user_id": alice.user_id, "device_id": alice.device_id, "access_token": alice.access_token });
    let alice = server.client().with_session(&session);
    let path = format!("/v3/user/{}/account_data/org.example.n", alice.user_id);
    let found = Answer::to(alice.request(reqwest::Method::GET, &path)).await.ok();
    let found = found["n"].as_u64().unwrap();
    assert!(found == last || found == last + 1, "acknowledged {last}, found {found}");
}

#[tokio::test]
async fn a_file_that_the_disk_does_not_take_is_refused_and_nothing_else_suffers() {
    let data: TempDir = tempfile::tempdir().unwrap();
    let limited = "trap '' XFSZ; ulimit -f 4096; exec \"$0\" \"$@\"";
    let server = Running::start_by(Command::new("sh").args(["-c", limited, BINARY]).args(arguments(data.path())));
    let alice = server.register("alice").await;
    for _ in 0..3 {
        let request = alice.request(reqwest::Method::POST, "/_matrix/media/v3/upload").body(vec![1; 3 << 20]);
        Answer::to(request).await.refused(500, "M_UNKNOWN");
    }
    let small = upload(&alice, "text/plain", None, b"fits".to_vec()).await;
    assert_eq!(download(&alice, &small).await.text().await.unwrap(), "fits");
    assert!(contents(&data.path().join("media/incoming")).is_empty(), "what had come is removed");
}
