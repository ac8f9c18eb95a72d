//! What must never be written down: the log of the built binary, at its loudest, shows no token and no password.

use std::{
    io::{BufRead, BufReader, Read},
    process::{Command, Stdio},
};

use reqwest::Method;
use serde_json::{Value, json};

use crate::common::{Answer, PASSWORD, TestClient};

#[tokio::test]
async fn the_log_shows_no_tokens_and_no_passwords() {
    let folder = tempfile::tempdir().unwrap();
    let mut process = Command::new(env!("CARGO_BIN_EXE_salon"))
        .args(["--listen", "127.0.0.1:0", "--log-level", "trace", "--data-dir"])
        .arg(folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut log = process.stderr.take().unwrap();
    let reader = std::thread::spawn(move || {
        let mut text = String::new();
        log.read_to_string(&mut text).unwrap();
        text
    });
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
    let address = lines.find_map(|line| line.unwrap().trim().strip_prefix("open  ").map(str::to_owned)).unwrap();

    let client = TestClient::anonymous(&address);
    let auth = json!({ "type": "m.login.dummy" });
    let body = json!({ "username": "alice", "password": PASSWORD, "refresh_token": true, "auth": auth });
    let registered = client.post("/v3/register", body).await.ok();
    let refreshed = client.post("/v3/refresh", json!({ "refresh_token": registered["refresh_token"] })).await.ok();
    let token = |answer: &Value, field: &str| answer[field].as_str().unwrap().to_owned();
    let in_query = format!("/v3/account/whoami?access_token={}", token(&refreshed, "access_token"));
    client.get(&in_query).await.ok();
    let stale = client.request(Method::GET, "/v3/account/whoami").bearer_auth(token(&registered, "access_token"));
    Answer::to(stale).await.refused(401, "M_UNKNOWN_TOKEN");
    let guess = json!({ "type": "m.login.password", "user": "alice", "password": "a wrong guess" });
    client.post("/v3/login", guess).await.refused(403, "M_FORBIDDEN");

    // The shell's own kill: the program of that name is not on every machine.
    let kill = format!("kill -s TERM {}", process.id());
    assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    assert!(process.wait().unwrap().success());
    let log = reader.join().unwrap();
    assert!(log.contains("stopping"), "the log was read: {log}");
    let mut secrets = vec![PASSWORD.to_owned(), "a wrong guess".to_owned()];
    for answer in [&registered, &refreshed] {
        secrets.extend([token(answer, "access_token"), token(answer, "refresh_token")]);
    }
    for secret in secrets {
        assert!(!log.contains(&secret), "{secret} is in the log");
    }
}
