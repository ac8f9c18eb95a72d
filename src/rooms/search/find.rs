//! Finding events by their words: first by the rows of the words, then by what the user may see of them.
//!
//! Invariant: nothing is found that the user can't see, also where only an edit that they can't see has the words;
//! a search looks at a bounded number of rows and events.

use std::{
    cmp::Ordering,
    collections::{HashMap, hash_map::Entry},
};

use ruma::OwnedRoomId;

use super::{
    rows::Field,
    walk::{Hit, Search, Searched},
    words,
};
use crate::{
    error::{Error, Result},
    ids::{Position, RoomNum, UserNum},
    rooms::{
        Rooms,
        history::{History, SeenEvent},
        rows::Membership,
        select::EventSelector,
        view::own_rooms,
    },
    store::Snapshot,
    users::{Session, Users, filters::RoomEventFilter},
};

/// A search has no more different words than this.
const MAX_WORDS: usize = 20;
/// Events that one page looks at, at the most: a filter may let little pass.
const MAX_LOOKED_AT: usize = 2_000;
/// Rooms before a room that was upgraded, one before the other, at the most.
const MAX_PREDECESSORS: usize = 20;

/// What somebody searches for.
#[derive(Clone, Debug)]
pub struct SearchRequest {
    /// The words, as they were typed.
    pub term: String,
    /// Where they may stand.
    pub fields: Vec<Field>,
    /// The newest first, or the best.
    pub order: Order,
    /// Which events.
    pub filter: RoomEventFilter,
    /// At most so many.
    pub limit: usize,
    /// Where to go on.
    pub from: Option<Token>,
}

/// The order of what is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Where the words stand most often for its length.
    Rank,
    /// The newest first.
    Recent,
}

/// Where the next page begins: behind an event, perhaps only in a room or with what somebody said.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Token {
    /// The event's place in the order.
    pub place: Place,
    /// Whether only a part of it is wanted.
    pub part: Option<Part>,
}

/// A part of what is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// What is in a room.
    Room(RoomNum),
    /// What somebody sent.
    Sender(UserNum),
}

/// Where an event stands among those that are found. The first has the greatest.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Place {
    /// How well it fits; 0 where only time counts.
    pub rank: f32,
    /// When it was sent.
    pub position: Position,
}

impl Place {
    fn compare(&self, other: &Self) -> Ordering {
        self.rank.total_cmp(&other.rank).then(self.position.cmp(&other.position))
    }
}

/// What was found.
pub struct Results<'a> {
    /// About how much there is in all.
    pub count: usize,
    /// The events.
    pub events: Vec<Found>,
    /// Where to go on; `None` at the end.
    pub next: Option<Place>,
    /// The rooms that they are in.
    pub rooms: HashMap<RoomNum, History<'a>>,
    /// The words that were searched for, in small letters and without accents.
    pub words: Vec<String>,
}

/// An event that was found.
pub struct Found {
    /// Its room.
    pub room: RoomNum,
    /// How well it fits.
    pub rank: f32,
    /// The event.
    pub seen: SeenEvent,
}

impl Rooms {
    /// The events that have all the words, as far as the user may see them. Rooms that are encrypted are left out.
    ///
    /// # Errors
    /// 400 `M_INVALID_PARAM` if there is no word to search for, or too many.
    pub fn search<'a>(
        &'a self,
        snapshot: &'a Snapshot<'a>,
        users: &Users,
        session: &'a Session,
        request: &SearchRequest,
    ) -> Result<Results<'a>> {
        let words = distinct_words(&request.term)?;
        let rooms = self.searched_rooms(snapshot, session.user, request)?;
        let mut hits = Search { snapshot, words: &words, fields: &request.fields, order: request.order }.run(&rooms)?;
        hits.sort_unstable_by(|a, b| b.place.compare(&a.place));
        // What somebody may not see they can't count either: only what came since they joined is sure to be seen.
        let count = hits.iter().filter(|hit| hit.certain).count();
        let mut results = Results { count, events: Vec::new(), next: None, rooms: HashMap::new(), words };
        let selector = EventSelector::new(&request.filter);
        let mut looked_at = 0;
        let mut last = None;
        for hit in hits {
            if request.from.is_some_and(|from| hit.place.compare(&from.place).is_ge()) {
                continue;
            }
            if looked_at == MAX_LOOKED_AT {
                results.next = last;
                break;
            }
            looked_at += 1;
            let history = match results.rooms.entry(hit.room) {
                Entry::Occupied(history) => history.into_mut(),
                Entry::Vacant(history) => {
                    history.insert(self.history(snapshot, users, session, &self.store.room_id(hit.room)?)?)
                }
            };
            let seen = look(history, &hit, &selector)?;
            let wanted = |seen: &SeenEvent| match request.from.and_then(|from| from.part) {
                Some(Part::Sender(sender)) => seen.meta.sender == sender,
                _ => true,
            };
            let Some(seen) = seen.filter(wanted) else { continue };
            if results.events.len() == request.limit {
                // There is more only if it can be seen.
                results.next = last;
                break;
            }
            results.count += usize::from(!hit.certain);
            last = Some(hit.place);
            results.events.push(Found { room: hit.room, rank: hit.rank, seen });
        }
        Ok(results)
    }

    /// The rooms that the user is or was in, as far as they are wanted; where something happened last comes first.
    fn searched_rooms(
        &self,
        snapshot: &Snapshot<'_>,
        user: UserNum,
        SearchRequest { filter, from, .. }: &SearchRequest,
    ) -> Result<Vec<Searched>> {
        let wanted = filter.rooms.as_ref().map(|rooms| self.with_predecessors(snapshot, rooms)).transpose()?;
        let part = from.and_then(|from| from.part);
        let mut rooms = Vec::new();
        for (room, own) in own_rooms(snapshot, user)?.iter() {
            let elsewhere = matches!(part, Some(Part::Room(only)) if only != *room);
            if elsewhere || !own.was_joined() || wanted.as_ref().is_some_and(|wanted| !wanted.contains(room)) {
                continue;
            }
            if !filter.not_rooms.is_empty() && filter.not_rooms.contains(&self.store.room_id(*room)?) {
                continue;
            }
            let view = self.view(snapshot, *room);
            if let Some(head) = view.head()? {
                let joined = (own.membership == Membership::Join).then_some(own.since);
                rooms.push((head.tail, Searched { room: *room, joined }));
            }
        }
        rooms.sort_unstable_by_key(|(tail, _)| std::cmp::Reverse(*tail));
        Ok(rooms.into_iter().map(|(_, room)| room).collect())
    }

    /// Rooms, and those that they took the place of: to a user, an upgraded room is one with what was said before.
    fn with_predecessors(&self, snapshot: &Snapshot<'_>, rooms: &[OwnedRoomId]) -> Result<Vec<RoomNum>> {
        let mut found = Vec::new();
        for room_id in rooms {
            let mut next = self.store.room_num(room_id)?;
            for _ in 0..=MAX_PREDECESSORS {
                let Some(room) = next.filter(|room| !found.contains(room)) else { break };
                found.push(room);
                let before = self.view(snapshot, room).predecessor()?;
                next = before.map(|before| self.store.room_num(&before)).transpose()?.flatten();
            }
        }
        Ok(found)
    }
}

/// The event of a hit, if the user sees it, and what has its words.
fn look(history: &mut History<'_>, hit: &Hit, selector: &EventSelector<'_>) -> Result<Option<SeenEvent>> {
    let Some(seen) = history.look_at(hit.posting.number)? else { return Ok(None) };
    let edited = hit.posting.source != hit.posting.number;
    if edited && history.look_at(hit.posting.source)?.is_none() {
        return Ok(None);
    }
    // A redaction that is not followed yet.
    let wanted = seen.meta.redacted_by.is_none() && history.onlooker().wants(selector, &seen.meta, &seen.event)?;
    Ok(wanted.then_some(seen))
}

fn distinct_words(term: &str) -> Result<Vec<String>> {
    let mut words = words::words(term);
    words.sort_unstable();
    words.dedup();
    // Long words are rare: the fewer rows the first has, the less there is to look at.
    words.sort_by_key(|word| std::cmp::Reverse(word.len()));
    match words.len() {
        0 => Err(Error::invalid_param("There is no word to search for.")),
        1..=MAX_WORDS => Ok(words),
        _ => Err(Error::invalid_param(format!("A search has {MAX_WORDS} words at the most."))),
    }
}
