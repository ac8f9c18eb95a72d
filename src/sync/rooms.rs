//! The `rooms` of a sync: joined, invited, knocked and left ones, found by the user's feed and the rooms' tails.

use std::collections::HashSet;

use ruma::{OwnedUserId, RoomId, UserId};

use super::{
    Builder,
    extras::AccountDataByRoom,
    reader::RoomReader,
    room::{self, Extras, Stretch},
};
use crate::{
    app::App,
    error::Result,
    ids::{Position, RoomNum, UserNum},
    json::ObjectWriter,
    push,
    rooms::{
        onlooker::{Ignored, Onlooker},
        render::Reader,
        rows::{Membership, OwnRoom},
        stripped::{self, Told},
        view::own_rooms,
        visibility::Eyes,
    },
    store::{Family, Snapshot, decode, keys},
    users::{IGNORED_USERS, feed::FeedEntry},
};

/// The `rooms` of an answer.
pub(super) enum RoomsPart {
    /// Nothing happened in any.
    Nothing,
    /// Their JSON.
    Rooms(Vec<u8>),
    /// The user's rows are ahead of what was published.
    Behind(Position),
}

/// What a user's feed says of rooms, and of others' keys.
#[derive(Default)]
pub(super) struct Feed {
    /// Those to which the user stands otherwise than before.
    pub memberships: HashSet<RoomNum>,
    /// Those with a receipt that only the user sees.
    receipts: Vec<RoomNum>,
    /// Whose keys the user signed.
    pub signed: Vec<UserNum>,
}

impl Feed {
    /// What it says between a position and a snapshot.
    pub fn read(app: &App, snapshot: &Snapshot<'_>, user: UserNum, since: Position) -> Result<Self> {
        let mut feed = Self::default();
        if !app.store.live().user_changed(user, since) {
            return Ok(feed);
        }
        let start = keys::user_position(user, Position(since.0 + 1));
        let end = keys::user_position(user, Position(snapshot.position().0 + 1));
        let mut rows = snapshot.scan(Family::Feed, &start, &end);
        while let Some((_, value)) = rows.next()? {
            match decode(Family::Feed, value)? {
                FeedEntry::Membership(room) => {
                    feed.memberships.insert(room);
                }
                FeedEntry::PrivateReceipt(room) => feed.receipts.push(room),
                FeedEntry::Signatures(target, _) => feed.signed.push(target),
                // Read by `Users`, with their content.
                FeedEntry::AccountData(..) => {}
            }
        }
        Ok(feed)
    }
}

impl Builder<'_> {
    pub(super) fn rooms_part(
        &self,
        since: Option<Position>,
        (touched, feed): (&[RoomNum], &Feed),
        account_data: &AccountDataByRoom,
    ) -> Result<RoomsPart> {
        let ignored = self.app.rooms.ignored(&self.snapshot, &self.app.users, self.session.user)?;
        let mut rooms: Vec<RoomNum> = touched.to_vec();
        rooms.extend(feed.memberships.iter().chain(&feed.receipts).chain(account_data.keys().flatten()));
        if since.is_some() && counts_all_anew(account_data) {
            rooms.extend(self.joined.iter());
        }
        if since.is_none() {
            rooms.extend(own_rooms(&self.snapshot, self.session.user)?.others());
        }
        rooms.sort_unstable();
        rooms.dedup();

        let mut sections: [Vec<u8>; 4] = Default::default();
        for number in rooms {
            let view = self.app.rooms.view(&self.snapshot, number);
            let Some(own) = view.own(self.session.user)? else { continue };
            if own.since > self.now.position {
                return Ok(RoomsPart::Behind(own.since));
            }
            let room_id = self.app.store.room_id(number)?;
            if !self.filter.allows_room(&room_id) {
                continue;
            }
            let changed = since.is_none() || feed.memberships.contains(&number);
            let mut body = Vec::new();
            let section = match own.membership {
                Membership::Join => {
                    let known = since.filter(|_| !changed);
                    let extras = Extras {
                        ephemeral: self.ephemeral((number, &room_id), known)?,
                        account_data: self.room_account_data(&room_id, account_data.get(&Some(number))),
                        unread: Some(self.app.rooms.unread(&self.snapshot, self.session.user, (number, own.since))?),
                    };
                    let stretch = self.joined_stretch(known);
                    self.tell((number, &room_id, own), &stretch, (&extras, &ignored), &mut body)?.then_some(0)
                }
                Membership::Invite if changed => {
                    self.offered_room("invite_state", &own, &ignored, &mut body)?.then_some(1)
                }
                Membership::Knock if changed => {
                    self.offered_room("knock_state", &own, &ignored, &mut body)?.then_some(2)
                }
                Membership::Leave | Membership::Ban if changed => {
                    let wanted = since.is_some() || (self.filter.include_leave() && own.was_joined());
                    let stretch = self.left_stretch(since, &own);
                    let told = wanted
                        && self.tell((number, &room_id, own), &stretch, (&Extras::default(), &ignored), &mut body)?;
                    told.then_some(3)
                }
                _ => None,
            };
            if let Some(section) = section {
                let open = if sections[section].is_empty() { b'{' } else { b',' };
                sections[section].push(open);
                crate::json::write_text(&mut sections[section], room_id.as_str());
                sections[section].push(b':');
                sections[section].extend_from_slice(&body);
            }
        }
        if sections.iter().all(Vec::is_empty) {
            return Ok(RoomsPart::Nothing);
        }
        let mut out = Vec::with_capacity(sections.iter().map(Vec::len).sum::<usize>() + 64);
        let mut object = ObjectWriter::open(&mut out);
        for (name, mut section) in ["join", "invite", "knock", "leave"].into_iter().zip(sections) {
            if !section.is_empty() {
                section.push(b'}');
                object.json(name, &section);
            }
        }
        object.close();
        Ok(RoomsPart::Rooms(out))
    }

    fn joined_stretch(&self, since: Option<Position>) -> Stretch {
        let full_state = self.request.full_state;
        Stretch { since, until: self.now.position, full_state, joined: true, farewell: None }
    }

    /// Of a room that the user is not in: their last time as a member, if the client doesn't know all of it. Of what
    /// happened while they were none they are told their own membership, and nothing else; and so of a room that
    /// another of their clients has forgotten, since this one is to learn that they are not in it.
    fn left_stretch(&self, since: Option<Position>, own: &OwnRoom) -> Stretch {
        let told = |until: &Position| !own.forgotten && since.is_none_or(|since| *until > since);
        match own.joined_until.filter(told) {
            Some(until) => {
                let farewell = own.event.filter(|_| until != own.since);
                Stretch { since, until, full_state: self.request.full_state, joined: false, farewell }
            }
            None => Stretch {
                since: Some(own.since),
                until: own.since,
                full_state: false,
                joined: false,
                farewell: own.event,
            },
        }
    }

    fn tell(
        &self,
        (number, room_id, own): (RoomNum, &RoomId, OwnRoom),
        stretch: &Stretch,
        (extras, ignored): (&Extras, &Ignored),
        out: &mut Vec<u8>,
    ) -> Result<bool> {
        let view = self.app.rooms.view(&self.snapshot, number);
        let reader = Reader {
            user_id: &self.session.user_id,
            user: self.session.user,
            device: self.session.device_id.as_str(),
            now_ms: self.app.clock.now_ms(),
            with_room_id: false,
        };
        let eyes = Eyes::new(view, &self.session.user_id, Some(own));
        let mut reader = RoomReader {
            room_id,
            onlooker: Onlooker { view, reader, eyes, ignored: ignored.clone() },
            wanted: &self.filter.timeline,
            fields: self.filter.fields.as_ref(),
            federation: self.filter.federation,
        };
        room::write(self, &mut reader, stretch, extras, out)
    }

    /// Whether the user wants to hear of an invite: not from somebody they ignore, nor if they want none at all.
    pub(super) fn wants_invite(&self, stripped_state: &[u8], ignored: &Ignored) -> Result<bool> {
        if self.app.users.blocks_invites(&self.snapshot, self.session.user)? {
            return Ok(false);
        }
        if ignored.is_empty() {
            return Ok(true);
        }
        let sender = sender_of_invite(stripped_state, &self.session.user_id);
        let sender = sender.map(|sender| self.app.store.user_num(&sender)).transpose()?.flatten();
        Ok(!sender.is_some_and(|sender| ignored.contains(&sender)))
    }

    /// A room that the user is invited to or knocks on: its stripped state.
    fn offered_room(&self, key: &str, own: &OwnRoom, ignored: &Ignored, out: &mut Vec<u8>) -> Result<bool> {
        let Some(state) = &own.stripped_state else { return Ok(false) };
        if own.membership == Membership::Invite && !self.wants_invite(state, ignored)? {
            return Ok(false);
        }
        let mut object = ObjectWriter::open(out);
        let mut offered = object.object(key);
        offered.json("events", state);
        offered.close();
        object.close();
        Ok(true)
    }
}

/// Whether the user's rules or ignored users have changed, and with them what is unread in any room.
fn counts_all_anew(account_data: &AccountDataByRoom) -> bool {
    let mut global = account_data.get(&None).into_iter().flatten();
    global.any(|data| [push::ACCOUNT_DATA, IGNORED_USERS].contains(&data.kind.as_str()))
}

/// Who sent an invite, by its stripped state.
fn sender_of_invite(stripped_state: &[u8], invited: &UserId) -> Option<OwnedUserId> {
    let is_invite = |event: &Told| event.event_type == "m.room.member" && event.state_key == invited.as_str();
    let invite = stripped::read(stripped_state).into_iter().find(is_invite)?;
    invite.sender.try_into().ok()
}
