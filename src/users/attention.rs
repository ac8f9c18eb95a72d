//! What users want to hear of, ready for events to be judged by it: their push rules and whom they ignore.

use std::{
    collections::HashSet,
    sync::{Arc, OnceLock},
};

use quick_cache::sync::Cache;
use ruma::{OwnedUserId, RoomId};

use super::Users;
use crate::{
    error::Result,
    ids::{Position, UserNum},
    push::{Changes, Matcher},
    store::Snapshot,
};

/// Users whose rules are kept in memory.
const CACHED: usize = 10_000;

/// What one user wants to hear of.
#[derive(Debug)]
pub struct Attention {
    /// The user.
    pub user: UserNum,
    /// The user's ID.
    pub user_id: OwnedUserId,
    /// Where the rules or the ignored users were set last.
    pub position: Position,
    changes: Changes,
    matcher: OnceLock<Matcher>,
    ignored: Arc<HashSet<UserNum>>,
}

impl Attention {
    /// The user's rules. Most users never need them: see [`Attention::is_usual`].
    pub fn matcher(&self) -> &Matcher {
        self.matcher.get_or_init(|| Matcher::new(&self.changes.apply(&self.user_id)))
    }

    /// Whether what counts in a room is what counts for everybody who has changed no rule.
    pub fn is_usual(&self, room: &RoomId) -> bool {
        !self.changes.concern(room)
    }

    /// Whom the user ignores, as far as they ever sent something here.
    pub fn ignored(&self) -> Arc<HashSet<UserNum>> {
        self.ignored.clone()
    }

    /// Whether the user ignores somebody.
    pub fn ignores(&self, other: UserNum) -> bool {
        !self.ignored.is_empty() && self.ignored.contains(&other)
    }
}

/// What is known of users, and up to where it was looked after.
pub(super) struct Attentions(Cache<UserNum, (Position, Arc<Attention>)>);

impl Default for Attentions {
    fn default() -> Self {
        Self(Cache::new(CACHED))
    }
}

impl Users {
    /// What a user wants to hear of, as of a snapshot or later.
    pub fn attention(&self, snapshot: &Snapshot<'_>, user: UserNum) -> Result<Arc<Attention>> {
        if let Some((looked, known)) = self.attentions.0.get(&user)
            && (looked >= snapshot.position() || !self.store.live().user_changed(user, looked))
        {
            return Ok(known);
        }
        let attention = Arc::new(self.read_attention(snapshot, user)?);
        self.attentions.0.insert(user, (snapshot.position(), attention.clone()));
        Ok(attention)
    }

    fn read_attention(&self, snapshot: &Snapshot<'_>, user: UserNum) -> Result<Attention> {
        let (changes, changed) = self.push_changes(snapshot, user)?;
        let (names, ignored_since) = self.ignored_users(snapshot, user)?;
        let mut ignored = HashSet::new();
        for name in names {
            ignored.extend(self.store.user_num(&name)?);
        }
        let user_id = self.store.user_id(user)?;
        let position = changed.max(ignored_since);
        Ok(Attention { user, user_id, position, changes, matcher: OnceLock::new(), ignored: Arc::new(ignored) })
    }
}
