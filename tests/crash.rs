//! kill -9 under load, logs cut short, a disk that is full: whatever was acknowledged is there afterwards, once, and
//! the database is whole.
//!
//! `CRASH_ROUNDS` says how often (`make crash` makes it many), `CRASH_SEED` repeats a run's choices.

mod binary;
mod crash_devices;

use std::collections::HashMap;
use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use binary::{Running, ask, http_client, salon};
use crash_devices::{Book, Devices};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use reqwest::{Client, Method};
use serde_json::{Value, json};
use tokio::time::sleep;

const SHORT_ROUNDS: usize = 6;
/// All that was ever said is looked for after each round, so a database isn't used for ever.
const ROUNDS_OF_A_DATABASE: usize = 20;
const WRITERS: usize = 6;

/// Messages by their words: the ID that the server acknowledged, or none where the answer never came.
type Ledger = HashMap<String, Option<String>>;

/// Somebody who writes into one room over HTTP and keeps book, and somebody who comes and goes there.
struct Writer {
    http: Client,
    token: String,
    visitor: String,
    room: String,
    ledger: Mutex<Ledger>,
    devices: Arc<Devices>,
}

/// What had been acknowledged when the database's log had this length, so that a cut beyond it loses none of that.
struct Mark {
    log: PathBuf,
    length: u64,
    ledger: Ledger,
    devices: Book,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_was_acknowledged_is_lost_in_a_crash() {
    let rounds = std::env::var("CRASH_ROUNDS").map_or(SHORT_ROUNDS, |text| text.parse().unwrap());
    let seed = std::env::var("CRASH_SEED").map_or_else(|_| rand::random(), |text| text.parse().unwrap());
    println!("{rounds} rounds, CRASH_SEED={seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let all: Vec<usize> = (1..=rounds).collect();
    for rounds in all.chunks(ROUNDS_OF_A_DATABASE) {
        live_through(rounds, &mut random).await;
        println!("{} rounds done", rounds[rounds.len() - 1]);
    }
}

/// A database that dies and is opened again, once a round.
async fn live_through(rounds: &[usize], random: &mut StdRng) {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path());
    let writer = Arc::new(Writer::register(&server.address).await);
    server.stop("TERM");
    for &round in rounds {
        let server = start(folder.path());
        let mark = load_until_killed(&writer, server, folder.path(), round, random).await;
        if let Some(mark) = mark.filter(|_| round % 2 == 0) {
            cut_log(&mark, random);
            // What came after the mark may be gone: it counts as never answered.
            let mut ledger = writer.ledger.lock().unwrap();
            for (words, id) in ledger.iter_mut() {
                *id = mark.ledger.get(words).cloned().flatten();
            }
            *writer.devices.book.lock().unwrap() = mark.devices;
        }
        check(folder.path());
        let server = start(folder.path());
        writer.send_again_what_was_not_answered(&server.address).await;
        writer.finds_all_once(&server.address).await;
        writer.devices.finds_all_once(&server.address).await;
        server.stop("TERM");
    }
    check(folder.path());
}

/// No file may grow beyond so many kibibytes: soon a write fails.
const CONFINED_KIB: u32 = 500;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_stops_the_server_with_word_of_it_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path());
    let writer = Arc::new(Writer::register(&server.address).await);
    server.stop("TERM");

    let server = Running::start_confined(folder.path(), &["--config", "tests/crash.toml"], CONFINED_KIB);
    let address = server.address.clone();
    let senders: Vec<_> = (0..WRITERS)
        .map(|number| tokio::spawn(writer.clone().send_until_refused(address.clone(), 0, number)))
        .collect();
    for sender in senders {
        sender.await.unwrap();
    }
    let (status, said) = tokio::task::spawn_blocking(|| server.ended()).await.unwrap();
    assert_eq!(status, Some(1), "{said}");
    assert!(said.contains("salon: the database could not be written") && said.contains("stopping"), "{said}");
    let acknowledged = writer.ledger.lock().unwrap().values().flatten().count();
    assert!(acknowledged > 20, "the disk was full before anything happened: {acknowledged}");

    // With space again, it starts whole.
    check(folder.path());
    let server = start(folder.path());
    writer.send_again_what_was_not_answered(&server.address).await;
    writer.finds_all_once(&server.address).await;
    server.stop("TERM");
    check(folder.path());
}

fn start(data: &Path) -> Running {
    Running::start(data, &["--config", "tests/crash.toml"])
}

/// `salon check` finds nothing wrong.
fn check(data: &Path) {
    let output = salon(&["check", "--data-dir", data.to_str().unwrap()]).output().unwrap();
    assert!(output.status.success(), "salon check: {output:?}");
}

/// Writers send as fast as they can until, at a moment by chance, the server is killed.
async fn load_until_killed(
    writer: &Arc<Writer>,
    server: Running,
    data: &Path,
    round: usize,
    random: &mut StdRng,
) -> Option<Mark> {
    let senders: Vec<_> = (0..WRITERS)
        .map(|number| tokio::spawn(writer.clone().send_until_refused(server.address.clone(), round, number)))
        .collect();
    let devices = tokio::spawn(writer.devices.clone().use_until_refused(server.address.clone()));
    let visitor = tokio::spawn(writer.clone().come_and_go_until_refused(server.address.clone()));
    sleep(Duration::from_millis(random.random_range(20..300))).await;
    let mark = mark(writer, data);
    sleep(Duration::from_millis(random.random_range(0..100))).await;
    server.kill();
    for sender in senders {
        sender.await.unwrap();
    }
    visitor.await.unwrap();
    devices.await.unwrap();
    mark
}

/// First the book, then the log's length: all in the book lies before it.
fn mark(writer: &Writer, data: &Path) -> Option<Mark> {
    let ledger = writer.ledger.lock().unwrap().clone();
    let devices = writer.devices.book.lock().unwrap().clone();
    let log = newest_log(data)?;
    let length = fs::metadata(&log).ok()?.len();
    Some(Mark { log, length, ledger, devices })
}

fn newest_log(data: &Path) -> Option<PathBuf> {
    let files = fs::read_dir(data.join("db")).ok()?.flatten().map(|entry| entry.path());
    files.filter(|path| path.extension().is_some_and(|e| e == "log")).max()
}

/// Ends the log at a byte by chance behind the mark, as a power cut may. A log that is no longer the newest stays.
fn cut_log(mark: &Mark, random: &mut StdRng) {
    let data = mark.log.parent().and_then(Path::parent).unwrap();
    if newest_log(data).as_ref() != Some(&mark.log) {
        return;
    }
    let length = fs::metadata(&mark.log).unwrap().len();
    let cut = random.random_range(mark.length..=length);
    OpenOptions::new().write(true).open(&mark.log).unwrap().set_len(cut).unwrap();
}

impl Writer {
    async fn register(address: &str) -> Self {
        let http = http_client();
        let mut sessions = Vec::new();
        for name in ["writer", "visitor", "keyholder"] {
            let account = json!({ "username": name, "password": "a password", "auth": { "type": "m.login.dummy" } });
            let url = format!("http://{address}/_matrix/client/v3/register");
            let session = http.post(url).json(&account).send().await.unwrap();
            sessions.push(session.json::<Value>().await.unwrap());
        }
        let token = |at: usize| sessions[at]["access_token"].as_str().unwrap().to_owned();
        let writer = Self {
            devices: Arc::new(Devices::new(http.clone(), &sessions[2])),
            token: token(0),
            visitor: token(1),
            room: String::new(),
            ledger: Mutex::default(),
            http,
        };
        let body = json!({ "preset": "public_chat" });
        let room = writer.ask(address, Method::POST, "createRoom", Some(body)).await.unwrap();
        Self { room: room["room_id"].as_str().unwrap().to_owned(), ..writer }
    }

    /// The answer, or nothing where the server went away. Any other answer than 200 fails the test.
    async fn ask(&self, address: &str, method: Method, path: &str, body: Option<Value>) -> Option<Value> {
        self.ask_as(&self.token, address, method, path, body).await
    }

    async fn ask_as(
        &self,
        token: &str,
        address: &str,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Option<Value> {
        ask(&self.http, token, (address, method, path), body).await
    }

    /// The words are the transaction ID as well, so that sending again is the same request.
    async fn send(&self, address: &str, words: &str) -> Option<String> {
        let path = format!("rooms/{}/send/m.room.message/{words}", self.room);
        let content = json!({ "msgtype": "m.text", "body": words });
        let answer = self.ask(address, Method::PUT, &path, Some(content)).await?;
        Some(answer["event_id"].as_str().unwrap().to_owned())
    }

    async fn send_until_refused(self: Arc<Self>, address: String, round: usize, number: usize) {
        for message in 0.. {
            let words = format!("{round}-{number}-{message}");
            self.ledger.lock().unwrap().insert(words.clone(), None);
            let Some(id) = self.send(&address, &words).await else { return };
            self.ledger.lock().unwrap().insert(words, Some(id));
        }
    }

    /// Memberships move counts, indexes and feeds, so that the crash meets these as well.
    async fn come_and_go_until_refused(self: Arc<Self>, address: String) {
        for what in ["join", "leave"].iter().cycle() {
            let path = format!("rooms/{}/{what}", self.room);
            let answer = self.ask_as(&self.visitor, &address, Method::POST, &path, Some(json!({}))).await;
            if answer.is_none() {
                return;
            }
        }
    }

    async fn send_again_what_was_not_answered(&self, address: &str) {
        let ledger = self.ledger.lock().unwrap().clone();
        for words in ledger.into_iter().filter_map(|(words, id)| id.is_none().then_some(words)) {
            let id = self.send(address, &words).await.expect("the server stays");
            self.ledger.lock().unwrap().insert(words, Some(id));
        }
    }

    async fn finds_all_once(&self, address: &str) {
        let mut found: HashMap<String, Vec<String>> = HashMap::new();
        let mut from = String::new();
        loop {
            let path = format!("rooms/{}/messages?dir=b&limit=500{from}", self.room);
            let page = self.ask(address, Method::GET, &path, None).await.expect("the server stays");
            for event in page["chunk"].as_array().unwrap() {
                if let Some(words) = event["content"]["body"].as_str() {
                    found.entry(words.to_owned()).or_default().push(event["event_id"].as_str().unwrap().to_owned());
                }
            }
            match page["end"].as_str() {
                Some(end) => from = format!("&from={end}"),
                None => break,
            }
        }
        let ledger = self.ledger.lock().unwrap();
        for (words, id) in ledger.iter() {
            let id = id.as_ref().expect("sent again until answered");
            assert_eq!(found.get(words), Some(&vec![id.clone()]), "{words}");
        }
        assert_eq!(found.len(), ledger.len(), "messages that nobody sent");
    }
}
