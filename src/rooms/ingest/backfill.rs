//! What was said before this server was there: fetched when somebody pages back to where a gap begins.

use std::{collections::HashSet, sync::Arc, time::Duration};

use ruma::{CanonicalJsonObject, EventId, OwnedEventId, OwnedServerName, RoomId, ServerName};
use serde::Deserialize;

use super::{gaps::in_order, receive::Source};
use crate::{
    error::{Error, Result},
    event::Pdu,
    ids::{EventNum, RoomNum},
    net::{Ask, segment},
    rooms::{
        Rooms,
        rows::EventMeta,
        timeline::{Direction, Point},
    },
    store::{Commit, Family, LogEntry, keys},
};

/// Events that are fetched at once.
const MAX_EVENTS: usize = 100;
/// Servers that are asked.
const MAX_SERVERS: usize = 5;
/// How long somebody who pages back waits for others.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long one server is waited for where a single event is wanted.
const PATIENCE_EACH: Duration = Duration::from_secs(6);
/// Places that are left free between a gap's end and an event of it that is fetched alone.
const APART: u32 = 1 << 20;
/// With less room than this in a gap, nothing is placed in its midst.
const LEAST_FREE: u32 = 10_000;

#[derive(Deserialize)]
struct Pdus {
    pdus: Vec<CanonicalJsonObject>,
}

impl Rooms {
    /// Fills the gap before an event, as far as one answer goes; whether anything came.
    pub async fn fill(&self, room: RoomNum, event: EventNum) -> Result<bool> {
        let filling = async {
            let _turn = self.ingest.turn(room).await;
            self.fill_alone(room, event).await
        };
        match tokio::time::timeout(PATIENCE, filling).await {
            Ok(filled) => filled,
            // What has come by then stays.
            Err(_) => Ok(false),
        }
    }

    async fn fill_alone(&self, room: RoomNum, event: EventNum) -> Result<bool> {
        let room_id = self.store.room_id(room)?;
        let (meta, missing) = self.gap(room, &room_id, event)?;
        if missing.is_empty() {
            return Ok(false);
        }
        let point = meta.point();
        let from: Vec<String> = missing.iter().map(|id| format!("v={}", segment(id.as_str()))).collect();
        let path = format!(
            "/_matrix/federation/v1/backfill/{}?{}&limit={MAX_EVENTS}",
            segment(room_id.as_str()),
            from.join("&")
        );
        for server in self.who_may_know(room, &room_id)? {
            let source = self.source(&server, &room_id)?;
            let ask = Ask::get(path.clone()).up_to(16 << 20);
            let Ok(Pdus { mut pdus }) = self.peers.ask::<Pdus>(&server, ask).await else { continue };
            pdus.truncate(MAX_EVENTS);
            let events = self.checked(&source, pdus).await.into_iter();
            // Behind what has a place lies another gap.
            let new = events.map(|pdu| Ok((!self.is_placed(room, pdu.event_id())?).then_some(pdu)));
            let new: Vec<_> = new.collect::<Result<Vec<_>>>()?.into_iter().flatten().collect();
            let events = wanted(new, &missing);
            if !events.is_empty() && self.place_before(&source, point, events).await? {
                self.close(room, &room_id, event).await?;
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// An event before which there is a gap, and the events that it lacks.
    fn gap(&self, room: RoomNum, room_id: &RoomId, event: EventNum) -> Result<(EventMeta, Vec<OwnedEventId>)> {
        let latest = self.store.latest();
        let view = self.view(&latest, room);
        let meta = view.meta(event)?;
        let pdu = view.pdu(event, &room_id.to_owned())?;
        let mut missing = Vec::new();
        for id in pdu.prev_events() {
            if !self.is_placed(room, id)? {
                missing.push(id.clone());
            }
        }
        Ok((meta, missing))
    }

    /// Other servers in the room, those with the most members first.
    pub(in crate::rooms) fn who_may_know(&self, room: RoomNum, room_id: &RoomId) -> Result<Vec<OwnedServerName>> {
        let mut servers = self.view(&self.store.snapshot(), room).servers()?;
        servers.sort_by_key(|(_, joined)| std::cmp::Reverse(*joined));
        let origin = room_id.server_name().map(ToOwned::to_owned);
        let mut seen = HashSet::new();
        let names = servers.into_iter().map(|(server, _)| server).chain(origin);
        Ok(names.filter(|name| self.peers.allows(name) && seen.insert(name.clone())).take(MAX_SERVERS).collect())
    }

    /// Places events, the oldest first, right before a point; whether any found a place.
    async fn place_before(&self, source: &Source<'_>, point: Point, events: Vec<Arc<Pdu>>) -> Result<bool> {
        let (count, mut placed) = (events.len() as u32, false);
        let floor = self.floor_below(source.room, point)?;
        for (at, pdu) in events.into_iter().enumerate() {
            // Where there is no room left, the oldest stay away.
            let Some(sub) = point.sub.checked_sub(count - at as u32).filter(|sub| *sub >= floor) else { continue };
            let anchor = Some(Point { sub, ..point });
            // The next one may do without it, behind a gap.
            match self.put_at(source, anchor, pdu).await {
                Ok(_) => placed = true,
                Err(error) => tracing::debug!(%error, "an event of the past was not taken in"),
            }
        }
        Ok(placed)
    }

    /// Fetches an event from a server, and places it somewhere in the gap before another one, with room for what lies
    /// between them; whether it has a place now.
    pub(in crate::rooms) async fn fetch_apart(
        &self,
        server: &ServerName,
        (room, room_id): (RoomNum, &RoomId),
        gap: EventNum,
        event_id: &EventId,
    ) -> Result<bool> {
        let path = format!("/_matrix/federation/v1/event/{}", segment(event_id.as_str()));
        let asked = self.peers.ask::<Pdus>(server, Ask::get(path).within(PATIENCE_EACH)).await;
        let Ok(Pdus { mut pdus }) = asked else { return Ok(false) };
        pdus.truncate(1);
        let source = self.source(server, room_id)?;
        let checked = self.checked(&source, pdus).await;
        let Some(pdu) = checked.into_iter().find(|pdu| pdu.event_id() == event_id) else { return Ok(false) };
        let _turn = self.ingest.turn(room).await;
        self.place_apart(&source, gap, pdu).await
    }

    async fn place_apart(&self, source: &Source<'_>, gap: EventNum, pdu: Arc<Pdu>) -> Result<bool> {
        if self.is_placed(source.room, pdu.event_id())? {
            return Ok(true);
        }
        let point = self.view(&self.store.latest(), source.room).meta(gap)?.point();
        let free = point.sub - self.floor_below(source.room, point)?.min(point.sub);
        if free < LEAST_FREE {
            return Ok(false);
        }
        let anchor = Some(Point { sub: point.sub - (free / 2).min(APART), ..point });
        self.put_at(source, anchor, pdu).await?;
        Ok(true)
    }

    /// The least place below a point, with the same anchor, that has nothing above it but free ones.
    fn floor_below(&self, room: RoomNum, point: Point) -> Result<u32> {
        let snapshot = self.store.snapshot();
        let start = Point { sub: 0, ..point };
        let below = self.view(&snapshot, room).timeline(start, point, Direction::Backward).next()?;
        Ok(below.map_or(0, |(below, _)| below.sub.saturating_add(1)))
    }

    /// Notes that there is no gap before an event any more, if that is so.
    async fn close(&self, room: RoomNum, room_id: &RoomId, event: EventNum) -> Result<()> {
        let guard = self.lock(room).await?;
        let (mut meta, missing) = self.gap(room, room_id, event)?;
        if !missing.is_empty() {
            return Ok(());
        }
        let latest = self.store.latest();
        let view = self.view(&latest, room);
        let pdu = view.pdu(event, &room_id.to_owned())?;
        let prev = pdu.prev_events().iter().map(|id| view.find(id)?.ok_or_else(|| view.broken("event", event)));
        meta.prev = prev.collect::<Result<_, _>>().map_err(Error::from)?;
        meta.gap = false;
        let ticket = self.store.commit(|_| {
            let mut commit = Commit::new(LogEntry::Housekeeping);
            commit.put_row(Family::EventMeta, keys::event(room, event), &meta);
            commit
        });
        drop(guard);
        ticket.durable().await?;
        Ok(())
    }
}

/// Those of some events that lead to the missing ones, the oldest first. Outliers among them get their place.
fn wanted(events: Vec<Arc<Pdu>>, missing: &[OwnedEventId]) -> Vec<Arc<Pdu>> {
    let ordered = in_order(events, Pdu::prev_events);
    let mut needed: HashSet<OwnedEventId> = missing.iter().cloned().collect();
    let mut kept = Vec::new();
    for event in ordered.into_iter().rev() {
        if needed.contains(event.event_id()) {
            needed.extend(event.prev_events().iter().cloned());
            kept.push(event);
        }
    }
    kept.reverse();
    kept
}
