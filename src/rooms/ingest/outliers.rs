//! Events that are known only for what others cite them for: the auth events of others, and the state that another
//! server tells.
//!
//! Invariant: an event gets its number after each of its auth events has one.

use std::{collections::HashMap, sync::Arc};

use ruma::{EventId, OwnedEventId, events::StateEventType};

use super::gaps::in_order;
use crate::{
    error::Result,
    event::{Pdu, StoredEvent},
    ids::{EventNum, Position},
    rooms::{
        RoomGuard,
        ahead::Nodes,
        place::{Given, is_state},
        relations::Kinds,
        rows::{EventMeta, Place, Verdict},
        view::ViewError,
    },
    state::{
        auth,
        trie::{self, EMPTY_ROOT},
    },
    store::{Commit, Family, LogEntry, keys},
};

/// Bytes of events that are committed at once.
const SLICE: usize = 2 << 20;

/// An event and its number.
type Known = (EventNum, Arc<Pdu>);

/// Checked events, each behind its auth events among them.
pub(in crate::rooms) struct Authorities(Vec<Arc<Pdu>>);

impl Authorities {
    /// Of any number of events in any order.
    pub fn new(events: impl IntoIterator<Item = Arc<Pdu>>) -> Self {
        Self(in_order(events.into_iter().collect(), Pdu::auth_events))
    }
}

impl RoomGuard<'_> {
    /// Keeps events that are not here yet, each with what its auth events say of it. Those whose auth events are not to
    /// be had are left out.
    pub(in crate::rooms) fn keep(&mut self, authorities: &Authorities) -> Result<()> {
        let create = authorities.0.iter().find(|event| event.type_str() == "m.room.create").cloned();
        let create = match create {
            Some(create) => Some(create),
            None => self.state_event("m.room.create", "")?,
        };
        let mut judged: HashMap<OwnedEventId, Known> = HashMap::new();
        let mut slice = Slice::default();
        for event in &authorities.0 {
            if self.with_view(|view| view.find(event.event_id()))?.is_some() {
                continue;
            }
            let Some(cited) = self.cited(event, &judged)? else { continue };
            let is_allowed = self.allowed_by(event, &cited, create.as_ref());
            let number = EventNum(self.head().next.0 + slice.rows.len() as u64);
            judged.insert(event.event_id().clone(), (number, Arc::new((**event).clone().with_rejected(!is_allowed))));
            let verdict = if is_allowed { Verdict::Accepted } else { Verdict::Rejected };
            slice.bytes += event.json().len();
            slice.rows.push((event.clone(), verdict, cited.iter().map(|(number, _)| *number).collect()));
            if slice.bytes > SLICE {
                self.commit_outliers(std::mem::take(&mut slice))?;
            }
        }
        self.commit_outliers(slice)
    }

    /// The auth events of an event, if they are all here.
    fn cited(&self, event: &Pdu, judged: &HashMap<OwnedEventId, Known>) -> Result<Option<Vec<Known>>, ViewError> {
        let find = |id: &OwnedEventId| match judged.get(id) {
            Some(known) => Ok(Some(known.clone())),
            None => self.with_view(|view| view.find(id))?.map(|number| Ok((number, self.judged(number)?))).transpose(),
        };
        event.auth_events().iter().map(find).collect()
    }

    fn allowed_by(&self, event: &Pdu, cited: &[Known], create: Option<&Arc<Pdu>>) -> bool {
        let known = || cited.iter().map(|(_, event)| event).chain(create);
        let by_id = |id: &EventId| known().find(|event| event.event_id() == id).cloned();
        let by_key =
            |event_type: &StateEventType, key: &str| known().find(|event| is_state(event, event_type, key)).cloned();
        auth::check_independent(self.rules(), event, by_id).is_ok()
            && auth::check_dependent(self.rules(), event, by_key).is_ok()
    }

    fn commit_outliers(&mut self, slice: Slice) -> Result<()> {
        if slice.rows.is_empty() {
            return Ok(());
        }
        let room = self.number();
        let mut head = self.head().clone();
        let mut commit = Commit::new(LogEntry::Housekeeping);
        for (event, verdict, auth) in slice.rows {
            let number = head.next;
            head.next = EventNum(number.0 + 1);
            let awaiting = crate::rooms::relations::awaiting(self, event.event_id())?;
            let meta = EventMeta {
                verdict,
                place: Place::Outlier,
                position: Position(0),
                depth: event.depth(),
                sender: self.rooms.store.intern_user(event.sender())?,
                before: EMPTY_ROOT.0,
                after: EMPTY_ROOT.0,
                replaces: None,
                prev: Vec::new(),
                gap: false,
                vouched: false,
                auth,
                redacted_by: None,
                children: awaiting.as_ref().map_or_else(Kinds::default, |(_, kinds)| *kinds),
                transaction: None,
            };
            let place = [&room.0.to_be_bytes()[..], &number.0.to_be_bytes()[..]].concat();
            commit
                .put(Family::EventIds, keys::event_id(event.event_id().as_str()), place)
                .put_row(Family::EventMeta, keys::event(room, number), &meta)
                .put(Family::EventJson, keys::event(room, number), StoredEvent::encode(&event));
            if let Some((key, _)) = awaiting {
                commit.delete(Family::Index, key);
            }
        }
        head.sequence += 1;
        commit.put_row(Family::Rooms, keys::room(room), &head);
        // Not awaited: what builds on them lands behind them.
        let _ = self.rooms.store.commit(|_| commit);
        self.slot_mut().head = head;
        Ok(())
    }

    /// The state that another server tells, of events that are here. Rejected ones, and what is no state, are left out.
    pub(in crate::rooms) fn given<'i>(&self, ids: impl IntoIterator<Item = &'i OwnedEventId>) -> Result<Given> {
        let mut entries = Vec::new();
        for id in ids {
            let Some(number) = self.with_view(|view| view.find(id))? else { continue };
            let event = self.judged(number)?;
            if let Some(key) = event.state_key().filter(|_| !event.rejected()) {
                entries.push((self.rooms.trie_key.path(event.type_str(), key), number));
            }
        }
        // Of two events for one place there is to be one; which one is the other server's mistake.
        entries.sort_unstable();
        entries.dedup_by_key(|(path, _)| *path);
        let mut nodes = Nodes::default();
        let root = nodes.keep(trie::build(&self.rooms.trie_key, entries));
        Ok(Given { root, nodes })
    }
}

/// Events that are committed together: each with its verdict and the numbers of its auth events.
#[derive(Default)]
struct Slice {
    rows: Vec<(Arc<Pdu>, Verdict, Vec<EventNum>)>,
    bytes: usize,
}
