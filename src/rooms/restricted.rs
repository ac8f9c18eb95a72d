//! Joins to restricted rooms: members of certain other rooms get in, if a member who may invite vouches for them
//! (client-server API, "Restricted rooms").

use ruma::{
    OwnedUserId, UserId, room::JoinRuleKind, room_version_rules::AuthorizationRules,
    state_res::events::RoomPowerLevelsIntField,
};

use super::{
    RoomGuard,
    rows::{MemberRow, Membership},
    view::member_key,
};
use crate::{
    error::{Error, Result},
    ids::{RoomNum, UserNum},
    state::{
        auth::{allowed_rooms, join_rule},
        power::Power,
    },
    store::{
        Family, Read, decode,
        keys::{Index, KeyBuilder, read_u32},
    },
};

/// Not known here: who is in the rooms whose members may join.
pub(super) const UNABLE_TO_AUTHORISE: &str = "M_UNABLE_TO_AUTHORISE_JOIN";
/// Not to be had here: a member who may let somebody in.
pub(super) const UNABLE_TO_GRANT: &str = "M_UNABLE_TO_GRANT_JOIN";

impl RoomGuard<'_> {
    /// Who vouches for a join of `user` where the room is restricted and they are not invited; `None` where the join
    /// rules are others.
    ///
    /// # Errors
    /// 403 `M_FORBIDDEN` if the user is in none of the rooms; 400 `M_UNABLE_TO_AUTHORISE_JOIN` if that can't be told here,
    /// `M_UNABLE_TO_GRANT_JOIN` if they are and nobody here can vouch: another server may.
    pub(super) fn join_authoriser(&mut self, user: &UserId, before: Membership) -> Result<Option<OwnedUserId>> {
        if matches!(before, Membership::Invite | Membership::Ban) {
            return Ok(None);
        }
        let rules = &self.rules().authorization;
        let Some(event) = self.state_event("m.room.join_rules", "")? else { return Ok(None) };
        if !is_restricted(rules, &join_rule(Some(&event))) {
            return Ok(None);
        }
        let number = self.rooms.store.user_num(user)?;
        let (mut allowed, mut unknown) = (false, false);
        for room_id in allowed_rooms(&event) {
            let room = self.rooms.store.room_num(&room_id)?;
            match room.map(|room| Ok::<_, Error>((room, self.rooms.resides_in(room)?))).transpose()? {
                Some((room, true)) => allowed |= number.map_or(Ok(false), |number| self.is_joined(room, number))?,
                Some((_, false)) | None => unknown = true,
            }
        }
        if !allowed {
            return Err(match unknown {
                true => Error::bad_request(UNABLE_TO_AUTHORISE, "This server can't tell whether you may join."),
                false => Error::forbidden("You are in none of the rooms whose members may join this one."),
            });
        }
        let authoriser = self.local_inviter()?;
        let nobody = || Error::bad_request(UNABLE_TO_GRANT, "Nobody of this server in the room may let you in.");
        authoriser.ok_or_else(nobody).map(Some)
    }

    /// The levels of the current state.
    pub(super) fn power(&mut self) -> Result<Power> {
        let create = self.state_event("m.room.create", "")?;
        let create = create.ok_or_else(|| Error::internal("a room without its create event"))?;
        let levels = self.state_event("m.room.power_levels", "")?;
        Ok(Power::new(self.rules(), &create, levels))
    }

    fn is_joined(&self, room: RoomNum, user: UserNum) -> Result<bool> {
        let row: Option<MemberRow> = self.rooms.store.latest().get_row(Family::Index, &member_key(room, user))?;
        Ok(row.is_some_and(|row| row.membership == Membership::Join))
    }

    /// A member of this server who may invite. Members who joined this instant may be overlooked.
    fn local_inviter(&mut self) -> Result<Option<OwnedUserId>> {
        let power = self.power()?;
        let rooms = self.rooms;
        let may_invite =
            |user: &UserId| rooms.users.is_local(user) && power.may_act(user, RoomPowerLevelsIntField::Invite);
        // Creators first: usually that saves the walk.
        for user in power.creators() {
            if may_invite(user) && self.membership(user)? == Membership::Join {
                return Ok(Some(user.clone()));
            }
        }
        let snapshot = rooms.store.snapshot();
        let prefix = KeyBuilder::room(self.number(), Index::Member).build();
        let mut members = snapshot.scan_prefix(Family::Index, &prefix);
        while let Some((key, value)) = members.next()? {
            let row: MemberRow = decode(Family::Index, value)?;
            let Some(number) = read_u32(key, prefix.len()).filter(|_| row.membership == Membership::Join) else {
                continue;
            };
            let user = rooms.store.user_id(UserNum(number))?;
            if may_invite(&user) && self.membership(&user)? == Membership::Join {
                return Ok(Some(user));
            }
        }
        Ok(None)
    }
}

fn is_restricted(rules: &AuthorizationRules, join_rule: &JoinRuleKind) -> bool {
    match join_rule {
        JoinRuleKind::Restricted => rules.restricted_join_rule,
        JoinRuleKind::KnockRestricted => rules.knock_restricted_join_rule,
        _ => false,
    }
}
