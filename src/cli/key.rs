//! `salon key`: the key by which a stopped server signs.

use std::error::Error;

use clap::Subcommand;

use super::closed_store;
use crate::{
    clock::{Clock, Randomness},
    config::Config,
    event::SigningKey,
    net::keys,
};

/// What can be done with the key.
#[derive(Subcommand)]
pub enum KeyCommand {
    /// Sign with a new key from now on; the old one is published as such, so that what it has signed stays valid
    Rotate,
}

/// Does what was asked for.
pub fn run(config: &Config, command: KeyCommand) -> Result<(), Box<dyn Error>> {
    let store = closed_store(config)?;
    match command {
        KeyCommand::Rotate => {
            let key = SigningKey::generate(&Randomness::from_system().bytes());
            keys::rotate(&store, &key, Clock::System.now_ms())?;
            println!("The server signs with {} from now on.", key.id());
        }
    }
    Ok(())
}
