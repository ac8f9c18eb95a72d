//! The tree of rooms below a space, as one user may see it (client-server API, "Querying spaces"): depth first, each
//! room once, a space's children in their order.
//!
//! Invariant: a walk looks at a bounded number of rooms, whatever spaces name each other; nothing of a room that the
//! user can't see is told, nor what lies below it.

use std::{cmp::Reverse, collections::HashSet, fmt, str::FromStr};

use ruma::{OwnedRoomId, RoomId};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{Rooms, summary::FullSummary, view::ViewError};
use crate::{
    error::{Error, Result},
    event::StoredEvent,
    ids::{RoomNum, UserNum},
    json::ObjectWriter,
    store::Snapshot,
};

/// Rooms that one walk looks at, at the most.
const MAX_LOOKED_AT: usize = 5_000;
/// Children of one space that are told, at the most.
const MAX_CHILDREN: usize = 1_000;
/// A page ends once what it tells of children has this many bytes.
const MAX_PAGE_BYTES: usize = 4 << 20;
/// How deep a walk goes, if the client doesn't say, and at the most.
const MAX_DEPTH: usize = 100;

const CHILD: &str = "m.space.child";

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
    summary: FullSummary,
    children_state: Vec<Box<RawValue>>,
}

impl Rooms {
    /// A page of the tree below a space.
    ///
    /// # Errors
    /// 403 `M_FORBIDDEN` if the user can't see the space, whether there is one or not.
    pub fn hierarchy(&self, user: UserNum, space: &RoomId, wanted: Wanted) -> Result<Page> {
        let snapshot = self.store.snapshot();
        let mut walk = Walk { rooms: self, snapshot: &snapshot, user, shape: wanted.shape, seen: HashSet::new() };
        let mut ahead = vec![(space.to_owned(), 0)];
        let mut page = Page { rooms: Vec::new(), next_batch: None };
        let (mut told, mut bytes) = (0, 0);
        while let Some((room_id, depth)) = ahead.pop() {
            let Some((room, children)) = walk.visit(room_id, depth, &mut ahead)? else {
                if depth == 0 {
                    return Err(Error::forbidden("There is no such space here that you could see."));
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
        Ok(page)
    }
}

/// One user's walk through a tree.
struct Walk<'a> {
    rooms: &'a Rooms,
    snapshot: &'a Snapshot<'a>,
    user: UserNum,
    shape: Shape,
    seen: HashSet<OwnedRoomId>,
}

impl Walk<'_> {
    /// A room that is met for the first time, if the user can see it. Its children come next.
    fn visit(
        &mut self,
        room_id: OwnedRoomId,
        depth: usize,
        ahead: &mut Vec<(OwnedRoomId, usize)>,
    ) -> Result<Option<(FullSummary, Vec<Child>)>> {
        if self.seen.len() >= MAX_LOOKED_AT || !self.seen.insert(room_id.clone()) {
            return Ok(None);
        }
        let Some(room) = self.rooms.store.room_num(&room_id)? else { return Ok(None) };
        let Some(mut summary) = self.rooms.visible_summary(self.snapshot, Some(self.user), room)? else {
            return Ok(None);
        };
        let banned = summary.membership.take() == Some("ban");
        if banned && !summary.room.world_readable {
            return Ok(None);
        }
        let is_space = summary.room.room_type.as_deref() == Some("m.space");
        let children = if is_space { self.children(room)? } else { Vec::new() };
        if depth < self.shape.max_depth {
            // The first child lies on top.
            ahead.extend(children.iter().rev().map(|child| (child.room_id.clone(), depth + 1)));
        }
        Ok(Some((summary, children)))
    }

    /// The valid children of a space, in their order.
    fn children(&self, space: RoomNum) -> Result<Vec<Child>> {
        let view = self.rooms.view(self.snapshot, space);
        let Some(head) = view.head()? else { return Ok(Vec::new()) };
        let mut children = Vec::new();
        for entry in view.state(head.root()).entries_of_type(CHILD) {
            let (_, number) = entry.map_err(ViewError::from)?;
            let child = Child::of(view.event(number)?);
            children.extend(child.filter(|child| child.suggested || !self.shape.suggested_only));
        }
        children.sort_unstable_by(|a, b| a.place().cmp(&b.place()));
        children.truncate(MAX_CHILDREN);
        Ok(children)
    }
}

/// A room that a space names as its child.
struct Child {
    room_id: OwnedRoomId,
    order: Option<String>,
    suggested: bool,
    event: StoredEvent,
}

impl Child {
    /// `None` for what names no child (any more).
    fn of(event: StoredEvent) -> Option<Self> {
        // The trie may hold another type under the same hash.
        let room_id: OwnedRoomId = serde_json::from_slice(event.state_key_json()?).ok()?;
        let content: Content = serde_json::from_slice(event.content()).ok()?;
        let order = content.order.and_then(|order| order.as_str().map(ToOwned::to_owned));
        let is_child = event.type_json() == b"\"m.space.child\"" && content.via.is_some();
        is_child.then(|| Self {
            room_id,
            order: order.filter(|order| is_order(order)),
            suggested: content.suggested.is_some_and(|suggested| suggested == true),
            event,
        })
    }

    /// "Ordering of children within a space": those with an order first, then by time, then by room.
    fn place(&self) -> (Reverse<bool>, Option<&str>, u64, &RoomId) {
        (Reverse(self.order.is_some()), self.order.as_deref(), self.event.origin_server_ts(), &self.room_id)
    }

    fn render(&self) -> Result<Box<RawValue>> {
        let mut out = Vec::with_capacity(256);
        let mut object = ObjectWriter::open(&mut out);
        object.json("content", self.event.content());
        object.json("origin_server_ts", self.event.origin_server_ts_json());
        object.json("sender", self.event.sender_json());
        object.text("state_key", self.room_id.as_str());
        object.json("type", self.event.type_json());
        object.close();
        serde_json::from_slice(&out).map_err(Error::internal)
    }
}

#[derive(Deserialize)]
struct Content {
    via: Option<Vec<serde::de::IgnoredAny>>,
    order: Option<serde_json::Value>,
    suggested: Option<serde_json::Value>,
}

/// Up to 50 characters of printable ASCII.
fn is_order(order: &str) -> bool {
    (1..=50).contains(&order.len()) && order.bytes().all(|byte| (b' '..=b'~').contains(&byte))
}
