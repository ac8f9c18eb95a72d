//! The built binary, as its operator meets it: what it says, what it refuses, how it starts and ends.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// The binary with none of our own settings around it.
fn salon(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_salon"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("SALON_")) {
        command.env_remove(name);
    }
    command.args(arguments).stdin(Stdio::null());
    command
}

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

/// A server that runs until it is dropped.
struct Running {
    process: Child,
    address: String,
}

impl Running {
    fn start(data: &TempDir, more: &[&str]) -> Self {
        let data = data.path().to_str().unwrap();
        let mut arguments = vec!["--listen", "127.0.0.1:0", "--data-dir", data, "--log-level", "warn"];
        arguments.extend(more);
        let mut process = salon(&arguments).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let address = lines.find_map(|line| {
            let line = line.unwrap();
            line.trim().strip_prefix("open  http://").map(str::to_owned)
        });
        Self { process, address: address.expect("the server prints its address") }
    }

    /// Sends SIGTERM or SIGINT by name and tells how long the server took to end well.
    fn stop(mut self, signal: &str) -> Duration {
        let start = Instant::now();
        // The shell's own kill: the program of that name is not on every machine.
        let kill = format!("kill -s {signal} {}", self.process.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
        assert!(self.process.wait().unwrap().success());
        start.elapsed()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
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
        let server = Running::start(&data, &[]);
        let mut idle = std::net::TcpStream::connect(&server.address).unwrap();
        let took = server.stop(signal);
        assert!(took < Duration::from_secs(5), "SIG{signal} took {took:?}");
        // A connection that asked for nothing is closed, not left behind.
        assert!(matches!(idle.read(&mut [0]), Ok(0) | Err(_)));
    }
}

#[test]
fn a_second_server_on_the_folder_is_refused_and_the_first_goes_on() {
    let data = tempfile::tempdir().unwrap();
    let path = data.path().to_str().unwrap();
    let first = Running::start(&data, &[]);
    let sentence = refused(&["--listen", "127.0.0.1:0", "--data-dir", path]);
    assert!(sentence.contains(path), "{sentence}");
    assert!(std::net::TcpStream::connect(&first.address).is_ok());
}

#[test]
fn another_server_name_is_refused_with_both_names() {
    let data = tempfile::tempdir().unwrap();
    let path = data.path().to_str().unwrap();
    Running::start(&data, &["--server-name", "old.example"]).stop("TERM");
    let sentence = refused(&["--server-name", "new.example", "--listen", "127.0.0.1:0", "--data-dir", path]);
    assert!(sentence.contains("old.example") && sentence.contains("new.example"), "{sentence}");
    // Under its own name it goes on.
    Running::start(&data, &["--server-name", "old.example"]).stop("TERM");
}
