//! Member events that another server has completed and signed: `send_join`, `send_leave`, `send_knock`.

use std::sync::Arc;

use ruma::{CanonicalJsonObject, CanonicalJsonValue, EventId, RoomId, ServerName, UserId, signatures::sign_event};

use crate::{
    error::{Error, Result},
    event::{Pdu, StoredEvent},
    ids::RoomNum,
    json::{ArrayWriter, ObjectWriter},
    rooms::{
        RoomGuard, Rooms,
        append::Received,
        ingest::verified_one,
        rows::{Membership, Verdict},
    },
    state::trie::NodeHash,
};

/// A member event that another server submits.
pub struct Submission<'a> {
    /// The server.
    pub origin: &'a ServerName,
    /// The room.
    pub room_id: &'a RoomId,
    /// The event's ID, as the request has it.
    pub event_id: &'a EventId,
    /// The event.
    pub object: CanonicalJsonObject,
    /// What it has to be.
    pub membership: Membership,
}

/// A member event that has become part of a room.
pub struct Accepted {
    room: RoomNum,
    before: NodeHash,
    pdu: Arc<Pdu>,
}

impl Rooms {
    /// Takes a member event of another server's user into the room, and tells the other servers of it.
    ///
    /// # Errors
    /// 400 `M_INVALID_PARAM`, `M_BAD_JSON` if it is not what it has to be; 403 `M_FORBIDDEN` if the rules refuse it.
    pub async fn accept(&self, mut submission: Submission<'_>) -> Result<Accepted> {
        let room = self.resident(submission.origin, submission.room_id)?;
        let rules = self.lock(room).await?.rules();
        if submission.membership == Membership::Join {
            self.vouch(room, &mut submission).await?;
        }
        let checked = verified_one(&self.keyring, submission.room_id, rules, submission.object.clone()).await;
        let pdu = checked.map_err(|why| Error::invalid_param(format!("The event does not hold: {why}.")))?;
        submission.check(&pdu)?;
        let _turn = self.ingest.turn(room).await;
        let mut guard = self.lock(room).await?;
        if let Some(number) = guard.with_view(|view| view.find(pdu.event_id()))? {
            let meta = guard.with_view(|view| view.meta(number))?;
            if meta.is_visible() {
                return Ok(Accepted { room, before: NodeHash(meta.before), pdu });
            }
        }
        let appended = guard.append_received(pdu, Received { vouched: true, ..Received::default() })?;
        let before = NodeHash(guard.with_view(|view| view.meta(appended.number))?.before);
        drop(guard);
        let (verdict, pdu) = (appended.verdict, appended.pdu.clone());
        appended.durable().await?;
        match verdict {
            Verdict::Accepted => Ok(Accepted { room, before, pdu }),
            Verdict::SoftFailed | Verdict::Rejected => Err(Error::forbidden("The room's rules refuse this event.")),
        }
    }

    /// Signs a join to a restricted room that a member here vouches for, if they may.
    async fn vouch(&self, room: RoomNum, submission: &mut Submission<'_>) -> Result<()> {
        let content = submission.object.get("content").and_then(CanonicalJsonValue::as_object);
        let by = content.and_then(|content| content.get("join_authorised_via_users_server")?.as_str());
        let Some(by) = by.and_then(|by| <&UserId>::try_from(by).ok()).filter(|by| self.users.is_local(by)) else {
            return Ok(());
        };
        let user = submission.object.get("state_key").and_then(CanonicalJsonValue::as_str);
        let user = user.and_then(|user| <&UserId>::try_from(user).ok());
        let user = user.ok_or_else(|| Error::invalid_param("The state key of m.room.member is a user ID."))?;
        let mut guard = self.lock(room).await?;
        let before = guard.membership(user)?;
        let is_let_in = before == Membership::Invite || guard.join_authoriser(user, before)?.is_some();
        if !is_let_in || guard.membership(by)? != Membership::Join {
            return Err(Error::forbidden("Nobody here vouches for this join."));
        }
        let rules = &guard.rules().redaction;
        sign_event(self.server_name.as_str(), &*self.signing_key, &mut submission.object, rules)
            .map_err(|error| Error::bad_json(error.to_string()))
    }
}

impl Submission<'_> {
    fn check(&self, pdu: &Pdu) -> Result<()> {
        let wrong = |what: &'static str| Err(Error::invalid_param(what));
        if pdu.event_id() != self.event_id {
            return wrong("The event has another ID.");
        }
        if pdu.type_str() != "m.room.member" || pdu.state_key() != Some(pdu.sender().as_str()) {
            return wrong("The event is not a user's own membership.");
        }
        if Membership::of_content(pdu.content().get()) != self.membership {
            return wrong("The event is another membership.");
        }
        if pdu.sender().server_name() != self.origin {
            return Err(Error::forbidden("The user is not of your server."));
        }
        Ok(())
    }
}

impl Accepted {
    /// What `send_join` answers: the event, the state before it, and all that authorises them.
    pub fn join_answer(&self, rooms: &Rooms) -> Result<Vec<u8>> {
        let snapshot = rooms.store.snapshot();
        let view = rooms.view(&snapshot, self.room);
        let state = super::answers::numbers_at(&view, self.before)?;
        let chain = super::answers::auth_chain(&view, &state, self.pdu.auth_events())?;
        let mut out = Vec::with_capacity(1024 * (state.len() + chain.len()));
        let mut object = ObjectWriter::open(&mut out);
        object.text("origin", rooms.server_name.as_str());
        object.json("members_omitted", b"false");
        object.json("event", self.pdu.json());
        for (key, numbers) in [("state", state), ("auth_chain", chain)] {
            let mut events = object.array(key);
            for number in numbers {
                events.json(view.event(number)?.pdu_json());
            }
            events.close();
        }
        object.close();
        Ok(out)
    }

    /// What `send_knock` answers: what tells the room.
    pub fn knock_answer(&self, rooms: &Rooms) -> Result<Vec<u8>> {
        let snapshot = rooms.store.snapshot();
        let view = rooms.view(&snapshot, self.room);
        let mut out = Vec::new();
        let mut object = ObjectWriter::open(&mut out);
        let mut events = object.array("knock_room_state");
        for event_type in crate::rooms::stripped::TELLING {
            if let Some(number) = view.state_at(self.before, event_type, "")? {
                events.json(view.event(number)?.pdu_json());
            }
        }
        events.close();
        object.close();
        Ok(out)
    }
}

impl RoomGuard<'_> {
    /// What tells a room to who is invited, as whole events: a JSON array's items.
    pub(super) fn telling(&mut self, inviter: &UserId) -> Result<Vec<CanonicalJsonValue>> {
        let mut events = Vec::new();
        for event_type in crate::rooms::stripped::TELLING {
            events.extend(self.state_event(event_type, "")?);
        }
        events.extend(self.state_event("m.room.member", inviter.as_str())?);
        events.iter().map(|event| Ok(CanonicalJsonValue::Object(event.to_object().map_err(Error::internal)?))).collect()
    }
}

/// Writes events one after the other.
pub(super) fn write_pdus(array: &mut ArrayWriter<'_>, events: &[StoredEvent]) {
    events.iter().for_each(|event| array.json(event.pdu_json()));
}
