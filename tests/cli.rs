//! The built binary, as its operator meets it: what it says, what it refuses, how it starts and ends.

mod binary;

use std::io::Read;
use std::process::Output;
use std::time::Duration;

use binary::{Running, http_client, salon};
use serde_json::{Value, json};

fn finished(arguments: &[&str]) -> Output {
    salon(arguments).output().unwrap()
}

#[track_caller]
fn refused(arguments: &[&str]) -> String {
    let output = finished(arguments);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(output.stdout.is_empty(), "{output:?}");
    let sentence = String::from_utf8(output.stderr).unwrap();
    assert_eq!(sentence.trim_end().lines().count(), 1, "one sentence: {sentence}");
    assert!(sentence.starts_with("salon: "), "{sentence}");
    sentence
}

#[test]
fn help_says_how_to_begin_and_lists_every_flag() {
    let output = finished(&["--help"]);
    assert!(output.status.success());
    let help = String::from_utf8(output.stdout).unwrap();
    for part in ["--config", "--listen", "--data-dir", "--server-name", "--log-level", "serve", "Examples:"] {
        assert!(help.contains(part), "{part} is missing:\n{help}");
    }
}

#[test]
fn the_version_is_the_crates() {
    let output = finished(&["--version"]);
    assert_eq!(String::from_utf8(output.stdout).unwrap(), format!("salon {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn a_bad_configuration_is_one_sentence_and_nothing_is_created() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("salon.toml");
    let data = folder.path().join("data");
    std::fs::write(&file, "listne = []").unwrap();
    let arguments = ["--config", file.to_str().unwrap(), "--data-dir", data.to_str().unwrap()];
    let sentence = refused(&arguments);
    assert!(sentence.contains("salon.toml") && sentence.contains("`listne`"), "{sentence}");
    assert!(refused(&["--config", "/nowhere/salon.toml"]).contains("/nowhere/salon.toml"));
    assert!(refused(&["--listen", "everywhere"]).contains("the flag --listen"));
    assert!(!data.exists());
}

#[test]
fn a_variable_is_named_where_it_is_wrong() {
    let output = salon(&[]).env("SALON_REGISTRATION__MODE", "ajar").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let sentence = String::from_utf8(output.stderr).unwrap();
    assert!(sentence.contains("SALON_REGISTRATION__MODE") && sentence.contains("\"ajar\""), "{sentence}");
}

#[test]
fn an_unknown_flag_shows_the_usage() {
    let output = finished(&["--prot", "1"]);
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn a_port_in_use_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let data = tempfile::tempdir().unwrap();
    let sentence = refused(&["--listen", &address, "--data-dir", data.path().to_str().unwrap()]);
    assert!(sentence.contains(&address) && sentence.contains("in use"), "{sentence}");
}

#[test]
fn it_answers_at_the_address_that_it_prints_and_ends_soon_after_a_signal() {
    let data = tempfile::tempdir().unwrap();
    for signal in ["TERM", "INT"] {
        let server = Running::start(data.path(), &[]);
        let mut idle = std::net::TcpStream::connect(&server.address).unwrap();
        let took = server.stop(signal);
        assert!(took < Duration::from_secs(5), "SIG{signal} took {took:?}");
        // A connection that asked for nothing is closed, not left behind.
        assert!(matches!(idle.read(&mut [0]), Ok(0) | Err(_)));
    }
}

#[tokio::test]
async fn who_waits_for_news_is_answered_when_the_server_stops() {
    let data = tempfile::tempdir().unwrap();
    let server = Running::start(data.path(), &[]);
    let base = format!("http://{}/_matrix/client/v3", server.address);
    salon::net::provide_tls();
    let http = http_client();
    let account = json!({ "username": "alice", "password": "a password", "auth": { "type": "m.login.dummy" } });
    let session = http.post(format!("{base}/register")).json(&account).send().await.unwrap();
    let session: Value = session.json().await.unwrap();
    let sync = |since: String| {
        let request = http.get(format!("{base}/sync?timeout=30000{since}"));
        request.bearer_auth(session["access_token"].as_str().unwrap()).send()
    };
    let first: Value = sync(String::new()).await.unwrap().json().await.unwrap();
    let poll = tokio::spawn(sync(format!("&since={}", first["next_batch"].as_str().unwrap())));
    tokio::time::sleep(Duration::from_millis(300)).await;

    let took = tokio::task::spawn_blocking(|| server.stop("TERM")).await.unwrap();
    assert!(took < Duration::from_secs(2), "{took:?}");
    let answer = poll.await.unwrap().unwrap();
    assert_eq!(answer.status(), 200);
    assert!(answer.json::<Value>().await.unwrap()["next_batch"].is_string());
}

#[test]
fn a_second_server_on_the_folder_is_refused_and_the_first_goes_on() {
    let data = tempfile::tempdir().unwrap();
    let path = data.path().to_str().unwrap();
    let first = Running::start(data.path(), &[]);
    let sentence = refused(&["--listen", "127.0.0.1:0", "--data-dir", path]);
    assert!(sentence.contains(path), "{sentence}");
    assert!(std::net::TcpStream::connect(&first.address).is_ok());
}

#[test]
fn another_server_name_is_refused_with_both_names() {
    let data = tempfile::tempdir().unwrap();
    let path = data.path().to_str().unwrap();
    Running::start(data.path(), &["--server-name", "old.example"]).stop("TERM");
    let sentence = refused(&["--server-name", "new.example", "--listen", "127.0.0.1:0", "--data-dir", path]);
    assert!(sentence.contains("old.example") && sentence.contains("new.example"), "{sentence}");
    // Under its own name it goes on.
    Running::start(data.path(), &["--server-name", "old.example"]).stop("TERM");
}
