//! The published room directory (client-server API, "Published room directory"): largest rooms first.

use std::{cmp::Reverse, fmt, str::FromStr};

use ruma::UserId;
use serde::Serialize;

use super::{Rooms, rows::RoomHead, summary::RoomSummary};
use crate::{
    error::{Error, Result},
    ids::{RoomNum, UserNum},
    store::{
        Commit, Family, LogEntry, Read, Ticket,
        keys::{Index, KeyBuilder, read_u32},
    },
    users::Session,
};

/// Rooms of one page, at the most.
const MAX_PAGE: usize = 500;

/// What somebody looks for in the directory.
#[derive(Clone, Debug, Default)]
pub struct Query {
    /// Text that the name, topic or an alias holds, in any case of letters.
    pub search_term: Option<String>,
    /// The types that are wanted; `None` in it stands for rooms without a type.
    pub room_types: Option<Vec<Option<String>>>,
    /// Rooms of one page.
    pub limit: Option<usize>,
    /// Where the page begins or ends.
    pub since: Option<PageToken>,
}

/// One page of the directory.
#[derive(Clone, Debug, Serialize)]
pub struct Page {
    /// The rooms.
    pub chunk: Vec<RoomSummary>,
    /// Where the next page begins, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_batch: Option<String>,
    /// Where the previous page ends, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prev_batch: Option<String>,
    /// How many rooms the directory lists in all.
    pub total_room_count_estimate: usize,
}

/// A room's place in the directory: by joined members, then by age.
type Place = (Reverse<u64>, RoomNum);

/// Which page is wanted: the one behind a place, or the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PageToken {
    /// `n<members>.<room>`
    After(u64, RoomNum),
    /// `p<members>.<room>`
    Before(u64, RoomNum),
}

impl fmt::Display for PageToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::After(joined, room) => write!(f, "n{joined}.{room}"),
            Self::Before(joined, room) => write!(f, "p{joined}.{room}"),
        }
    }
}

impl FromStr for PageToken {
    type Err = Error;

    fn from_str(token: &str) -> Result<Self> {
        let invalid = || Error::invalid_param("since is not a token that this server gave out.");
        let (direction, place) = token.split_at_checked(1).ok_or_else(invalid)?;
        let (joined, room) = place.split_once('.').ok_or_else(invalid)?;
        let joined = joined.parse().map_err(|_| invalid())?;
        let room = RoomNum(room.parse().map_err(|_| invalid())?);
        match direction {
            "n" => Ok(Self::After(joined, room)),
            "p" => Ok(Self::Before(joined, room)),
            _ => Err(invalid()),
        }
    }
}

impl Rooms {
    /// Whether the directory lists a room; 404 `M_NOT_FOUND` if there is no such room here.
    pub fn is_listed(&self, room: RoomNum) -> Result<bool> {
        let latest = self.store.latest();
        if self.view(&latest, room).head()?.is_none() {
            return Err(Error::not_found("There is no such room here."));
        }
        Ok(latest.get(Family::Index, &directory_key(room))?.is_some())
    }

    /// Lists a room in the directory or takes it out: for who may name the room, and for server administrators.
    ///
    /// # Errors
    /// 403 `M_FORBIDDEN` for others.
    pub async fn set_listed(&self, session: &Session, room: RoomNum, listed: bool) -> Result<()> {
        let user: &UserId = &session.user_id;
        let allowed = self.lock(room).await?.may_name(user)? || self.users.is_admin(session.user)?;
        if !allowed {
            return Err(Error::forbidden("You lack the power to list this room."));
        }
        if self.is_listed(room)? != listed {
            self.put_listed(room, listed.then_some(session.user)).durable().await?;
        }
        Ok(())
    }

    /// Lists a room, or takes it out if nobody lists it.
    pub(super) fn put_listed(&self, room: RoomNum, by: Option<UserNum>) -> Ticket {
        let listed_key = KeyBuilder::room(room, Index::Listed).build();
        let mut commit = Commit::new(LogEntry::Housekeeping);
        match by {
            Some(user) => commit.put(Family::Index, directory_key(room), Vec::new()).put_row(
                Family::Index,
                listed_key,
                &(self.clock.now_ms(), user),
            ),
            None => commit.delete(Family::Index, directory_key(room)).delete(Family::Index, listed_key),
        };
        self.store.commit(|_| commit)
    }

    /// A page of the directory.
    pub fn directory(&self, query: &Query) -> Result<Page> {
        let snapshot = self.store.snapshot();
        let mut listed = Vec::new();
        let prefix = KeyBuilder::global(Index::Directory).build();
        let mut rows = snapshot.scan_prefix(Family::Index, &prefix);
        while let Some((key, _)) = rows.next()? {
            let Some(room) = read_u32(key, prefix.len()).map(RoomNum) else { continue };
            if let Some(head) = self.view(&snapshot, room).head()? {
                listed.push(((Reverse(head.joined), room), head));
            }
        }
        listed.sort_unstable_by_key(|(place, _)| *place);
        let total = listed.len();
        let summary = |(place, head): &(Place, RoomHead)| {
            self.view(&snapshot, place.1).summary(self.store.room_id(place.1)?, head)
        };
        let limit = query.limit.unwrap_or(MAX_PAGE).clamp(1, MAX_PAGE);
        let wanted = Wanted::of(query);
        let mut page = Vec::new();
        // One room more than fits tells whether another page follows.
        let mut take = |entry: &(Place, RoomHead)| -> Result<bool> {
            let summary = summary(entry)?;
            if wanted.matches(&summary) {
                page.push((entry.0, summary));
            }
            Ok(page.len() <= limit)
        };
        let backward = matches!(query.since, Some(PageToken::Before(..)));
        match query.since {
            Some(PageToken::Before(joined, room)) => {
                let end = listed.partition_point(|(place, _)| *place < (Reverse(joined), room));
                for entry in listed[..end].iter().rev() {
                    if !take(entry)? {
                        break;
                    }
                }
            }
            since => {
                let start = match since {
                    Some(PageToken::After(joined, room)) => {
                        listed.partition_point(|(place, _)| *place <= (Reverse(joined), room))
                    }
                    _ => 0,
                };
                for entry in &listed[start..] {
                    if !take(entry)? {
                        break;
                    }
                }
            }
        }
        let more = page.len() > limit;
        page.truncate(limit);
        if backward {
            page.reverse();
        }
        let (has_prev, has_next) = if backward { (more, true) } else { (query.since.is_some(), more) };
        let first = page.first().filter(|_| has_prev).map(|((joined, room), _)| PageToken::Before(joined.0, *room));
        let last = page.last().filter(|_| has_next).map(|((joined, room), _)| PageToken::After(joined.0, *room));
        Ok(Page {
            prev_batch: first.map(|token| token.to_string()),
            next_batch: last.map(|token| token.to_string()),
            chunk: page.into_iter().map(|(_, summary)| summary).collect(),
            total_room_count_estimate: total,
        })
    }
}

/// A query made ready for many rooms.
struct Wanted<'a> {
    text: Option<String>,
    room_types: Option<&'a [Option<String>]>,
}

impl<'a> Wanted<'a> {
    fn of(query: &'a Query) -> Self {
        let text = query.search_term.as_ref().map(|text| text.to_lowercase()).filter(|text| !text.is_empty());
        Self { text, room_types: query.room_types.as_deref() }
    }

    fn matches(&self, room: &RoomSummary) -> bool {
        if self.room_types.is_some_and(|types| !types.contains(&room.room_type)) {
            return false;
        }
        let Some(text) = &self.text else { return true };
        let fields = [&room.name, &room.topic, &room.canonical_alias];
        fields.into_iter().flatten().any(|field| field.to_lowercase().contains(text))
    }
}

/// `index`: 0 → room that is listed.
pub fn directory_key(room: RoomNum) -> crate::store::Key {
    KeyBuilder::global(Index::Directory).u32(room.0).build()
}
