//! What an event builds on and is not here: asked of a server that is in the room, within bounds.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use ruma::{CanonicalJsonObject, CanonicalJsonValue, EventId, OwnedEventId};
use serde::Deserialize;

use super::{Authorities, receive::Source};
use crate::{
    error::{Error, Result},
    event::Pdu,
    net::{Ask, PeerError, segment},
    rooms::Rooms,
};

/// Events between two known ones that are asked for.
const MAX_MISSING: u64 = 50;
/// State events that are asked for one by one; more than these, and the whole state is.
const MAX_SINGLE: usize = 20;
/// Events of a state and its auth chain that are taken.
const MAX_STATE: usize = 200_000;
/// An answer with a state may have this many bytes, and take so long.
const STATE_BOUNDS: (usize, Duration) = (128 << 20, Duration::from_secs(120));

#[derive(Deserialize)]
struct Events {
    #[serde(default)]
    events: Vec<CanonicalJsonObject>,
}

#[derive(Deserialize)]
struct Pdus {
    pdus: Vec<CanonicalJsonObject>,
    #[serde(default)]
    auth_chain: Vec<CanonicalJsonObject>,
}

#[derive(Deserialize)]
struct AuthChain {
    auth_chain: Vec<CanonicalJsonObject>,
}

#[derive(Deserialize)]
struct StateIds {
    pdu_ids: Vec<OwnedEventId>,
    auth_chain_ids: Vec<OwnedEventId>,
}

impl Rooms {
    /// The events between what is here and an event, the oldest first, as far as they are to be had.
    pub(super) async fn missing_events(&self, source: &Source<'_>, pdu: &Pdu) -> Result<Vec<Arc<Pdu>>> {
        let tips: Vec<CanonicalJsonValue> = {
            let guard = self.lock(source.room).await?;
            guard.slot().tips.iter().rev().take(20).map(|(_, id)| id.as_str().to_owned().into()).collect()
        };
        let body = CanonicalJsonObject::from([
            ("earliest_events".to_owned(), CanonicalJsonValue::Array(tips)),
            ("latest_events".to_owned(), CanonicalJsonValue::Array(vec![pdu.event_id().to_string().into()])),
            ("limit".to_owned(), CanonicalJsonValue::Integer(ruma::Int::new_saturating(MAX_MISSING as i64))),
            ("min_depth".to_owned(), CanonicalJsonValue::Integer(ruma::int!(0))),
        ]);
        let path = format!("/_matrix/federation/v1/get_missing_events/{}", segment(source.room_id.as_str()));
        let asked = self.peers.ask::<Events>(source.server, Ask::post(path, body).up_to(8 << 20)).await;
        // Without them there is a gap, which is dealt with elsewhere.
        let Ok(Events { mut events }) = asked else { return Ok(Vec::new()) };
        events.truncate(MAX_MISSING as usize);
        let events = self.checked(source, events).await;
        let events = events.into_iter().filter(|event| event.event_id() != pdu.event_id()).collect();
        Ok(in_order(events, Pdu::prev_events))
    }

    /// Has the auth events of an event here.
    pub(super) async fn fetch_authorities(&self, source: &Source<'_>, pdu: &Pdu) -> Result<()> {
        if self.absent(source, pdu.auth_events())?.is_empty() {
            return Ok(());
        }
        let (room, event) = (segment(source.room_id.as_str()), segment(pdu.event_id().as_str()));
        let ask = Ask::get(format!("/_matrix/federation/v1/event_auth/{room}/{event}")).up_to(32 << 20);
        let AuthChain { mut auth_chain } = self.ask_member(source, ask).await?;
        auth_chain.truncate(MAX_STATE);
        let chain = self.checked(source, auth_chain).await;
        self.lock(source.room).await?.keep(&Authorities::new(chain))
    }

    /// Has the state before an event here, as the server tells it; the IDs of its events.
    pub(super) async fn fetch_state(&self, source: &Source<'_>, event: &EventId) -> Result<Vec<OwnedEventId>> {
        let (room, event) = (segment(source.room_id.as_str()), segment(event.as_str()));
        let (max_answer, timeout) = STATE_BOUNDS;
        let ask = |what: &str| {
            let path = format!("/_matrix/federation/v1/{what}/{room}?event_id={event}");
            Ask::get(path).up_to(max_answer).within(timeout)
        };
        let ids: StateIds = self.ask_member(source, ask("state_ids")).await?;
        if ids.pdu_ids.len() + ids.auth_chain_ids.len() > MAX_STATE {
            return Err(Error::forbidden("The event stands behind a state that is too large."));
        }
        let all: Vec<OwnedEventId> = ids.pdu_ids.iter().chain(&ids.auth_chain_ids).cloned().collect();
        let absent = self.absent(source, &all)?;
        let objects = if absent.len() > MAX_SINGLE {
            let Pdus { mut pdus, auth_chain } = self.ask_member(source, ask("state")).await?;
            pdus.extend(auth_chain);
            pdus
        } else {
            self.single_events(source, &absent).await
        };
        let events = self.checked(source, objects).await;
        self.lock(source.room).await?.keep(&Authorities::new(events))?;
        Ok(ids.pdu_ids)
    }

    /// Some events, each asked for by itself; those that are not to be had are left out.
    async fn single_events(&self, source: &Source<'_>, ids: &[OwnedEventId]) -> Vec<CanonicalJsonObject> {
        let mut events = Vec::with_capacity(ids.len());
        for id in ids {
            let ask = Ask::get(format!("/_matrix/federation/v1/event/{}", segment(id.as_str())));
            match self.peers.ask::<Pdus>(source.server, ask).await {
                Ok(answer) => events.extend(answer.pdus.into_iter().take(1)),
                Err(PeerError::Refused { .. } | PeerError::Malformed { .. }) => {}
                // It is gone: the others would be asked for in vain.
                Err(_) => break,
            }
        }
        events
    }

    async fn ask_member<T: serde::de::DeserializeOwned>(&self, source: &Source<'_>, ask: Ask) -> Result<T> {
        if !source.is_member {
            return Err(Error::forbidden("The event builds on others that are not here."));
        }
        let asked = self.peers.ask(source.server, ask).await;
        asked.map_err(|error| Error::forbidden("What the event builds on can't be had.").because(error))
    }

    /// Those of some events that are not here at all.
    fn absent(&self, source: &Source<'_>, ids: &[OwnedEventId]) -> Result<Vec<OwnedEventId>> {
        let latest = self.store.latest();
        let view = self.view(&latest, source.room);
        let mut absent = Vec::new();
        for id in ids {
            if view.find(id)?.is_none() {
                absent.push(id.clone());
            }
        }
        Ok(absent)
    }
}

/// Events in an order in which each comes behind those of the others that it names. Circles end somewhere.
pub(super) fn in_order(events: Vec<Arc<Pdu>>, names: fn(&Pdu) -> &[OwnedEventId]) -> Vec<Arc<Pdu>> {
    let events: HashMap<OwnedEventId, Arc<Pdu>> =
        events.into_iter().map(|event| (event.event_id().clone(), event)).collect();
    let mut order = Vec::with_capacity(events.len());
    let (mut done, mut open) = (HashSet::new(), HashSet::new());
    for start in events.keys() {
        let mut stack = vec![(start, false)];
        while let Some((id, visited)) = stack.pop() {
            let Some(event) = events.get(id) else { continue };
            if visited {
                if done.insert(id) {
                    order.push(event.clone());
                }
            } else if open.insert(id) {
                stack.push((id, true));
                stack.extend(names(event).iter().filter(|id| !open.contains(*id)).map(|id| (id, false)));
            }
        }
    }
    order
}
