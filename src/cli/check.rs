//! `salon check`: reads the whole database and says what is wrong.

use std::error::Error;

use super::closed_store;
use crate::{check, config::Config};

/// Prints what is wrong and what was looked at; an error if anything is wrong.
pub fn run(config: &Config) -> Result<(), Box<dyn Error>> {
    let store = closed_store(config)?;
    let report = check::check(&store)?;
    println!("{report}");
    if report.is_clean() { Ok(()) } else { Err("the database is damaged; what is wrong is listed above".into()) }
}
