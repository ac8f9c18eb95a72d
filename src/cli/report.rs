//! `salon report`: what users have reported, from the machine that the server runs on, while the server is stopped.

use std::error::Error;

use clap::Subcommand;

use super::{explain, with_app};
use crate::{app::App, config::Config, rooms::reports::Subject};

#[derive(Subcommand)]
pub enum ReportCommand {
    /// List the reports, newest first
    List,
    /// Delete a report that was dealt with
    Dismiss {
        /// The number that the list shows first
        id: u64,
    },
}

/// Opens the database, which a running server would hold, and does it.
pub fn run(config: Config, command: ReportCommand) -> Result<(), Box<dyn Error>> {
    with_app(config, async |app| execute(app, command).await)
}

async fn execute(app: &App, command: ReportCommand) -> Result<(), Box<dyn Error>> {
    match command {
        ReportCommand::List => {
            let page = app.rooms.reports(None, usize::MAX)?;
            for (id, report) in page.reports {
                let by = app.store.user_id(report.by)?;
                let subject = match report.subject {
                    Subject::Event { room_id, event_id, sender } => {
                        format!("event {event_id} of {sender} in {room_id}")
                    }
                    Subject::Room(room_id) => format!("room {room_id}"),
                    Subject::User(user_id) => format!("user {user_id}"),
                };
                // Escaped: a reason is somebody's own text, and a terminal obeys what it is sent.
                println!("{id}  {by} reports {subject}: {}", report.reason.escape_debug());
            }
            println!("{} reports", page.total);
        }
        ReportCommand::Dismiss { id } => {
            app.rooms.dismiss_report(id).await.map_err(explain)?;
            println!("report {id} is deleted");
        }
    }
    Ok(())
}
