//! The command line: what can be asked of the binary, one file a command.
//!
//! A command that fails says why in one sentence on standard error and exits with 1.

mod backup;
mod check;
mod check_federation;
mod key;
mod report;
mod room;
mod serve;
mod token;
mod user;

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use ruma::OwnedServerName;

use crate::{
    app::App,
    clock::{Clock, Randomness},
    config::{Config, Overrides},
    store::{Store, StoreOptions},
};

const EXAMPLES: &str = "\
Examples:
  salon                                  try it: everything at its default, data in ./salon-data
  salon --config salon.toml              a server with a configuration of its own
  salon --listen 127.0.0.1:8008          one key changed on the spot
  SALON_REGISTRATION__MODE=closed salon  the same from the environment

Settings come from the defaults, then the file, then SALON_<KEY> in the environment ('__'
between levels), then the flags; the later one wins. config.toml.example, which comes with
Salon, explains every key.";

/// A Matrix homeserver in one binary.
///
/// Started alone, it serves on this machine only, with everything at its default, and
/// prints the address to open. Any Matrix client can then use that address as its homeserver.
#[derive(Parser)]
#[command(name = "salon", version, after_help = EXAMPLES)]
struct Cli {
    #[command(flatten)]
    settings: Settings,

    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Args)]
struct Settings {
    /// The configuration file, in TOML
    #[arg(long, short, global = true, value_name = "FILE")]
    config: Option<PathBuf>,

    /// The part of user IDs after the colon
    #[arg(long, global = true, value_name = "NAME")]
    server_name: Option<String>,

    /// Addresses to listen on, separated by commas; port 0 lets the system choose
    #[arg(long, global = true, value_name = "ADDRESS")]
    listen: Option<String>,

    /// The folder of the database and the media
    #[arg(long, global = true, value_name = "FOLDER")]
    data_dir: Option<String>,

    /// How much to log: error, warn, info, debug or trace
    #[arg(long, global = true, value_name = "LEVEL")]
    log_level: Option<String>,
}

#[derive(Subcommand)]
enum Command {
    /// Run the server until SIGINT or SIGTERM (the default)
    Serve,
    /// Read the whole database of a stopped server and say what is wrong
    Check,
    /// Show step by step how other servers find this one or another, whether it answers, and what to mend
    CheckFederation {
        /// The server; this one if none is named
        #[arg(value_name = "SERVER")]
        server: Option<OwnedServerName>,
    },
    /// List or remove the rooms of a stopped server
    Room {
        #[command(subcommand)]
        command: room::RoomCommand,
    },
    /// Read what users have reported, while the server is stopped
    #[command(subcommand)]
    Report(report::ReportCommand),
    /// Copy the database and the media of a stopped server into a new folder
    Backup {
        /// The folder, which must not exist yet
        #[arg(value_name = "DIR")]
        target: PathBuf,
    },
    /// Change the key that a stopped server signs with
    #[command(subcommand)]
    Key(key::KeyCommand),
    /// Make, change and end accounts, while the server is stopped
    #[command(subcommand)]
    User(user::UserCommand),
    /// Make, list and end the tokens that let people register, while the server is stopped
    #[command(subcommand)]
    Token(token::TokenCommand),
}

impl Settings {
    fn overrides(&mut self) -> Overrides {
        let flags = [
            ("server_name", self.server_name.take()),
            ("listen", self.listen.take()),
            ("data_dir", self.data_dir.take()),
            ("log.level", self.log_level.take()),
        ];
        let given = flags.into_iter();
        given.filter_map(|(key, value)| Some((key, value?))).collect()
    }
}

/// Does what the process's arguments ask for.
pub fn run() -> ExitCode {
    match dispatch(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("salon: {error}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(mut cli: Cli) -> Result<(), Box<dyn Error>> {
    let overrides = cli.settings.overrides();
    let config = Config::load(cli.settings.config.as_deref(), overrides)?;
    match cli.command.unwrap_or(Command::Serve) {
        Command::Serve => serve::run(config),
        Command::Check => check::run(&config),
        Command::CheckFederation { server } => check_federation::run(&config, server),
        Command::Room { command } => room::run(&config, command),
        Command::Report(command) => report::run(config, command),
        Command::Backup { target } => backup::run(&config, &target),
        Command::Key(command) => key::run(&config, command),
        Command::User(command) => user::run(config, command),
        Command::Token(command) => token::run(config, command),
    }
}

/// The database of a server that is stopped: it has to be there, and in nobody's hands.
fn closed_store(config: &Config) -> Result<Store, Box<dyn Error>> {
    if !config.data_dir.join("db").is_dir() {
        return Err(format!("there is no database in {}", config.data_dir.display()).into());
    }
    Ok(Store::open(&config.data_dir, StoreOptions::default())?)
}

/// Does something with the server of a database that is in nobody's hands, without serving it.
fn with_app(config: Config, act: impl AsyncFnOnce(&App) -> Result<(), Box<dyn Error>>) -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let app = App::build(config, Clock::System, Randomness::from_system())?;
        let outcome = act(&app).await;
        app.store.close();
        outcome
    })
}

/// The sentence without the errcode, which means nothing on the command line.
fn explain(error: crate::error::Error) -> Box<dyn Error> {
    if error.status >= 500 { error.into() } else { error.message.into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn flags_become_overrides_of_their_keys() {
        let arguments = ["salon", "serve", "--listen", "[::1]:0", "--log-level=debug"];
        let mut cli = Cli::try_parse_from(arguments).unwrap();
        let expected = vec![("listen", "[::1]:0".to_owned()), ("log.level", "debug".to_owned())];
        assert_eq!(cli.settings.overrides(), expected);
    }
}
