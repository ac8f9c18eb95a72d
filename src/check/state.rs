//! A room's states: every snapshot is whole, and each follows from the events before it.
//!
//! The room is replayed in the order in which its events came: the state before an event is that of the events it
//! follows, or what theirs resolve to; the current state moves with the extremities.

use std::collections::HashMap;

use super::{Report, report, room::Room};
use crate::{
    event::Pdu,
    ids::EventNum,
    rooms::{
        extremities::overtaken,
        replay::Replay,
        rows::{EventMeta, Place, Verdict},
    },
    state::trie::{EMPTY_ROOT, NodeHash, Path, Verified},
    store::{
        Family, Read, StoreError,
        keys::{self, KeyBuilder, read_u64},
    },
};

/// The states of a room, as far as its events were taken.
pub(super) struct States<'a> {
    room: &'a Room<'a>,
    /// Where each state event stands that was not rejected.
    paths: HashMap<EventNum, Path>,
    verified: Verified,
    /// The forward extremities and the states after them, oldest first.
    tips: Vec<(EventNum, NodeHash)>,
    current: NodeHash,
    /// Rows of `roots` that there have to be.
    changes: u64,
    /// Something is broken that the rest can't be replayed without, or needn't come out the same without:
    /// redaction may take from a state event what decided a resolution.
    lost: bool,
}

impl<'a> States<'a> {
    pub fn new(room: &'a Room<'a>) -> Self {
        Self {
            room,
            paths: HashMap::new(),
            verified: Verified::default(),
            tips: Vec::new(),
            current: EMPTY_ROOT,
            changes: 0,
            lost: false,
        }
    }

    /// Notes where an event stands in the state, before any event is taken.
    pub fn note(&mut self, number: EventNum, meta: &EventMeta, pdu: &Pdu) {
        let path = pdu.state_key().map(|key| self.room.db.trie_key.path(pdu.type_str(), key));
        self.paths.extend(path.filter(|_| meta.verdict != Verdict::Rejected).map(|path| (number, path)));
    }

    /// The room's next event.
    pub fn take(&mut self, number: EventNum, meta: &EventMeta, report: &mut Report) -> Result<(), StoreError> {
        let (before, after) = (NodeHash(meta.before), NodeHash(meta.after));
        let path = self.paths.get(&number).copied();
        let whole = self.verify(before, number, report) && self.verify(after, number, report);
        self.lost |= !whole || (path.is_some() && meta.redacted_by.is_some());
        if whole {
            self.check_step(number, meta, path, report);
        }
        self.move_on(number, meta, report)
    }

    /// All events were taken: what the room's head says is what came out.
    pub fn finish(mut self, report: &mut Report) -> Result<(), StoreError> {
        let head = &self.room.head;
        let tips: Vec<EventNum> = self.tips.iter().map(|(tip, _)| *tip).collect();
        if head.extremities != tips {
            let said = &head.extremities;
            let what = format!("its head says extremities {said:?}, but nothing accepted follows {tips:?}");
            report.wrong(self.room.place(), what);
        }
        self.verify(head.root(), head.next, report);
        if !self.lost && head.root() != self.current {
            let what = format!("its head says state {:?}, its events make {:?}", head.root(), self.current);
            report.wrong(self.room.place(), what);
        }
        self.check_last_root(report)?;
        self.check_nodes(report)
    }

    /// Whether a snapshot is whole: no node is missing, and each entry is an event's at its own place.
    fn verify(&mut self, root: NodeHash, number: EventNum, report: &mut Report) -> bool {
        let mut strange = None;
        let paths = &self.paths;
        let view = self.room.view();
        let outcome = view.state(root).verify(&mut self.verified, |(path, event)| {
            if paths.get(event) != Some(path) {
                strange = Some(*event);
            }
        });
        let place = || format!("{}, state {root:?}", report::event(self.room.number, number));
        if let Err(error) = &outcome {
            report.wrong(place(), error);
        }
        if let Some(event) = strange {
            report.wrong(place(), format!("event {event} stands in it where no such event belongs"));
        }
        outcome.is_ok() && strange.is_none()
    }

    /// The states before and after an event fit each other and the events that it follows.
    fn check_step(&mut self, number: EventNum, meta: &EventMeta, path: Option<Path>, report: &mut Report) {
        let place = report::event(self.room.number, number);
        let (before, after) = (NodeHash(meta.before), NodeHash(meta.after));
        let effective = path.filter(|_| meta.verdict != Verdict::Rejected);
        let expected = match effective {
            Some(path) => self.replay().set(before, path, number),
            None => Ok(before),
        };
        match expected {
            Ok(expected) if expected == after => {}
            _ => report.wrong(&place, format!("the state after it is {after:?}, which is not what it makes")),
        }
        let view = self.room.view();
        let replaced = effective.map(|path| view.state(before).get(&path)).transpose();
        if replaced.is_ok_and(|replaced| replaced.flatten() != meta.replaces) {
            report.wrong(&place, "event_meta names another event that it replaces");
        }
        // Before a gap is what another server told.
        match self.behind(number, meta) {
            Some(expected) if expected != before && !meta.gap => {
                report
                    .wrong(&place, format!("the state before it is {before:?}, its previous events make {expected:?}"));
            }
            _ => {}
        }
    }

    /// The state behind some events; `None` if it can't be told any more.
    fn behind(&self, number: EventNum, meta: &EventMeta) -> Option<NodeHash> {
        let prev = &meta.prev;
        if meta.gap {
            return None;
        }
        if meta.place == Place::Live
            && prev.len() == self.tips.len()
            && self.tips.iter().all(|(tip, _)| prev.contains(tip))
        {
            return (!self.lost).then_some(self.current);
        }
        let after = |event: &EventNum| Some(NodeHash(self.room.meta(*event).ok()??.after));
        let roots = prev.iter().map(after).collect::<Option<Vec<_>>>()?;
        self.resolve(&roots, number.max(self.room.head.next))
    }

    fn resolve(&self, roots: &[NodeHash], next: EventNum) -> Option<NodeHash> {
        match roots {
            [] => Some(EMPTY_ROOT),
            [root, rest @ ..] if rest.iter().all(|other| other == root) => Some(*root),
            _ if self.lost => None,
            _ => self.replay().resolve(roots, next).ok(),
        }
    }

    /// Moves the extremities and the current state, and looks for the row that says so.
    fn move_on(&mut self, number: EventNum, meta: &EventMeta, report: &mut Report) -> Result<(), StoreError> {
        if meta.verdict != Verdict::Accepted || meta.place != Place::Live {
            return Ok(());
        }
        let oldest = self.tips.iter().map(|(tip, _)| *tip).min().unwrap_or_default();
        // An event whose row can't be read was told by itself.
        let overtaken = overtaken(&meta.prev, oldest, |event| self.room.meta(event).ok().flatten().ok_or(()));
        let overtaken = overtaken.unwrap_or_else(|()| meta.prev.iter().copied().collect());
        self.tips.retain(|(tip, _)| !overtaken.contains(tip));
        self.tips.push((number, NodeHash(meta.after)));
        let roots: Vec<NodeHash> = self.tips.iter().map(|(_, root)| *root).collect();
        let key = keys::room_position(self.room.number, meta.position);
        let row = self.room.db.snapshot.get(Family::Roots, &key)?;
        let stored = row.and_then(|row| row.as_ref().try_into().ok()).map(NodeHash);
        self.changes += u64::from(stored.is_some());
        let next = self.room.head.next;
        let Some(current) = self.resolve(&roots, next) else {
            // What can't be worked out is taken as it is stored.
            self.current = stored.unwrap_or(self.current);
            return Ok(());
        };
        if stored != (current != self.current).then_some(current) {
            let what = format!("roots has {stored:?} where the current state became {current:?}");
            report.wrong(report::event(self.room.number, number), what);
        }
        self.current = current;
        Ok(())
    }

    /// The last row of `roots` is what the head says, and there are no rows but those of events.
    fn check_last_root(&self, report: &mut Report) -> Result<(), StoreError> {
        let (mut rows, mut last) = (0, EMPTY_ROOT.0.to_vec());
        let prefix = KeyBuilder::number(self.room.number.0).build();
        let mut scan = self.room.db.snapshot.scan_prefix(Family::Roots, &prefix);
        while let Some((key, value)) = scan.next()? {
            if read_u64(key, 4).is_none_or(|position| position > self.room.db.snapshot.position().0) {
                report.wrong(report::row(Family::Roots, key), "its position was never given out");
            }
            rows += 1;
            last = value.to_vec();
        }
        if last != self.room.head.state {
            report.wrong(self.room.place(), "the last row of roots is not the state that its head says");
        }
        if rows != self.changes {
            let what = format!("roots has {rows} rows, but its events explain {}", self.changes);
            report.wrong(self.room.place(), what);
        }
        report.count("states", rows);
        Ok(())
    }

    /// The bytes of every stored node hash to its name.
    fn check_nodes(&self, report: &mut Report) -> Result<(), StoreError> {
        let prefix = KeyBuilder::number(self.room.number.0).build();
        let mut rows = self.room.db.snapshot.scan_prefix(Family::State, &prefix);
        let mut unused = 0;
        while let Some((key, value)) = rows.next()? {
            let hash = self.room.db.trie_key.node_hash(value);
            if key[prefix.len()..] != hash.0 {
                report.wrong(report::row(Family::State, key), format!("this state node hashes to {hash:?}"));
            }
            unused += u64::from(!self.verified.contains(&hash));
        }
        report.count("state nodes", self.verified.len() as u64);
        if unused > 0 {
            // Left behind by work that a crash ended: harmless.
            report.count("unused state nodes", unused);
        }
        Ok(())
    }

    fn replay(&self) -> Replay<'_> {
        let Room { db, number, id, rules, .. } = self.room;
        Replay { store: db.store, trie_key: &db.trie_key, room: *number, room_id: id, rules }
    }
}
