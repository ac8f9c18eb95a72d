//! What a client needs to call a room without a name by its members (client-server API, "RoomSummary").

use crate::{
    error::Result,
    ids::UserNum,
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
};

/// Heroes that are named.
const MAX_HEROES: usize = 5;
/// Members that are looked at to find them.
const MAX_LOOKED_AT: usize = 500;

/// A room's summary.
pub(super) struct Summary {
    /// The members to name the room after; none are needed where it has a name.
    pub heroes: Option<Vec<String>>,
    joined: u64,
    invited: u64,
}

/// The summary, for `user`, of a room whose state's root is `root`.
pub(super) fn read(view: RoomView<'_, Snapshot<'_>>, user: UserNum, root: NodeHash) -> Result<Summary> {
    let head = view.head()?.ok_or_else(|| crate::error::Error::internal("a joined room has no head"))?;
    let named = is_set(&view, root, "m.room.name", "name")? || is_set(&view, root, "m.room.canonical_alias", "alias")?;
    let heroes = if named { None } else { Some(heroes(view, user)?) };
    Ok(Summary { heroes, joined: head.joined, invited: head.invited })
}

impl Summary {
    pub fn write(&self, out: &mut Vec<u8>) {
        let mut object = ObjectWriter::open(out);
        if let Some(heroes) = &self.heroes {
            let mut array = object.array("m.heroes");
            for hero in heroes {
                array.text(hero);
            }
            array.close();
        }
        object.integer("m.invited_member_count", self.invited);
        object.integer("m.joined_member_count", self.joined);
        object.close();
    }
}

fn is_set(view: &RoomView<'_, Snapshot<'_>>, root: NodeHash, event_type: &str, field: &str) -> Result<bool, ViewError> {
    let content: Option<serde_json::Map<String, serde_json::Value>> = view.state_content(root, event_type, "")?;
    Ok(content
        .is_some_and(|content| content.get(field).and_then(|value| value.as_str()).is_some_and(|it| !it.is_empty())))
}

/// The first members who are joined or invited, else the first who were.
fn heroes(view: RoomView<'_, Snapshot<'_>>, user: UserNum) -> Result<Vec<String>> {
    let prefix = KeyBuilder::room(view.room(), Index::Member).build();
    let mut rows = view.read().scan_prefix(Family::Index, &prefix);
    let (mut present, mut gone) = (Vec::new(), Vec::new());
    for _ in 0..MAX_LOOKED_AT {
        let Some((key, value)) = rows.next()? else { break };
        let member = UserNum(read_u32(key, prefix.len()).ok_or(StoreError::Malformed(Family::Index))?);
        let row: MemberRow = decode(Family::Index, value)?;
        if member == user {
            continue;
        }
        match row.membership {
            Membership::Join | Membership::Invite => present.push(member),
            Membership::Leave | Membership::Ban => gone.push(member),
            Membership::Knock => {}
        }
        if present.len() == MAX_HEROES {
            break;
        }
    }
    let chosen = if present.is_empty() { gone } else { present };
    let name = |member: UserNum| Ok(view.read().store().user_id(member)?.to_string());
    chosen.into_iter().take(MAX_HEROES).map(name).collect()
}
