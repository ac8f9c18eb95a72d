//! Sends delayed events when they are due, several at once, since one may have to wait for its room.

use std::sync::Arc;

use tokio::task::JoinSet;

use crate::{app::App, error::Result};

/// Events that are being sent at once.
const MAX_AT_ONCE: usize = 32;

/// Runs for as long as the server does. What is being sent when it ends is sent after the next start.
pub async fn follow(app: Arc<App>) -> Result<()> {
    app.rooms.read_schedule()?;
    let mut sending = JoinSet::new();
    loop {
        tokio::select! {
            due = app.rooms.next_due(), if sending.len() < MAX_AT_ONCE => {
                let app = app.clone();
                sending.spawn(async move {
                    let delay_id = due.1.clone();
                    if let Err(error) = app.rooms.send_due(due).await {
                        tracing::error!(%error, %delay_id, "a delayed event waits until the next start");
                    }
                });
            }
            Some(_) = sending.join_next() => {}
        }
    }
}
