//! The work for one server: transactions one after the other, tried again with growing pauses; and for one that was
//! away, the newest of each room, by which it finds the rest.

use std::{sync::Arc, time::Duration};

use rand::RngExt;
use ruma::{OwnedServerName, ServerName};

use super::{
    devices,
    queue::{Item, MAX_PDUS, Queues},
};
use crate::{
    error::Result,
    ids::{Position, RoomNum},
    net::{Ask, segment},
    rooms::rows::BehindRow,
};

/// How often a transaction is tried before the server counts as behind.
const TRIES: u32 = 3;
/// The pause after the first failure; twice as long after each more.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest pause.
const MAX_PAUSE: Duration = Duration::from_secs(24 * 60 * 60);
/// How long a server may take to answer a transaction.
const PATIENCE: Duration = Duration::from_secs(60);

impl Queues {
    /// Works for one server until nothing waits for it, or this server stops.
    pub(super) async fn work_for(self: Arc<Self>, server: OwnedServerName, behind: Option<BehindRow>) {
        tokio::select! {
            outcome = self.work(&server, behind) => {
                if let Err(error) = outcome {
                    tracing::error!(%error, %server, "what waits for a server could not be read");
                }
            }
            () = self.app.stopped() => {}
        }
    }

    async fn work(&self, server: &ServerName, mut behind: Option<BehindRow>) -> Result<()> {
        loop {
            if let Some(row) = behind.take() {
                self.catch_up(server, row).await?;
            }
            let Some((items, edus)) = self.next(server) else { return Ok(()) };
            let events: Vec<Item> = items.iter().map(|(_, item)| *item).collect();
            let mut failures = 0;
            while !self.send(server, &events, &edus).await? {
                failures += 1;
                if failures >= TRIES || self.waiting_for(server) > 5 * MAX_PDUS {
                    let since = items.first().map_or(Position(0), |(position, _)| *position);
                    let row = self.later(BehindRow { since, failures, retry_ms: 0 });
                    self.fell_behind(server, &row);
                    behind = Some(row);
                    break;
                }
                self.pause(server, self.pause_after(failures)).await;
            }
            if behind.is_none() {
                self.sent(server, items.len());
            }
        }
    }

    /// Waits until a server can be reached, and sends it the newest of each room that it shares.
    async fn catch_up(&self, server: &ServerName, mut row: BehindRow) -> Result<()> {
        loop {
            let wait = row.retry_ms.saturating_sub(self.app.clock.now_ms());
            self.pause(server, Duration::from_millis(wait)).await;
            let until = self.app.store.published();
            let mut newest = self.newest(server, row.since)?;
            newest.extend(devices::waiting(&self.app, server)?);
            let changes = devices::changes_since(&self.app, server, row.since)?;
            let mut reached = true;
            for edus in changes.chunks(MAX_PDUS) {
                reached = reached && self.send(server, &[], edus).await?;
            }
            for events in newest.chunks(MAX_PDUS).take_while(|_| reached).collect::<Vec<_>>() {
                reached = self.send(server, events, &[]).await?;
                if !reached {
                    break;
                }
            }
            if reached {
                if self.caught_up(server, until) {
                    tracing::info!(%server, "a server that was away has caught up");
                    return Ok(());
                }
                row = BehindRow { since: until, failures: 0, retry_ms: 0 };
                continue;
            }
            row = self.later(BehindRow { failures: row.failures.saturating_add(1), ..row });
            self.fell_behind(server, &row);
        }
    }

    /// The ends of the rooms in which something happened since, and in which the server is.
    fn newest(&self, server: &ServerName, since: Position) -> Result<Vec<Item>> {
        let snapshot = self.app.store.snapshot();
        let mut newest = Vec::new();
        for room in (1..=self.app.store.last_room()?).map(RoomNum) {
            let view = self.app.rooms.view(&snapshot, room);
            if view.joined_of(server)? == 0 {
                continue;
            }
            let Some(head) = view.head()?.filter(|head| head.tail >= since && head.residents > 0) else { continue };
            newest.extend(head.extremities.into_iter().map(|number| Item::Event(room, number)));
        }
        Ok(newest)
    }

    /// Sends a transaction; whether the server took it.
    async fn send(&self, server: &ServerName, events: &[Item], edus: &[String]) -> Result<bool> {
        if events.is_empty() && edus.is_empty() {
            return Ok(true);
        }
        let body = self.body(server, events, edus)?;
        let random = self.app.randomness.with(|rng| rng.random::<u64>());
        let id = format!("{}-{random:016x}", self.app.clock.now_ms());
        let ask = Ask::put_canonical(format!("/_matrix/federation/v1/send/{}", segment(&id)), body).within(PATIENCE);
        // The semaphore is never closed.
        let _permit = self.requests.acquire().await;
        match self.app.peers.ask_raw(server, ask).await {
            Ok(_) => {
                let from_outbox = events.iter().filter_map(|item| match item {
                    Item::Outbox(position) => Some(*position),
                    Item::Event(..) => None,
                });
                let from_outbox: Vec<_> = from_outbox.collect();
                if !from_outbox.is_empty() {
                    devices::forget(&self.app, server, &from_outbox);
                }
                Ok(true)
            }
            Err(error) => {
                tracing::debug!(%error, "a server took no transaction");
                Ok(false)
            }
        }
    }

    /// A transaction in canonical JSON: the keys stand in the order of the alphabet.
    fn body(&self, server: &ServerName, items: &[Item], edus: &[String]) -> Result<String> {
        let snapshot = self.app.store.snapshot();
        let (mut pdus, mut edus) = (Vec::with_capacity(items.len()), edus.to_vec());
        for item in items {
            match item {
                Item::Event(room, number) => {
                    let event = self.app.rooms.view(&snapshot, *room).event(*number)?;
                    pdus.push(String::from_utf8_lossy(event.pdu_json()).into_owned());
                }
                Item::Outbox(position) => edus.extend(devices::read(&self.app, server, *position)?),
            }
        }
        let (origin, now) = (&self.app.config.server_name, self.app.clock.now_ms());
        let (pdus, edus) = (pdus.join(","), edus.join(","));
        Ok(format!("{{\"edus\":[{edus}],\"origin\":\"{origin}\",\"origin_server_ts\":{now},\"pdus\":[{pdus}]}}"))
    }

    fn later(&self, row: BehindRow) -> BehindRow {
        let pause = u64::try_from(self.pause_after(row.failures).as_millis()).unwrap_or(u64::MAX);
        BehindRow { retry_ms: self.app.clock.now_ms().saturating_add(pause), ..row }
    }

    fn pause_after(&self, failures: u32) -> Duration {
        let pause = FIRST_PAUSE.saturating_mul(1 << failures.saturating_sub(1).min(20)).min(MAX_PAUSE);
        pause.mul_f64(self.app.randomness.with(|rng| rng.random_range(0.75..1.25)))
    }

    /// Waits for some time, or until the server speaks up by itself.
    async fn pause(&self, server: &ServerName, pause: Duration) {
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = self.app.peers.health.back(server) => {}
        }
    }
}
