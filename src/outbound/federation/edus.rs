//! What other servers are told that is no event: who types, and who has read what. It is sent with the next
//! transaction; a server that can't be reached does without it.

use std::sync::Arc;

use ruma::CanonicalJsonValue;
use serde_json::{Value, json};

use super::queue::Queues;
use crate::{
    app::App,
    error::{Error, Result},
    ids::{Position, RoomNum, UserNum},
    rooms::{
        receipts::{Receipt, ReceiptKind},
        typing::LocalTyping,
    },
    store::{Family, Read, keys},
};

/// Tells the servers of a room that somebody here types there, or ends to.
pub(super) fn tell_typing(app: &App, queues: &Arc<Queues>, change: &LocalTyping) -> Result<()> {
    let room_id = app.store.room_id(change.room)?;
    let content = json!({ "room_id": room_id, "user_id": change.user, "typing": change.typing });
    tell(app, queues, change.room, json!({ "edu_type": "m.typing", "content": content }))
}

/// Tells the servers of a room what somebody here has read, if the receipt is still there.
pub(super) fn tell_receipt(
    app: &App,
    queues: &Arc<Queues>,
    (room, position): (RoomNum, Position),
    user: UserNum,
) -> Result<()> {
    let row: Option<Receipt> = app.store.latest().get_row(Family::Ephemeral, &keys::room_position(room, position))?;
    let Some(receipt) = row.filter(|receipt| receipt.user == user && receipt.kind == ReceiptKind::Read) else {
        return Ok(());
    };
    let mut data = json!({ "ts": receipt.ts });
    if let Some(thread) = receipt.thread {
        data["thread_id"] = thread.into();
    }
    let (room_id, user_id) = (app.store.room_id(room)?, app.store.user_id(user)?);
    let mut content = json!({});
    content[room_id.as_str()]["m.read"][user_id.as_str()] = json!({ "data": data, "event_ids": [receipt.event_id] });
    tell(app, queues, room, json!({ "edu_type": "m.receipt", "content": content }))
}

fn tell(app: &App, queues: &Arc<Queues>, room: RoomNum, edu: Value) -> Result<()> {
    let servers = app.rooms.view(&app.store.snapshot(), room).servers()?;
    let edu = CanonicalJsonValue::try_from(edu).map_err(Error::internal)?.to_string();
    for (server, _) in servers {
        if app.peers.allows(&server) {
            Queues::push_edu(queues, server, edu.clone());
        }
    }
    Ok(())
}
