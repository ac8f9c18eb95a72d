//! `salon check-federation`: how other servers find one, and what they meet there.

use std::error::Error;

use ruma::OwnedServerName;

use crate::{app::peer_options, clock::Clock, config::Config, net};

/// Shows each step, and fails if one of them did.
pub fn run(config: &Config, server: Option<OwnedServerName>) -> Result<(), Box<dyn Error>> {
    let server = server.unwrap_or_else(|| config.server_name.clone());
    println!("Looking for {server} as other servers do:");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let steps = runtime.block_on(net::survey(peer_options(config)?, &server, Clock::System))?;
    for step in &steps {
        let mark = if step.advice.is_some() { "✗" } else { "✓" };
        println!("  {mark} {}", step.found);
        if let Some(advice) = &step.advice {
            println!("    {advice}");
        }
    }
    match steps.iter().filter(|step| step.advice.is_some()).count() {
        0 => Ok(()),
        1 => Err("something is wrong there".into()),
        count => Err(format!("{count} things are wrong there").into()),
    }
}
