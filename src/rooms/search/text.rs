//! The text of an event that can be searched for.

use serde::Deserialize;

use super::rows::Field;
use crate::{
    event::StoredEvent,
    ids::EventNum,
    rooms::{rows::EventMeta, view::RoomView, view::ViewError},
    store::Snapshot,
};

/// What is searched of an event.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Text {
    pub field: Field,
    /// The event that has it: the newest edit, or the event itself.
    pub source: EventNum,
    pub text: String,
}

#[derive(Default, Deserialize)]
struct Message {
    body: Option<String>,
    #[serde(rename = "m.new_content")]
    new_content: Option<NewContent>,
}

#[derive(Deserialize)]
struct NewContent {
    body: Option<String>,
}

#[derive(Deserialize)]
struct Name {
    name: Option<String>,
}

#[derive(Deserialize)]
struct Topic {
    topic: Option<String>,
    #[serde(rename = "m.topic")]
    rich: Option<RichTopic>,
}

#[derive(Deserialize)]
struct RichTopic {
    #[serde(rename = "m.text", default)]
    text: Vec<Representation>,
}

#[derive(Deserialize)]
struct Representation {
    body: Option<String>,
    mimetype: Option<String>,
}

/// The text of an event that clients see; `None` if there is none, or it was redacted.
pub(super) fn of(
    view: &RoomView<'_, Snapshot<'_>>,
    number: EventNum,
    (meta, event): (&EventMeta, &StoredEvent),
) -> Result<Option<Text>, ViewError> {
    if !meta.is_visible() || meta.redacted_by.is_some() {
        return Ok(None);
    }
    let is_state = event.state_key_json().is_some();
    let (field, source, text) = match (event.event_type().as_ref(), is_state) {
        ("m.room.message", false) => match view.newest_edit(meta, event)? {
            Some(edit) => (Field::Body, edit, edited_body(&view.event(edit)?)),
            None => (Field::Body, number, body(event)),
        },
        ("m.room.name", true) => {
            let name = serde_json::from_slice::<Name>(event.content()).ok();
            (Field::Name, number, name.and_then(|content| content.name))
        }
        ("m.room.topic", true) => (Field::Topic, number, topic(event)),
        _ => return Ok(None),
    };
    Ok(text.map(|text| Text { field, source, text }))
}

fn body(event: &StoredEvent) -> Option<String> {
    serde_json::from_slice::<Message>(event.content()).ok()?.body
}

fn edited_body(event: &StoredEvent) -> Option<String> {
    serde_json::from_slice::<Message>(event.content()).ok()?.new_content?.body
}

/// The topic, and what it says as plain text where that is something else.
fn topic(event: &StoredEvent) -> Option<String> {
    let Topic { topic, rich } = serde_json::from_slice(event.content()).ok()?;
    let is_plain = |text: &Representation| text.mimetype.as_deref().is_none_or(|kind| kind == "text/plain");
    let plain = rich.and_then(|rich| rich.text.into_iter().find(is_plain)?.body);
    match (topic, plain) {
        (Some(topic), Some(plain)) if topic != plain => Some(format!("{topic}\n{plain}")),
        (topic, plain) => topic.or(plain),
    }
}
