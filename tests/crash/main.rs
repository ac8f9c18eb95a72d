//! Crashes: the built binary is killed under load, or its log is cut, again and again; after each time the database is
//! whole, everything that was acknowledged is there, and nothing is there twice.
//!
//! `CRASH_ROUNDS` sets how often (`make crash`); `CRASH_SEED` begins with another run of chance.

#[path = "../common/mod.rs"]
mod common;

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    time::Duration,
};

use common::{Answer, PASSWORD, TestClient};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use reqwest::Method;
use serde_json::{Value, json};

const BINARY: &str = env!("CARGO_BIN_EXE_salon");
const CLIENTS: usize = 6;
/// Rounds of the short test; each third one cuts the log.
const ROUNDS: u64 = 6;

/// A running server.
struct Running {
    process: Child,
    base_url: String,
}

impl Running {
    fn start(data: &Path) -> Self {
        let mut command = Command::new(BINARY);
        command.args(["--listen", "127.0.0.1:0", "--log-level", "warn", "--data-dir"]).arg(data);
        command.env("SALON_RATE_LIMITS__ENABLED", "false").stdin(Stdio::null()).stdout(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let address = lines.find_map(|line| line.unwrap().trim().strip_prefix("open  ").map(str::to_owned));
        Self { process, base_url: address.expect("the server prints its address") }
    }

    /// Ends it as a power cut would.
    fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    fn client(&self, session: &Value) -> TestClient {
        TestClient::anonymous(&self.base_url).with_session(session)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What the server has acknowledged: by transaction, the path and the event's ID.
type Acknowledged = Arc<Mutex<BTreeMap<String, String>>>;

/// One world that goes through all rounds.
struct Trial {
    data: tempfile::TempDir,
    sessions: Vec<Value>,
    room: String,
    acknowledged: Acknowledged,
    random: StdRng,
}

fn send_path(room: &str, transaction: &str) -> String {
    format!("/v3/rooms/{}/send/m.room.message/{transaction}", common::encode(room))
}

impl Trial {
    async fn begin(seed: u64) -> Self {
        let data = tempfile::tempdir().unwrap();
        let server = Running::start(data.path());
        let anonymous = TestClient::anonymous(&server.base_url);
        let mut sessions = vec![];
        for number in 0..CLIENTS {
            let auth = json!({ "type": "m.login.dummy" });
            let body = json!({ "username": format!("user{number}"), "password": PASSWORD, "auth": auth });
            sessions.push(anonymous.post("/v3/register", body).await.ok());
        }
        let body = json!({ "preset": "public_chat" });
        let room = server.client(&sessions[0]).post("/v3/createRoom", body).await.ok();
        let room = room["room_id"].as_str().unwrap().to_owned();
        for session in &sessions[1..] {
            let join = format!("/v3/rooms/{}/join", common::encode(&room));
            server.client(session).post(&join, json!({})).await.ok();
        }
        server.kill();
        let random = StdRng::seed_from_u64(seed);
        Self { data, sessions, room, acknowledged: Acknowledged::default(), random }
    }

    /// Everybody sends for a moment, then the server dies.
    async fn kill_under_load(&mut self, round: u64) {
        let server = Running::start(self.data.path());
        let clients: Vec<_> = (0..CLIENTS).map(|number| self.spawn_client(&server, round, number)).collect();
        tokio::time::sleep(Duration::from_millis(self.random.random_range(20..400))).await;
        server.kill();
        for client in clients {
            client.await.unwrap();
        }
    }

    /// A client that sends, and at times leaves and joins, until nobody answers any more.
    fn spawn_client(&self, server: &Running, round: u64, number: usize) -> tokio::task::JoinHandle<()> {
        let client = server.client(&self.sessions[number]);
        let (room, acknowledged) = (self.room.clone(), self.acknowledged.clone());
        tokio::spawn(async move {
            // The crash before may have come between leaving and joining.
            if !post(&client, &room, "join").await {
                return;
            }
            for count in 0.. {
                let transaction = format!("t{number}.{round}.{count}");
                let path = send_path(&room, &transaction);
                let body = json!({ "msgtype": "m.text", "body": transaction });
                let Ok(response) = client.request(Method::PUT, &path).json(&body).send().await else { return };
                assert_eq!(response.status(), 200, "{path}");
                let Ok(bytes) = response.bytes().await else { return };
                let answer: Value = serde_json::from_slice(&bytes).unwrap();
                let event = answer["event_id"].as_str().unwrap().to_owned();
                acknowledged.lock().unwrap().insert(transaction, event);
                let moves = number > 0 && count % 5 == 4;
                if moves && !(post(&client, &room, "leave").await && post(&client, &room, "join").await) {
                    return;
                }
            }
        })
    }

    /// A quiet moment is noted, more is sent, the server dies, and its newest log loses bytes from behind that moment.
    async fn cut_the_log(&mut self, round: u64) {
        let server = Running::start(self.data.path());
        let client = server.client(&self.sessions[0]);
        let before = self.send(&client, &format!("before.{round}")).await;
        self.acknowledged.lock().unwrap().extend([before]);
        let quiet: BTreeMap<PathBuf, u64> = logs(self.data.path());
        for count in 0..self.random.random_range(1..20) {
            // May be cut away: nobody will be asked for it.
            self.send(&client, &format!("cut.{round}.{count}")).await;
        }
        server.kill();
        let Some((newest, length)) = logs(self.data.path()).into_iter().next_back() else { return };
        let kept = quiet.get(&newest).copied().unwrap_or(0);
        let cut = self.random.random_range(kept..=length);
        std::fs::OpenOptions::new().write(true).open(&newest).unwrap().set_len(cut).unwrap();
    }

    async fn send(&self, client: &TestClient, transaction: &str) -> (String, String) {
        let body = json!({ "msgtype": "m.text", "body": transaction });
        let answer = client.put(&send_path(&self.room, transaction), body).await.ok();
        (transaction.to_owned(), answer["event_id"].as_str().unwrap().to_owned())
    }

    /// The database is whole; each transaction gives the event that it gave before; the timeline has each once.
    async fn examine(&self) {
        let output = Command::new(BINARY).args(["check", "--data-dir"]).arg(self.data.path()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        let server = Running::start(self.data.path());
        let acknowledged = self.acknowledged.lock().unwrap().clone();
        let found = self.timeline(&server.client(&self.sessions[0])).await;
        for (transaction, event) in &acknowledged {
            assert_eq!(found.get(transaction), Some(&vec![event.clone()]), "{transaction} is to be there once");
        }
        assert!(found.values().all(|events| events.len() == 1), "something is there twice");
        // Resending costs a request each: the newest ones tell as much as all.
        for (transaction, event) in acknowledged.iter().rev().take(20) {
            let number = transaction.strip_prefix('t').map_or(0, |rest| rest[..1].parse().unwrap());
            let again = self.send(&server.client(&self.sessions[number]), transaction).await;
            assert_eq!(&again.1, event, "{transaction} was sent again");
        }
        server.kill();
    }

    /// All messages by their text, read back page by page.
    async fn timeline(&self, client: &TestClient) -> BTreeMap<String, Vec<String>> {
        let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let mut from = String::new();
        loop {
            let room = common::encode(&self.room);
            let path = format!("/v3/rooms/{room}/messages?dir=b&limit=500{from}");
            let page = Answer::to(client.request(Method::GET, &path)).await.ok();
            for event in page["chunk"].as_array().unwrap() {
                if let (Some(body), Some(id)) = (event["content"]["body"].as_str(), event["event_id"].as_str()) {
                    found.entry(body.to_owned()).or_default().push(id.to_owned());
                }
            }
            match page["end"].as_str() {
                Some(end) => from = format!("&from={end}"),
                None => return found,
            }
        }
    }
}

/// Whether the server was there to answer.
async fn post(client: &TestClient, room: &str, what: &str) -> bool {
    let path = format!("/v3/rooms/{}/{what}", common::encode(room));
    let Ok(response) = client.request(Method::POST, &path).json(&json!({})).send().await else { return false };
    assert_eq!(response.status(), 200, "{what}");
    true
}

/// The write-ahead logs of a database and their lengths, the oldest first.
fn logs(data: &Path) -> BTreeMap<PathBuf, u64> {
    let files = std::fs::read_dir(data.join("db")).unwrap().map(|entry| entry.unwrap());
    let logs = files.filter(|file| file.path().extension().is_some_and(|extension| extension == "log"));
    logs.map(|file| (file.path(), file.metadata().unwrap().len())).collect()
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_was_acknowledged_is_lost() {
    let mut trial = Trial::begin(number("CRASH_SEED", 1)).await;
    let rounds = number("CRASH_ROUNDS", ROUNDS);
    for round in 0..rounds {
        if round % 3 == 2 {
            trial.cut_the_log(round).await;
        } else {
            trial.kill_under_load(round).await;
        }
        trial.examine().await;
        if rounds > ROUNDS {
            let count = trial.acknowledged.lock().unwrap().len();
            println!("round {} of {rounds}: whole, {count} acknowledged messages are there", round + 1);
        }
    }
    assert!(!trial.acknowledged.lock().unwrap().is_empty(), "no load came about");
}
