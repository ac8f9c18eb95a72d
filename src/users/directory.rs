//! The user directory: all users of this server, found by name (client-server API, "User Directory"). In memory:
//! it is read at the first search, and told of changes from then on.

use std::{
    collections::BTreeMap,
    sync::{PoisonError, RwLock},
};

use serde::Serialize;
use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

use super::{Profile, Users};
use crate::{
    error::Result,
    ids::UserNum,
    store::{Family, Read, keys},
};

/// Results of one search, at the most.
const MAX_RESULTS: usize = 100;
/// Results where the client doesn't say how many.
const DEFAULT_RESULTS: usize = 10;

/// What searches look through; `None` before the first one.
#[derive(Default)]
pub(super) struct Directory(RwLock<Option<BTreeMap<UserNum, Entry>>>);

struct Entry {
    result: FoundUser,
    localpart: String,
    user_id: String,
    name: String,
}

/// A user whom a search found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FoundUser {
    /// Their ID.
    pub user_id: String,
    #[serde(flatten)]
    profile: DirectoryProfile,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct DirectoryProfile {
    #[serde(skip_serializing_if = "Option::is_none")]
    display_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    avatar_url: Option<String>,
}

impl Users {
    /// Users whose ID or display name holds all words of `term`, whatever the case and the accents; the closest
    /// first. With it comes whether there are more.
    pub fn search(&self, term: &str, limit: Option<usize>) -> Result<(Vec<FoundUser>, bool)> {
        let limit = limit.unwrap_or(DEFAULT_RESULTS).min(MAX_RESULTS);
        let term = fold(term);
        let words: Vec<_> = term.split_whitespace().collect();
        let Some(first) = words.first() else { return Ok((Vec::new(), false)) };
        self.load_directory()?;
        let directory = self.directory.0.read().unwrap_or_else(PoisonError::into_inner);
        let mut found: Vec<_> = directory
            .iter()
            .flat_map(BTreeMap::values)
            .filter(|entry| words.iter().all(|word| entry.user_id.contains(word) || entry.name.contains(word)))
            .map(|entry| (entry.distance(first, &term), entry))
            .collect();
        found.sort_by(|(a, left), (b, right)| a.cmp(b).then_with(|| left.localpart.cmp(&right.localpart)));
        let limited = found.len() > limit;
        Ok((found.into_iter().take(limit).map(|(_, entry)| entry.result.clone()).collect(), limited))
    }

    /// Has the directory know a user as they are now.
    pub fn refresh_directory(&self, user: UserNum) -> Result<()> {
        let mut directory = self.directory.0.write().unwrap_or_else(PoisonError::into_inner);
        let Some(entries) = directory.as_mut() else { return Ok(()) };
        match self.directory_entry(user)? {
            Some(entry) => entries.insert(user, entry),
            None => entries.remove(&user),
        };
        Ok(())
    }

    fn load_directory(&self) -> Result<()> {
        if self.directory.0.read().unwrap_or_else(PoisonError::into_inner).is_some() {
            return Ok(());
        }
        let mut directory = self.directory.0.write().unwrap_or_else(PoisonError::into_inner);
        if directory.is_some() {
            return Ok(());
        }
        let last: u32 = self.store.latest().get_row(Family::Meta, &keys::meta("last_user"))?.unwrap_or(0);
        let mut entries = BTreeMap::new();
        for user in (1..=last).map(UserNum) {
            entries.extend(self.directory_entry(user)?.map(|entry| (user, entry)));
        }
        *directory = Some(entries);
        Ok(())
    }

    /// `None` for guests, for who was deactivated, and for users of other servers.
    fn directory_entry(&self, user: UserNum) -> Result<Option<Entry>> {
        let Some(account) = self.account(user)?.filter(|row| !row.guest && !row.deactivated) else { return Ok(None) };
        drop(account);
        let user_id = self.store.user_id(user)?;
        let Profile { displayname, avatar_url } = self.profile(&self.store.latest(), user)?;
        Ok(Some(Entry {
            localpart: fold(user_id.localpart()),
            name: displayname.as_deref().map(fold).unwrap_or_default(),
            result: FoundUser {
                user_id: user_id.to_string(),
                profile: DirectoryProfile { display_name: displayname, avatar_url },
            },
            user_id: fold(user_id.as_str()),
        }))
    }
}

impl Entry {
    /// How far the entry is from what was looked for: the name itself, its beginning, somewhere in it.
    fn distance(&self, first: &str, term: &str) -> u8 {
        if self.localpart == term || self.name == term || self.user_id == term {
            0
        } else if self.localpart.starts_with(first) || self.name.split_whitespace().any(|word| word.starts_with(first))
        {
            1
        } else {
            2
        }
    }
}

/// Text without case and accents.
fn fold(text: &str) -> String {
    text.nfkd().filter(|c| !is_combining_mark(*c)).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_and_accents_are_folded() {
        assert_eq!(fold("Élodie ÅNGSTRÖM ﬁ"), "elodie angstrom fi");
    }
}
