//! Whose devices a client is to look at anew, and whose no more (client-server API, "Tracking the device list for a
//! user"): those who changed theirs and share a room, those with whom a room is shared now, and those with whom none is any
//! more. Of plain rooms only small ones count: nobody's devices matter there, and much would be told.

use std::collections::BTreeSet;

use ruma::OwnedUserId;

use super::{
    Feed, joined_rooms,
    moved::{Moved, Traffic},
};
use crate::{
    app::App,
    error::Result,
    ids::{Position, RoomNum, UserNum},
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
/// Members of a plain room whose comings and goings count, at the most.
const SMALL_ROOM: u64 = 500;

/// What changed for one user between a position and a snapshot.
#[derive(Debug, Default)]
pub struct DeviceLists {
    /// Whose devices are to be looked at anew.
    pub changed: Vec<OwnedUserId>,
    /// Who shares no encrypted room any more, or no room at all.
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
    let moved = Moved::among(app, &snapshot, (&touched, &feed), since)?;
    Reader { app, snapshot: &snapshot, user: session.user, joined: &joined, since }.read(&moved, &feed)
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
    /// They left an encrypted room, or the user did: they may share others.
    gone: BTreeSet<UserNum>,
    /// The same of a plain room.
    parted: BTreeSet<UserNum>,
}

impl Reader<'_> {
    /// `moved`: since the token; `feed`: what it says since then.
    pub fn read(&self, moved: &[Moved], feed: &Feed) -> Result<DeviceLists> {
        let mut found = Found::default();
        found.changed.extend(&feed.signed);
        for user in self.app.users.device_lists_changed(self.snapshot, self.since)? {
            if user == self.user || self.app.rooms.is_joined_to_any(self.joined, user)? {
                found.changed.insert(user);
            }
        }
        for moved in moved {
            self.compare(moved, &mut found)?;
        }
        for room in &feed.memberships {
            self.enter_or_leave(self.view(*room), &mut found)?;
        }
        found.gone.remove(&self.user);
        let mut left = self.share_nothing(found.gone)?;
        for user in found.parted.into_iter().filter(|user| *user != self.user) {
            if !self.app.rooms.is_joined_to_any(self.joined, user)? {
                left.insert(user);
            }
        }
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
    fn compare(&self, moved: &Moved, found: &mut Found) -> Result<(), ViewError> {
        let view = self.view(moved.room);
        let encrypted = is_encrypted(&view, moved.after)?;
        if !encrypted && !is_small(&view)? {
            return Ok(());
        }
        if encrypted && !is_encrypted(&view, moved.before)? {
            found.changed.extend(members(&view, |_, member| Ok(member.membership == Membership::Join))?);
            found.changed.remove(&self.user);
            return Ok(());
        }
        let Traffic { came, gone } = moved.traffic(self.app, &view)?;
        found.changed.extend(came);
        if encrypted { &mut found.gone } else { &mut found.parted }.extend(gone);
        Ok(())
    }

    /// A room that the user has entered or left.
    fn enter_or_leave(&self, view: RoomView<'_, Snapshot<'_>>, found: &mut Found) -> Result<(), ViewError> {
        let Some(own) = view.own(self.user)? else { return Ok(()) };
        if own.membership == Membership::Join {
            if is_small(&view)? || is_encrypted(&view, view.current_root(self.snapshot.position())?)? {
                let joined = members(&view, |_, member| Ok(member.membership == Membership::Join))?;
                found.changed.extend(joined.into_iter().filter(|user| *user != self.user));
            }
        } else if let Some(until) = own.joined_until.filter(|until| *until > self.since) {
            let encrypted = is_encrypted(&view, view.current_root(until)?)?;
            if !encrypted && !is_small(&view)? {
                return Ok(());
            }
            // Who is there, and who left since.
            let were_there = |view: &RoomView<'_, Snapshot<'_>>, member: &MemberRow| match member {
                MemberRow { membership: Membership::Join, .. } => Ok(true),
                MemberRow { membership: Membership::Leave | Membership::Ban, event: Some(event) } => {
                    Ok(view.meta(*event)?.position > self.since)
                }
                _ => Ok(false),
            };
            if encrypted { &mut found.gone } else { &mut found.parted }.extend(members(&view, were_there)?);
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

fn is_small(view: &RoomView<'_, Snapshot<'_>>) -> Result<bool, ViewError> {
    Ok(view.head()?.is_some_and(|head| head.joined <= SMALL_ROOM))
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
