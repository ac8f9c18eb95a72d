//! The threads of a room, the one with the newest message first (client-server API, "Querying threads in a room").
//!
//! No row says which message is a thread's newest, since that differs from user to user. A walk over the messages of
//! all threads, newest first, meets each thread at its newest one.

use std::collections::HashSet;

use super::{MAX_CHILDREN, ParentHash, RelType, Relation, scan::Range};
use crate::{
    error::{Error, Result},
    event::{self, StoredEvent, redact_pdu},
    ids::{EventNum, UserNum},
    rooms::{
        history::{History, Page, SeenEvent, before},
        timeline::{Direction, Point},
    },
};

/// Rows that are looked at for one page: past it, the page ends after the thread at hand.
const MAX_ROWS: usize = 20_000;

/// Which threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Include {
    /// All of them.
    All,
    /// Those in which the user wrote, or whose root is theirs.
    Participated,
}

/// A page of threads.
pub struct Threads {
    /// Their roots.
    pub roots: Vec<SeenEvent>,
    /// Where to go on; `None` if there are no more.
    pub next: Option<Point>,
}

/// A message of a thread, by what rows of relations and of threads have in common.
struct Reply {
    point: Point,
    number: EventNum,
    sender: UserNum,
}

impl History<'_> {
    /// Threads whose newest message stands before `from`. The root of somebody who is ignored comes redacted.
    pub fn threads(&mut self, from: Option<Point>, limit: usize, include: Include) -> Result<Threads> {
        let range = Range { end: from.unwrap_or(Range::ALL.end), ..Range::ALL };
        let mut rows = self.view().threads(range, Direction::Backward);
        let (mut page, mut met, mut budget) = (Page::of(limit), HashSet::new(), MAX_ROWS);
        while let Some((point, row)) = rows.next()? {
            if page.is_full() || budget == 0 {
                return Ok(Threads { roots: page.events, next: Some(before(point, Direction::Backward)) });
            }
            budget -= 1;
            let reply = Reply { point, number: row.number, sender: row.sender };
            if met.contains(&row.root) || !self.sees_reply(&reply)? {
                continue;
            }
            met.insert(row.root);
            let earlier_page = match from {
                Some(from) => self.any_reply(&row.root, from, &mut budget, |_| true)?,
                None => false,
            };
            if !earlier_page && let Some(root) = self.root(&row.root)? {
                let own = include == Include::All || self.participated(&row.root, &root, &mut budget)?;
                page.extend(own.then_some(root));
            }
        }
        Ok(Threads { roots: page.events, next: None })
    }

    fn sees_reply(&mut self, reply: &Reply) -> Result<bool> {
        let onlooker = self.onlooker();
        Ok(!onlooker.ignored.contains(&reply.sender) && onlooker.sees_child(reply.point, reply.number)?)
    }

    /// Whether the user sees a message of a thread, from a point on, that is as it should be.
    fn any_reply(
        &mut self,
        root: &ParentHash,
        start: Point,
        budget: &mut usize,
        wanted: impl Fn(&Reply) -> bool,
    ) -> Result<bool> {
        let mut rows = self.view().relations(root, Range { start, ..Range::ALL }, Direction::Backward);
        for _ in 0..MAX_CHILDREN {
            let Some((point, row)) = rows.next()? else { break };
            *budget = budget.saturating_sub(1);
            let reply = Reply { point, number: row.number, sender: row.sender };
            if row.rel_type == RelType::Thread && wanted(&reply) && self.sees_reply(&reply)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn participated(&mut self, hash: &ParentHash, root: &SeenEvent, budget: &mut usize) -> Result<bool> {
        let user = self.onlooker().reader.user;
        Ok(root.meta.sender == user || self.any_reply(hash, Point::START, budget, |reply| reply.sender == user)?)
    }

    /// A thread's root, if it is here, may have a thread, and the user may see it.
    fn root(&mut self, root: &ParentHash) -> Result<Option<SeenEvent>> {
        let view = self.view();
        let Some(number) = view.find_by_hash(root)? else { return Ok(None) };
        let (meta, event) = (view.meta(number)?, view.event(number)?);
        let onlooker = self.onlooker();
        if Relation::of_content(event.content()).is_some() || !onlooker.eyes.see(&meta, &event)? {
            return Ok(None);
        }
        let ignored = event.state_key_json().is_none() && onlooker.ignored.contains(&meta.sender);
        let event = if ignored { self.redacted(&event)? } else { event };
        Ok(Some(SeenEvent { number, meta, event }))
    }

    fn redacted(&self, event: &StoredEvent) -> Result<StoredEvent> {
        let view = self.view();
        let version = view.head()?.map(|head| head.version);
        let rules = version.as_ref().and_then(event::rules);
        let rules = rules.ok_or_else(|| Error::internal("a room with threads has no head, or an unknown version"))?;
        let pdu = event.to_pdu(&view.read().store().room_id(view.room())?).map_err(Error::internal)?;
        Ok(StoredEvent::from(&redact_pdu(&pdu, rules).map_err(Error::internal)?))
    }
}
