//! `salon user`: accounts, from the machine that the server runs on, while the server is stopped.

use std::{error::Error, io};

use clap::{Args, Subcommand};
use ruma::OwnedUserId;

use super::{explain, with_app};
use crate::{app::App, clock::Randomness, config::Config, ids, users::NewAccount};

/// Letters and digits of a password that is made up here.
const GENERATED_LENGTH: usize = 20;

#[derive(Subcommand)]
pub enum UserCommand {
    /// Make an account
    Create {
        /// The user name, such as alice
        name: String,
        /// Let the user administer the server
        #[arg(long)]
        admin: bool,
        #[command(flatten)]
        password: PasswordSource,
    },
    /// Give a user a new password and log them out everywhere
    ResetPassword {
        /// The user name or the whole user ID
        name: String,
        #[command(flatten)]
        password: PasswordSource,
    },
    /// End an account for good; its name stays taken
    Deactivate {
        /// The user name or the whole user ID
        name: String,
        /// Delete the profile and what clients kept here, and show events redacted to who comes later
        #[arg(long)]
        erase: bool,
    },
    /// Let a user administer the server
    MakeAdmin {
        /// The user name or the whole user ID
        name: String,
        /// Take it away again
        #[arg(long)]
        revoke: bool,
    },
}

#[derive(Args)]
pub struct PasswordSource {
    /// Read the password from the first line of standard input, rather than make one up and print it
    #[arg(long)]
    password_stdin: bool,
}

/// A password, and whether it has to be told.
struct Password {
    text: String,
    made_up: bool,
}

impl PasswordSource {
    fn read(&self, randomness: &Randomness) -> Result<Password, Box<dyn Error>> {
        if !self.password_stdin {
            let text = randomness.with(|rng| ids::random_string(rng, GENERATED_LENGTH));
            return Ok(Password { text, made_up: true });
        }
        let mut line = String::new();
        io::stdin().read_line(&mut line)?;
        Ok(Password { text: line.trim_end_matches(['\r', '\n']).to_owned(), made_up: false })
    }
}

impl Password {
    fn tell(&self) {
        if self.made_up {
            println!("password: {}", self.text);
        }
    }
}

/// Opens the database, which a running server would hold, and does it.
pub fn run(config: Config, command: UserCommand) -> Result<(), Box<dyn Error>> {
    with_app(config, async |app| execute(app, command).await)
}

async fn execute(app: &App, command: UserCommand) -> Result<(), Box<dyn Error>> {
    let users = &app.users;
    match command {
        UserCommand::Create { name, admin, password } => {
            let user_id = users.new_user_id(&name).map_err(explain)?;
            users.check_available(&user_id).map_err(explain)?;
            let password = password.read(&app.randomness)?;
            let text = Some(password.text.as_str());
            let new = NewAccount { user_id: user_id.clone(), password: text, admin, guest: false, token: None };
            users.create_account(new).await.map_err(explain)?;
            println!("{user_id} was created");
            password.tell();
        }
        UserCommand::ResetPassword { name, password } => {
            let (user_id, user) = find(app, &name)?;
            if !users.is_active(user)? {
                return Err(format!("{user_id} was deactivated").into());
            }
            let password = password.read(&app.randomness)?;
            users.set_password(user, &password.text).await.map_err(explain)?;
            users.delete_other_devices(user, None).await?;
            println!("{user_id} has a new password and is logged out everywhere");
            password.tell();
        }
        UserCommand::Deactivate { name, erase } => {
            let (user_id, user) = find(app, &name)?;
            users.deactivate(user, erase).await?;
            println!("{user_id} is deactivated and will leave their rooms when the server runs");
        }
        UserCommand::MakeAdmin { name, revoke } => {
            let (user_id, user) = find(app, &name)?;
            users.set_admin(user, !revoke).await?;
            println!("{user_id} {}", if revoke { "administers the server no more" } else { "administers the server" });
        }
    }
    Ok(())
}

fn find(app: &App, name: &str) -> Result<(OwnedUserId, ids::UserNum), Box<dyn Error>> {
    let user_id = app.users.named_at_login(None, Some(name)).ok_or_else(|| format!("{name} is no user name"))?;
    let user = app.users.local_user(&user_id).map_err(|_| format!("{user_id} has no account here"))?;
    Ok((user_id, user))
}
