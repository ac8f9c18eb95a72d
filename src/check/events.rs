//! Events by themselves: each parses, hashes to its ID, and names events that are there.

use std::sync::Arc;

use ruma::{CanonicalJsonValue, EventId, OwnedEventId, signatures::content_hash};

use super::{Database, Report, report, room::Room};
use crate::{
    event::{Pdu, StoredEvent, redact_pdu},
    ids::{EventNum, RoomNum},
    rooms::{
        indexes,
        relations::{RelationRows, awaited_key},
        rows::{EventMeta, Place},
    },
    state::trie::EMPTY_ROOT,
    store::{
        Family, Read, StoreError,
        keys::{self, read_u32, read_u64},
    },
};

/// `event_ids`: each row leads to an event of that ID.
pub(super) fn check_ids(db: &Database<'_>, report: &mut Report) -> Result<(), StoreError> {
    let mut rows = db.snapshot.scan(Family::EventIds, &[], &[]);
    while let Some((key, value)) = rows.next()? {
        let (Some(room), Some(number)) = (read_u32(value, 0), read_u64(value, 4)) else {
            report.wrong(report::row(Family::EventIds, key), "its value is malformed");
            continue;
        };
        let (room, number) = (RoomNum(room), EventNum(number));
        let event = db.snapshot.get(Family::EventJson, &keys::event(room, number))?;
        let event = event.and_then(|row| StoredEvent::decode(&row).ok());
        if event.is_none_or(|event| keys::event_id(event.event_id().as_str()).as_slice() != key) {
            let place = report::event(room, number);
            report.wrong(report::row(Family::EventIds, key), format!("it leads to {place}, which has another ID"));
        }
    }
    Ok(())
}

impl Room<'_> {
    /// Checks an event's rows, and returns them if they are sound enough to go on with.
    pub fn check_event(
        &self,
        number: EventNum,
        report: &mut Report,
    ) -> Result<Option<(EventMeta, Arc<Pdu>)>, StoreError> {
        let key = keys::event(self.number, number);
        let place = report::event(self.number, number);
        let meta: Option<EventMeta> = self.db.row(Family::EventMeta, &key, report)?;
        let json = self.db.snapshot.get(Family::EventJson, &key)?;
        let stored = json.as_ref().and_then(|row| StoredEvent::decode(row).ok());
        let (Some(meta), Some(json), Some(stored)) = (meta, json, stored) else {
            report.wrong(place, "its row of event_meta or event_json is missing or malformed");
            return Ok(None);
        };
        let pdu = match self.parse(&stored) {
            Ok(pdu) => pdu,
            Err(why) => {
                report.wrong(place, why);
                return Ok(None);
            }
        };
        if StoredEvent::encode(&pdu) != json {
            report.wrong(&place, "its row of event_json is not what its JSON makes");
        }
        // Another server may have given what redaction had left.
        let is_bare = || redact_pdu(&pdu, self.rules).is_ok_and(|redacted| redacted.json() == pdu.json());
        if meta.redacted_by.is_none() && !content_hash_holds(&pdu) && !is_bare() {
            report.wrong(&place, "its content does not have the hash that it says");
        }
        if pdu.room_id() != self.id {
            report.wrong(&place, format!("it belongs to {}", pdu.room_id()));
        }
        self.check_meta(number, &meta, &pdu, report)?;
        self.check_rows(number, &meta, &pdu, report)?;
        Ok(Some((meta, Arc::new(pdu))))
    }

    /// The event out of its bytes, whose hash is its ID.
    fn parse(&self, stored: &StoredEvent) -> Result<Pdu, String> {
        let text = str::from_utf8(stored.pdu_json()).map_err(|_| "it is not UTF-8".to_owned())?;
        let parsed = Pdu::parse(text, self.rules).map_err(|error| format!("it does not parse: {error}"))?;
        if parsed.event_id() != stored.event_id() {
            return Err(format!("it hashes to {}, but its ID is {}", parsed.event_id(), stored.event_id()));
        }
        Ok(parsed)
    }

    fn check_meta(&self, number: EventNum, meta: &EventMeta, pdu: &Pdu, report: &mut Report) -> Result<(), StoreError> {
        let place = report::event(self.number, number);
        if self.find(pdu.event_id())? != Some(number) {
            report.wrong(&place, "event_ids does not lead to it");
        }
        if !self.edges_lead_back(number, pdu.auth_events(), &meta.auth)? {
            report.wrong(&place, "its auth events are not those that event_meta names, all before it");
        }
        if !self.edges_lead_on(pdu.prev_events(), meta)? {
            report.wrong(&place, "its previous events are not those that event_meta names, but for a gap");
        }
        if meta.depth != pdu.depth() {
            report.wrong(&place, format!("event_meta says depth {}, the event {}", meta.depth, pdu.depth()));
        }
        if self.db.store.user_num(pdu.sender())? != Some(meta.sender) {
            report.wrong(&place, format!("event_meta says that user {} sent it", meta.sender));
        }
        if meta.place == Place::Outlier {
            let nothing = [meta.before, meta.after] == [EMPTY_ROOT.0; 2] && meta.position.0 == 0;
            if !nothing {
                report.wrong(&place, "it is known only for what others cite it for, but has a place");
            }
        } else if (meta.position.0 == 0 && meta.place == Place::Live) || meta.position > self.db.snapshot.position() {
            report.wrong(&place, format!("its position {} was never given out", meta.position));
        } else if meta.place == Place::Live && meta.position >= self.db.log_start {
            self.check_log_row(number, meta, report)?;
        }
        if let Some(by) = meta.redacted_by
            && !self.redacts(by, pdu.event_id())?
        {
            report.wrong(&place, format!("event {by}, which is to have redacted it, does not"));
        }
        Ok(())
    }

    fn check_log_row(&self, number: EventNum, meta: &EventMeta, report: &mut Report) -> Result<(), StoreError> {
        use crate::store::LogEntry;
        let entry: Option<LogEntry> = self.db.row(Family::Log, &keys::log(meta.position), report)?;
        if entry != Some(LogEntry::Event(self.number, number)) {
            report.wrong(report::event(self.number, number), format!("the log at {} is not about it", meta.position));
        }
        Ok(())
    }

    /// An accepted event has its rows in `index`, and what it relates to knows of it. A redacted redaction may have had
    /// more than can be told now.
    fn check_rows(&self, number: EventNum, meta: &EventMeta, pdu: &Pdu, report: &mut Report) -> Result<(), StoreError> {
        if !meta.is_visible() {
            return Ok(());
        }
        for (key, value) in indexes::event_rows(self.number, pdu, number, meta) {
            let found = self.db.snapshot.get(Family::Index, &key)?;
            if found.is_none_or(|found| found != value) {
                let row = report::row(Family::Index, &key);
                report.wrong(report::event(self.number, number), format!("its {row} is missing or another"));
            }
        }
        match RelationRows::of(pdu) {
            Some(relation) => self.check_parent(number, &relation, report),
            None => Ok(()),
        }
    }

    fn check_parent(&self, number: EventNum, relation: &RelationRows, report: &mut Report) -> Result<(), StoreError> {
        let known = match self.find_by_hash(relation.parent())? {
            Some(parent) => self.meta(parent)?.map(|meta| meta.children),
            None => self.db.row(Family::Index, &awaited_key(self.number, relation.parent()), report)?,
        };
        if !known.unwrap_or_default().contains(relation.kind()) {
            report.wrong(report::event(self.number, number), "what it relates to does not know of it");
        }
        Ok(())
    }

    fn edges_lead_back(&self, from: EventNum, ids: &[OwnedEventId], numbers: &[EventNum]) -> Result<bool, StoreError> {
        if ids.len() != numbers.len() {
            return Ok(false);
        }
        for (id, number) in ids.iter().zip(numbers) {
            if *number >= from || self.find(id)? != Some(*number) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The previous events that are named are some of the event's; without a gap all of them are.
    fn edges_lead_on(&self, ids: &[OwnedEventId], meta: &EventMeta) -> Result<bool, StoreError> {
        if meta.place == Place::Outlier {
            return Ok(meta.prev.is_empty());
        }
        let mut named = 0;
        for id in ids {
            let number = self.find(id)?;
            named += usize::from(number.is_some_and(|number| meta.prev.contains(&number)));
        }
        Ok(named == meta.prev.len() && (meta.gap || named == ids.len()))
    }

    fn redacts(&self, redaction: EventNum, target: &EventId) -> Result<bool, StoreError> {
        let accepted = self.meta(redaction)?.is_some_and(|meta| meta.is_visible());
        // Behind a redaction stands its target still, even where its own content was redacted.
        let key = indexes::redaction_key(self.number, target, redaction);
        Ok(accepted && self.db.snapshot.get(Family::Index, &key)?.is_some())
    }

    fn find(&self, id: &EventId) -> Result<Option<EventNum>, StoreError> {
        self.find_by_hash(&keys::event_id(id.as_str()))
    }

    fn find_by_hash(&self, hash: &[u8]) -> Result<Option<EventNum>, StoreError> {
        let row = self.db.snapshot.get(Family::EventIds, hash)?;
        Ok(row.and_then(|row| (read_u32(&row, 0)? == self.number.0).then_some(EventNum(read_u64(&row, 4)?))))
    }
}

fn content_hash_holds(pdu: &Pdu) -> bool {
    let Ok(object) = pdu.to_object() else { return false };
    let said = object.get("hashes").and_then(CanonicalJsonValue::as_object).and_then(|hashes| hashes.get("sha256"));
    let Some(said) = said.and_then(CanonicalJsonValue::as_str) else { return false };
    content_hash(&object).is_ok_and(|hash| hash.encode().trim_end_matches('=') == said.trim_end_matches('='))
}
