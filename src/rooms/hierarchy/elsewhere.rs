//! What other servers tell of rooms that this one is not in (server-server API, "Spaces"): remembered for a while, and
//! for the server that told it alone, so that none can speak of others' rooms.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use quick_cache::sync::Cache;
use ruma::{OwnedRoomId, OwnedServerName, RoomId, ServerName};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::{task::JoinSet, time::Instant};

use super::child::{Child, in_order};
use crate::{
    clock::Clock,
    error::{Error, Result},
    ids::UserNum,
    net::{Ask, PeerError, Peers, segment},
    rooms::{Rooms, summary::FullSummary},
    store::Snapshot,
};

/// How long others are waited for in one request.
pub(super) const PATIENCE: Duration = Duration::from_secs(15);
/// How long one server is.
const PATIENCE_EACH: Duration = Duration::from_secs(8);
/// Rooms that others are asked about in one request.
const MAX_QUESTIONS: usize = 200;
/// Servers that are asked about one room.
const MAX_SERVERS: usize = 3;
/// An answer may have this many bytes.
const MAX_ANSWER: usize = 4 << 20;
/// Answers that are remembered.
const MAX_REMEMBERED: usize = 2_000;
/// How long an answer holds, and that there was none, ms.
const HOLDS_MS: (u64, u64) = (5 * 60 * 1000, 60 * 1000);

/// A room, and servers that may know it.
pub(super) type Question = (OwnedRoomId, Vec<OwnedServerName>);

/// What a server tells of a room.
pub(super) struct Answer {
    pub room: FullSummary,
    /// Its valid children, in their order.
    pub children: Vec<Child>,
    /// What it tells of those.
    summaries: HashMap<OwnedRoomId, FullSummary>,
    inaccessible: HashSet<OwnedRoomId>,
}

impl Answer {
    pub fn child(&self, room_id: &RoomId) -> Option<&FullSummary> {
        self.summaries.get(room_id)
    }

    pub fn is_inaccessible(&self, room_id: &RoomId) -> bool {
        self.inaccessible.contains(room_id)
    }
}

#[derive(Deserialize)]
struct Body {
    room: Parent,
    #[serde(default)]
    children: Vec<FullSummary>,
    #[serde(default)]
    inaccessible_children: Vec<OwnedRoomId>,
}

#[derive(Deserialize)]
struct Parent {
    #[serde(flatten)]
    summary: FullSummary,
    #[serde(default)]
    children_state: Vec<serde_json::Value>,
}

impl Body {
    /// The answer about a room, if it is about that room. What it says of others than its children is passed over.
    fn about(self, room_id: &RoomId) -> Option<Answer> {
        if self.room.summary.room.room_id != room_id {
            return None;
        }
        let raw = |event: &serde_json::Value| serde_json::value::to_raw_value(event).ok();
        let told =
            self.room.children_state.iter().filter_map(raw).filter_map(|event: Box<RawValue>| Child::told(event));
        let children = in_order(told.collect());
        let named: HashSet<&OwnedRoomId> = children.iter().map(|child| &child.room_id).collect();
        let summaries = self.children.into_iter().filter(|summary| named.contains(&summary.room.room_id));
        let summaries = summaries.map(|summary| (summary.room.room_id.clone(), summary)).collect();
        let inaccessible = self.inaccessible_children.into_iter().filter(|room_id| named.contains(room_id)).collect();
        Some(Answer { room: self.room.summary, children, summaries, inaccessible })
    }
}

/// What one request has found out, room by room: `None` where nobody told anything.
pub(super) struct Answers {
    found: HashMap<OwnedRoomId, Option<Arc<Answer>>>,
    deadline: Instant,
}

impl Answers {
    pub fn new(deadline: Instant) -> Self {
        Self { found: HashMap::new(), deadline }
    }

    /// `None` for a room that was not asked about yet.
    pub fn of(&self, room_id: &RoomId) -> Option<Option<&Arc<Answer>>> {
        self.found.get(room_id).map(Option::as_ref)
    }
}

/// What servers have told, for a while: by server, room, and whether of suggested rooms only.
pub struct Told(Cache<Asked, Remembered>);

type Asked = (OwnedServerName, OwnedRoomId, bool);
/// Until when, in ms, and what.
type Remembered = (u64, Option<Arc<Answer>>);

impl Default for Told {
    fn default() -> Self {
        Self(Cache::new(MAX_REMEMBERED))
    }
}

impl Told {
    /// What a server tells of a room, asked or remembered.
    async fn get(
        &self,
        (peers, clock): (&Peers, &Clock),
        server: &ServerName,
        (room_id, suggested_only): (&RoomId, bool),
    ) -> Option<Arc<Answer>> {
        let key = (server.to_owned(), room_id.to_owned(), suggested_only);
        if let Some((until_ms, known)) = self.0.get(&key)
            && until_ms > clock.now_ms()
        {
            return known;
        }
        let path =
            format!("/_matrix/federation/v1/hierarchy/{}?suggested_only={suggested_only}", segment(room_id.as_str()));
        let ask = Ask::get(path).up_to(MAX_ANSWER).within(PATIENCE_EACH);
        let asked = peers.ask::<Body>(server, ask).await;
        let refused = matches!(asked, Err(PeerError::Refused { .. } | PeerError::Malformed { .. }));
        let answer = asked.ok().and_then(|body| body.about(room_id)).map(Arc::new);
        let holds = if answer.is_some() { HOLDS_MS.0 } else { HOLDS_MS.1 };
        if answer.is_some() || refused {
            self.0.insert(key, (clock.now_ms() + holds, answer.clone()));
        }
        answer
    }
}

impl Rooms {
    /// Asks other servers about rooms, all at the same time; each has its answer afterwards.
    pub(super) async fn ask_about(&self, unknown: Vec<Question>, suggested_only: bool, answers: &mut Answers) {
        let mut asking = JoinSet::new();
        for (room_id, via) in unknown {
            let is_asked = answers.found.len() < MAX_QUESTIONS;
            answers.found.insert(room_id.clone(), None);
            let servers: Vec<_> =
                via.into_iter().filter(|server| self.peers.allows(server)).take(MAX_SERVERS).collect();
            if !is_asked || servers.is_empty() {
                continue;
            }
            let (told, peers, clock) = (self.told.clone(), self.peers.clone(), self.clock.clone());
            asking.spawn(async move {
                for server in servers {
                    let answer = told.get((&peers, &clock), &server, (&room_id, suggested_only)).await;
                    if answer.is_some() {
                        return (room_id, answer);
                    }
                }
                (room_id, None)
            });
        }
        let deadline = answers.deadline;
        while let Ok(Some(done)) = tokio::time::timeout_at(deadline, asking.join_next()).await {
            if let Ok((room_id, answer)) = done {
                answers.found.insert(room_id, answer);
            }
        }
    }

    /// Servers that may know a space that somebody here names: who made it, and who invited them.
    pub(super) fn who_may_know_space(&self, user: UserNum, space: &RoomId) -> Result<Vec<OwnedServerName>> {
        let mut servers: Vec<_> = space.server_name().map(ToOwned::to_owned).into_iter().collect();
        if let Some(room) = self.store.room_num(space)? {
            servers.extend(self.who_told(room, user)?);
        }
        Ok(servers)
    }

    /// What another server tells of a room, if this user may see it.
    pub(super) fn seen_elsewhere(
        &self,
        snapshot: &Snapshot<'_>,
        user: Option<UserNum>,
        mut summary: FullSummary,
    ) -> Result<Option<FullSummary>> {
        let room = self.store.room_num(&summary.room.room_id)?;
        let own = match (user, room) {
            (Some(user), Some(room)) => self.view(snapshot, room).own(user)?,
            _ => None,
        };
        let membership = own.map_or(crate::rooms::rows::Membership::Leave, |own| own.membership);
        summary.membership = user.map(|_| membership.as_str());
        Ok(self.may_see(snapshot, user, &summary, membership)?.then_some(summary))
    }

    /// The summary of a room: what is here of it, or what servers tell that may know it.
    ///
    /// # Errors
    /// 404 `M_NOT_FOUND` if there is no such room that the user could see.
    pub async fn summary_anywhere(
        &self,
        user: Option<UserNum>,
        room: &ruma::RoomOrAliasId,
        via: Vec<OwnedServerName>,
    ) -> Result<FullSummary> {
        let (room_id, mut servers) = match <&RoomId>::try_from(room) {
            Ok(room_id) => (room_id.to_owned(), Vec::new()),
            // Who is not logged in has other servers asked for nothing.
            Err(_) if user.is_none() => (self.store.room_id(self.find(room)?)?, Vec::new()),
            Err(alias) => self.look_up_alias(alias).await?,
        };
        let known = self.store.room_num(&room_id)?;
        if let Some(known) = known
            && self.resides_in(known)?
        {
            return self.full_summary(user, known);
        }
        servers.extend(via);
        if let Some(user) = user {
            servers.extend(self.who_may_know_space(user, &room_id)?);
        }
        let mut seen = HashSet::new();
        servers.retain(|server| seen.insert(server.clone()));
        let mut answers = Answers::new(Instant::now() + PATIENCE);
        self.ask_about(vec![(room_id.clone(), servers)], false, &mut answers).await;
        let answer = answers.of(&room_id).flatten();
        let found = answer.map(|answer| self.seen_elsewhere(&self.store.snapshot(), user, answer.room.clone()));
        found.transpose()?.flatten().ok_or_else(|| Error::not_found("There is no such room that you could see."))
    }
}
