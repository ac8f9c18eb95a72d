//! What admins do to accounts: by a shared secret, and on the command line.

use std::{
    io::Write,
    process::{Command, Output, Stdio},
};

use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};

use crate::common::{PASSWORD, TestClient, TestServer};

const SECRET: &str = "known to tools";

async fn body(client: &TestClient, username: &str, admin: bool) -> Value {
    let nonce = client.get("/_synapse/admin/v1/register").await.ok()["nonce"].as_str().unwrap().to_owned();
    let admin_text = if admin { "admin" } else { "notadmin" };
    let mut mac = Hmac::<sha1::Sha1>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update([nonce.as_str(), username, PASSWORD, admin_text].join("\0").as_bytes());
    let mac: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    json!({ "nonce": nonce, "username": username, "password": PASSWORD, "admin": admin, "mac": mac })
}

#[tokio::test]
async fn tools_make_accounts_with_the_shared_secret() {
    let server = TestServer::builder()
        .config(|config| {
            config.registration.mode = salon::config::RegistrationMode::Closed;
            config.registration.shared_secret = Some(SECRET.to_owned());
        })
        .start()
        .await;
    let client = server.anonymous();
    let path = "/_synapse/admin/v1/register";
    let request = body(&client, "alice", true).await;
    let alice = client.with_session(&client.post(path, request.clone()).await.ok());
    let user = server.app().users.local_user(alice.user_id.as_str().try_into().unwrap()).unwrap();
    assert!(server.app().users.is_admin(user).unwrap());
    client.post(path, request).await.refused(400, "M_UNKNOWN");

    let mut forged = body(&client, "mallory", false).await;
    forged["admin"] = json!(true);
    client.post(path, forged).await.refused(403, "M_FORBIDDEN");
    let taken = body(&client, "alice", false).await;
    client.post(path, taken).await.refused(400, "M_USER_IN_USE");

    let without = TestServer::start().await;
    without.anonymous().get(path).await.refused(400, "M_UNKNOWN");
}

/// Runs `salon user …` on the server's folder.
fn salon_user(server: &TestServer, arguments: &[&str], input: &str) -> Output {
    salon(server, "user", arguments, input)
}

/// Runs a command of `salon` on the server's folder.
pub fn salon(server: &TestServer, command: &str, arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_salon"))
        .args([command, "--data-dir"])
        .arg(&server.config().data_dir)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

/// What a command printed that had to succeed.
pub fn succeeds(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[tokio::test]
async fn accounts_are_made_and_changed_on_the_command_line() {
    let mut server = TestServer::start().await;
    let phone = server.register("alice").await;
    let busy = salon_user(&server, &["create", "bob"], "");
    assert!(!busy.status.success());
    let message = String::from_utf8_lossy(&busy.stderr).into_owned();
    assert!(message.contains("in use by another server"), "{message}");

    server.stop().await;
    let created = succeeds(&salon_user(&server, &["create", "bob", "--admin"], ""));
    let password = created.lines().find_map(|line| line.strip_prefix("password: ")).unwrap().to_owned();
    succeeds(&salon_user(&server, &["create", "carol", "--password-stdin"], "from a file\n"));
    succeeds(&salon_user(&server, &["reset-password", "@alice:localhost", "--password-stdin"], "the second\n"));
    succeeds(&salon_user(&server, &["make-admin", "alice"], ""));
    succeeds(&salon_user(&server, &["make-admin", "bob", "--revoke"], ""));
    for (arguments, reason) in [
        (&["create", "bob"][..], "taken"),
        (&["create", "Bob"], "lower-case"),
        (&["deactivate", "nobody"], "no account"),
        (&["make-admin", "@alice:elsewhere"], "no user name"),
    ] {
        let output = salon_user(&server, arguments, "");
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && message.contains(reason), "{arguments:?}: {message}");
    }

    server.restart().await;
    server.log_in_with("bob", &password).await;
    server.log_in_with("carol", "from a file").await;
    server.log_in_with("alice", "the second").await;
    let users = &server.app().users;
    let number = |name: &str| users.local_user(name.try_into().unwrap()).unwrap();
    assert!(users.is_admin(number("@alice:localhost")).unwrap());
    assert!(!users.is_admin(number("@bob:localhost")).unwrap());
    let before = json!({
        "user_id": phone.user_id, "device_id": phone.device_id, "access_token": phone.access_token,
    });
    let phone = server.anonymous().with_session(&before);
    phone.get("/v3/account/whoami").await.refused(401, "M_UNKNOWN_TOKEN");

    server.stop().await;
    succeeds(&salon_user(&server, &["deactivate", "carol", "--erase"], ""));
    let again = salon_user(&server, &["reset-password", "carol"], "");
    assert!(String::from_utf8_lossy(&again.stderr).contains("was deactivated"));
    server.restart().await;
    let login = json!({ "type": "m.login.password", "user": "carol", "password": "from a file" });
    server.anonymous().post("/v3/login", login).await.refused(403, "M_USER_DEACTIVATED");
}
