//! Whose devices a client is to look at anew, and whose no more (client-server API, "Tracking the device list for a
//! user"): those who changed theirs and share a room, those with whom an encrypted room is shared now, and those with
//! whom none is any more.
//!
//! Nothing is written for this when somebody joins or leaves: it is the difference of two states of the rooms that
//! were touched.

use std::collections::BTreeSet;

use ruma::OwnedUserId;

use super::{Feed, joined_rooms};
use crate::{
    app::App,
    error::Result,
    ids::{EventNum, Position, RoomNum, UserNum},
    json::ObjectWriter,
    rooms::{
        rows::{MemberRow, Membership},
        view::{RoomView, ViewError},
    },
    state::trie::NodeHash,
    store::{
        Family, Snapshot, StoreError, decode,
        keys::{Index, KeyBuilder, read_u32},
    },
    users::Session,
};

const ENCRYPTION: &str = "m.room.encryption";
const MEMBER: &str = "m.room.member";

/// What changed for one user between a position and a snapshot.
#[derive(Debug, Default)]
pub struct DeviceLists {
    /// Whose devices are to be looked at anew.
    pub changed: Vec<OwnedUserId>,
    /// Who shares no encrypted room any more.
    pub left: Vec<OwnedUserId>,
}

impl DeviceLists {
    pub(super) fn is_empty(&self) -> bool {
        self.changed.is_empty() && self.left.is_empty()
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let mut object = ObjectWriter::open(out);
        for (name, users) in [("changed", &self.changed), ("left", &self.left)] {
            let mut array = object.array(name);
            users.iter().for_each(|user| array.text(user.as_str()));
            array.close();
        }
        object.close();
    }
}

/// What changed for the user of a session since a position, up to now.
pub fn device_lists_since(app: &App, session: &Session, since: Position) -> Result<DeviceLists> {
    let joined = joined_rooms(app, session.user)?;
    let snapshot = app.store.snapshot();
    let feed = Feed::read(app, &snapshot, session.user, since)?;
    let touched = app.store.live().changed_rooms(&joined, since);
    Reader { app, snapshot: &snapshot, user: session.user, joined: &joined, since }.read(&touched, &feed)
}

/// Whether anybody whose devices changed after `since` concerns the user: by memory alone, where it reaches back so far.
pub(super) fn concern(app: &App, user: UserNum, joined: &[RoomNum], since: Position) -> Result<bool> {
    let Some(changes) = app.store.live().device_changes(since) else { return Ok(true) };
    for (_, changer) in changes {
        if changer == user || app.rooms.is_joined_to_any(joined, changer)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// One user's way of looking at device lists.
pub(super) struct Reader<'a> {
    pub app: &'a App,
    pub snapshot: &'a Snapshot<'a>,
    pub user: UserNum,
    /// The rooms that the user is joined to, in ascending order.
    pub joined: &'a [RoomNum],
    pub since: Position,
}

/// Who is to be told of.
#[derive(Default)]
struct Found {
    changed: BTreeSet<UserNum>,
    /// They left a room, or the user did: they may share others.
    gone: BTreeSet<UserNum>,
}

impl Reader<'_> {
    /// `touched`: joined rooms in which something happened; `feed`: what it says since the token.
    pub fn read(&self, touched: &[RoomNum], feed: &Feed) -> Result<DeviceLists> {
        let mut found = Found::default();
        found.changed.extend(&feed.signed);
        for user in self.app.users.device_lists_changed(self.snapshot, self.since)? {
            if user == self.user || self.app.rooms.is_joined_to_any(self.joined, user)? {
                found.changed.insert(user);
            }
        }
        for room in touched.iter().filter(|room| !feed.memberships.contains(room)) {
            self.compare(self.view(*room), &mut found)?;
        }
        for room in &feed.memberships {
            self.enter_or_leave(self.view(*room), &mut found)?;
        }
        found.gone.remove(&self.user);
        let left = self.share_nothing(found.gone)?;
        let names = |users: BTreeSet<UserNum>| {
            let names = users.into_iter().map(|user| self.app.store.user_id(user));
            names.collect::<Result<Vec<OwnedUserId>, StoreError>>()
        };
        Ok(DeviceLists { changed: names(found.changed)?, left: names(left)? })
    }

    fn view(&self, room: RoomNum) -> RoomView<'_, Snapshot<'_>> {
        self.app.rooms.view(self.snapshot, room)
    }

    /// A room in which the user was and is: who came and went.
    fn compare(&self, view: RoomView<'_, Snapshot<'_>>, found: &mut Found) -> Result<(), ViewError> {
        let (before, after) = (view.current_root(self.since)?, view.current_root(self.snapshot.position())?);
        if before == after || !is_encrypted(&view, after)? {
            return Ok(());
        }
        if !is_encrypted(&view, before)? {
            found.changed.extend(members(&view, |_, member| Ok(member.membership == Membership::Join))?);
            found.changed.remove(&self.user);
            return Ok(());
        }
        let of_members = view.trie_key().type_prefix(MEMBER);
        for change in view.state(before).diff(after)? {
            if !of_members.contains(&change.path) {
                continue;
            }
            let (was, is) = (membership(&view, change.before)?, membership(&view, change.after)?);
            let Some((user_id, _)) = is.as_ref().or(was.as_ref()) else { continue };
            let Some(user) = self.app.store.user_num(user_id)? else { continue };
            let joined = |member: &Option<(OwnedUserId, Membership)>| {
                member.as_ref().is_some_and(|(_, membership)| *membership == Membership::Join)
            };
            match (joined(&was), joined(&is)) {
                (false, true) => found.changed.insert(user),
                (true, false) => found.gone.insert(user),
                _ => false,
            };
        }
        Ok(())
    }

    /// A room that the user has entered or left.
    fn enter_or_leave(&self, view: RoomView<'_, Snapshot<'_>>, found: &mut Found) -> Result<(), ViewError> {
        let Some(own) = view.own(self.user)? else { return Ok(()) };
        if own.membership == Membership::Join {
            if is_encrypted(&view, view.current_root(self.snapshot.position())?)? {
                let joined = members(&view, |_, member| Ok(member.membership == Membership::Join))?;
                found.changed.extend(joined.into_iter().filter(|user| *user != self.user));
            }
        } else if let Some(until) = own.joined_until.filter(|until| *until > self.since)
            && is_encrypted(&view, view.current_root(until)?)?
        {
            // Who is there, and who left since.
            let were_there = |view: &RoomView<'_, Snapshot<'_>>, member: &MemberRow| match member {
                MemberRow { membership: Membership::Join, .. } => Ok(true),
                MemberRow { membership: Membership::Leave | Membership::Ban, event: Some(event) } => {
                    Ok(view.meta(*event)?.position > self.since)
                }
                _ => Ok(false),
            };
            found.gone.extend(members(&view, were_there)?);
        }
        Ok(())
    }

    /// Those of `users` who share no encrypted room with the user.
    fn share_nothing(&self, mut users: BTreeSet<UserNum>) -> Result<BTreeSet<UserNum>, ViewError> {
        for room in self.joined {
            if users.is_empty() {
                break;
            }
            let view = self.view(*room);
            let Some(head) = view.head()? else { continue };
            if !is_encrypted(&view, head.root())? {
                continue;
            }
            if (users.len() as u64) < head.joined {
                let mut left = BTreeSet::new();
                for user in users {
                    if view.member(user)?.is_none_or(|member| member.membership != Membership::Join) {
                        left.insert(user);
                    }
                }
                users = left;
            } else {
                for member in members(&view, |_, member| Ok(member.membership == Membership::Join))? {
                    users.remove(&member);
                }
            }
        }
        Ok(users)
    }
}

fn is_encrypted(view: &RoomView<'_, Snapshot<'_>>, root: NodeHash) -> Result<bool, ViewError> {
    Ok(view.state_at(root, ENCRYPTION, "")?.is_some())
}

/// The users of a room whose rows are wanted.
fn members(
    view: &RoomView<'_, Snapshot<'_>>,
    wanted: impl Fn(&RoomView<'_, Snapshot<'_>>, &MemberRow) -> Result<bool, ViewError>,
) -> Result<Vec<UserNum>, ViewError> {
    let prefix = KeyBuilder::room(view.room(), Index::Member).build();
    let mut rows = view.read().scan_prefix(Family::Index, &prefix);
    let mut found = Vec::new();
    while let Some((key, value)) = rows.next()? {
        let user = UserNum(read_u32(key, prefix.len()).ok_or(StoreError::Malformed(Family::Index))?);
        if wanted(view, &decode(Family::Index, value)?)? {
            found.push(user);
        }
    }
    Ok(found)
}

/// Whose membership an event is, and which; `None` if it is none.
pub(super) fn membership(
    view: &RoomView<'_, Snapshot<'_>>,
    event: Option<EventNum>,
) -> Result<Option<(OwnedUserId, Membership)>, ViewError> {
    let Some(number) = event else { return Ok(None) };
    let event = view.event(number)?;
    let user = event.state_key().and_then(|key| OwnedUserId::try_from(key.as_ref()).ok());
    let content = std::str::from_utf8(event.content()).unwrap_or_default();
    Ok(user.map(|user| (user, Membership::of_content(content))))
}
