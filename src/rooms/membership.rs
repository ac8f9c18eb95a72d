//! Who is in a room: joining, inviting, leaving, kicking, banning, knocking (client-server API, "Room membership").
//!
//! All roads lead through [`RoomGuard::append_member`], which adds to the auth rules what a client's server owes.

use ruma::{CanonicalJsonObject, OwnedEventId, UserId};
use serde::Deserialize;

use super::{
    Appended, NewEvent, RoomGuard, Rooms,
    restricted::{UNABLE_TO_AUTHORISE, UNABLE_TO_GRANT},
    rows::Membership,
    third_party::check_proof,
    view::own_key,
};
use crate::{
    error::{Error, Result},
    ids::{RoomNum, UserNum},
    store::{Commit, Family, LogEntry, Notice, Ticket},
    users::Session,
};

/// Who changes somebody's membership.
#[derive(Clone, Copy, Debug)]
pub struct Actor<'a> {
    /// The user.
    pub user_id: &'a UserId,
    /// Guests may join only where the room lets them.
    pub is_guest: bool,
}

impl<'a> From<&'a Session> for Actor<'a> {
    fn from(session: &'a Session) -> Self {
        Self { user_id: &session.user_id, is_guest: session.is_guest }
    }
}

/// What somebody does to another's membership.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Asks them in. Nothing happens to who is invited already.
    Invite,
    /// Makes them leave, who are in the room, invited or knocking.
    Kick,
    /// Keeps them out, who need not have been in.
    Ban,
    /// Lifts a ban.
    Unban,
}

impl Rooms {
    /// Joins a room; nothing happens to who is in it. When this returns, everybody knows.
    ///
    /// `third_party_signed`: proof that an invitation of an e-mail address or phone number is the user's.
    ///
    /// # Errors
    /// 403 `M_FORBIDDEN` if the room doesn't let the user in, `M_GUEST_ACCESS_FORBIDDEN` if it lets no guests in.
    pub async fn join(
        &self,
        actor: Actor<'_>,
        room: RoomNum,
        content: CanonicalJsonObject,
        third_party_signed: Option<CanonicalJsonObject>,
    ) -> Result<()> {
        let third_party_signed = match third_party_signed {
            Some(signed) if self.has_to_ask(room, actor.user_id, &signed).await? => {
                self.await_invite(actor.user_id, room, &signed).await?;
                None
            }
            other => other,
        };
        let (mut predecessor, asked) = (None, content.clone());
        let joined = self.change(room, |guard| {
            let before = guard.membership(actor.user_id)?;
            if before == Membership::Join {
                return Ok(None);
            }
            if let Some(signed) = third_party_signed.filter(|_| before != Membership::Invite) {
                drop(guard.append_third_party_invite(actor, signed)?);
            }
            let appended = guard.append_member(actor, actor.user_id, Membership::Join, content)?;
            predecessor = guard.predecessor()?.map(|predecessor| (predecessor, guard.room_id().clone()));
            Ok(Some(appended))
        });
        match joined.await {
            // Somebody of another server may vouch.
            Err(error) if matches!(error.errcode, UNABLE_TO_AUTHORISE | UNABLE_TO_GRANT) => {
                let room_id = self.store.room_id(room)?;
                let servers = self.who_may_know(room, &room_id)?;
                if servers.is_empty() {
                    return Err(Error::forbidden(error.message));
                }
                self.join_elsewhere(actor, &room_id, &servers, (asked, None)).await?;
            }
            joined => joined?,
        }
        if let (Some((predecessor, room_id)), Some(user)) = (predecessor, self.store.user_num(actor.user_id)?) {
            self.carry_tags(user, &predecessor, &room_id).await?;
        }
        Ok(())
    }

    /// Whether it takes another server to have a user invited who shows that an invitation of a third party is theirs.
    async fn has_to_ask(&self, room: RoomNum, user_id: &UserId, signed: &CanonicalJsonObject) -> Result<bool> {
        let mut guard = self.lock(room).await?;
        if matches!(guard.membership(user_id)?, Membership::Join | Membership::Invite) {
            return Ok(false);
        }
        let Some(token) = signed.get("token").and_then(|token| token.as_str()) else { return Ok(false) };
        let invitation = guard.state_event("m.room.third_party_invite", token)?;
        Ok(invitation.is_some_and(|invitation| !self.users.is_local(invitation.sender())))
    }

    /// Asks to be let in; 403 `M_FORBIDDEN` if the room takes no knocks from the user.
    pub async fn knock(&self, actor: Actor<'_>, room: RoomNum, content: CanonicalJsonObject) -> Result<()> {
        let knock =
            |guard: &mut RoomGuard<'_>| guard.append_member(actor, actor.user_id, Membership::Knock, content).map(Some);
        self.change(room, knock).await
    }

    /// Leaves a room, declines its invite or takes a knock back; nothing happens to who has left.
    ///
    /// # Errors
    /// 403 `M_FORBIDDEN` if the user never was in the room, or is banned.
    pub async fn leave(&self, actor: Actor<'_>, room: RoomNum, content: CanonicalJsonObject) -> Result<()> {
        if !self.resides_in(room)? {
            return self.leave_elsewhere(actor, room, content).await;
        }
        let leave = |guard: &mut RoomGuard<'_>| {
            if guard.membership(actor.user_id)? == Membership::Leave {
                let was_there = guard.state_event("m.room.member", actor.user_id.as_str())?.is_some();
                return if was_there { Ok(None) } else { Err(not_in_room()) };
            }
            guard.append_member(actor, actor.user_id, Membership::Leave, content).map(Some)
        };
        self.change(room, leave).await
    }

    /// Invites, kicks, bans or unbans a user.
    ///
    /// # Errors
    /// 403 `M_FORBIDDEN` without the power for it, or if the user's membership doesn't fit; `M_BAD_STATE` if there is
    /// no ban to lift; `M_INVITE_BLOCKED` if the user wants no invites.
    pub async fn act(
        &self,
        actor: Actor<'_>,
        room: RoomNum,
        (action, target): (Action, &UserId),
        content: CanonicalJsonObject,
    ) -> Result<()> {
        if action == Action::Invite && !self.users.is_local(target) {
            return self.invite_elsewhere(actor, room, target, content).await.map(drop);
        }
        let act = |guard: &mut RoomGuard<'_>| {
            let membership = match (action, guard.membership(target)?) {
                (Action::Invite, Membership::Invite) if guard.membership(actor.user_id)? == Membership::Join => {
                    return Ok(None);
                }
                (Action::Invite, _) => Membership::Invite,
                (Action::Kick, Membership::Leave | Membership::Ban) => {
                    return Err(Error::forbidden("Who is to be kicked is not in the room."));
                }
                (Action::Kick, _) => Membership::Leave,
                (Action::Ban, _) => Membership::Ban,
                (Action::Unban, _) if guard.membership(actor.user_id)? != Membership::Join => {
                    return Err(not_in_room());
                }
                (Action::Unban, Membership::Ban) => Membership::Leave,
                (Action::Unban, _) => return Err(Error::new(403, "M_BAD_STATE", "This user is not banned.")),
            };
            guard.append_member(actor, target, membership, content).map(Some)
        };
        self.change(room, act).await
    }

    /// Takes a room for as long as `look` appends what is due there, if anything; returns once that is on disk.
    async fn change(
        &self,
        room: RoomNum,
        look: impl FnOnce(&mut RoomGuard<'_>) -> Result<Option<Appended>>,
    ) -> Result<()> {
        let mut guard = self.lock(room).await?;
        let appended = look(&mut guard)?;
        drop(guard);
        match appended {
            Some(appended) => appended.durable().await.map(drop),
            None => Ok(()),
        }
    }

    /// Sets a member event with the content that the client wants; returns the event's ID once it is on disk.
    pub async fn set_member(
        &self,
        actor: Actor<'_>,
        room: RoomNum,
        target: &UserId,
        mut content: CanonicalJsonObject,
    ) -> Result<OwnedEventId> {
        let membership = match content.remove("membership").as_ref().and_then(|value| value.as_str()) {
            Some("join") => Membership::Join,
            Some("invite") => Membership::Invite,
            Some("knock") => Membership::Knock,
            Some("leave") => Membership::Leave,
            Some("ban") => Membership::Ban,
            _ => return Err(Error::bad_json("A membership is join, invite, knock, leave or ban.")),
        };
        if membership == Membership::Invite && !self.users.is_local(target) {
            let invited = self.invite_elsewhere(actor, room, target, content).await?;
            let invited = invited.ok_or_else(|| Error::forbidden("This user is invited already."))?;
            return Ok(invited.event_id().clone());
        }
        let mut guard = self.lock(room).await?;
        let before = guard.membership(target)?;
        if target != actor.user_id && membership == Membership::Leave && before == Membership::Leave {
            return Err(Error::forbidden("This user is not in the room."));
        }
        let appended = guard.append_member(actor, target, membership, content)?;
        drop(guard);
        appended.durable().await
    }

    /// Has a room that was left appear nowhere any more for this user.
    ///
    /// # Errors
    /// 400 `M_UNKNOWN` if the user has not left the room; 404 `M_NOT_FOUND` if they never were in it.
    pub async fn forget(&self, session: &Session, room: RoomNum) -> Result<()> {
        let is_here = self.view(&self.store.latest(), room).head()?.is_some();
        let ticket = match is_here {
            true => self.lock(room).await?.forget(session.user)?,
            false => {
                let _turn = self.ingest.turn(room).await;
                self.forget_row(room, session.user)?
            }
        };
        ticket.durable().await?;
        Ok(())
    }

    /// The display name and avatar of a user of this server, as member events carry them.
    pub(super) fn member_profile(&self, user_id: &UserId) -> Result<CanonicalJsonObject> {
        let Some(user) = self.store.user_num(user_id)? else { return Ok(CanonicalJsonObject::new()) };
        let profile = self.users.profile(&self.store.latest(), user)?;
        let fields = [("displayname", profile.displayname), ("avatar_url", profile.avatar_url)];
        Ok(fields.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?.into()))).collect())
    }

    /// Whether an invite can reach the user.
    ///
    /// # Errors
    /// 403 `M_INVITE_BLOCKED` if they want none; 403 `M_FORBIDDEN` if they are on another server.
    pub(super) fn check_invitee(&self, user_id: &UserId) -> Result<()> {
        if !self.users.is_local(user_id) {
            return Err(Error::forbidden("Users of other servers are invited by asking their servers."));
        }
        let Some(user) = self.store.user_num(user_id)? else { return Ok(()) };
        if self.users.blocks_invites(&self.store.latest(), user)? {
            return Err(Error::new(403, "M_INVITE_BLOCKED", "This user does not want to be invited to rooms."));
        }
        Ok(())
    }
}

impl Rooms {
    /// Notes that a user wants to hear no more of a room that they have left, which the caller holds.
    fn forget_row(&self, room: RoomNum, user: UserNum) -> Result<Ticket> {
        let own = self.view(&self.store.latest(), room).own(user)?;
        let mut own = own.ok_or_else(|| Error::not_found("You were never in that room."))?;
        if !matches!(own.membership, Membership::Leave | Membership::Ban) {
            return Err(Error::bad_request("M_UNKNOWN", "Leave the room before you forget it."));
        }
        own.forgotten = true;
        let mut commit = Commit::new(LogEntry::User(user));
        commit.put_row(Family::Index, own_key(user, room), &own).notify(Notice::User(user));
        Ok(self.store.commit(|_| commit))
    }
}

impl RoomGuard<'_> {
    /// Notes that a user wants to hear no more of a room that they have left.
    pub(super) fn forget(&mut self, user: UserNum) -> Result<Ticket> {
        self.rooms.forget_row(self.number(), user)
    }

    /// Appends a member event. `content` is all but the membership; a local user's profile is filled in where it
    /// says neither name nor avatar.
    pub(super) fn append_member(
        &mut self,
        actor: Actor<'_>,
        target: &UserId,
        membership: Membership,
        mut content: CanonicalJsonObject,
    ) -> Result<Appended> {
        let before = self.membership(target)?;
        content.remove("join_authorised_via_users_server");
        check_proof(&content)?;
        match membership {
            Membership::Join if before != Membership::Join => {
                if actor.is_guest {
                    self.check_guests_may_join()?;
                }
                if let Some(authoriser) = self.join_authoriser(target, before)? {
                    content.insert("join_authorised_via_users_server".to_owned(), authoriser.to_string().into());
                }
            }
            Membership::Invite => self.rooms.check_invitee(target)?,
            _ => {}
        }
        if shows_profile(membership) && !content.contains_key("displayname") && !content.contains_key("avatar_url") {
            content.extend(self.rooms.member_profile(target)?);
        }
        content.insert("membership".to_owned(), membership.as_str().to_owned().into());
        self.append(NewEvent::state(actor.user_id, "m.room.member", target.as_str(), content))
    }

    /// Appends a member event of a joined user with another name or avatar, which may be none.
    pub(super) fn append_carried(&mut self, actor: Actor<'_>, mut content: CanonicalJsonObject) -> Result<Ticket> {
        content.remove("join_authorised_via_users_server");
        content.insert("membership".to_owned(), Membership::Join.as_str().to_owned().into());
        let event = NewEvent::state(actor.user_id, "m.room.member", actor.user_id.as_str(), content);
        Ok(self.append(event)?.ticket)
    }

    pub(super) fn check_guests_may_join(&mut self) -> Result<()> {
        #[derive(Deserialize)]
        struct GuestAccess {
            guest_access: String,
        }
        let event = self.state_event("m.room.guest_access", "")?;
        let access = event.and_then(|event| serde_json::from_str::<GuestAccess>(event.content().get()).ok());
        match access {
            Some(GuestAccess { guest_access }) if guest_access == "can_join" => Ok(()),
            _ => Err(Error::new(403, "M_GUEST_ACCESS_FORBIDDEN", "This room is not open to guests.")),
        }
    }
}

fn shows_profile(membership: Membership) -> bool {
    matches!(membership, Membership::Join | Membership::Invite | Membership::Knock)
}

fn not_in_room() -> Error {
    Error::forbidden("You are not in that room.")
}

/// The content of a member event that says why.
pub fn reason(reason: Option<String>) -> CanonicalJsonObject {
    reason.map(|reason| ("reason".to_owned(), reason.into())).into_iter().collect()
}
