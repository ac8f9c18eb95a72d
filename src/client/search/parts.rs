//! What is told along with the results of a search: groups of them, words to highlight, the state of their rooms.

use std::collections::BTreeSet;

use ruma::OwnedRoomId;
use serde::Deserialize;

use super::{Group, GroupKey, token_text};
use crate::{
    app::App,
    error::{Error, Result},
    ids::RoomNum,
    json::{ArrayWriter, ObjectWriter},
    rooms::search::{Found, Part, Results, Token, highlights},
    store::Snapshot,
    users::Session,
};

/// State events of all rooms together, at the most.
const MAX_STATE: usize = 50_000;
/// Words that are told to be highlighted, at the most.
const MAX_HIGHLIGHTS: usize = 50;

/// The words that were typed, and as they are written in what was found.
pub(super) fn write_highlights(mut array: ArrayWriter<'_>, results: &Results<'_>, term: &str) {
    #[derive(Default, Deserialize)]
    struct Content {
        body: Option<String>,
        name: Option<String>,
        topic: Option<String>,
    }
    let mut told: BTreeSet<String> = results.words.iter().cloned().collect();
    let mut tell = |text: &str| {
        for word in highlights(text, &results.words) {
            if told.len() < MAX_HIGHLIGHTS {
                told.insert(word.to_lowercase());
            }
        }
    };
    tell(term);
    for found in &results.events {
        let content: Content = serde_json::from_slice(found.seen.event.content()).unwrap_or_default();
        [content.body, content.name, content.topic].iter().flatten().for_each(|text| tell(text));
    }
    told.iter().for_each(|word| array.text(word));
    array.close();
}

/// The results by room or by sender, the one with the first result first.
pub(super) fn write_groups(app: &App, out: &mut Vec<u8>, wanted: &[Group], results: &Results<'_>) -> Result<()> {
    let mut groups = ObjectWriter::open(out);
    for (key, name) in [(GroupKey::RoomId, "room_id"), (GroupKey::Sender, "sender")] {
        if !wanted.iter().any(|group| group.key == key) {
            continue;
        }
        let part = |found: &Found| match key {
            GroupKey::RoomId => Part::Room(found.room),
            GroupKey::Sender => Part::Sender(found.seen.meta.sender),
        };
        let mut parts: Vec<Part> = Vec::new();
        for found in &results.events {
            if !parts.contains(&part(found)) {
                parts.push(part(found));
            }
        }
        let mut by_key = groups.object(name);
        for (order, one) in parts.into_iter().enumerate() {
            let value = match one {
                Part::Room(room) => app.store.room_id(room)?.to_string(),
                Part::Sender(user) => app.store.user_id(user)?.to_string(),
            };
            let mut group = ObjectWriter::open(by_key.text_key(&value));
            if let Some(place) = results.next {
                group.text("next_batch", &token_text(&Token { place, part: Some(one) }));
            }
            group.integer("order", order as u64 + 1);
            let mut ids = group.array("results");
            for found in results.events.iter().filter(|found| part(found) == one) {
                ids.text(found.seen.event.event_id().as_str());
            }
            ids.close();
            group.close();
        }
        by_key.close();
    }
    groups.close();
    Ok(())
}

/// The current state of the rooms of results.
pub(super) struct RoomStates<'a> {
    pub app: &'a App,
    pub snapshot: &'a Snapshot<'a>,
    pub session: &'a Session,
    /// Members only if they sent a result.
    pub lazy: bool,
}

impl RoomStates<'_> {
    /// A JSON object by room.
    pub fn write(&self, out: &mut Vec<u8>, results: &Results<'_>) -> Result<()> {
        let mut rooms = ObjectWriter::open(out);
        let mut budget = MAX_STATE;
        let found: BTreeSet<RoomNum> = results.events.iter().map(|found| found.room).collect();
        for room in found {
            let Some(history) = results.rooms.get(&room) else { continue };
            let room_id: OwnedRoomId = self.app.store.room_id(room)?;
            let senders: BTreeSet<_> = results
                .events
                .iter()
                .filter(|found| found.room == room)
                .map(|found| found.seen.event.sender())
                .collect();
            let state = self.app.rooms.readable_state(self.snapshot, self.session.user, &room_id)?;
            let mut array = ArrayWriter::open(rooms.text_key(room_id.as_str()));
            state.each(|number, event| {
                let is_member = event.type_json() == b"\"m.room.member\"";
                let sent = || event.state_key().is_some_and(|key| senders.contains(&key));
                if self.lazy && is_member && !sent() {
                    return Ok(());
                }
                budget = budget.checked_sub(1).ok_or_else(too_much_state)?;
                Ok(history.render_state(array.item(), number)?)
            })?;
            array.close();
        }
        rooms.close();
        Ok(())
    }
}

fn too_much_state() -> Error {
    Error::new(413, "M_TOO_LARGE", "These rooms have too much state: ask for it with lazy_load_members in the filter.")
}
