//! `salon backup`: a copy of the database and the media of a server that is stopped.

use std::{error::Error, path::Path};

use super::closed_store;
use crate::{config::Config, media::settled_folder};

/// Copies the database and the media into the folder `target`, which must not exist yet.
pub fn run(config: &Config, target: &Path) -> Result<(), Box<dyn Error>> {
    if target.exists() {
        return Err(format!("{} exists already: choose a new folder", target.display()).into());
    }
    let store = closed_store(config)?;
    std::fs::create_dir_all(target).map_err(|error| format!("{}: {error}", target.display()))?;
    store.checkpoint(target)?;
    let media = settled_folder(&store)?;
    media.copy_to(target).map_err(|error| format!("the media can't be copied: {error}"))?;
    println!("The database and the media are copied to {}; start a server on it with --data-dir.", target.display());
    Ok(())
}
