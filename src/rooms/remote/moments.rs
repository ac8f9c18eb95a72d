//! What was said at a moment, asked by other servers and of them (server-server API, `timestamp_to_event`).

use std::time::Duration;

use ruma::{OwnedEventId, RoomId, ServerName};
use serde::{Deserialize, Serialize};

use super::answers::Sight;
use crate::{
    error::Result,
    event::StoredEvent,
    ids::{EventNum, RoomNum},
    net::{Ask, segment},
    rooms::{
        Rooms,
        context::{MAX_CANDIDATES, Moments, no_moment},
        timeline::Direction,
    },
    users::Session,
};

/// How long somebody waits for others.
const PATIENCE: Duration = Duration::from_secs(15);
/// How long one server is waited for.
const PATIENCE_EACH: Duration = Duration::from_secs(6);

/// An event by the time that it has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moment {
    /// The event.
    pub event_id: OwnedEventId,
    /// Its time, ms.
    pub origin_server_ts: u64,
}

impl Moment {
    fn of(event: &StoredEvent) -> Self {
        Self { event_id: event.event_id().to_owned(), origin_server_ts: event.origin_server_ts() }
    }
}

/// A time, in ms, and whether an event at or after it is looked for, or one at or before it.
type Wanted = (u64, Direction);

impl Rooms {
    /// The event closest to a time that users of a server may see.
    ///
    /// # Errors
    /// 404 `M_NOT_FOUND` if there is none; 403 `M_FORBIDDEN` for who is not in the room.
    pub fn moment_for(&self, origin: &ServerName, room_id: &RoomId, wanted: Wanted) -> Result<Moment> {
        let room = self.resident_with(origin, room_id)?;
        let snapshot = self.store.snapshot();
        let view = self.view(&snapshot, room);
        let mut sight = Sight::new(view, origin)?;
        let mut moments = Moments::new(view, wanted);
        for _ in 0..MAX_CANDIDATES {
            let Some(number) = moments.next()? else { break };
            if sight.sees(&view.meta(number)?)? {
                return Ok(Moment::of(&view.event(number)?));
            }
        }
        Err(no_moment())
    }

    /// The event closest to a time that a user here may see. Other servers are asked where there is a gap.
    ///
    /// # Errors
    /// 404 `M_NOT_FOUND` if there is none; those of paging through the room.
    pub async fn moment(&self, session: &Session, room_id: &RoomId, wanted: Wanted) -> Result<Moment> {
        let (here, gap) = self.moment_here(session, room_id, wanted)?;
        if let Some(gap) = gap {
            let room = self.number(room_id)?;
            let asking = self.fetch_moment((room, room_id), gap, (wanted, here.as_ref()));
            match tokio::time::timeout(PATIENCE, asking).await {
                Ok(Ok(true)) => return self.moment_here(session, room_id, wanted)?.0.ok_or_else(no_moment),
                Ok(Err(error)) => tracing::debug!(%error, "an event of a moment was not fetched"),
                Ok(Ok(false)) | Err(_) => {}
            }
        }
        here.ok_or_else(no_moment)
    }

    /// What is here, and the event before which there is a gap next to it.
    fn moment_here(
        &self,
        session: &Session,
        room_id: &RoomId,
        (timestamp, direction): Wanted,
    ) -> Result<(Option<Moment>, Option<EventNum>)> {
        let snapshot = self.store.snapshot();
        let mut history = self.pages(&snapshot, &self.users, session, room_id)?;
        let here = match history.closest(timestamp, direction) {
            Ok(seen) => Some(seen),
            Err(error) if error.status == 404 => None,
            Err(error) => return Err(error),
        };
        let gap = history.gap_beside(here.as_ref(), direction)?;
        Ok((here.map(|seen| Moment::of(&seen.event)), gap))
    }

    /// Fetches the event that is closer to a time than what is here, and gives it a place before a gap; whether there
    /// was one.
    async fn fetch_moment(
        &self,
        (room, room_id): (RoomNum, &RoomId),
        gap: EventNum,
        (wanted, here): (Wanted, Option<&Moment>),
    ) -> Result<bool> {
        let (timestamp, direction) = wanted;
        let is_closer = |moment: &Moment| {
            let here = here.map(|here| here.origin_server_ts);
            let found = moment.origin_server_ts;
            match direction {
                Direction::Forward => found >= timestamp && here.is_none_or(|here| found < here),
                Direction::Backward => found <= timestamp && here.is_none_or(|here| found > here),
            }
        };
        let dir = if direction == Direction::Forward { "f" } else { "b" };
        let room_segment = segment(room_id.as_str());
        let path = format!("/_matrix/federation/v1/timestamp_to_event/{room_segment}?ts={timestamp}&dir={dir}");
        for server in self.who_may_know(room, room_id)? {
            let asked = self.peers.ask::<Moment>(&server, Ask::get(path.clone()).within(PATIENCE_EACH)).await;
            let Some(moment) = asked.ok().filter(is_closer) else { continue };
            if self.fetch_apart(&server, (room, room_id), gap, &moment.event_id).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
