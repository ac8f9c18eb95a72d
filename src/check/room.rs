//! One room: its head, and its rows by number and position against its events.

use ruma::{OwnedRoomId, room_version_rules::RoomVersionRules};

use super::{Database, Report, report, state::States};
use crate::{
    event,
    ids::{EventNum, Position, RoomNum},
    rooms::{
        rows::{EventMeta, Place, RoomHead},
        timeline::Point,
        view::RoomView,
    },
    store::{
        Family, Read, Snapshot, StoreError,
        keys::{self, KeyBuilder, read_u32, read_u64},
    },
};

/// A room under check.
pub(super) struct Room<'a> {
    pub db: &'a Database<'a>,
    pub number: RoomNum,
    pub id: OwnedRoomId,
    pub rules: &'static RoomVersionRules,
    pub head: RoomHead,
}

impl<'a> Room<'a> {
    /// The room as it is stored.
    pub fn view(&self) -> RoomView<'_, Snapshot<'a>> {
        RoomView::new(&self.db.snapshot, &self.db.trie_key, self.number)
    }

    pub fn place(&self) -> String {
        format!("room {} ({})", self.number, self.id)
    }
}

/// What is counted while a room's events are walked.
#[derive(Default)]
struct Totals {
    events: u64,
    accepted: u64,
    depth: u64,
    tail: Position,
}

/// Checks one room, all but its rows in `index`.
pub(super) fn check(db: &Database<'_>, number: RoomNum, report: &mut Report) -> Result<(), StoreError> {
    let Some(head) = db.row::<RoomHead>(Family::Rooms, &keys::room(number), report)? else {
        return check_absent(db, number, report);
    };
    // A room without a name is told by `check_names`.
    let (Ok(id), Some(rules)) = (db.store.room_id(number), event::rules(&head.version)) else {
        report.wrong(format!("room {number}"), format!("it has no name, or an unknown version: {}", head.version));
        return Ok(());
    };
    let room = Room { db, number, id, rules, head };
    let mut states = States::new(&room);
    let mut totals = Totals::default();
    let mut order = Vec::new();
    for number in (1..room.head.next.0).map(EventNum) {
        let Some((meta, event)) = room.check_event(number, report)? else { continue };
        totals.take(&meta);
        states.note(number, &meta, &event);
        match meta.place {
            Place::Live => order.push((meta.position, number)),
            // What was filled in changes nothing of what the room is.
            Place::Filled(_) => order.push((Position(u64::MAX), number)),
            Place::Outlier => {}
        }
    }
    // As they came: an outlier may have got its place long after its number.
    order.sort_unstable();
    for (_, number) in order {
        let Some(meta) = room.meta(number)? else { continue };
        states.take(number, &meta, report)?;
    }
    states.finish(report)?;
    room.check_head(&totals, report);
    room.check_numbers(&totals, report)?;
    room.check_timeline(&totals, report)?;
    room.check_members(report)?;
    report.count("events", totals.events);
    Ok(())
}

/// A room without a head has no events: this server was never there, or it was purged.
fn check_absent(db: &Database<'_>, room: RoomNum, report: &mut Report) -> Result<(), StoreError> {
    for family in [Family::EventMeta, Family::EventJson, Family::Timeline, Family::Roots, Family::State] {
        let rows = db.count(family, &KeyBuilder::number(room.0).build())?;
        if rows > 0 {
            report.wrong(format!("room {room}"), format!("it has no head, but {rows} rows of {}", family.name()));
        }
    }
    Ok(())
}

impl Totals {
    fn take(&mut self, meta: &EventMeta) {
        self.events += 1;
        if meta.is_visible() {
            self.accepted += 1;
        }
        if meta.is_visible() && meta.place == Place::Live {
            self.depth = self.depth.max(meta.depth);
            self.tail = self.tail.max(meta.position);
        }
    }
}

impl Room<'_> {
    fn check_head(&self, totals: &Totals, report: &mut Report) {
        if self.head.depth != totals.depth {
            let (said, found) = (self.head.depth, totals.depth);
            report.wrong(self.place(), format!("its head says depth {said}, the deepest event has {found}"));
        }
        if self.head.tail < totals.tail || self.head.tail > self.db.snapshot.position() {
            let (said, found) = (self.head.tail, totals.tail);
            report.wrong(self.place(), format!("its head says tail {said}, the last event came at {found}"));
        }
    }

    /// No event has a number that wasn't given out.
    fn check_numbers(&self, totals: &Totals, report: &mut Report) -> Result<(), StoreError> {
        for family in [Family::EventMeta, Family::EventJson] {
            let mut rows = self.db.snapshot.scan_prefix(family, &KeyBuilder::number(self.number.0).build());
            while let Some((key, _)) = rows.next()? {
                let number = read_u64(key, 4).filter(|_| key.len() == 12);
                if number.is_none_or(|number| number == 0 || number >= self.head.next.0) {
                    report.wrong(report::row(family, key), "no event of its room has this number");
                }
            }
        }
        if totals.events + 1 < self.head.next.0 {
            let (events, next) = (totals.events, self.head.next);
            report.wrong(self.place(), format!("{events} sound events are there, but the next number is {next}"));
        }
        Ok(())
    }

    /// Each accepted event stands in the timeline once, where its position says, and nothing else does.
    fn check_timeline(&self, totals: &Totals, report: &mut Report) -> Result<(), StoreError> {
        let mut found = 0;
        let mut rows = self.db.snapshot.scan_prefix(Family::Timeline, &KeyBuilder::number(self.number.0).build());
        while let Some((key, value)) = rows.next()? {
            let parts = (read_u64(key, 4), read_u32(key, 12), read_u64(value, 0));
            let (Some(anchor), Some(sub), Some(number)) = parts else {
                report.wrong(report::row(Family::Timeline, key), "its key or value is malformed");
                continue;
            };
            let Some(meta) = self.meta(EventNum(number))? else {
                report.wrong(report::row(Family::Timeline, key), format!("event {number} is not there"));
                continue;
            };
            let place = || report::event(self.number, EventNum(number));
            if !meta.is_visible() {
                report.wrong(place(), "it was not accepted, but stands in the timeline");
            } else if meta.point() != (Point { anchor: Position(anchor), sub }) {
                report.wrong(place(), format!("it stands in the timeline at {anchor}, but came at {}", meta.position));
            } else {
                found += 1;
            }
        }
        if found != totals.accepted {
            let accepted = totals.accepted;
            report.wrong(self.place(), format!("{accepted} events were accepted, but the timeline has {found}"));
        }
        Ok(())
    }

    /// An event's row, if it is there and sound; if not, `check_event` tells.
    pub fn meta(&self, number: EventNum) -> Result<Option<EventMeta>, StoreError> {
        let bytes = self.db.snapshot.get(Family::EventMeta, &keys::event(self.number, number))?;
        Ok(bytes.and_then(|bytes| crate::store::decode(Family::EventMeta, &bytes).ok()))
    }
}
