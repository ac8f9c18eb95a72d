//! Reading back: the pages of a room's history as one user may see them, and single events of it.
//!
//! Invariant: no event leaves here that the user's `Eyes` don't see; a walk ends after a bounded number of rows,
//! with the point to go on from.

use std::collections::{BTreeMap, HashSet};

use ruma::EventId;
use serde::{Deserialize, Serialize};

use super::{
    Rooms,
    onlooker::Onlooker,
    render::Reader,
    rows::{EventMeta, Membership},
    select::EventSelector,
    timeline::{Direction, Point},
    view::{RoomView, ViewError},
    visibility::{Eyes, HistoryVisibility},
};
use crate::{
    error::{Error, Result},
    event::StoredEvent,
    ids::{EventNum, RoomNum},
    json::ArrayWriter,
    state::trie::NodeHash,
    store::{
        Family, Read, Snapshot,
        keys::{self, read_u32},
    },
    users::{Session, Users},
};

/// Rows that one walk looks at, at the most: a filter may match little.
const MAX_ROWS: usize = 5_000;
/// Rows that are read at once.
const BATCH: usize = 100;
/// A page ends once its events have this many bytes.
const MAX_PAGE_BYTES: usize = 4 << 20;

/// One room's past in the eyes of one user.
pub struct History<'a>(Onlooker<'a>);

/// An event with its row.
pub struct SeenEvent {
    /// Its number.
    pub number: EventNum,
    /// Its row.
    pub meta: EventMeta,
    /// The event.
    pub event: StoredEvent,
}

/// Which part of a room's history somebody wants.
#[derive(Clone, Copy, Debug)]
pub struct Stretch<'a> {
    /// Where to start.
    pub from: Point,
    /// Where to end, at the latest.
    pub to: Point,
    /// Which way.
    pub direction: Direction,
    /// At most so many events.
    pub limit: usize,
    /// Which ones.
    pub selector: EventSelector<'a>,
}

/// Events for one answer, bounded in number and bytes.
pub(super) struct Page {
    pub events: Vec<SeenEvent>,
    limit: usize,
    bytes: usize,
}

/// A name and an avatar, as a member event has them.
#[derive(Debug, Default, Deserialize, Serialize)]
pub struct ProfileThen {
    #[serde(skip_serializing_if = "Option::is_none")]
    displayname: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    avatar_url: Option<String>,
}

/// What came of a walk.
pub struct Walked {
    /// The events, in the order of the walk.
    pub events: Vec<SeenEvent>,
    /// Where to go on; `None` at the end of what there is.
    pub next: Option<Point>,
}

impl Rooms {
    /// The room that an event is in which is here.
    pub fn room_of(&self, snapshot: &Snapshot<'_>, event_id: &EventId) -> Result<Option<RoomNum>> {
        let place = snapshot.get(Family::EventIds, &keys::event_id(event_id.as_str()))?;
        Ok(place.and_then(|row| read_u32(&row, 0)).map(RoomNum))
    }

    /// The room's past for who asks; 404 `M_NOT_FOUND` if nothing is known of the room here.
    pub fn history<'a>(
        &'a self,
        snapshot: &'a Snapshot<'a>,
        users: &Users,
        session: &'a Session,
        room_id: &ruma::RoomId,
    ) -> Result<History<'a>> {
        self.past(snapshot, users, session, self.number(room_id)?)
    }

    /// The same, to page through: 403 `M_FORBIDDEN` for those who are not in the room and were not, unless what is
    /// said there now is for them too.
    pub fn pages<'a>(
        &'a self,
        snapshot: &'a Snapshot<'a>,
        users: &Users,
        session: &'a Session,
        room_id: &ruma::RoomId,
    ) -> Result<History<'a>> {
        let room = self.store.room_num(room_id)?.ok_or_else(no_access)?;
        let history = self.past(snapshot, users, session, room)?;
        history.require_access()?;
        Ok(history)
    }

    /// The past of a room by its number, without a look at who asks.
    pub fn past<'a>(
        &'a self,
        snapshot: &'a Snapshot<'a>,
        users: &Users,
        session: &'a Session,
        room: RoomNum,
    ) -> Result<History<'a>> {
        let view = self.view(snapshot, room);
        let own = view.own(session.user)?.filter(|own| !own.forgotten || own.membership == Membership::Join);
        let reader = Reader {
            user_id: &session.user_id,
            user: session.user,
            device: session.device_id.as_str(),
            now_ms: self.clock.now_ms(),
            with_room_id: true,
        };
        let ignored = self.ignored(snapshot, users, session.user)?;
        Ok(History(Onlooker { view, reader, eyes: Eyes::new(view, &session.user_id, own), ignored }))
    }
}

impl<'a> History<'a> {
    /// The room.
    pub fn view(&self) -> RoomView<'a, Snapshot<'a>> {
        self.0.view
    }

    pub(super) fn onlooker(&mut self) -> &mut Onlooker<'a> {
        &mut self.0
    }

    fn require_access(&self) -> Result<()> {
        let own = self.0.eyes.own();
        if own.is_some_and(|own| own.was_joined()) {
            return Ok(());
        }
        let head = self.view().head()?.ok_or_else(no_access)?;
        match (self.view().history_visibility(head.root())?, own.map(|own| own.membership)) {
            (HistoryVisibility::WorldReadable, _) | (HistoryVisibility::Invited, Some(Membership::Invite)) => Ok(()),
            _ => Err(no_access()),
        }
    }

    /// An event that the user may see; 404 `M_NOT_FOUND` if there is none.
    pub fn event(&mut self, event_id: &EventId) -> Result<SeenEvent> {
        let number = self.view().find(event_id)?.ok_or_else(not_found)?;
        self.look_at(number)?.ok_or_else(not_found)
    }

    /// The same, also if the user ignores who sent it.
    pub(super) fn visible(&mut self, event_id: &EventId) -> Result<SeenEvent> {
        let number = self.view().find(event_id)?.ok_or_else(not_found)?;
        let (meta, event) = (self.view().meta(number)?, self.view().event(number)?);
        if self.0.eyes.see(&meta, &event)? { Ok(SeenEvent { number, meta, event }) } else { Err(not_found()) }
    }

    /// The event, if the user may see it and doesn't ignore who sent it.
    pub fn look_at(&mut self, number: EventNum) -> Result<Option<SeenEvent>, ViewError> {
        let (meta, event) = (self.view().meta(number)?, self.view().event(number)?);
        Ok(self.0.sees(&meta, &event)?.then_some(SeenEvent { number, meta, event }))
    }

    /// Where the history ends for this user: for who has left, behind their leaving, unless all may read on.
    pub fn end(&self) -> Result<Point> {
        let now = self.view().read().position();
        let own = self.0.eyes.own().filter(|own| !matches!(own.membership, Membership::Join | Membership::Invite));
        let Some(until) = own.and_then(|own| own.joined_until) else { return Ok(Point::after(now)) };
        let visibility = match self.view().head()? {
            Some(head) => self.view().history_visibility(head.root())?,
            None => HistoryVisibility::default(),
        };
        Ok(Point::after(if visibility == HistoryVisibility::WorldReadable { now } else { until }))
    }

    /// The event that stands at a point, if there is a gap before it.
    pub fn gap_at(&self, point: Point) -> Result<Option<EventNum>> {
        let Some(number) = self.view().at(point)? else { return Ok(None) };
        Ok(self.view().meta(number)?.gap.then_some(number))
    }

    /// Walks over a stretch of the room's history.
    pub fn walk(&mut self, stretch: &Stretch<'_>) -> Result<Walked> {
        let (start, end) = match stretch.direction {
            Direction::Forward => (stretch.from, stretch.to),
            Direction::Backward => (stretch.to, stretch.from),
        };
        let mut rows = self.view().timeline(start, end, stretch.direction);
        let (mut page, mut left) = (Page::of(stretch.limit), MAX_ROWS);
        loop {
            let wanted = page.room().min(BATCH).min(left);
            if wanted == 0 {
                let next = rows.next()?.map(|(point, _)| before(point, stretch.direction));
                return Ok(Walked { events: page.events, next });
            }
            let (points, numbers) = rows.next_many(wanted)?;
            if numbers.is_empty() {
                return Ok(Walked { events: page.events, next: None });
            }
            left -= numbers.len();
            let read = self.view().read_events(&numbers)?;
            for ((point, number), (meta, event)) in points.into_iter().zip(numbers).zip(read) {
                if page.room() == 0 {
                    let next = Some(before(point, stretch.direction));
                    return Ok(Walked { events: page.events, next });
                }
                let gap = meta.gap && stretch.direction == Direction::Backward;
                if self.0.sees(&meta, &event)? && self.0.wants(&stretch.selector, &meta, &event)? {
                    page.extend(Some(SeenEvent { number, meta, event }));
                }
                if gap {
                    // What lies before it is fetched when somebody wants it.
                    return Ok(Walked { events: page.events, next: Some(point) });
                }
            }
        }
    }

    /// Writes an event as the user gets it, with what relates to it.
    pub fn render(&mut self, out: &mut Vec<u8>, seen: &SeenEvent) -> Result<(), ViewError> {
        self.0.write_bundled(out, &seen.meta, &seen.event)
    }

    /// Writes the events as a JSON array.
    pub fn render_all(&mut self, out: &mut Vec<u8>, events: &[SeenEvent]) -> Result<(), ViewError> {
        out.reserve(events.iter().map(|seen| seen.event.pdu_json().len()).sum());
        let mut array = ArrayWriter::open(out);
        for seen in events {
            self.render(array.item(), seen)?;
        }
        array.close();
        Ok(())
    }

    /// The member events of those who sent `events`, as they were then: a JSON array.
    pub fn render_senders<'e>(&self, events: impl IntoIterator<Item = &'e SeenEvent>) -> Result<Vec<u8>, ViewError> {
        let (mut known, mut written) = (HashSet::new(), HashSet::new());
        let mut out = Vec::new();
        let mut array = ArrayWriter::open(&mut out);
        for seen in events {
            if !known.insert(seen.meta.sender) {
                continue;
            }
            let member = self.view().state_at(NodeHash(seen.meta.after), "m.room.member", &seen.event.sender())?;
            if let Some(number) = member.filter(|number| written.insert(*number)) {
                self.render_state(array.item(), number)?;
            }
        }
        array.close();
        Ok(out)
    }

    /// The names and avatars, as they were then, of those who sent `events`; by their user IDs.
    pub fn profiles_then<'e>(
        &self,
        events: impl IntoIterator<Item = &'e SeenEvent>,
    ) -> Result<BTreeMap<String, ProfileThen>, ViewError> {
        let mut profiles = BTreeMap::new();
        for seen in events {
            let sender = seen.event.sender();
            if !profiles.contains_key(sender.as_ref()) {
                let profile = self.view().state_content(NodeHash(seen.meta.after), "m.room.member", &sender)?;
                profiles.insert(sender.into_owned(), profile.unwrap_or_default());
            }
        }
        Ok(profiles)
    }

    /// Writes a state event as the user gets it.
    pub fn render_state(&self, out: &mut Vec<u8>, number: EventNum) -> Result<(), ViewError> {
        self.0.write_state(out, number)
    }
}

impl Page {
    /// A page of at most so many events.
    pub fn of(limit: usize) -> Self {
        Self { events: Vec::with_capacity(limit.min(64)), limit, bytes: 0 }
    }

    /// Whether no more fits.
    pub fn is_full(&self) -> bool {
        self.room() == 0
    }

    /// How many more may fit.
    fn room(&self) -> usize {
        if self.bytes > MAX_PAGE_BYTES { 0 } else { self.limit.saturating_sub(self.events.len()) }
    }

    /// Adds an event, if there is one.
    pub fn extend(&mut self, event: Option<SeenEvent>) {
        if let Some(event) = event {
            self.bytes += event.event.pdu_json().len();
            self.events.push(event);
        }
    }
}

/// The point from which a walk would meet the event right behind, or right before, `point` next.
pub(super) fn before(point: Point, direction: Direction) -> Point {
    match direction {
        Direction::Forward => point,
        Direction::Backward => point.next(),
    }
}

fn not_found() -> Error {
    Error::not_found("There is no such event in this room, or you may not see it.")
}

fn no_access() -> Error {
    Error::forbidden("You are not in that room, and its history is not for everybody.")
}
