//! The only place that writes an event: the event, its edges, the state after it, the indexes, the position
//! and the log row are one commit.

use std::sync::Arc;

use ruma::{CanonicalJsonObject, EventId, OwnedEventId, OwnedRoomId, OwnedUserId, RoomVersionId};

use super::{
    RoomGuard, Rooms,
    guard::StateEntry,
    indexes::Effects,
    place::{Given, Placement},
    rows::{EventMeta, Place, Verdict},
    timeline::Point,
    transactions::Request,
    view::{RoomView, ViewError},
};
use crate::{
    error::{Error, Result},
    event::{self, Draft, DraftRoom, FormatError, Pdu, Seal, StoredEvent},
    ids::{EventNum, Position, RoomNum},
    state::auth,
    store::{Commit, Family, Latest, LogEntry, Notice, Ticket, keys},
};

/// An event follows no more than this many others (server-server API, "PDUs").
const MAX_PREV_EVENTS: usize = 20;

/// What somebody here wants to send.
#[derive(Clone, Debug)]
pub struct NewEvent {
    /// Who.
    pub sender: OwnedUserId,
    /// The type.
    pub event_type: String,
    /// The state key, of a state event.
    pub state_key: Option<String>,
    /// The content.
    pub content: CanonicalJsonObject,
    /// What an `m.room.redaction` redacts.
    pub redacts: Option<OwnedEventId>,
    /// What asked for it, which is to have it once.
    pub request: Option<Request>,
    /// `origin_server_ts` in ms, where it isn't now.
    pub timestamp: Option<u64>,
}

impl NewEvent {
    /// A state event.
    pub fn state(
        sender: impl Into<OwnedUserId>,
        event_type: impl Into<String>,
        state_key: impl Into<String>,
        content: CanonicalJsonObject,
    ) -> Self {
        Self { state_key: Some(state_key.into()), ..Self::message(sender, event_type, content) }
    }

    /// An event that is not state.
    pub fn message(
        sender: impl Into<OwnedUserId>,
        event_type: impl Into<String>,
        content: CanonicalJsonObject,
    ) -> Self {
        Self {
            sender: sender.into(),
            event_type: event_type.into(),
            state_key: None,
            content,
            redacts: None,
            request: None,
            timestamp: None,
        }
    }
}

/// An event that was appended.
#[must_use = "it may not be on disk yet: await its ticket"]
pub struct Appended {
    /// The event.
    pub pdu: Arc<Pdu>,
    /// Its number.
    pub number: EventNum,
    /// What came of its checks.
    pub verdict: Verdict,
    /// Tells when it is on disk.
    pub ticket: Ticket,
}

impl Appended {
    /// Returns the event's ID once it is on disk.
    pub async fn durable(self) -> Result<OwnedEventId> {
        self.ticket.durable().await?;
        Ok(self.pdu.event_id().clone())
    }
}

/// How an event of another server came.
#[derive(Debug, Default)]
pub(super) struct Received {
    /// The state behind those of its previous events that are not here.
    pub given: Option<Given>,
    /// Where it is filled in before a gap; else it is new.
    pub anchor: Option<Point>,
    /// Whether this server is to tell others of it.
    pub vouched: bool,
}

/// What a commit notes of an event beside its place in the DAG.
#[derive(Default)]
struct Landing {
    gap: bool,
    vouched: bool,
    anchor: Option<Point>,
    request: Option<Request>,
}

impl Rooms {
    /// Makes a room with its create event, and takes it.
    pub(super) async fn begin(
        &self,
        version: RoomVersionId,
        room_id: Option<OwnedRoomId>,
        create: NewEvent,
    ) -> Result<(RoomGuard<'_>, Appended)> {
        let rules = event::rules(&version)
            .ok_or_else(|| Error::bad_request("M_UNSUPPORTED_ROOM_VERSION", "This room version is not supported."))?;
        let room = match room_id {
            Some(room_id) => DraftRoom::Existing(room_id),
            None => DraftRoom::New { nonce: self.randomness.bytes() },
        };
        let seal = Seal {
            rules,
            prev_events: &[],
            auth_events: &[],
            depth: 1,
            key: &self.signing_key,
            server_name: &self.server_name,
        };
        let pdu = Arc::new(create.draft(room, self.clock.now_ms()).seal(seal).map_err(format_error)?);
        auth::check_independent(rules, &pdu, |_| None)
            .map_err(|denied| Error::bad_request("M_INVALID_ROOM_STATE", denied.to_string()))?;
        let number = self.store.intern_room(pdu.room_id())?;
        let mut guard = RoomGuard::lock_new(self, number, version).await?;
        let placed = guard.place_own(&pdu, Vec::new(), &[]);
        let appended = placed.and_then(|placement| guard.commit(pdu, placement, Landing::default()));
        match appended {
            Ok(appended) => Ok((guard, appended)),
            Err(error) => {
                guard.abandon();
                Err(error)
            }
        }
    }

    /// Appends an event to a room, and returns its ID once it is on disk.
    pub async fn send(&self, room: RoomNum, event: NewEvent) -> Result<OwnedEventId> {
        let appended = self.lock(room).await?.append(event)?;
        appended.durable().await
    }
}

impl NewEvent {
    fn draft(self, room: DraftRoom, now_ms: u64) -> Draft {
        Draft {
            room,
            sender: self.sender,
            event_type: self.event_type,
            state_key: self.state_key,
            content: self.content,
            redacts: self.redacts,
            origin_server_ts: self.timestamp.unwrap_or(now_ms),
        }
    }
}

impl RoomGuard<'_> {
    /// Appends an event of a user of this server behind the extremities.
    ///
    /// # Errors
    /// 403 `M_FORBIDDEN` if the auth rules deny it; 413 `M_TOO_LARGE`, 400 `M_BAD_JSON` if it has no valid form.
    pub fn append(&mut self, mut new: NewEvent) -> Result<Appended> {
        // The one auth rule about an event's edges that ours can break: they are chosen well, but a create event has none.
        if new.event_type == "m.room.create" {
            return Err(Error::forbidden("A room has one create event, which is its first."));
        }
        let request = new.request.take();
        let (pdu, placement) = self.seal(new)?;
        self.commit(pdu, placement, Landing { request, ..Landing::default() })
    }

    /// An event that the rules allow behind the extremities, without it being appended.
    pub(super) fn sealed(&mut self, new: NewEvent) -> Result<Arc<Pdu>> {
        Ok(self.seal(new)?.0)
    }

    fn seal(&mut self, new: NewEvent) -> Result<(Arc<Pdu>, Placement)> {
        let draft = new.draft(DraftRoom::Existing(self.room_id().clone()), self.rooms.clock.now_ms());
        let auth = self.select_auth(&draft)?;
        let tips = &self.slot().tips;
        let (prev, prev_ids): (Vec<EventNum>, Vec<OwnedEventId>) =
            tips[tips.len().saturating_sub(MAX_PREV_EVENTS)..].iter().cloned().unzip();
        let auth_ids: Vec<_> = auth.iter().map(|(_, event)| event.event_id().clone()).collect();
        let seal = Seal {
            rules: self.rules(),
            prev_events: &prev_ids,
            auth_events: &auth_ids,
            depth: self.head().depth + 1,
            key: &self.rooms.signing_key,
            server_name: &self.rooms.server_name,
        };
        let pdu = Arc::new(draft.seal(seal).map_err(format_error)?);
        let placement = self.place_own(&pdu, prev, &auth)?;
        Ok((pdu, placement))
    }

    /// Appends an event that is signed already and stands where it says: behind any events that are here.
    ///
    /// # Errors
    /// 404 `M_NOT_FOUND` if a previous or auth event is not here; 400 `M_INVALID_PARAM` if the event is.
    pub fn append_signed(&mut self, pdu: Arc<Pdu>) -> Result<Appended> {
        self.append_received(pdu, Received::default())
    }

    /// The same for an event of another server, as `received` says.
    pub(super) fn append_received(&mut self, pdu: Arc<Pdu>, received: Received) -> Result<Appended> {
        let missing = || Error::not_found("The event stands behind events that are not here.");
        let here = self.with_view(|view| known(view, pdu.event_id()))?;
        if here.is_some_and(|(_, placed)| placed) {
            return Err(Error::invalid_param("The event is here already."));
        }
        let numbers = self.with_view(|view| {
            let ids = pdu.auth_events().iter();
            ids.map(|id| view.find(id)?.ok_or_else(missing)).collect::<Result<Vec<_>>>()
        })?;
        let prev = self.with_view(|view| {
            let placed = |id| Ok(known(view, id)?.filter(|(_, placed)| *placed).map(|(number, _)| number));
            pdu.prev_events().iter().map(|id| placed(id)).collect::<Result<Vec<_>, ViewError>>()
        })?;
        let gap = prev.iter().any(Option::is_none);
        if gap && received.given.is_none() {
            return Err(missing());
        }
        let prev = prev.into_iter().flatten().collect();
        self.outlier = here.map(|(number, _)| number);
        self.filling = received.anchor.is_some();
        let placed = self.place_any(&pdu, (prev, numbers), received.given);
        let landing = Landing { gap, vouched: received.vouched, anchor: received.anchor, request: None };
        let appended = placed.and_then(|placement| self.commit(pdu, placement, landing));
        (self.outlier, self.filling) = (None, false);
        appended
    }

    /// The events of the current state that authorise `draft` (server-server API, "Auth events selection").
    fn select_auth(&mut self, draft: &Draft) -> Result<Vec<StateEntry>> {
        let types =
            auth::auth_types_of_draft(self.rules(), draft).map_err(|denied| Error::bad_json(denied.to_string()))?;
        let mut entries = Vec::with_capacity(types.len());
        for (event_type, key) in types {
            entries.extend(self.state_entry(&event_type.to_string(), &key)?);
        }
        Ok(entries)
    }

    /// Queues the commit of a placed event, and moves the head in memory.
    fn commit(&mut self, pdu: Arc<Pdu>, placement: Placement, landing: Landing) -> Result<Appended> {
        let Landing { gap, vouched, anchor, request } = landing;
        let number = self.new_number();
        let sender = self.rooms.store.intern_user(pdu.sender())?;
        let effects = Effects::of(self, &pdu, &placement)?;
        let gone = effects.gone().map(|user| self.rooms.store.user_id(user)).collect::<Result<Vec<_>, _>>()?;
        let room = self.room;
        let mut head = self.head().clone();
        head.next = head.next.max(EventNum(number.0 + 1));
        head.sequence += 1;
        let mut tips = self.slot().tips.clone();
        if placement.verdict == Verdict::Accepted && anchor.is_none() {
            tips.retain(|(tip, _)| !placement.overtaken.contains(tip));
            tips.push((number, pdu.event_id().clone()));
            head.extremities = tips.iter().map(|(tip, _)| *tip).collect();
            head.depth = head.depth.max(pdu.depth());
            head.state = placement.current.0;
        }
        effects.count(&mut head);

        let mut children = effects.children();
        if let Some(outlier) = self.outlier {
            children = children.union(self.with_view(|view| view.meta(outlier))?.children);
        }
        let mut meta = EventMeta {
            verdict: placement.verdict,
            place: anchor.map_or(Place::Live, |point| Place::Filled(point.sub)),
            position: Position(0),
            depth: pdu.depth(),
            sender,
            before: placement.before.0,
            after: placement.after.0,
            replaces: placement.replaces,
            prev: placement.prev,
            gap,
            vouched,
            auth: placement.auth,
            redacted_by: None,
            children,
            transaction: request.as_ref().map(Request::mark),
        };
        let json = StoredEvent::encode(&pdu);
        let visible = placement.verdict == Verdict::Accepted;
        let state_changed = head.state != self.head().state;
        let ticket = self.rooms.store.commit(|position| {
            meta.position = anchor.map_or(position, |point| Position(point.anchor.0 - 1));
            // What is filled in is news for nobody.
            let log = if anchor.is_some() { LogEntry::Housekeeping } else { LogEntry::Event(room, number) };
            let mut commit = Commit::new(log);
            let place = [&room.0.to_be_bytes()[..], &number.0.to_be_bytes()[..]].concat();
            commit
                .put(Family::EventIds, keys::event_id(pdu.event_id().as_str()), place)
                .put_row(Family::EventMeta, keys::event(room, number), &meta)
                .put(Family::EventJson, keys::event(room, number), json);
            for (hash, node) in placement.nodes.0 {
                commit.put(Family::State, keys::state_node(room, &hash.0), node);
            }
            if visible {
                let point = meta.point();
                let row = number.0.to_be_bytes().to_vec();
                commit.put(Family::Timeline, keys::timeline(room, point.anchor, point.sub), row);
            }
            if visible && anchor.is_none() {
                head.tail = position;
                commit.notify(Notice::Room(room));
            }
            if state_changed {
                commit.put(Family::Roots, keys::room_position(room, position), head.state.to_vec());
            }
            if let Some(request) = request {
                request.answered(self.rooms, &mut commit, pdu.event_id());
            }
            commit.put_row(Family::Rooms, keys::room(room), &head);
            effects.write(&mut commit, (room, number), &meta);
            commit
        });

        for user_id in gone {
            self.rooms.typing.stop(room, &user_id);
        }
        for change in &placement.changes {
            self.slot_mut().forget(&change.path);
        }
        if let Some(state_key) = pdu.state_key()
            && placement.current == placement.after
            && anchor.is_none()
        {
            let path = self.rooms.trie_key.path(pdu.type_str(), state_key);
            self.slot_mut().remember(path, Some((number, pdu.clone())));
        }
        let slot = self.slot_mut();
        (slot.head, slot.tips) = (head, tips);
        Ok(Appended { pdu, number, verdict: meta.verdict, ticket })
    }
}

/// The number of an event that is here, and whether it has a place.
fn known(view: RoomView<'_, Latest<'_>>, id: &EventId) -> Result<Option<(EventNum, bool)>, ViewError> {
    let Some(number) = view.find(id)? else { return Ok(None) };
    Ok(Some((number, view.meta(number)?.place != Place::Outlier)))
}

/// What a client is told whose event has no valid form.
pub(super) fn format_error(error: FormatError) -> Error {
    if error.is_size() { Error::new(413, "M_TOO_LARGE", error.to_string()) } else { Error::bad_json(error.to_string()) }
}
