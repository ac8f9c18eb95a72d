//! The way of one event: known already? signed? authorised by what? behind what? Then into the room.

use std::sync::Arc;

use ruma::{CanonicalJsonObject, CanonicalJsonValue, EventId, OwnedEventId, OwnedRoomId, RoomId, ServerName};

use super::verify::{verified, verified_one};
use crate::{
    error::{Error, Result},
    event::{self, Pdu},
    ids::RoomNum,
    rooms::{
        Rooms,
        append::Received,
        rows::{Place, Verdict},
        timeline::Point,
    },
};

/// What came of an event: the sentence says why it was refused.
pub type Outcome = std::result::Result<(), String>;

/// Where events come from, and where they go.
pub(super) struct Source<'a> {
    /// Who is asked for what is missing.
    pub server: &'a ServerName,
    pub room: RoomNum,
    pub room_id: OwnedRoomId,
    pub rules: &'static ruma::room_version_rules::RoomVersionRules,
    /// Whether the server is in the room: others are asked for nothing.
    pub is_member: bool,
}

impl Rooms {
    /// Takes in the events of a transaction, one after the other, each with what came of it. What can't be told to be an
    /// event of a room that this server is in has no ID, and is left out, unless it turns a user away who waits outside.
    pub async fn receive(&self, origin: &ServerName, events: Vec<CanonicalJsonObject>) -> Vec<(OwnedEventId, Outcome)> {
        let mut outcomes = Vec::with_capacity(events.len());
        for object in events {
            if let Some(told) = self.turned_away(origin, &object).await {
                outcomes.push(told);
                continue;
            }
            let Some((source, event_id)) = self.identify(origin, &object) else { continue };
            let outcome = self.take_in(&source, &event_id, object).await.map_err(|error| {
                if error.status >= 500 {
                    tracing::error!(%error, %event_id, "an event of another server could not be taken in");
                }
                error.message.into_owned()
            });
            outcomes.push((event_id, outcome));
        }
        outcomes
    }

    /// The room of an event, if it is one that this server is in, and the event's ID.
    fn identify<'a>(&self, origin: &'a ServerName, object: &CanonicalJsonObject) -> Option<(Source<'a>, OwnedEventId)> {
        let room_id = object.get("room_id").and_then(CanonicalJsonValue::as_str);
        let source = self.source(origin, <&RoomId>::try_from(room_id?).ok()?).ok()?;
        let event_id = Pdu::from_object(object.clone(), source.rules).ok()?.event_id().clone();
        Some((source, event_id))
    }

    /// A room that this server is in, as a server that may be asked for its events.
    pub(super) fn source<'a>(&self, server: &'a ServerName, room_id: &RoomId) -> Result<Source<'a>> {
        let room = self.number(room_id)?;
        let latest = self.store.latest();
        let view = self.view(&latest, room);
        let head = view.head()?.ok_or_else(|| Error::not_found("This server is not in that room."))?;
        let rules = event::rules(&head.version)
            .ok_or_else(|| Error::bad_request("M_UNSUPPORTED_ROOM_VERSION", "The room's version is not supported."))?;
        let is_member = view.joined_of(server)? > 0;
        Ok(Source { server, room, room_id: room_id.to_owned(), rules, is_member })
    }

    async fn take_in(&self, source: &Source<'_>, event_id: &EventId, object: CanonicalJsonObject) -> Result<()> {
        self.check_acl(source.room, source.server)?;
        if !self.resides_in(source.room)? {
            return Err(Error::not_found("This server is not in that room."));
        }
        if self.is_placed(source.room, event_id)? {
            return Ok(());
        }
        let checked = verified_one(&self.keyring, &source.room_id, source.rules, object).await;
        let pdu = checked.map_err(|why| Error::forbidden(format!("The event was refused: {why}.")))?;
        let _turn = self.ingest.turn(source.room).await;
        if self.is_placed(source.room, event_id)? {
            return Ok(());
        }
        if self.lacks_previous(source.room, &pdu)? && source.is_member {
            for earlier in self.missing_events(source, &pdu).await? {
                // What can't be had of them leaves a gap.
                let _ = self.put(source, earlier).await;
            }
        }
        self.put(source, pdu).await
    }

    /// Places an event whose signatures hold as the newest.
    async fn put(&self, source: &Source<'_>, pdu: Arc<Pdu>) -> Result<()> {
        match self.put_at(source, None, pdu).await? {
            Verdict::Rejected => Err(Error::forbidden("The room's rules refuse this event.")),
            Verdict::Accepted | Verdict::SoftFailed => Ok(()),
        }
    }

    /// Places an event whose signatures hold, with what it builds on fetched first: at a point before a gap, or as the
    /// newest.
    pub(super) async fn put_at(&self, source: &Source<'_>, anchor: Option<Point>, pdu: Arc<Pdu>) -> Result<Verdict> {
        self.fetch_authorities(source, &pdu).await?;
        let given = match self.lacks_previous(source.room, &pdu)? {
            true => Some(self.fetch_state(source, pdu.event_id()).await?),
            false => None,
        };
        let mut guard = self.lock(source.room).await?;
        let given = given.map(|ids| guard.given(&ids)).transpose()?;
        let appended = guard.append_received(pdu, Received { given, anchor, vouched: false })?;
        drop(guard);
        let verdict = appended.verdict;
        appended.durable().await?;
        Ok(verdict)
    }

    /// Whether an event is here, and more than an outlier.
    pub(super) fn is_placed(&self, room: RoomNum, event_id: &EventId) -> Result<bool> {
        let latest = self.store.latest();
        let view = self.view(&latest, room);
        let Some(number) = view.find(event_id)? else { return Ok(false) };
        Ok(view.meta(number)?.place != Place::Outlier)
    }

    pub(super) fn lacks_previous(&self, room: RoomNum, pdu: &Pdu) -> Result<bool> {
        for id in pdu.prev_events() {
            if !self.is_placed(room, id)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Reads and checks events that another server gave.
    pub(super) async fn checked(&self, source: &Source<'_>, objects: Vec<CanonicalJsonObject>) -> Vec<Arc<Pdu>> {
        verified(&self.keyring, &source.room_id, source.rules, objects).await
    }
}
