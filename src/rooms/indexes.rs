//! What follows from an event for the indexes: members, a user's rooms, relations, redactions. It follows the
//! difference of the old and the new current state, so that a change by resolution is told like any other.

use ruma::{EventId, UserId};

use super::{
    RoomGuard,
    place::Placement,
    relations::{self, Kinds, NewKind, RelationRows},
    rows::{EventMeta, MemberRow, Membership, OwnRoom, RoomHead, Verdict},
    servers::ServerChanges,
    stripped,
    view::{ViewError, member_key, own_key},
};
use crate::{
    error::Result,
    event::{Pdu, StoredEvent, redact_pdu},
    ids::{EventNum, Position, RoomNum, UserNum},
    state::{
        power::Power,
        trie::{Change, NodeHash},
    },
    store::{
        Commit, Family, Key, Notice,
        keys::{self, Index, KeyBuilder},
    },
    users::feed::FeedEntry,
};

/// All that a commit writes beside the event itself.
pub(super) struct Effects {
    members: Vec<MemberChange>,
    redaction: Option<Redaction>,
    relation: Option<RelationRows>,
    new_kind: Option<NewKind>,
    awaiting: Option<(Key, Kinds)>,
    rows: Vec<(Key, Vec<u8>)>,
    servers: ServerChanges,
}

pub(super) struct MemberChange {
    pub user: UserNum,
    pub before: Option<MemberRow>,
    pub after: MemberRow,
    /// Of users of this server: their row before, and the stripped state that comes with an invite or a knock.
    own: Option<(Option<OwnRoom>, Option<Vec<u8>>)>,
}

struct Redaction {
    target: EventNum,
    meta: EventMeta,
    json: Vec<u8>,
    /// Rows that told of the target's relation to another event.
    gone: Vec<Key>,
}

impl Effects {
    pub fn of(guard: &RoomGuard<'_>, pdu: &std::sync::Arc<Pdu>, placement: &Placement) -> Result<Self> {
        let mut members = Vec::new();
        for change in &placement.changes {
            members.extend(member_change(guard, pdu, placement, change)?);
        }
        let awaiting = relations::awaiting(guard, pdu.event_id())?;
        let servers = ServerChanges::of(guard, &members)?;
        let mut effects =
            Self { members, redaction: None, relation: None, new_kind: None, awaiting, rows: Vec::new(), servers };
        if placement.verdict == Verdict::Accepted {
            let number = guard.new_number();
            effects.redaction = redaction_of(guard, pdu, placement.before, number)?;
            effects.relation = RelationRows::of(pdu);
            if let Some(relation) = &effects.relation {
                let redacted = effects.redaction.as_mut().map(|redaction| (redaction.target, &mut redaction.meta));
                effects.new_kind = NewKind::of(guard, relation, redacted)?;
            }
            effects.rows = own_rows(guard.number(), pdu, number);
        }
        Ok(effects)
    }

    /// In which ways others relate to the event already.
    pub fn children(&self) -> Kinds {
        self.awaiting.as_ref().map(|(_, kinds)| *kinds).unwrap_or_default()
    }

    /// Who was joined and is no more.
    pub fn gone(&self) -> impl Iterator<Item = UserNum> {
        let was_joined = |change: &&MemberChange| change.before.is_some_and(|row| row.membership == Membership::Join);
        let gone = self.members.iter().filter(was_joined).filter(|c| c.after.membership != Membership::Join);
        gone.map(|change| change.user)
    }

    /// Moves the counts of members.
    pub fn count(&self, head: &mut RoomHead) {
        for change in &self.members {
            let before = change.before.map_or(Membership::Leave, |row| row.membership);
            if change.own.is_some() {
                head.residents += u64::from(change.after.membership == Membership::Join);
                head.residents -= u64::from(before == Membership::Join);
            }
            for (membership, counter) in [(Membership::Join, &mut head.joined), (Membership::Invite, &mut head.invited)]
            {
                *counter += u64::from(change.after.membership == membership);
                *counter -= u64::from(before == membership);
            }
        }
    }

    /// Adds all of it to the commit of the event, whose row is `meta`.
    pub fn write(self, commit: &mut Commit, (room, number): (RoomNum, EventNum), meta: &EventMeta) {
        self.servers.write(commit, room);
        for change in self.members {
            change.write(commit, room, meta.position);
        }
        if let Some(Redaction { target, meta, json, gone }) = self.redaction {
            commit.put_row(Family::EventMeta, keys::event(room, target), &meta);
            commit.put(Family::EventJson, keys::event(room, target), json);
            for key in gone {
                commit.delete(Family::Index, key);
            }
        }
        if let Some(new_kind) = self.new_kind {
            new_kind.write(commit, room);
        }
        if let Some((key, _)) = self.awaiting {
            commit.delete(Family::Index, key);
        }
        let relation = self.relation.iter().flat_map(|relation| relation.rows(room, number, meta));
        for (key, value) in self.rows.into_iter().chain(relation) {
            commit.put(Family::Index, key, value);
        }
    }
}

impl MemberChange {
    fn write(self, commit: &mut Commit, room: RoomNum, position: Position) {
        commit.put_row(Family::Index, member_key(room, self.user), &self.after);
        let Some((before, stripped_state)) = self.own else { return };
        let MemberRow { membership, event } = self.after;
        let same = before.as_ref().filter(|before| before.membership == membership && membership == Membership::Join);
        let ended = before.as_ref().is_some_and(|before| before.membership == Membership::Join && same.is_none());
        let joined_until = if ended { Some(position) } else { before.as_ref().and_then(|before| before.joined_until) };
        let since = same.map_or(position, |before| before.since);
        let is_out = matches!(membership, Membership::Leave | Membership::Ban);
        let forgotten = is_out && before.as_ref().is_some_and(|before| before.forgotten);
        let own = OwnRoom { membership, event, since, joined_until, forgotten, stripped_state };
        commit.put_row(Family::Index, own_key(self.user, room), &own);
        if since == position {
            if let Some(before) = before {
                commit.delete(Family::Feed, keys::user_position(self.user, before.since));
            }
            commit.put_row(Family::Feed, keys::user_position(self.user, position), &FeedEntry::Membership(room));
        }
        commit.notify(match membership {
            Membership::Join => Notice::Joined(room, self.user),
            _ => Notice::Left(room, self.user),
        });
        commit.notify(Notice::User(self.user));
    }
}

fn member_change(
    guard: &RoomGuard<'_>,
    pdu: &std::sync::Arc<Pdu>,
    placement: &Placement,
    change: &Change,
) -> Result<Option<MemberChange>> {
    guard.with_ahead(&placement.nodes, pdu, |ahead| {
        let Some(known) = change.after.or(change.before) else { return Ok(None) };
        let event = ahead.pdu(known)?;
        let target = event.state_key().filter(|_| event.type_str() == "m.room.member");
        let Some(target) = target.and_then(|key| <&UserId>::try_from(key).ok()) else { return Ok(None) };
        let user = guard.rooms.store.intern_user(target)?;
        let membership = match change.after {
            Some(_) => Membership::of_content(event.content().get()),
            None => Membership::Leave,
        };
        let after = MemberRow { membership, event: change.after };
        let own = if target.server_name() == guard.rooms.server_name {
            let stripped_state = match membership {
                Membership::Invite | Membership::Knock => Some(stripped::render(&ahead, placement.current, &event)?),
                _ => None,
            };
            Some((ahead.view.own(user)?, stripped_state))
        } else {
            None
        };
        Ok(Some(MemberChange { user, before: ahead.view.member(user)?, after, own }))
    })
}

/// What a redaction does to its target, if that is here and the redaction is valid (room version 3, "Redactions").
fn redaction_of(
    guard: &RoomGuard<'_>,
    pdu: &std::sync::Arc<Pdu>,
    before: NodeHash,
    number: EventNum,
) -> Result<Option<Redaction>> {
    let Some(target_id) = pdu.redacts() else { return Ok(None) };
    let room_id = guard.room_id();
    guard.with_view(|view| {
        let Some(target) = view.find(target_id)? else { return Ok(None) };
        let mut meta = view.meta(target)?;
        let event = view.pdu(target, room_id)?;
        if meta.redacted_by.is_some() || !may_redact(guard, before, pdu.sender(), event.sender())? {
            return Ok(None);
        }
        let redacted = redact_pdu(&event, guard.rules()).map_err(crate::error::Error::internal)?;
        meta.redacted_by = Some(number);
        let relation = RelationRows::of(&event);
        let gone = relation.iter().flat_map(|relation| relation.keys(guard.number(), meta.point())).collect();
        Ok(Some(Redaction { target, meta, json: StoredEvent::encode(&redacted), gone }))
    })
}

/// Whether a redaction takes effect (room version 3, "Handling redactions").
fn may_redact(guard: &RoomGuard<'_>, state: NodeHash, by: &UserId, of: &UserId) -> Result<bool, ViewError> {
    let room_id = guard.room_id();
    guard.with_view(|view| {
        let event = |event_type| {
            let number = view.state_at(state, event_type, "")?;
            number.map(|number| view.pdu(number, room_id)).transpose()
        };
        let Some(create) = event("m.room.create")? else { return Ok(false) };
        let power = Power::new(guard.rules(), &create, event("m.room.power_levels")?);
        Ok(power.may_redact(by, of))
    })
}

/// The rows of `index` that an accepted event has, whatever the room's state is.
pub fn event_rows(room: RoomNum, pdu: &Pdu, number: EventNum, meta: &EventMeta) -> Vec<(Key, Vec<u8>)> {
    let mut rows = own_rows(room, pdu, number);
    rows.extend(RelationRows::of(pdu).iter().flat_map(|relation| relation.rows(room, number, meta)));
    rows
}

/// Those of them that have nothing to do with its place in the timeline.
fn own_rows(room: RoomNum, pdu: &Pdu, number: EventNum) -> Vec<(Key, Vec<u8>)> {
    let mut rows = vec![(timestamp_key(room, pdu.origin_server_ts(), number), Vec::new())];
    rows.extend(pdu.redacts().map(|target| (redaction_key(room, target, number), Vec::new())));
    rows
}

/// `index`: room → time, event. No value.
pub(super) fn timestamp_key(room: RoomNum, origin_server_ts: u64, number: EventNum) -> Key {
    KeyBuilder::room(room, Index::Timestamp).u64(origin_server_ts).u64(number.0).build()
}

/// `index`: room → event, redaction of it. No value.
pub fn redaction_key(room: RoomNum, target: &EventId, redaction: EventNum) -> Key {
    KeyBuilder::room(room, Index::Redaction).tail(&keys::event_id(target.as_str())).u64(redaction.0).build()
}
