//! The stream of events that was before `/sync` (client-server API, "/events"), for clients that never learnt another
//! one: what `/sync` would tell between two tokens, as one list in the order in which it happened, a page at a time.
//! And a look into a room that the user is not in, as long as everybody may read there.
//!
//! Invariant: no room event between two pages is left out; notices of what lives in memory come with the last page.

use std::time::Duration;

use ruma::OwnedRoomId;
use serde_json::{Map, Value};

use super::{Builder, Built, Feed, News, Request, SyncToken, Wait, moved::Moved, until_news};
use crate::{
    app::App,
    error::{Error, Result},
    ids::{Position, RoomNum},
    json::{ArrayWriter, ObjectWriter, write_text},
    rooms::{
        history::{History, Stretch},
        onlooker::Ignored,
        rows::{Membership, OwnRoom, Place},
        select::EventSelector,
        timeline::{Direction, Point},
    },
    users::{Session, filters::RoomEventFilter},
};

/// Room events of one answer, at the most.
const PAGE: usize = 100;

/// Which events a client asks for.
pub struct StreamRequest {
    /// From where on; `None`: from now on.
    pub from: Option<SyncToken>,
    /// Of which room alone; the user need not be in it.
    pub room: Option<OwnedRoomId>,
    /// How long to wait for the first one.
    pub timeout: Duration,
}

/// Answers with what happened since `from`: at once if something did, else when it does or the time is over.
///
/// # Errors
/// 403 `M_FORBIDDEN` for a room that the user may not look into; 429 `M_LIMIT_EXCEEDED` as for a sync.
pub async fn stream(app: &App, session: &Session, request: &StreamRequest) -> Result<Vec<u8>> {
    let from = request.from.unwrap_or_else(|| now(app));
    let room = match &request.room {
        Some(room_id) => {
            let snapshot = app.store.snapshot();
            Some(app.rooms.pages(&snapshot, &app.users, session, room_id)?.view().room())
        }
        None => None,
    };
    let sync = Request::default();
    let wait = Wait { since: Some(from), timeout: request.timeout, all: false, any_room: room.is_some() };
    let build = |since, joined| Builder::new(app, session, &sync, since, joined).stream(room);
    match until_news(app, session, wait, build).await? {
        News::Answer(answer) => Ok(answer),
        News::Nothing(now) => Ok(answer((from, now), &[])),
    }
}

/// The token of a client that wants to hear what comes from now on.
fn now(app: &App) -> SyncToken {
    let live = app.store.live();
    let moment = live.moment();
    // Of messages to its device, which only /sync tells, it has none.
    SyncToken { position: app.store.published(), boot: live.boot_id(), moment, to_device: Position(0) }
}

fn answer((start, end): (SyncToken, SyncToken), events: &[Vec<u8>]) -> Vec<u8> {
    let mut out = Vec::with_capacity(events.iter().map(Vec::len).sum::<usize>() + 128);
    let mut answer = ObjectWriter::open(&mut out);
    let mut chunk = ArrayWriter::open(answer.key("chunk"));
    for event in events {
        chunk.json(event);
    }
    chunk.close();
    answer.text("end", &end.to_string());
    answer.text("start", &start.to_string());
    answer.close();
    out
}

/// What is told of the rooms.
struct Chunk {
    /// Where each event stands in the log, and its JSON.
    events: Vec<(Position, Vec<u8>)>,
    /// Up to here nothing is missing.
    until: Position,
}

impl Chunk {
    /// The page's events in their order.
    fn into_page(mut self) -> (Vec<Vec<u8>>, Position) {
        self.events.retain(|(position, _)| *position <= self.until);
        self.events.sort_by_key(|(position, _)| *position);
        self.events.truncate(PAGE + 1);
        if self.events.len() > PAGE
            && let Some((next, _)) = self.events.pop()
        {
            self.until = Position(next.0 - 1);
        }
        (self.events.into_iter().map(|(_, event)| event).collect(), self.until)
    }
}

impl Builder<'_> {
    /// What happened since the client's token, in all rooms or in one.
    fn stream(self, only: Option<RoomNum>) -> Result<Built> {
        let Some(start) = self.since else { return Ok(Built::Nothing(self.now)) };
        let mut feed = Feed::read(self.app, &self.snapshot, self.session.user, start.position)?;
        let mut touched = self.touched_rooms();
        if let Some(only) = only {
            feed.memberships.retain(|room| *room == only);
            touched.retain(|room| *room == only);
        }
        let mut chunk = Chunk { events: Vec::new(), until: self.now.position };
        let others = feed.memberships.iter().filter(|room| !touched.contains(room));
        for room in touched.iter().chain(others) {
            let Some(own) = self.app.rooms.view(&self.snapshot, *room).own(self.session.user)? else { continue };
            if own.since > self.now.position {
                return Ok(Built::Behind(own.since));
            }
            self.stream_room((*room, &own), start, feed.memberships.contains(room), &mut chunk)?;
        }
        if let Some(only) = only.filter(|only| chunk.events.is_empty() && self.joined.binary_search(only).is_err()) {
            self.peek(only, start, &mut chunk)?;
        }
        let (mut events, until) = chunk.into_page();
        let mut end = SyncToken { position: until, ..start };
        if until == self.now.position {
            end = SyncToken { to_device: start.to_device, ..self.now };
            self.add_notices((&touched, &feed), start, only, &mut events)?;
            if events.is_empty() {
                return Ok(Built::Nothing(end));
            }
        }
        Ok(Built::Answer(answer((start, end), &events)))
    }

    fn stream_room(
        &self,
        (room, own): (RoomNum, &OwnRoom),
        start: SyncToken,
        changed: bool,
        chunk: &mut Chunk,
    ) -> Result<()> {
        let own_event = own.event.filter(|_| changed);
        match own.membership {
            Membership::Join => {
                // What was before they came in, they can page back to.
                let before = if changed { Position(own.since.0.saturating_sub(1)) } else { start.position };
                self.stretch((room, before.max(start.position)), self.now.position, chunk)
            }
            Membership::Leave | Membership::Ban if changed => {
                let until = own.joined_until.filter(|_| !own.forgotten).unwrap_or_default();
                self.stretch((room, start.position), until, chunk)?;
                let history = self.past(room)?;
                if let Some(number) = own_event.filter(|_| until < own.since) {
                    let mut event = Vec::new();
                    history.render_state(&mut event, number)?;
                    chunk.events.push((own.since, event));
                }
                Ok(())
            }
            Membership::Invite if changed => {
                let ignored = self.app.rooms.ignored(&self.snapshot, &self.app.users, self.session.user)?;
                chunk.events.extend(self.invite(room, own, &ignored)?.map(|event| (own.since, event)));
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// An invite as an event, if the user wants to hear of it.
    pub(super) fn invite(&self, room: RoomNum, own: &OwnRoom, ignored: &Ignored) -> Result<Option<Vec<u8>>> {
        let Some(state) = &own.stripped_state else { return Ok(None) };
        if !self.wants_invite(state, ignored)? {
            return Ok(None);
        }
        let resides = self.app.rooms.view(&self.snapshot, room).head()?.is_some();
        if let Some(number) = own.event.filter(|_| resides) {
            let mut event = Vec::new();
            self.past(room)?.render_state(&mut event, number)?;
            return Ok(Some(event));
        }
        // Of a room that lives elsewhere there is no more than this.
        let events: Vec<Map<String, Value>> = serde_json::from_slice(state).map_err(Error::internal)?;
        let is_invite = |event: &Map<String, Value>| {
            event.get("type").is_some_and(|kind| kind == "m.room.member")
                && event.get("state_key").is_some_and(|key| key == self.session.user_id.as_str())
        };
        let Some(mut event) = events.into_iter().find(is_invite) else { return Ok(None) };
        event.insert("room_id".to_owned(), self.app.store.room_id(room)?.to_string().into());
        Ok(Some(Value::Object(event).to_string().into_bytes()))
    }

    /// Adds what was said in a room behind `after`, up to `until`.
    fn stretch(&self, (room, after): (RoomNum, Position), until: Position, chunk: &mut Chunk) -> Result<()> {
        if until <= after {
            return Ok(());
        }
        let filter = RoomEventFilter::default();
        let mut history = self.past(room)?;
        let walked = history.walk(&Stretch {
            from: Point::after(after),
            to: Point::after(until),
            direction: Direction::Forward,
            limit: PAGE,
            selector: EventSelector::new(&filter),
        })?;
        // What was filled in behind others is news for nobody.
        for seen in walked.events.iter().filter(|seen| seen.meta.place == Place::Live) {
            let mut event = Vec::new();
            history.render(&mut event, seen)?;
            chunk.events.push((seen.meta.position, event));
        }
        if let Some(next) = walked.next {
            chunk.until = chunk.until.min(Position(next.anchor.0 - 1));
        }
        Ok(())
    }

    /// Adds what was said in a room that the user is not in.
    fn peek(&self, room: RoomNum, start: SyncToken, chunk: &mut Chunk) -> Result<()> {
        if self.app.store.live().changed_rooms(&[room], start.position).is_empty() {
            return Ok(());
        }
        self.stretch((room, start.position), self.now.position, chunk)
    }

    fn past(&self, room: RoomNum) -> Result<History<'_>> {
        self.app.rooms.past(&self.snapshot, &self.app.users, self.session, room)
    }

    /// Adds who types, receipts and presence.
    fn add_notices(
        &self,
        (touched, feed): (&[RoomNum], &Feed),
        start: SyncToken,
        only: Option<RoomNum>,
        events: &mut Vec<Vec<u8>>,
    ) -> Result<()> {
        for room in touched {
            let room_id = self.app.store.room_id(*room)?;
            let known = Some(start.position).filter(|_| !feed.memberships.contains(room));
            for mut notice in self.ephemeral((*room, &room_id), known)? {
                // Here nothing around it says in which room it is.
                notice.pop();
                notice.extend_from_slice(b",\"room_id\":");
                write_text(&mut notice, room_id.as_str());
                notice.push(b'}');
                events.push(notice);
            }
        }
        if only.is_none() {
            let moved = Moved::among(self.app, &self.snapshot, (touched, feed), start.position)?;
            events.extend(self.presence(&moved, feed)?);
        }
        Ok(())
    }
}
