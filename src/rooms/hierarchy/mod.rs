//! The tree of rooms below a space, as one user may see it (client-server API, "Querying spaces"): depth first, each
//! room once, a space's children in their order.
//!
//! A walk reads only what is here. It notes rooms that this server is not in; other servers are asked about them, and it
//! walks again.
//!
//! Invariant: a walk looks at a bounded number of rooms, whatever spaces name each other; nothing of a room that the
//! user can't see is told, nor what lies below it.

mod child;
mod elsewhere;

use std::{collections::HashSet, fmt, str::FromStr, sync::Arc};

use ruma::{OwnedRoomId, OwnedServerName, RoomId};
use serde::Serialize;
use serde_json::value::RawValue;
use tokio::time::Instant;

use self::elsewhere::{Answer, Answers};
pub(super) use self::{child::Child, elsewhere::Told};
use super::{Rooms, summary::FullSummary};
use crate::{
    error::{Error, Result},
    ids::UserNum,
    store::Snapshot,
};

/// Rooms that one walk looks at, at the most.
const MAX_LOOKED_AT: usize = 5_000;
/// Children of one space that are told, at the most.
pub(super) const MAX_CHILDREN: usize = 1_000;
/// A page ends once what it tells of children has this many bytes.
const MAX_PAGE_BYTES: usize = 4 << 20;
/// How deep a walk goes, if the client doesn't say, and at the most.
const MAX_DEPTH: usize = 100;

/// What of a tree somebody wants.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    /// Which children, and how deep; the same on all pages.
    pub shape: Shape,
    /// Rooms that earlier pages told.
    pub told: usize,
    /// Rooms of one page.
    pub limit: usize,
}

/// Which part of a tree a walk goes through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Only children that their space suggests.
    pub suggested_only: bool,
    /// How far below the space.
    pub max_depth: usize,
}

impl Shape {
    /// As a client asks for it.
    pub fn new(suggested_only: bool, max_depth: Option<usize>) -> Self {
        Self { suggested_only, max_depth: max_depth.unwrap_or(MAX_DEPTH).min(MAX_DEPTH) }
    }
}

/// Where the next page begins: `h<told>_<depth>_<0 or 1>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageToken {
    /// The walk that it belongs to.
    pub shape: Shape,
    /// Rooms that were told.
    pub told: usize,
}

impl fmt::Display for PageToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Shape { suggested_only, max_depth } = self.shape;
        write!(f, "h{}_{max_depth}_{}", self.told, u8::from(suggested_only))
    }
}

impl FromStr for PageToken {
    type Err = Error;

    fn from_str(token: &str) -> Result<Self> {
        let parse = || {
            let (told, shape) = token.strip_prefix('h')?.split_once('_')?;
            let (max_depth, suggested_only) = shape.split_once('_')?;
            let suggested_only = match suggested_only {
                "0" => false,
                "1" => true,
                _ => return None,
            };
            let shape = Shape { suggested_only, max_depth: max_depth.parse().ok()? };
            Some(Self { shape, told: told.parse().ok()? })
        };
        parse().ok_or_else(|| Error::invalid_param("`from` is no token that this server gave out."))
    }
}

/// A page of a tree.
#[derive(Debug, Serialize)]
pub struct Page {
    /// The rooms, each behind the space that it was found in first.
    pub rooms: Vec<SpaceRoom>,
    /// Where the next page begins, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_batch: Option<String>,
}

/// A room of a tree.
#[derive(Debug, Serialize)]
pub struct SpaceRoom {
    #[serde(flatten)]
    pub(super) summary: FullSummary,
    pub(super) children_state: Vec<Box<RawValue>>,
}

/// A room that a walk is yet to look at.
struct Ahead {
    room_id: OwnedRoomId,
    depth: usize,
    /// Who may know it.
    via: Vec<OwnedServerName>,
    /// What another server told of the space that names it.
    told: Option<Arc<Answer>>,
}

impl Rooms {
    /// A page of the tree below a space. Other servers are asked about what is not here.
    ///
    /// # Errors
    /// 403 `M_FORBIDDEN` if the user can't see the space, whether there is one or not.
    pub async fn hierarchy(&self, user: UserNum, space: &RoomId, wanted: Wanted) -> Result<Page> {
        let mut answers = Answers::new(Instant::now() + elsewhere::PATIENCE);
        loop {
            let (page, unknown) = self.walk_tree(user, space, (wanted, &answers))?;
            if unknown.is_empty() {
                let seen = page.ok_or_else(|| Error::forbidden("There is no such space that you could see."));
                return seen;
            }
            self.ask_about(unknown, wanted.shape.suggested_only, &mut answers).await;
        }
    }

    /// One walk: the page as far as `answers` go, `None` if the space can't be seen; and what is to be asked about.
    fn walk_tree(
        &self,
        user: UserNum,
        space: &RoomId,
        (wanted, answers): (Wanted, &Answers),
    ) -> Result<(Option<Page>, Vec<elsewhere::Question>)> {
        let snapshot = self.store.snapshot();
        let mut ahead =
            vec![Ahead { room_id: space.to_owned(), depth: 0, via: self.who_may_know_space(user, space)?, told: None }];
        let (seen, unknown) = (HashSet::new(), Vec::new());
        let mut walk = Walk { rooms: self, snapshot: &snapshot, user, shape: wanted.shape, seen, answers, unknown };
        let mut page = Page { rooms: Vec::new(), next_batch: None };
        let (mut told, mut bytes) = (0, 0);
        while let Some(next) = ahead.pop() {
            let is_root = next.depth == 0;
            let Some((room, children)) = walk.visit(next, &mut ahead)? else {
                if is_root {
                    return Ok((None, walk.unknown));
                }
                continue;
            };
            told += 1;
            if told <= wanted.told {
                continue;
            }
            if page.rooms.len() == wanted.limit || bytes > MAX_PAGE_BYTES {
                page.next_batch = Some(PageToken { shape: wanted.shape, told: told - 1 }.to_string());
                break;
            }
            let children_state = children.iter().map(Child::render).collect::<Result<Vec<_>>>()?;
            bytes += children_state.iter().map(|child| child.get().len()).sum::<usize>();
            page.rooms.push(SpaceRoom { summary: room, children_state });
        }
        Ok((Some(page), walk.unknown))
    }
}

/// A room, its children, and what another server told of those.
type Seen = (FullSummary, Vec<Child>, Option<Arc<Answer>>);

/// One user's walk through a tree.
struct Walk<'a> {
    rooms: &'a Rooms,
    snapshot: &'a Snapshot<'a>,
    user: UserNum,
    shape: Shape,
    seen: HashSet<OwnedRoomId>,
    answers: &'a Answers,
    unknown: Vec<elsewhere::Question>,
}

impl Walk<'_> {
    /// A room that is met for the first time, if the user can see it. Its children come next.
    fn visit(&mut self, next: Ahead, ahead: &mut Vec<Ahead>) -> Result<Option<(FullSummary, Vec<Child>)>> {
        if self.seen.len() >= MAX_LOOKED_AT || !self.seen.insert(next.room_id.clone()) {
            return Ok(None);
        }
        let depth = next.depth;
        let Some((mut summary, mut children, told)) = self.look_at(next)? else { return Ok(None) };
        let banned = summary.membership.take() == Some("ban");
        if banned && !summary.room.world_readable {
            return Ok(None);
        }
        children.retain(|child| child.suggested || !self.shape.suggested_only);
        if depth < self.shape.max_depth {
            // The first child lies on top.
            ahead.extend(children.iter().rev().map(|child| Ahead {
                room_id: child.room_id.clone(),
                depth: depth + 1,
                via: child.via.clone(),
                told: told.clone(),
            }));
        }
        Ok(Some((summary, children)))
    }

    /// A room that the user can see, with its children: as it is here, or as another server tells.
    fn look_at(&mut self, next: Ahead) -> Result<Option<Seen>> {
        let room = self.rooms.store.room_num(&next.room_id)?;
        if let Some(room) = room
            && self.rooms.resides_in(room)?
        {
            let summary = self.rooms.visible_summary(self.snapshot, Some(self.user), room)?;
            let children = match &summary {
                Some(summary) if summary.is_space() => self.rooms.children(self.snapshot, room)?,
                _ => Vec::new(),
            };
            return Ok(summary.map(|summary| (summary, children, None)));
        }
        // What its space's server told of a room that is none itself is enough.
        let of_parent = next.told.as_ref().and_then(|told| told.child(&next.room_id));
        let is_enough = |summary: &FullSummary| !summary.is_space() || next.depth >= self.shape.max_depth;
        if let Some(summary) = of_parent.filter(|summary| is_enough(summary)) {
            let seen = self.rooms.seen_elsewhere(self.snapshot, Some(self.user), summary.clone())?;
            return Ok(seen.map(|summary| (summary, Vec::new(), None)));
        }
        if next.told.as_ref().is_some_and(|told| told.is_inaccessible(&next.room_id)) {
            return Ok(None);
        }
        match self.answers.of(&next.room_id) {
            None => {
                self.unknown.push((next.room_id, next.via));
                Ok(None)
            }
            Some(None) => Ok(None),
            Some(Some(answer)) => {
                let seen = self.rooms.seen_elsewhere(self.snapshot, Some(self.user), answer.room.clone())?;
                Ok(seen.map(|summary| (summary, answer.children.clone(), Some(answer.clone()))))
            }
        }
    }
}
