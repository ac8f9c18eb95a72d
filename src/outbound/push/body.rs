//! What a gateway is told (push gateway API, "Notify a push gateway about an event").

use ruma::{
    RoomId, UserId,
    push::{Action, Tweak},
};
use serde::Deserialize;
use serde_json::{Map, Value, json, value::RawValue};

use super::invite::Invite;
use crate::{
    app::App,
    error::{Error, Result},
    event::StoredEvent,
    ids::UserNum,
    rooms::{happening::Happening, remote::Invited, view::RoomView},
    store::Snapshot,
    users::Pusher,
};

/// The body that tells of an event.
pub(super) fn of_event(
    app: &App,
    (user, pusher): (UserNum, &Pusher),
    happening: &Happening<'_>,
    (actions, unread): (&[Action], u64),
) -> Result<Vec<u8>> {
    let view = &happening.view;
    let event = view.event(happening.number)?;
    let names = Names::read(view, &event.sender())?;
    let (room_id, user_id) = (app.store.room_id(view.room())?, app.store.user_id(user)?);
    notification(pusher, (&event, &room_id, &user_id), names, (actions, unread))
}

/// The body that tells of an invite to a room that this server is not in.
pub(super) fn of_invite(app: &App, pusher: &Pusher, invite: &Invite, unread: u64) -> Result<Vec<u8>> {
    let Invited { event, room_id, user, .. } = &invite.invited;
    notification(pusher, (event, room_id, &app.store.user_id(*user)?), invite.names(), (&invite.actions, unread))
}

fn notification(
    pusher: &Pusher,
    (event, room_id, user_id): (&StoredEvent, &RoomId, &UserId),
    names: Names,
    (actions, unread): (&[Action], u64),
) -> Result<Vec<u8>> {
    let mut notification = json!({
        "event_id": event.event_id(),
        "room_id": room_id,
        "counts": counts(unread),
        "prio": if is_loud(actions) { "high" } else { "low" },
        "devices": [device(pusher, actions)],
    });
    if pusher.data().get("format").and_then(Value::as_str) != Some("event_id_only") {
        let content: Box<RawValue> = serde_json::from_slice(event.content()).map_err(Error::internal)?;
        notification["content"] = serde_json::to_value(content).map_err(Error::internal)?;
        notification["type"] = event.event_type().into();
        notification["sender"] = event.sender().into();
        if event.state_key().is_some_and(|key| user_id.as_str() == key) {
            notification["user_is_target"] = true.into();
        }
        let names = [("sender_display_name", names.sender), ("room_name", names.room), ("room_alias", names.alias)];
        for (field, name) in names {
            if let Some(name) = name {
                notification[field] = name.into();
            }
        }
    }
    encode(notification)
}

/// The body that tells how much is not read.
pub(super) fn of_badge(pusher: &Pusher, unread: u64) -> Result<Vec<u8>> {
    encode(json!({ "counts": counts(unread), "prio": "low", "devices": [device(pusher, &[])] }))
}

fn encode(notification: Value) -> Result<Vec<u8>> {
    serde_json::to_vec(&json!({ "notification": notification })).map_err(Error::internal)
}

/// Numbers that are zero are left out.
fn counts(unread: u64) -> Value {
    if unread == 0 { json!({}) } else { json!({ "unread": unread }) }
}

fn device(pusher: &Pusher, actions: &[Action]) -> Value {
    let mut tweaks = Map::new();
    for action in actions {
        if let Action::SetTweak(tweak) = action {
            let value = tweak.value().and_then(|value| serde_json::from_str(value.get()).ok());
            tweaks.insert(tweak.set_tweak().to_owned(), value.unwrap_or_default());
        }
    }
    json!({
        "app_id": pusher.app_id, "pushkey": pusher.pushkey, "pushkey_ts": pusher.set_at,
        "data": pusher.data(), "tweaks": tweaks,
    })
}

/// Whether a notification is to be seen at once.
fn is_loud(actions: &[Action]) -> bool {
    actions.iter().any(|action| action.is_highlight() || matches!(action, Action::SetTweak(Tweak::Sound(_))))
}

/// What people call the sender and the room.
pub(super) struct Names {
    pub sender: Option<String>,
    pub room: Option<String>,
    pub alias: Option<String>,
}

#[derive(Default, Deserialize)]
struct Named {
    displayname: Option<String>,
    name: Option<String>,
    alias: Option<String>,
}

impl Names {
    fn read(view: &RoomView<'_, Snapshot<'_>>, sender: &str) -> Result<Self> {
        let root = view.current_root(view.read().position())?;
        let read =
            |kind: &str, key: &str| -> Result<Named> { Ok(view.state_content(root, kind, key)?.unwrap_or_default()) };
        Ok(Self {
            sender: read("m.room.member", sender)?.displayname,
            room: read("m.room.name", "")?.name.filter(|name| !name.is_empty()),
            alias: read("m.room.canonical_alias", "")?.alias,
        })
    }
}
