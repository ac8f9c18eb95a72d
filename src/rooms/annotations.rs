//! Reactions: nobody gives the same one twice (client-server API, "Avoiding duplicate annotations").

use ruma::{CanonicalJsonObject, CanonicalJsonValue};

use super::{NewEvent, RoomGuard};
use crate::{
    error::{Error, Result},
    event::StoredEvent,
    ids::EventNum,
    store::{
        Family, StoreError, decode,
        keys::{self, Index, KeyBuilder, read_u64},
    },
};

const ANNOTATION: &str = "m.annotation";
/// Events that relate to the same one and are looked at, at the most: the newest.
const MAX_RELATED: usize = 2_000;

impl RoomGuard<'_> {
    /// 400 `M_DUPLICATE_ANNOTATION` if the sender has annotated the same event so already. Looks at what is
    /// published: of two that come within one commit both land, as they may from another server.
    pub(super) fn check_annotation(&self, new: &NewEvent) -> Result<()> {
        let Some((parent, key)) = annotation(&new.content) else { return Ok(()) };
        let Some(sender) = self.rooms.store.user_num(&new.sender)? else { return Ok(()) };
        let snapshot = self.rooms.store.snapshot();
        let view = self.rooms.view(&snapshot, self.room);
        let prefix = KeyBuilder::room(self.room, Index::Relation).tail(&keys::event_id(parent));
        let end = prefix.clone().u64(u64::MAX).build();
        let mut rows = snapshot.scan_back(Family::Index, &prefix.clone().u64(0).build(), &end);
        for _ in 0..MAX_RELATED {
            let Some((row, value)) = rows.next()? else { break };
            let number = read_u64(row, prefix.clone().build().len()).ok_or(StoreError::Malformed(Family::Index))?;
            let (rel_type, event_type): (String, String) = decode(Family::Index, value)?;
            if rel_type != ANNOTATION || event_type != new.event_type {
                continue;
            }
            let meta = view.meta(EventNum(number))?;
            if meta.sender == sender && meta.redacted_by.is_none() && same_key(&view.event(EventNum(number))?, key) {
                return Err(Error::bad_request("M_DUPLICATE_ANNOTATION", "You have reacted to this event so already."));
            }
        }
        Ok(())
    }
}

fn same_key(event: &StoredEvent, key: &str) -> bool {
    let content = serde_json::from_slice::<CanonicalJsonObject>(event.content()).ok();
    content.as_ref().and_then(annotation).is_some_and(|(_, other)| other == key)
}

/// The event that a content annotates, and the key that it does so by.
fn annotation(content: &CanonicalJsonObject) -> Option<(&str, &str)> {
    let relates_to = content.get("m.relates_to")?.as_object()?;
    let text = |key: &str| relates_to.get(key).and_then(CanonicalJsonValue::as_str);
    (text("rel_type")? == ANNOTATION).then_some((text("event_id")?, text("key")?))
}
