//! Tags of rooms: entries of the room's account data of type `m.tag`.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Users;
use crate::{
    error::{Error, Result},
    ids::{RoomNum, UserNum},
};

/// The type of account data that holds them.
const TYPE: &str = "m.tag";
/// The name of a tag may have this many bytes.
const MAX_NAME: usize = 255;

/// The content of `m.tag`. What a client wrote beside the tags is kept.
#[derive(Default, Serialize, Deserialize)]
struct TagContent {
    #[serde(default)]
    tags: Map<String, Value>,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

impl TagContent {
    /// Content that is malformed reads as none.
    fn parse(content: Option<&str>) -> Self {
        content.and_then(|content| serde_json::from_str(content).ok()).unwrap_or_default()
    }
}

impl Users {
    /// The user's tags of a room, by name.
    pub fn tags(&self, user: UserNum, room: RoomNum) -> Result<Map<String, Value>> {
        let content = self.account_data(&self.store.latest(), user, Some(room), TYPE)?;
        Ok(TagContent::parse(content.as_deref()).tags)
    }

    /// Sets a tag of a room. Its `order`, if it has one, is a number from 0 to 1.
    pub async fn set_tag(&self, user: UserNum, room: RoomNum, name: &str, tag: Map<String, Value>) -> Result<()> {
        if name.len() > MAX_NAME {
            return Err(Error::invalid_param("The name of a tag has at most 255 bytes."));
        }
        match tag.get("order").map(Value::as_f64) {
            None => {}
            Some(Some(order)) if (0.0..=1.0).contains(&order) => {}
            Some(Some(_)) => return Err(Error::invalid_param("The order of a tag is a number from 0 to 1.")),
            Some(None) => return Err(Error::bad_json("The order of a tag must be a number.")),
        }
        self.change_tags(user, room, |tags| {
            tags.insert(name.to_owned(), Value::Object(tag));
        })
        .await
    }

    /// Removes a tag from a room, if it is there.
    pub async fn delete_tag(&self, user: UserNum, room: RoomNum, name: &str) -> Result<()> {
        if !self.tags(user, room)?.contains_key(name) {
            return Ok(());
        }
        self.change_tags(user, room, |tags| {
            tags.remove(name);
        })
        .await
    }

    async fn change_tags(
        &self,
        user: UserNum,
        room: RoomNum,
        change: impl FnOnce(&mut Map<String, Value>),
    ) -> Result<()> {
        self.change_account_data(user, Some(room), TYPE, |content| {
            let mut content = TagContent::parse(content);
            change(&mut content.tags);
            serde_json::to_string(&content).map_err(Error::internal)
        })
        .await
    }
}
