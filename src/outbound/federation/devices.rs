//! What other servers are told of devices: messages to them, and that somebody's changed here.

use std::{collections::BTreeSet, sync::Arc};

use ruma::{CanonicalJsonValue, OwnedServerName, ServerName};
use serde_json::json;

use super::queue::{Item, Queues};
use crate::{
    app::App,
    error::{Error, Result},
    ids::{Position, UserNum},
    rooms::view::own_rooms,
    store::{
        Commit, Family, LogEntry, Read, StoreError,
        keys::{self, Index, KeyBuilder, read_u64},
    },
};

/// Queues what was put in the outbox at a position.
pub(super) fn tell_outbox(app: &App, queues: &Arc<Queues>, position: Position) -> Result<()> {
    let snapshot = app.store.snapshot();
    let prefix = keys::outbox(position, "");
    let mut rows = snapshot.scan_prefix(Family::Index, &prefix);
    while let Some((key, _)) = rows.next()? {
        let server = server_of(&key[prefix.len()..])?;
        if app.peers.allows(&server) {
            Queues::push(queues, server, position, Item::Outbox(position));
        } else {
            forget(app, &server, &[position]);
        }
    }
    Ok(())
}

/// What waits in the outbox for a server.
pub(super) fn waiting(app: &App, server: &ServerName) -> Result<Vec<Item>> {
    let snapshot = app.store.snapshot();
    let prefix = KeyBuilder::global(Index::Outbox).build();
    let mut rows = snapshot.scan_prefix(Family::Index, &prefix);
    let mut items = Vec::new();
    while let Some((key, _)) = rows.next()? {
        let position = read_u64(key, prefix.len()).ok_or(StoreError::Malformed(Family::Index))?;
        if key.get(prefix.len() + 8..) == Some(server.as_bytes()) {
            items.push(Item::Outbox(Position(position)));
        }
    }
    Ok(items)
}

/// What stands in the outbox for a server at a position, if it wasn't sent already.
pub(super) fn read(app: &App, server: &ServerName, position: Position) -> Result<Option<String>> {
    let edu = app.store.latest().get(Family::Index, &keys::outbox(position, server.as_str()))?;
    Ok(edu.map(|edu| String::from_utf8_lossy(&edu).into_owned()))
}

/// A server has what stood in the outbox for it.
pub(super) fn forget(app: &App, server: &ServerName, positions: &[Position]) {
    // Not awaited: if it is lost, the server is sent something twice, which it knows by its ID.
    let _ = app.store.commit(|_| {
        let mut commit = Commit::new(LogEntry::Housekeeping);
        for position in positions {
            commit.delete(Family::Index, keys::outbox(*position, server.as_str()));
        }
        commit
    });
}

/// Tells the servers that share a room with a user here that their devices or keys changed at a position, if they did.
pub(super) fn tell_change(app: &App, queues: &Arc<Queues>, position: Position, user: UserNum) -> Result<()> {
    let user_id = app.store.user_id(user)?;
    if !app.users.is_local(&user_id) || app.users.device_list_position(user)? != position {
        return Ok(());
    }
    let edu = change(app, user, position)?;
    let snapshot = app.store.snapshot();
    let mut servers = BTreeSet::new();
    for room in own_rooms(&snapshot, user)?.joined() {
        servers.extend(app.rooms.view(&snapshot, room).servers()?.into_iter().map(|(server, _)| server));
    }
    for server in servers.into_iter().filter(|server| app.peers.allows(server)) {
        Queues::push_edu(queues, server, edu.clone());
    }
    Ok(())
}

/// The users here whose devices or keys changed since a position and who share a room with a server: what tells it so.
pub(super) fn changes_since(app: &App, server: &ServerName, since: Position) -> Result<Vec<String>> {
    let snapshot = app.store.snapshot();
    let mut edus = Vec::new();
    for user in app.users.device_lists_changed(&snapshot, since)? {
        if !app.users.is_local(&app.store.user_id(user)?) {
            continue;
        }
        let rooms = own_rooms(&snapshot, user)?.joined();
        let shared = rooms.into_iter().map(|room| app.rooms.view(&snapshot, room).joined_of(server));
        if shared.collect::<Result<Vec<_>, _>>()?.into_iter().any(|joined| joined > 0) {
            edus.push(change(app, user, app.users.device_list_position(user)?)?);
        }
    }
    Ok(edus)
}

/// An update that names one before it which was never sent: by that the other server knows to fetch the whole list.
fn change(app: &App, user: UserNum, position: Position) -> Result<String> {
    let user_id = app.store.user_id(user)?;
    let devices = app.users.devices_with_keys(&app.store.snapshot(), user)?;
    let device = devices.into_iter().next().map_or_else(|| "NONE".to_owned(), |device| device.to_string());
    let content = json!({
        "user_id": user_id,
        "device_id": device,
        "stream_id": position.0,
        "prev_id": [position.0.saturating_sub(1)],
    });
    let edu = json!({ "edu_type": "m.device_list_update", "content": content });
    Ok(CanonicalJsonValue::try_from(edu).map_err(Error::internal)?.to_string())
}

fn server_of(name: &[u8]) -> Result<OwnedServerName> {
    let name = str::from_utf8(name).ok().and_then(|name| <&ServerName>::try_from(name).ok());
    Ok(name.ok_or(StoreError::Malformed(Family::Index))?.to_owned())
}
