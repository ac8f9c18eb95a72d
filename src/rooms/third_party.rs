//! Invitations of people who are known by an e-mail address or phone number only: an `m.room.third_party_invite` says
//! whose signature proves that it is meant for a user, who then is invited (client-server API, "Third-party invites").
//!
//! Only what needs nobody outside: keys that an identity server can revoke would have to be asked for there.

use ruma::{CanonicalJsonObject, CanonicalJsonValue, OwnedUserId, UserId};
use serde::Deserialize;

use super::{Appended, NewEvent, RoomGuard, create::object, membership::Actor, rows::Membership};
use crate::{
    error::{Error, Result},
    event::is_signed_by,
};

/// Signatures in a proof; there is one as a rule.
const MAX_SIGNATURES: usize = 16;

/// What an `m.room.third_party_invite` says.
#[derive(Deserialize)]
struct Invitation {
    #[serde(default)]
    display_name: String,
    public_key: Option<String>,
    key_validity_url: Option<String>,
    #[serde(default)]
    public_keys: Vec<PublicKey>,
}

#[derive(Deserialize)]
struct PublicKey {
    public_key: String,
    key_validity_url: Option<String>,
}

impl Invitation {
    /// The keys that are good for ever.
    fn lasting_keys(self) -> impl Iterator<Item = String> {
        let first = self.public_key.map(|public_key| PublicKey { public_key, key_validity_url: self.key_validity_url });
        let all = first.into_iter().chain(self.public_keys);
        all.filter(|key| key.key_validity_url.as_ref().is_none_or(String::is_empty)).map(|key| key.public_key)
    }
}

/// Refuses a member event's content whose proof has so many signatures that trying them out takes its time.
pub(super) fn check_proof(content: &CanonicalJsonObject) -> Result<()> {
    fn part<'a>(object: &'a CanonicalJsonObject, key: &str) -> Option<&'a CanonicalJsonObject> {
        object.get(key).and_then(CanonicalJsonValue::as_object)
    }
    let signed = part(content, "third_party_invite").and_then(|invite| part(invite, "signed"));
    let entities = signed.and_then(|signed| part(signed, "signatures")).into_iter().flat_map(|all| all.values());
    let signatures: usize = entities.filter_map(|entity| entity.as_object().map(CanonicalJsonObject::len)).sum();
    if signatures > MAX_SIGNATURES {
        return Err(Error::bad_json("A third-party invite has too many signatures."));
    }
    Ok(())
}

impl RoomGuard<'_> {
    /// Invites who shows that an invitation is theirs, in the name of who sent it.
    ///
    /// # Errors
    /// 403 `M_FORBIDDEN` if there is no such invitation, the proof is not valid or not the user's, or this server
    /// can't tell.
    pub(super) fn append_third_party_invite(
        &mut self,
        actor: Actor<'_>,
        signed: CanonicalJsonObject,
    ) -> Result<Appended> {
        if actor.is_guest {
            self.check_guests_may_join()?;
        }
        let (inviter, mut content) = self.third_party_invite(actor.user_id, signed)?;
        content.extend(self.rooms.member_profile(actor.user_id)?);
        content.insert("membership".to_owned(), Membership::Invite.as_str().to_owned().into());
        self.append(NewEvent::state(inviter, "m.room.member", actor.user_id.as_str(), content))
    }

    /// Who sent the invitation that a proof is for, and what the invite of the user holds by it.
    ///
    /// # Errors
    /// As above.
    pub(super) fn third_party_invite(
        &mut self,
        user_id: &UserId,
        signed: CanonicalJsonObject,
    ) -> Result<(OwnedUserId, CanonicalJsonObject)> {
        let text = |key: &str| signed.get(key).and_then(|value| value.as_str());
        let token = text("token").ok_or_else(|| Error::bad_json("`third_party_signed` has no `token`."))?;
        let event = self.state_event("m.room.third_party_invite", token)?;
        let event = event.ok_or_else(|| Error::forbidden("There is no such invitation to this room."))?;
        let inviter: &UserId = event.sender();
        if text("mxid") != Some(user_id.as_str()) || text("sender").is_some_and(|sender| sender != inviter) {
            return Err(Error::forbidden("This invitation is not meant for you."));
        }
        if !self.rooms.users.is_local(inviter) {
            return Err(Error::forbidden("This invitation was sent from another server, which has to be asked."));
        }
        let invitation: Invitation = serde_json::from_str(event.content().get())
            .map_err(|_| Error::forbidden("The invitation to this room is malformed."))?;
        let mut third_party = object(serde_json::json!({ "display_name": invitation.display_name }))?;
        third_party.insert("signed".to_owned(), signed.clone().into());
        let mut content = CanonicalJsonObject::new();
        content.insert("third_party_invite".to_owned(), third_party.into());
        check_proof(&content)?;
        if !invitation.lasting_keys().any(|key| is_signed_by(&signed, &key)) {
            return Err(Error::forbidden(
                "No key that is good for ever has signed this: others can't be checked here.",
            ));
        }
        Ok((inviter.to_owned(), content))
    }
}
