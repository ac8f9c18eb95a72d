//! Keys that are claimed and messages to devices, while the server is killed: no key is handed out twice, and no message
//! that was acknowledged is lost or doubled.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use reqwest::{Client, Method};
use serde_json::{Map, Value, json};

use crate::binary::ask;

/// Keys of one upload.
const KEYS: u64 = 5;

/// What was answered.
#[derive(Clone, Default)]
pub struct Book {
    claimed: Vec<String>,
    /// Numbers of messages whose request was answered.
    sent: BTreeSet<u64>,
}

/// Somebody with one device, who uploads keys to it, claims them, and writes to it.
pub struct Devices {
    http: Client,
    user: String,
    device: String,
    token: String,
    /// The next number of a key or message; none is used twice.
    next: Mutex<u64>,
    pub book: Mutex<Book>,
}

impl Devices {
    /// `session` is what registration answered.
    pub fn new(http: Client, session: &Value) -> Self {
        let text = |name: &str| session[name].as_str().unwrap().to_owned();
        let (user, device, token) = (text("user_id"), text("device_id"), text("access_token"));
        Self { http, user, device, token, next: Mutex::new(0), book: Mutex::default() }
    }

    async fn ask(&self, address: &str, method: Method, path: &str, body: Option<Value>) -> Option<Value> {
        ask(&self.http, &self.token, (address, method, path), body).await
    }

    fn numbers(&self, count: u64) -> std::ops::Range<u64> {
        let mut next = self.next.lock().unwrap();
        let first = *next;
        *next += count;
        first..*next
    }

    /// Uploads, claims and writes until the server is gone.
    pub async fn use_until_refused(self: Arc<Self>, address: String) {
        while self.use_once(&address).await.is_some() {}
    }

    async fn use_once(&self, address: &str) -> Option<()> {
        let key = |number: u64| json!({ "key": "A".repeat(43), "signatures": {}, "number": number });
        let keys = self.numbers(KEYS).map(|number| (format!("signed_curve25519:{number}"), key(number)));
        let upload = json!({ "one_time_keys": keys.collect::<Map<_, _>>() });
        self.ask(address, Method::POST, "keys/upload", Some(upload)).await?;
        for _ in 0..KEYS {
            self.claim(address).await?;
            let number = self.numbers(1).start;
            let body = json!({ "messages": { &self.user: { &self.device: { "n": number } } } });
            let path = format!("sendToDevice/org.example.note/{number}");
            self.ask(address, Method::PUT, &path, Some(body)).await?;
            self.book.lock().unwrap().sent.insert(number);
        }
        Some(())
    }

    async fn claim(&self, address: &str) -> Option<bool> {
        let wanted = json!({ "one_time_keys": { &self.user: { &self.device: "signed_curve25519" } } });
        let answer = self.ask(address, Method::POST, "keys/claim", Some(wanted)).await?;
        let keys = answer["one_time_keys"][&self.user][&self.device].as_object();
        let Some(name) = keys.and_then(|keys| keys.keys().next()) else { return Some(false) };
        self.book.lock().unwrap().claimed.push(name.clone());
        Some(true)
    }

    /// Takes all keys that are left, and all messages, and holds them to the book.
    pub async fn finds_all_once(&self, address: &str) {
        while self.claim(address).await.expect("the server stays") {}
        let mut times: BTreeMap<&str, usize> = BTreeMap::new();
        let mut book = self.book.lock().unwrap().clone();
        book.claimed.iter().for_each(|name| *times.entry(name).or_default() += 1);
        let twice: Vec<_> = times.iter().filter(|(_, times)| **times > 1).collect();
        assert!(twice.is_empty(), "handed out more than once: {twice:?}");

        let (mut found, mut since) = (Vec::new(), String::new());
        loop {
            let answer = self.ask(address, Method::GET, &format!("sync?timeout=0{since}"), None).await;
            let answer = answer.expect("the server stays");
            let events = answer["to_device"]["events"].as_array().cloned().unwrap_or_default();
            found.extend(events.iter().map(|event| event["content"]["n"].as_u64().unwrap()));
            since = format!("&since={}", answer["next_batch"].as_str().unwrap());
            if events.is_empty() {
                break;
            }
        }
        assert!(found.is_sorted_by(|one, next| one < next), "out of order, or twice: {found:?}");
        let lost: Vec<_> = book.sent.iter().filter(|number| found.binary_search(number).is_err()).collect();
        assert!(lost.is_empty(), "lost: {lost:?}");
        // These are acknowledged: they must not come again.
        book.sent.clear();
        *self.book.lock().unwrap() = book;
    }
}
