//! Members: the rows of `index` and the counts of the head against the current state, both ways.

use std::collections::BTreeMap;

use ruma::{OwnedServerName, UserId};

use super::{Database, Report, index::IndexRow, report, room::Room};
use crate::{
    event::StoredEvent,
    ids::{EventNum, Position, RoomNum, UserNum},
    rooms::{
        rows::{MemberRow, Membership, OwnRoom, RoomHead},
        view::{RoomView, member_key, own_key},
    },
    store::{
        Family, Read, StoreError, decode,
        keys::{self, Index, KeyBuilder, read_u32},
    },
    users::feed::FeedEntry,
};

impl Room<'_> {
    /// Each member of the current state has its row, and the head counts them rightly.
    pub fn check_members(&self, report: &mut Report) -> Result<(), StoreError> {
        let view = self.view();
        // An entry that can't be read was told with the state.
        for (path, number) in view.state(self.head.root()).entries_of_type("m.room.member").flatten() {
            let Ok(event) = view.event(number) else { continue };
            let Some(state_key) = event.state_key() else { continue };
            if self.db.trie_key.path("m.room.member", &state_key) != path {
                continue;
            }
            let Ok(user_id) = <&UserId>::try_from(&*state_key) else { continue };
            let user = self.db.store.user_num(user_id)?;
            let row = match user {
                Some(user) => self.db.snapshot.get(Family::Index, &member_key(self.number, user))?,
                None => None,
            };
            let row = row.and_then(|row| decode::<MemberRow>(Family::Index, &row).ok());
            if row.is_none_or(|row| row.event != Some(number)) {
                let what = format!("the members in index do not say that event {number} is {user_id}'s");
                report.wrong(self.place(), what);
            }
        }
        self.check_counts(report)?;
        self.check_servers(report)
    }

    /// The servers in the room, and how many of this one's users are.
    fn check_servers(&self, report: &mut Report) -> Result<(), StoreError> {
        let mut counted: BTreeMap<OwnedServerName, u64> = BTreeMap::new();
        let prefix = KeyBuilder::room(self.number, Index::Member).build();
        let mut rows = self.db.snapshot.scan_prefix(Family::Index, &prefix);
        while let Some((key, value)) = rows.next()? {
            let joined = decode::<MemberRow>(Family::Index, value).is_ok_and(|row| row.membership == Membership::Join);
            let user = read_u32(key, prefix.len()).filter(|_| joined).map(UserNum);
            if let Some(Ok(user)) = user.map(|user| self.db.store.user_id(user)) {
                *counted.entry(user.server_name().to_owned()).or_default() += 1;
            }
        }
        let here = self.db.server_name.as_ref().and_then(|name| counted.get(name)).copied().unwrap_or(0);
        if self.head.residents != here {
            let said = self.head.residents;
            report.wrong(self.place(), format!("its head counts {said} members of this server, index has {here}"));
        }
        // A row that can't be read was told before.
        let said: BTreeMap<_, _> = self.view().servers().unwrap_or_default().into_iter().collect();
        if said != counted {
            report.wrong(self.place(), format!("its servers are said to be {said:?}, its members make {counted:?}"));
        }
        Ok(())
    }

    fn check_counts(&self, report: &mut Report) -> Result<(), StoreError> {
        let (mut joined, mut invited) = (0, 0);
        let prefix = KeyBuilder::room(self.number, Index::Member).build();
        let mut rows = self.db.snapshot.scan_prefix(Family::Index, &prefix);
        while let Some((_, value)) = rows.next()? {
            // What is malformed is told when `index` is walked.
            let membership = decode::<MemberRow>(Family::Index, value).ok().map(|row| row.membership);
            joined += u64::from(membership == Some(Membership::Join));
            invited += u64::from(membership == Some(Membership::Invite));
        }
        if (self.head.joined, self.head.invited) != (joined, invited) {
            let said = format!("{} joined and {} invited", self.head.joined, self.head.invited);
            report.wrong(self.place(), format!("its head counts {said}, index has {joined} and {invited}"));
        }
        Ok(())
    }
}

/// Room → user: what the current state says.
pub(super) fn check_member(db: &Database<'_>, row: &IndexRow<'_>, report: &mut Report) -> Result<(), StoreError> {
    let (room, user) = (RoomNum(row.owner), UserNum(read_u32(row.rest, 0).unwrap_or(0)));
    let Some(member) = row.decode::<MemberRow>(report) else { return Ok(()) };
    report.count("members", 1);
    let place = format!("room {room}, member {user}");
    let head: Option<RoomHead> = db.snapshot.get_row(Family::Rooms, &keys::room(room)).unwrap_or_default();
    let (Some(head), Ok(user_id)) = (head, db.store.user_id(user)) else {
        report.wrong(place, "the room has no head, or the user no name");
        return Ok(());
    };
    let view = RoomView::new(&db.snapshot, &db.trie_key, room);
    // A state that can't be read was told with the room.
    let Ok(event) = view.state_at(head.root(), "m.room.member", user_id.as_str()) else { return Ok(()) };
    if event != member.event {
        let (said, found) = (shown(member.event), shown(event));
        report.wrong(&place, format!("its row names {said}, the current state {found}"));
    } else if membership_of(event.and_then(|event| view.event(event).ok())) != member.membership {
        report.wrong(&place, format!("its row says {}, its event something else", member.membership.as_str()));
    }
    // Of a room that nobody here is in any more, users may have been told more than the room's own events say.
    if head.residents > 0 && db.server_name.as_ref().is_some_and(|name| user_id.server_name() == name) {
        let own: Option<OwnRoom> = db.row(Family::Index, &own_key(user, room), report)?;
        if own.is_none_or(|own| (own.membership, own.event) != (member.membership, member.event)) {
            report.wrong(&place, "the user's own row of the room is missing or says something else");
        }
    }
    Ok(())
}

/// User → room, for users of this server.
pub(super) fn check_own(db: &Database<'_>, row: &IndexRow<'_>, report: &mut Report) -> Result<(), StoreError> {
    let (user, room) = (UserNum(row.owner), RoomNum(read_u32(row.rest, 0).unwrap_or(0)));
    let Some(own) = row.decode::<OwnRoom>(report) else { return Ok(()) };
    let place = format!("{}, room {room}", report::user(user));
    let head: Option<RoomHead> = db.row(Family::Rooms, &keys::room(room), report)?;
    let here = head.is_some_and(|head| head.residents > 0);
    let member: Option<MemberRow> = db.row(Family::Index, &member_key(room, user), report)?;
    if here && member.is_none_or(|member| (member.membership, member.event) != (own.membership, own.event)) {
        report.wrong(&place, "the room's row of this member is missing or says something else");
    }
    if own.stripped_state.is_some() != matches!(own.membership, Membership::Invite | Membership::Knock) {
        report.wrong(&place, "stripped state comes with an invite or a knock, and with nothing else");
    }
    let last = db.snapshot.position();
    if own.since == Position(0) || own.since > last || own.joined_until.is_some_and(|until| until > last) {
        report.wrong(&place, "its positions were never given out");
    }
    let entry: Option<FeedEntry> = db.row(Family::Feed, &keys::user_position(user, own.since), report)?;
    if entry != Some(FeedEntry::Membership(room)) {
        report.wrong(&place, format!("the user's feed has no membership at {}", own.since));
    }
    Ok(())
}

fn membership_of(event: Option<StoredEvent>) -> Membership {
    let content = event.as_ref().and_then(|event| str::from_utf8(event.content()).ok());
    content.map_or(Membership::Leave, Membership::of_content)
}

fn shown(event: Option<EventNum>) -> String {
    event.map_or("no event".to_owned(), |event| format!("event {event}"))
}
