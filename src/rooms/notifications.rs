//! What a user has been notified of, newest first, over all of their rooms (client-server API, "Listing Notifications").
//! Found by looking, as counts are: nothing is written for it.
//!
//! Invariant: a page looks at a bounded number of events, and says where to go on.

use std::{
    cmp::Ordering,
    collections::{BinaryHeap, HashMap, hash_map::Entry},
    sync::Arc,
};

use ruma::{OwnedRoomId, push::Action};
use serde::Serialize;
use serde_json::value::RawValue;

use super::{
    Rooms,
    onlooker::Onlooker,
    render::Reader,
    rows::{Membership, OwnRoom},
    timeline::{Direction, Point, Timeline},
    unread::ReadUpTo,
    view::own_rooms,
    visibility::Eyes,
};
use crate::{
    error::{Error, Result},
    ids::{EventNum, Position, RoomNum},
    push::Reaction,
    store::Snapshot,
    users::{Attention, Session},
};

/// Events that one page looks at, at the most.
const MAX_LOOKED_AT: usize = 5_000;

/// Which notifications are wanted.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    /// Only older ones than what was published here.
    pub before: Position,
    /// At most so many.
    pub limit: usize,
    /// Only those with a highlight.
    pub highlights: bool,
}

/// A page of notifications.
#[derive(Debug, Default)]
pub struct Page {
    /// The notifications, newest first.
    pub notifications: Vec<Notification>,
    /// Where to go on; `None` at the end.
    pub next: Option<Position>,
}

/// Something that a user has been notified of.
#[derive(Debug, Serialize)]
pub struct Notification {
    /// What the rule says is to be done.
    pub actions: Vec<Action>,
    /// The event.
    pub event: Box<RawValue>,
    /// Whether a receipt says that the user has read it.
    pub read: bool,
    /// The room.
    pub room_id: OwnedRoomId,
    /// When it was sent, in ms.
    pub ts: u64,
}

/// A room on the way back through time, by where its next event stands.
struct Next<'a> {
    position: Position,
    room: RoomNum,
    /// The event, once it was looked up.
    event: Option<EventNum>,
    rest: Rest<'a>,
}

/// What else there is of a room.
enum Rest<'a> {
    /// Not looked up yet.
    Unopened,
    Open(Timeline<'a>),
    /// An invite is one event.
    Nothing,
}

impl PartialEq for Next<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Next<'_> {}

impl PartialOrd for Next<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Next<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.position, self.room).cmp(&(other.position, other.room))
    }
}

/// One user's walk back.
struct Walk<'a> {
    rooms: &'a Rooms,
    snapshot: &'a Snapshot<'a>,
    session: &'a Session,
    attention: Arc<Attention>,
    own: HashMap<RoomNum, OwnRoom>,
    read: HashMap<RoomNum, ReadUpTo>,
    highlights: bool,
}

impl Rooms {
    /// The newest notifications of a user.
    pub fn notifications(&self, session: &Session, wanted: Wanted) -> Result<Page> {
        let snapshot = self.store.snapshot();
        let mut walk = Walk {
            rooms: self,
            snapshot: &snapshot,
            session,
            attention: self.users.attention(&snapshot, session.user)?,
            own: own_rooms(&snapshot, session.user)?.iter().cloned().collect(),
            read: HashMap::new(),
            highlights: wanted.highlights,
        };
        let mut ahead = walk.start(wanted.before)?;
        let mut page = Page::default();
        let mut looked_at = 0;
        while page.notifications.len() < wanted.limit && looked_at < MAX_LOOKED_AT {
            let Some(next) = ahead.pop() else {
                page.next = None;
                break;
            };
            if let Some(number) = next.event {
                looked_at += 1;
                page.next = Some(next.position);
                page.notifications.extend(walk.notification(next.room, number)?);
            }
            ahead.extend(walk.step(next, wanted.before)?);
        }
        Ok(page)
    }
}

impl<'a> Walk<'a> {
    /// The ends of all rooms that the user is in or invited to. None of them is opened yet: most pages need few.
    fn start(&self, before: Position) -> Result<BinaryHeap<Next<'a>>> {
        let mut ahead = BinaryHeap::new();
        for (room, own) in &self.own {
            let (position, event, rest) = match own.membership {
                Membership::Join => {
                    let head = self.rooms.view(self.snapshot, *room).head()?;
                    (head.map(|head| head.tail).unwrap_or_default().min(before), None, Rest::Unopened)
                }
                Membership::Invite if own.since < before => (own.since, own.event, Rest::Nothing),
                _ => continue,
            };
            ahead.push(Next { position, room: *room, event, rest });
        }
        Ok(ahead)
    }

    /// The room's event before `at`, back to where the user joined.
    fn step(&self, at: Next<'a>, before: Position) -> Result<Option<Next<'a>>> {
        let mut timeline = match at.rest {
            Rest::Nothing => return Ok(None),
            Rest::Open(timeline) => timeline,
            Rest::Unopened => {
                let joined = self.own.get(&at.room).map(|own| own.since).unwrap_or_default();
                let end = Point::after(Position(before.0.saturating_sub(1)));
                let view = self.rooms.view(self.snapshot, at.room);
                view.timeline(Point::after(joined), end, Direction::Backward)
            }
        };
        while let Some((point, number)) = timeline.next()? {
            // What was fetched later is history.
            if point.sub == u32::MAX {
                let rest = Rest::Open(timeline);
                return Ok(Some(Next { position: point.anchor, room: at.room, event: Some(number), rest }));
            }
        }
        Ok(None)
    }

    /// What the user was notified of by an event, if they were.
    fn notification(&mut self, room: RoomNum, number: EventNum) -> Result<Option<Notification>> {
        let view = self.rooms.view(self.snapshot, room);
        let meta = view.meta(number)?;
        let event = view.event(number)?;
        let facts = self.rooms.facts(&view, number, (&meta, event.clone()))?;
        if !facts.may_notify(&self.attention) {
            return Ok(None);
        }
        let reaction = self.rooms.reaction(&view, &self.attention, number)?;
        let wanted = |reaction: &&Reaction| reaction.notify && (reaction.highlight || !self.highlights);
        let Some(actions) = reaction.filter(wanted).map(|reaction| reaction.actions.clone()) else { return Ok(None) };
        let own = self.own.get(&room).cloned();
        // Who is invited sees their invite, if nothing else of the room.
        let invited = own.as_ref().is_some_and(|own| own.membership == Membership::Invite);
        let mut onlooker = Onlooker {
            view,
            reader: self.reader(),
            eyes: Eyes::new(view, &self.session.user_id, own),
            ignored: self.attention.ignored(),
        };
        if !invited && !onlooker.sees(&meta, &event)? {
            return Ok(None);
        }
        let ts = event.origin_server_ts();
        let mut json = Vec::with_capacity(512);
        onlooker.write_bundled(&mut json, &meta, &event)?;
        let rendered = serde_json::from_slice(&json).map_err(Error::internal)?;
        let read = match self.read.entry(room) {
            Entry::Occupied(read) => read.into_mut(),
            Entry::Vacant(read) => read.insert(ReadUpTo::read(&view, self.session.user)?),
        };
        let read = meta.position <= read.of(facts.thread.as_deref());
        let room_id = self.snapshot.store().room_id(room)?;
        Ok(Some(Notification { actions, event: rendered, read, room_id, ts }))
    }

    fn reader(&self) -> Reader<'a> {
        Reader {
            user_id: &self.session.user_id,
            user: self.session.user,
            device: self.session.device_id.as_str(),
            now_ms: self.rooms.clock.now_ms(),
            with_room_id: false,
        }
    }
}
