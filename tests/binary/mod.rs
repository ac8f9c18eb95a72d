//! The built binary as a process of its own.

#![allow(dead_code, reason = "not every test binary calls all of it")]

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The binary with none of our own settings around it.
pub fn salon(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_salon"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("SALON_")) {
        command.env_remove(name);
    }
    command.args(arguments).stdin(Stdio::null());
    command
}

/// A client for what the server answers.
pub fn http_client() -> reqwest::Client {
    // No server runs in this process that would have named one.
    salon::net::provide_tls();
    reqwest::Client::new()
}

/// What a server that may be killed any moment answers to a user; `None` if it did not.
pub async fn ask(
    http: &reqwest::Client,
    token: &str,
    (address, method, path): (&str, reqwest::Method, &str),
    body: Option<serde_json::Value>,
) -> Option<serde_json::Value> {
    let url = format!("http://{address}/_matrix/client/v3/{path}");
    let mut request = http.request(method, url).bearer_auth(token).timeout(Duration::from_secs(20));
    if let Some(body) = &body {
        request = request.json(body);
    }
    let response = request.send().await.ok()?;
    let status = response.status();
    let answer: serde_json::Value = response.json().await.ok()?;
    assert_eq!(status, 200, "{path}: {answer}");
    Some(answer)
}

/// A server that runs until it is dropped.
pub struct Running {
    process: Child,
    /// Where it listens.
    pub address: String,
}

impl Running {
    /// On a port of its own; returns once it listens.
    pub fn start(data: &Path, more: &[&str]) -> Self {
        let data = data.to_str().unwrap();
        let mut arguments = vec!["--listen", "127.0.0.1:0", "--data-dir", data, "--log-level", "warn"];
        arguments.extend(more);
        Self::spawn(salon(&arguments))
    }

    /// The same where no file can grow beyond `kibibytes`: a write past that fails as on a full disk.
    pub fn start_confined(data: &Path, more: &[&str], kibibytes: u32) -> Self {
        let server = salon(&[]);
        let mut shell = Command::new("bash");
        // The signal that comes with such a write would end the process before it can say why.
        let script = format!("trap '' XFSZ; ulimit -f {kibibytes}; exec \"$0\" \"$@\"");
        shell.args(["-c", &script]).arg(server.get_program()).args(["--listen", "127.0.0.1:0", "--data-dir"]);
        shell.arg(data).args(["--log-level", "warn"]).args(more).stdin(Stdio::null()).stderr(Stdio::piped());
        for (name, _) in server.get_envs() {
            shell.env_remove(name);
        }
        Self::spawn(shell)
    }

    fn spawn(mut command: Command) -> Self {
        let mut process = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let address = lines.find_map(|line| {
            let line = line.unwrap();
            line.trim().strip_prefix("open  http://").map(str::to_owned)
        });
        Self { process, address: address.expect("the server prints its address") }
    }

    /// Sends SIGTERM or SIGINT by name and tells how long the server took to end well.
    pub fn stop(mut self, signal: &str) -> Duration {
        let start = Instant::now();
        // The shell's own kill: the program of that name is not on every machine.
        let kill = format!("kill -s {signal} {}", self.process.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
        assert!(self.process.wait().unwrap().success());
        start.elapsed()
    }
}

impl Running {
    /// Waits for the end that the server makes by itself: its status, and what it wrote to standard error.
    pub fn ended(mut self) -> (Option<i32>, String) {
        let mut said = String::new();
        self.process.stderr.take().expect("piped").read_to_string(&mut said).unwrap();
        (self.process.wait().unwrap().code(), said)
    }

    /// kill -9.
    pub fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
