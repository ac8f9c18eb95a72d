//! Joining a room that this server is not in, by servers that are.

use std::{collections::HashSet, sync::Arc, time::Duration};

use ruma::{
    CanonicalJsonObject, CanonicalJsonValue, OwnedEventId, OwnedRoomId, OwnedServerName, OwnedUserId, RoomAliasId,
    RoomId, RoomOrAliasId, RoomVersionId, ServerName, UserId,
};
use serde::Deserialize;

use super::exchange::sender_of;
use crate::{
    error::{Error, Result},
    event::{self, Draft, DraftRoom, Pdu, Seal},
    ids::{RoomNum, UserNum},
    net::{Ask, PeerError, segment},
    rooms::{
        RoomGuard, Rooms,
        append::Received,
        ingest::{Authorities, verified, verified_one},
        membership::Actor,
        restricted::{UNABLE_TO_AUTHORISE, UNABLE_TO_GRANT},
        rows::{Membership, Verdict},
        stripped,
    },
};

/// Servers that are asked for one join.
const MAX_SERVERS: usize = 10;
/// An answer to `send_join` may have this many bytes, and take so long.
const JOIN_BOUNDS: (usize, Duration) = (256 << 20, Duration::from_secs(180));
/// State events and auth events that one join may bring, each.
const MAX_EVENTS: usize = 300_000;

/// What servers say who can't help, as clients are told.
const PASSED_ON: &[(&str, &str)] = &[
    ("M_INCOMPATIBLE_ROOM_VERSION", "The room's version is not supported here."),
    (UNABLE_TO_AUTHORISE, "No server that could be asked can tell whether you may join."),
    (UNABLE_TO_GRANT, "No server that could be asked has a member who may let you in."),
];

/// Where a room is that somebody wants to join.
#[derive(Debug)]
pub enum JoinTarget {
    /// Here.
    Here(RoomNum),
    /// Where these servers are.
    Elsewhere(OwnedRoomId, Vec<OwnedServerName>),
}

/// What another server lets one complete.
#[derive(Deserialize)]
pub(super) struct Template {
    room_version: Option<RoomVersionId>,
    event: TemplateEvent,
}

#[derive(Deserialize)]
struct TemplateEvent {
    sender: OwnedUserId,
    state_key: String,
    content: CanonicalJsonObject,
    prev_events: Vec<OwnedEventId>,
    auth_events: Vec<OwnedEventId>,
    depth: u64,
}

#[derive(Deserialize)]
struct JoinAnswer {
    state: Vec<CanonicalJsonObject>,
    auth_chain: Vec<CanonicalJsonObject>,
    event: Option<CanonicalJsonObject>,
}

impl Rooms {
    /// Where a room is to be joined by a user, who may know servers that are in it.
    ///
    /// # Errors
    /// 404 `M_NOT_FOUND` if nobody is known who is in the room.
    pub async fn find_to_join(
        &self,
        user: UserNum,
        room: &RoomOrAliasId,
        via: Vec<OwnedServerName>,
    ) -> Result<JoinTarget> {
        let (room_id, mut servers) = match <&RoomId>::try_from(room) {
            Ok(room_id) => (room_id.to_owned(), via),
            Err(alias) => {
                let (room_id, mut servers) = self.look_up_alias(alias).await?;
                servers.extend(via);
                (room_id, servers)
            }
        };
        if let Some(room) = self.store.room_num(&room_id)? {
            if self.resides_in(room)? {
                return Ok(JoinTarget::Here(room));
            }
            servers.extend(self.who_told(room, user)?);
        }
        servers.extend(room_id.server_name().map(ToOwned::to_owned));
        let mut seen = HashSet::new();
        servers.retain(|server| self.peers.allows(server) && seen.insert(server.clone()));
        servers.truncate(MAX_SERVERS);
        if servers.is_empty() {
            return Err(Error::not_found("No server is known that is in that room."));
        }
        Ok(JoinTarget::Elsewhere(room_id, servers))
    }

    /// The room of an alias, ours or another server's, and servers that are in it.
    ///
    /// # Errors
    /// 404 `M_NOT_FOUND` if there is none.
    pub async fn look_up_alias(&self, alias: &RoomAliasId) -> Result<(OwnedRoomId, Vec<OwnedServerName>)> {
        #[derive(Deserialize)]
        struct Answer {
            room_id: OwnedRoomId,
            servers: Vec<OwnedServerName>,
        }
        if alias.server_name() == self.server_name {
            let room = self.resolve_alias(alias)?;
            let servers = self.view(&self.store.snapshot(), room).servers()?;
            let mut servers: Vec<_> = servers.into_iter().map(|(server, _)| server).collect();
            servers.retain(|server| *server != self.server_name);
            servers.insert(0, self.server_name.clone());
            return Ok((self.store.room_id(room)?, servers));
        }
        let path = format!("/_matrix/federation/v1/query/directory?room_alias={}", segment(alias.as_str()));
        let asked = self.peers.ask::<Answer>(alias.server_name(), Ask::get(path)).await;
        let Answer { room_id, mut servers } =
            asked.map_err(|error| Error::not_found("No room has this alias.").because(error))?;
        servers.retain(|server| server != alias.server_name());
        servers.truncate(100);
        servers.insert(0, alias.server_name().to_owned());
        Ok((room_id, servers))
    }

    /// The servers of those who told a user of a room that this server is not in: of who invited them first.
    pub(in crate::rooms) fn who_told(&self, room: RoomNum, user: UserNum) -> Result<Vec<OwnedServerName>> {
        let own = self.view(&self.store.latest(), room).own(user)?;
        let told = own.and_then(|own| own.stripped_state).map(|state| stripped::read(&state)).unwrap_or_default();
        // The invite itself stands last; behind a knock, which is the user's own, are those who made the room what it is.
        let mut servers: Vec<OwnedServerName> = Vec::new();
        for sender in told.iter().rev().filter_map(|event| <&UserId>::try_from(&*event.sender).ok()) {
            let server = sender.server_name();
            if server != self.server_name && !servers.iter().any(|known| known == server) {
                servers.push(server.to_owned());
            }
        }
        Ok(servers)
    }

    /// Joins a room by the first of some servers that lets the user in.
    ///
    /// With `third_party_signed`, which proves that an invitation of an e-mail address or phone number is the user's, the
    /// server of who sent that is asked for an invite first.
    ///
    /// # Errors
    /// What the servers answered: 403 `M_FORBIDDEN` where one refused; 404 `M_NOT_FOUND` where none knows the room or
    /// can be reached.
    pub async fn join_elsewhere(
        &self,
        actor: Actor<'_>,
        room_id: &RoomId,
        servers: &[OwnedServerName],
        (content, third_party_signed): (CanonicalJsonObject, Option<CanonicalJsonObject>),
    ) -> Result<RoomNum> {
        let room = self.store.intern_room(room_id)?;
        if let Some(signed) = third_party_signed {
            self.ask_for_invite(actor.user_id, room_id, (sender_of(&signed)?, &signed)).await?;
        }
        let mut errors = Vec::new();
        for server in servers {
            match self.join_by(server, actor, (room, room_id), content.clone()).await {
                Ok(()) => return Ok(room),
                Err(Attempt::Peer(error)) => errors.push(error),
                Err(Attempt::Own(error)) => return Err(error),
            }
        }
        Err(failed(&errors))
    }

    async fn join_by(
        &self,
        server: &ServerName,
        actor: Actor<'_>,
        (room, room_id): (RoomNum, &RoomId),
        content: CanonicalJsonObject,
    ) -> Result<(), Attempt> {
        let (version, pdu) =
            self.complete(server, (room_id, actor.user_id), (Membership::Join, "make_join"), content).await?;
        let path = format!(
            "/_matrix/federation/v2/send_join/{}/{}",
            segment(room_id.as_str()),
            segment(pdu.event_id().as_str())
        );
        let body = pdu.to_object().map_err(Error::internal)?;
        let ask = Ask::put(path, body).up_to(JOIN_BOUNDS.0).within(JOIN_BOUNDS.1);
        let answer: JoinAnswer = self.peers.ask(server, ask).await?;
        if answer.state.len() > MAX_EVENTS || answer.auth_chain.len() > MAX_EVENTS {
            return Err(Attempt::malformed(server, "the room is too large"));
        }
        self.import(server, (room, room_id), (version, pdu), answer).await
    }

    /// Fills in an event that another server laid out, and signs it.
    pub(super) async fn complete(
        &self,
        server: &ServerName,
        (room_id, user_id): (&RoomId, &UserId),
        (membership, endpoint): (Membership, &str),
        mut content: CanonicalJsonObject,
    ) -> Result<(RoomVersionId, Arc<Pdu>), Attempt> {
        let mut path =
            format!("/_matrix/federation/v1/{endpoint}/{}/{}", segment(room_id.as_str()), segment(user_id.as_str()));
        if membership != Membership::Leave {
            let versions: Vec<_> = event::known().iter().map(|version| format!("ver={version}")).collect();
            path = format!("{path}?{}", versions.join("&"));
        }
        let Template { room_version, event } = self.peers.ask(server, Ask::get(path)).await?;
        let version = room_version.ok_or_else(|| Attempt::malformed(server, "there is no room_version"))?;
        let rules =
            event::rules(&version).ok_or_else(|| Attempt::malformed(server, "the room's version is unknown"))?;
        let proposed = event.content.get("membership").and_then(CanonicalJsonValue::as_str);
        if event.sender != user_id || event.state_key != user_id.as_str() || proposed != Some(membership.as_str()) {
            return Err(Attempt::malformed(server, "the event is another one than was asked for"));
        }
        for key in ["membership", "join_authorised_via_users_server"] {
            content.extend(event.content.get(key).map(|value| (key.to_owned(), value.clone())));
        }
        if membership != Membership::Leave {
            content.extend(self.member_profile(user_id)?);
        }
        let draft = Draft {
            room: DraftRoom::Existing(room_id.to_owned()),
            sender: user_id.to_owned(),
            event_type: "m.room.member".to_owned(),
            state_key: Some(user_id.to_string()),
            content,
            redacts: None,
            origin_server_ts: self.clock.now_ms(),
        };
        let seal = Seal {
            rules,
            prev_events: &event.prev_events,
            auth_events: &event.auth_events,
            depth: event.depth,
            key: &self.signing_key,
            server_name: &self.server_name,
        };
        let pdu = draft.seal(seal).map_err(|error| Attempt::malformed(server, &error.to_string()))?;
        Ok((version, Arc::new(pdu)))
    }

    /// Makes a room known here by the state that another server tells, with the join behind it.
    async fn import(
        &self,
        server: &ServerName,
        (room, room_id): (RoomNum, &RoomId),
        (version, mut pdu): (RoomVersionId, Arc<Pdu>),
        answer: JoinAnswer,
    ) -> Result<(), Attempt> {
        let rules =
            event::rules(&version).ok_or_else(|| Attempt::malformed(server, "the room's version is unknown"))?;
        // Where others vouch for the join, the event has their signature too.
        if let Some(object) = answer.event {
            let signed = verified_one(&self.keyring, room_id, rules, object).await.ok();
            pdu = signed.filter(|signed| signed.event_id() == pdu.event_id()).unwrap_or(pdu);
        }
        let state = verified(&self.keyring, room_id, rules, answer.state).await;
        let chain = verified(&self.keyring, room_id, rules, answer.auth_chain).await;
        if !state.iter().any(|event| event.type_str() == "m.room.create" && has_version(event, &version)) {
            return Err(Attempt::malformed(server, "the state has no create event of the room's version"));
        }
        let ids: Vec<OwnedEventId> = state.iter().map(|event| event.event_id().clone()).collect();
        let authorities = Authorities::new(state.into_iter().chain(chain));
        let _turn = self.ingest.turn(room).await;
        let is_known = self.view(&self.store.latest(), room).head().map_err(Error::from)?.is_some();
        let mut guard = match is_known {
            true => RoomGuard::lock(self, room).await?,
            false => RoomGuard::lock_new(self, room, version).await?,
        };
        guard.keep(&authorities)?;
        let given = Some(guard.given(&ids)?);
        let appended = guard.append_received(pdu, Received { given, ..Received::default() })?;
        drop(guard);
        let verdict = appended.verdict;
        appended.durable().await?;
        match verdict {
            Verdict::Accepted => Ok(()),
            _ => Err(Attempt::malformed(server, "the state that it told doesn't let the user in")),
        }
    }
}

fn has_version(create: &Pdu, version: &RoomVersionId) -> bool {
    #[derive(Deserialize)]
    struct Content {
        room_version: Option<RoomVersionId>,
    }
    let content: Option<Content> = serde_json::from_str(create.content().get()).ok();
    content.and_then(|content| content.room_version).unwrap_or(RoomVersionId::V1) == *version
}

/// Why one server did not help.
pub(super) enum Attempt {
    /// It answered so, or not at all: another one may help.
    Peer(PeerError),
    /// The fault is here.
    Own(Error),
}

impl Attempt {
    pub fn malformed(server: &ServerName, why: &str) -> Self {
        Self::Peer(PeerError::Malformed { server: server.to_owned(), why: why.to_owned() })
    }
}

impl From<PeerError> for Attempt {
    fn from(error: PeerError) -> Self {
        Self::Peer(error)
    }
}

impl From<Error> for Attempt {
    fn from(error: Error) -> Self {
        Self::Own(error)
    }
}

/// What a client is told when no server helped: the first clear refusal, else that nobody could be asked.
pub(super) fn failed(errors: &[PeerError]) -> Error {
    let words = errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
    let refused = errors.iter().find_map(|error| match error {
        PeerError::Refused { status: 403, message, .. } => Some(Error::forbidden(message.clone())),
        _ => None,
    });
    let unable = errors.iter().find_map(|error| match error {
        PeerError::Refused { errcode, .. } => PASSED_ON.iter().find(|(known, _)| known == errcode),
        _ => None,
    });
    let error = match (refused, unable) {
        (Some(error), _) => error,
        (None, Some((errcode, message))) => Error::bad_request(errcode, *message),
        (None, None) => Error::not_found("No server that could be asked lets you into this room."),
    };
    error.because(words)
}
