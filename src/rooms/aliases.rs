//! Names for rooms: `#name:server` → room. Only aliases of this server are known.
//!
//! Invariant: an alias's rows are read from `Store::latest` and queued under the lock of `Aliases`, so that an alias
//! never stands for two rooms.

use std::{
    collections::HashSet,
    sync::{Mutex, MutexGuard, PoisonError},
};

use ruma::{CanonicalJsonObject, CanonicalJsonValue, OwnedRoomAliasId, RoomAliasId, RoomId, UserId};
use serde::{Deserialize, Serialize};

use super::{
    RoomGuard, Rooms, reading::not_a_member, room_state::NewState, rows::Membership, visibility::HistoryVisibility,
};
use crate::{
    error::{Error, Result},
    ids::{RoomNum, UserNum},
    store::{
        Commit, Family, Key, LogEntry, Read, Snapshot, StoreError, Ticket,
        keys::{Index, KeyBuilder},
    },
    users::Session,
};

/// The room of an alias, and who made the alias.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct AliasRow {
    /// The room.
    pub room: RoomNum,
    /// Who made it.
    pub creator: UserNum,
}

/// Aliases that are promised to rooms which are being made.
#[derive(Default)]
pub(super) struct Aliases(Mutex<HashSet<OwnedRoomAliasId>>);

impl Aliases {
    fn lock(&self) -> MutexGuard<'_, HashSet<OwnedRoomAliasId>> {
        // The set is changed by single steps only.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An alias that nobody else can take.
pub(super) struct Reservation<'a> {
    rooms: &'a Rooms,
    pub alias: OwnedRoomAliasId,
}

impl Reservation<'_> {
    /// Gives the alias to a room.
    pub fn give_to(&self, room: RoomNum, creator: UserNum) -> Ticket {
        self.rooms.put_alias(&self.alias, AliasRow { room, creator })
    }
}

impl Drop for Reservation<'_> {
    fn drop(&mut self) {
        self.rooms.aliases.lock().remove(&self.alias);
    }
}

fn alias_key(alias: &[u8]) -> Key {
    KeyBuilder::global(Index::Alias).tail(alias).build()
}

fn room_prefix(room: RoomNum) -> KeyBuilder {
    KeyBuilder::room(room, Index::RoomAlias)
}

/// A room's aliases, in order of the alphabet.
fn of_room(snapshot: &Snapshot<'_>, room: RoomNum) -> Result<Vec<String>, StoreError> {
    let prefix = room_prefix(room).build();
    let mut rows = snapshot.scan_prefix(Family::Index, &prefix);
    let mut aliases = Vec::new();
    while let Some((key, _)) = rows.next()? {
        aliases.extend(key.get(prefix.len()..).and_then(|alias| String::from_utf8(alias.to_vec()).ok()));
    }
    Ok(aliases)
}

impl Rooms {
    /// The room of an alias.
    ///
    /// # Errors
    /// 404 `M_NOT_FOUND` if there is none, or the alias is another server's.
    pub fn resolve_alias(&self, alias: &RoomAliasId) -> Result<RoomNum> {
        let row = self.alias_row(alias)?;
        Ok(row.ok_or_else(|| Error::not_found("No room has this alias."))?.room)
    }

    /// Names a room; 409 `M_UNKNOWN` if the alias stands for a room already.
    pub async fn add_alias(&self, session: &Session, alias: &RoomAliasId, room_id: &RoomId) -> Result<()> {
        if alias.server_name() != self.server_name {
            return Err(Error::invalid_param("This server makes no aliases in the name of others."));
        }
        let room = self.number(room_id)?;
        if self.lock(room).await?.membership(&session.user_id)? != Membership::Join {
            return Err(Error::forbidden("Only who is in the room may name it."));
        }
        let ticket = {
            let promised = self.aliases.lock();
            if promised.contains(alias) || self.alias_row(alias)?.is_some() {
                return Err(Error::new(409, "M_UNKNOWN", "This alias stands for a room already."));
            }
            self.put_alias(alias, AliasRow { room, creator: session.user })
        };
        ticket.durable().await?;
        Ok(())
    }

    /// Takes an alias away: for who made it, who may set the room's canonical alias, and server administrators. Where
    /// the canonical alias event names it, and the user may change that, it does so no more.
    ///
    /// # Errors
    /// 403 `M_FORBIDDEN` for others; 404 `M_NOT_FOUND` if there is no such alias.
    pub async fn remove_alias(&self, session: &Session, alias: &RoomAliasId) -> Result<()> {
        let row = self.alias_row(alias)?.ok_or_else(|| Error::not_found("No room has this alias."))?;
        let mut guard = self.lock(row.room).await?;
        let may_change_event = guard.may_name(&session.user_id)?;
        if !may_change_event && row.creator != session.user && !self.users.is_admin(session.user)? {
            return Err(Error::forbidden("Others made this alias, and you lack the power to change the room's names."));
        }
        let mut ticket = {
            let _promised = self.aliases.lock();
            if self.alias_row(alias)?.is_none_or(|now| now.room != row.room) {
                return Err(Error::not_found("No room has this alias."));
            }
            self.store.commit(|_| removal(alias, row.room))
        };
        if may_change_event && let Some(content) = guard.canonical_alias_without(alias)? {
            let (event_type, state_key) = ("m.room.canonical_alias".to_owned(), String::new());
            ticket = guard.append_state(&session.user_id, NewState { event_type, state_key, content })?.ticket;
        }
        drop(guard);
        ticket.durable().await?;
        Ok(())
    }

    /// A room's aliases, for its members and, where everybody may read, for everybody; else 403 `M_FORBIDDEN`.
    pub fn readable_aliases(&self, snapshot: &Snapshot<'_>, user: UserNum, room_id: &RoomId) -> Result<Vec<String>> {
        let room = self.store.room_num(room_id)?.ok_or_else(not_a_member)?;
        if !self.is_joined(snapshot, user, room)? {
            let view = self.view(snapshot, room);
            let head = view.head()?.ok_or_else(not_a_member)?;
            if view.history_visibility(head.root())? != HistoryVisibility::WorldReadable {
                return Err(Error::forbidden("You are not in that room."));
            }
        }
        Ok(of_room(snapshot, room)?)
    }

    /// Keeps an alias of ours for a room that is about to be made.
    ///
    /// # Errors
    /// 400 `M_ROOM_IN_USE` if it stands for a room already; 400 `M_INVALID_PARAM` if it is none.
    pub(super) fn reserve_alias(&self, localpart: &str) -> Result<Reservation<'_>> {
        let invalid = || Error::invalid_param("This is not valid as the local part of an alias.");
        if localpart.is_empty() || localpart.contains(|c: char| c == ':' || c.is_whitespace() || c.is_control()) {
            return Err(invalid());
        }
        let alias = RoomAliasId::parse(format!("#{localpart}:{}", self.server_name)).map_err(|_| invalid())?;
        let in_use = || Error::bad_request("M_ROOM_IN_USE", "This alias stands for another room.");
        let mut promised = self.aliases.lock();
        if self.alias_row(&alias)?.is_some() || !promised.insert(alias.clone()) {
            return Err(in_use());
        }
        Ok(Reservation { rooms: self, alias })
    }

    /// Moves all aliases of a room to another one. The caller holds both rooms.
    pub(super) fn move_aliases(&self, from: RoomNum, to: RoomNum) -> Result<()> {
        let aliases = of_room(&self.store.snapshot(), from)?;
        let _promised = self.aliases.lock();
        for alias in aliases.iter().filter_map(|alias| RoomAliasId::parse(alias).ok()) {
            let Some(row) = self.alias_row(&alias)?.filter(|row| row.room == from) else { continue };
            // Not awaited: the events that follow land behind it.
            let _ = self.store.commit(|_| {
                let mut commit = alias_commit(&alias, AliasRow { room: to, ..row });
                commit.delete(Family::Index, room_prefix(from).tail(alias.as_bytes()).build());
                commit
            });
        }
        Ok(())
    }

    /// Takes a room's alias away again, whoever may do that.
    pub(super) fn drop_alias(&self, alias: &RoomAliasId, room: RoomNum) {
        let _promised = self.aliases.lock();
        // Not awaited: nobody was told of it.
        let _ = self.store.commit(|_| removal(alias, room));
    }

    fn alias_row(&self, alias: &RoomAliasId) -> Result<Option<AliasRow>> {
        Ok(self.store.latest().get_row(Family::Index, &alias_key(alias.as_bytes()))?)
    }

    fn put_alias(&self, alias: &RoomAliasId, row: AliasRow) -> Ticket {
        self.store.commit(|_| alias_commit(alias, row))
    }
}

fn alias_commit(alias: &RoomAliasId, row: AliasRow) -> Commit {
    let mut commit = Commit::new(LogEntry::Housekeeping);
    commit.put_row(Family::Index, alias_key(alias.as_bytes()), &row);
    commit.put(Family::Index, room_prefix(row.room).tail(alias.as_bytes()).build(), Vec::new());
    commit
}

fn removal(alias: &RoomAliasId, room: RoomNum) -> Commit {
    let mut commit = Commit::new(LogEntry::Housekeeping);
    commit
        .delete(Family::Index, alias_key(alias.as_bytes()))
        .delete(Family::Index, room_prefix(room).tail(alias.as_bytes()).build());
    commit
}

impl RoomGuard<'_> {
    /// Whether a user may change what the room is called.
    pub(super) fn may_name(&mut self, user: &UserId) -> Result<bool> {
        Ok(self.membership(user)? == Membership::Join && self.power()?.may_send(user, "m.room.canonical_alias", true))
    }

    /// Checks the aliases that a new `m.room.canonical_alias` has and the old one hasn't.
    ///
    /// # Errors
    /// 400 `M_INVALID_PARAM` if one is malformed, `M_BAD_ALIAS` if one doesn't stand for this room.
    pub(super) fn check_canonical_alias(&mut self, content: &CanonicalJsonObject) -> Result<()> {
        let old = self.canonical_alias()?;
        // What is odd in the old event need not be taken over.
        let known = old.as_ref().and_then(|old| named(old).ok()).unwrap_or_default();
        for alias in named(content)?.into_iter().filter(|alias| !known.contains(alias)) {
            let parsed = <&RoomAliasId>::try_from(alias)
                .map_err(|_| Error::invalid_param(format!("{alias} is not a room alias.")))?;
            if self.rooms.alias_row(parsed)?.is_none_or(|row| row.room != self.number()) {
                return Err(Error::bad_request("M_BAD_ALIAS", format!("{alias} does not stand for this room.")));
            }
        }
        Ok(())
    }

    fn canonical_alias(&mut self) -> Result<Option<CanonicalJsonObject>> {
        let event = self.state_event("m.room.canonical_alias", "")?;
        Ok(event.and_then(|event| serde_json::from_str(event.content().get()).ok()))
    }

    /// The content of the canonical alias event without an alias; `None` if it doesn't name it.
    fn canonical_alias_without(&mut self, alias: &RoomAliasId) -> Result<Option<CanonicalJsonObject>> {
        let Some(mut content) = self.canonical_alias()? else { return Ok(None) };
        let is_it = |value: &CanonicalJsonValue| value.as_str() == Some(alias.as_str());
        let mut changed = content.get("alias").is_some_and(is_it);
        if changed {
            content.remove("alias");
        }
        if let Some(CanonicalJsonValue::Array(others)) = content.get_mut("alt_aliases") {
            let before = others.len();
            others.retain(|other| !is_it(other));
            changed |= others.len() < before;
        }
        Ok(changed.then_some(content))
    }
}

/// The aliases that the content of an `m.room.canonical_alias` names.
fn named(content: &CanonicalJsonObject) -> Result<Vec<&str>> {
    let malformed = || Error::invalid_param("alias is a room alias, alt_aliases a list of them.");
    let mut aliases = Vec::new();
    match content.get("alias") {
        None | Some(CanonicalJsonValue::Null) => {}
        Some(CanonicalJsonValue::String(alias)) => aliases.push(alias.as_str()),
        Some(_) => return Err(malformed()),
    }
    match content.get("alt_aliases") {
        None | Some(CanonicalJsonValue::Null) => {}
        Some(CanonicalJsonValue::Array(others)) => {
            for other in others {
                aliases.push(other.as_str().ok_or_else(malformed)?);
            }
        }
        Some(_) => return Err(malformed()),
    }
    Ok(aliases)
}
