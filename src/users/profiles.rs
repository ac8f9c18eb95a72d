//! Profiles: what a user shows of themselves to everybody. One row holds all fields, since they are bounded.

use ruma::MxcUri;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Users, accounts::no_account};
use crate::{
    error::{Error, Result},
    ids::UserNum,
    store::{
        Commit, Family, Key, LogEntry, Notice, Read,
        keys::{Index, KeyBuilder},
    },
};

/// The JSON of a whole profile stays below this many bytes.
const MAX_PROFILE: usize = 64 << 10;
/// The name of a field may have this many bytes.
const MAX_FIELD_NAME: usize = 255;
/// A display name or an avatar's address may have this many bytes: every room that the user is in repeats them.
const MAX_MEMBER_FIELD: usize = 1024;

/// The part of a profile that member events carry.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    /// The display name, if one is set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub displayname: Option<String>,
    /// The avatar's `mxc:` address, if one is set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub avatar_url: Option<String>,
}

pub(super) fn key(user: UserNum) -> Key {
    KeyBuilder::user(user, Index::Profile).build()
}

impl Users {
    /// The display name and avatar of a local user; neither for anybody else.
    pub fn profile(&self, read: &impl Read, user: UserNum) -> Result<Profile> {
        match read.get(Family::Index, &key(user))? {
            Some(json) => serde_json::from_slice(&json).map_err(Error::internal),
            None => Ok(Profile::default()),
        }
    }

    /// All fields of a local user's profile; 404 `M_NOT_FOUND` if there is no such account.
    pub fn profile_fields(&self, user: UserNum) -> Result<Map<String, Value>> {
        match self.store.latest().get(Family::Index, &key(user))? {
            Some(json) => serde_json::from_slice(&json).map_err(Error::internal),
            None => self.account(user)?.map(|_| Map::new()).ok_or_else(no_account),
        }
    }

    /// Sets a field. An empty display name or avatar is none.
    pub async fn set_profile_field(&self, user: UserNum, field: &str, value: Value) -> Result<()> {
        check_field(field)?;
        check_value(field, &value)?;
        let value = Some(value).filter(|value| !(carried_by_members(field) && value.as_str() == Some("")));
        self.change_profile(user, field, value).await
    }

    /// Deletes a field, if it is there.
    pub async fn delete_profile_field(&self, user: UserNum, field: &str) -> Result<()> {
        check_field(field)?;
        self.change_profile(user, field, None).await
    }

    async fn change_profile(&self, user: UserNum, field: &str, value: Option<Value>) -> Result<()> {
        let ticket = {
            let _lock = self.locks.user(user);
            let mut fields = self.profile_fields(user)?;
            if fields.get(field) == value.as_ref() {
                return Ok(());
            }
            match value {
                Some(value) => fields.insert(field.to_owned(), value),
                None => fields.remove(field),
            };
            let json = Value::Object(fields).to_string();
            if json.len() >= MAX_PROFILE {
                return Err(Error::bad_request("M_PROFILE_TOO_LARGE", "A profile must stay below 64 KiB."));
            }
            // Rooms carry these two, and a follower takes them there.
            let log = if carried_by_members(field) { LogEntry::Profile(user) } else { LogEntry::User(user) };
            let mut commit = Commit::new(log);
            commit.put(Family::Index, key(user), json).notify(Notice::User(user));
            self.store.commit(|_| commit)
        };
        ticket.durable().await?;
        Ok(())
    }
}

/// The profile that a new account starts with, as its row.
pub(super) fn initial(displayname: &str) -> String {
    Value::from(Map::from_iter([("displayname".to_owned(), Value::from(displayname))])).to_string()
}

fn carried_by_members(field: &str) -> bool {
    matches!(field, "displayname" | "avatar_url")
}

/// The two older fields, or a name with a namespace (appendices, "Common Namespaced Identifier Grammar").
fn check_field(field: &str) -> Result<()> {
    if field.len() > MAX_FIELD_NAME {
        return Err(Error::bad_request("M_KEY_TOO_LARGE", "The name of a field has at most 255 bytes."));
    }
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.".contains(&byte);
    let namespaced =
        field.starts_with(|c: char| c.is_ascii_lowercase()) && field.bytes().all(allowed) && field.contains('.');
    if carried_by_members(field) || namespaced {
        Ok(())
    } else {
        Err(Error::invalid_param(
            "A field is displayname, avatar_url or a name such as org.example.field, in lower case.",
        ))
    }
}

fn check_value(field: &str, value: &Value) -> Result<()> {
    if !(carried_by_members(field) || field == "m.tz") {
        return Ok(());
    }
    let text = value.as_str().ok_or_else(|| Error::bad_json(format!("{field} must be a string.")))?;
    if text.len() > MAX_MEMBER_FIELD {
        return Err(Error::invalid_param(format!("{field} has at most {MAX_MEMBER_FIELD} bytes.")));
    }
    if field == "avatar_url" && !text.is_empty() && !<&MxcUri>::from(text).is_valid() {
        return Err(Error::invalid_param("avatar_url must be an address such as mxc://server/media."));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_named_as_the_grammar_says() {
        for good in ["displayname", "avatar_url", "m.tz", "org.example.job_title", "a.b-c"] {
            check_field(good).unwrap();
        }
        for bad in ["", "name", "Displayname", "1.a", ".a", "org.Example", "org.exämple"] {
            assert_eq!(check_field(bad).unwrap_err().errcode, "M_INVALID_PARAM", "{bad}");
        }
        assert_eq!(check_field(&format!("m.{}", "a".repeat(254))).unwrap_err().errcode, "M_KEY_TOO_LARGE");
    }
}
