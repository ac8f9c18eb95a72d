//! Tells other servers who is there: what changed within a moment together, and now and then again, as they forget.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, hash_map::Entry},
    sync::Arc,
    time::Duration,
};

use ruma::{CanonicalJsonValue, OwnedServerName, ServerName, UserId};
use serde_json::{Value, json};
use tokio::{
    sync::broadcast::error::RecvError,
    time::{Instant, sleep},
};

use super::queue::Queues;
use crate::{
    app::App,
    error::{Error, Result},
    event::StoredEvent,
    ids::{RoomNum, UserNum},
    rooms::{
        rows::{EventMeta, Membership},
        view::{RoomView, own_rooms},
    },
    store::Snapshot,
};

/// How long changes are gathered.
const PAUSE: Duration = Duration::from_secs(1);
/// How often it is looked who was told of long ago.
const LOOK_EVERY: Duration = Duration::from_secs(60);
/// After this time who is still there is told of again.
const TELL_AGAIN: Duration = Duration::from_secs(20 * 60);
/// A server that comes into a room has taken in by then what it is, so that it knows who has to do with its users.
const SETTLED: Duration = Duration::from_secs(3);
/// Users of one EDU.
const MAX_USERS: usize = 100;

/// Tells for as long as the server runs.
pub(super) async fn follow(app: Arc<App>, queues: Arc<Queues>) {
    let mut changes = app.users.presence.local_changes();
    // When each was told of last who is there.
    let mut told: HashMap<UserNum, Instant> = HashMap::new();
    loop {
        let mut users = BTreeSet::new();
        tokio::select! {
            change = changes.recv() => match change {
                Ok(user) => {
                    users.insert(user);
                    sleep(PAUSE).await;
                }
                // Those who were missed are told of again soon.
                Err(RecvError::Lagged(_)) => told.clear(),
                Err(RecvError::Closed) => return,
            },
            () = sleep(LOOK_EVERY) => {}
        }
        while let Ok(user) = changes.try_recv() {
            users.insert(user);
        }
        if let Err(error) = tell(&app, &queues, users, &mut told) {
            tracing::error!(%error, "who is there was not told to other servers");
        }
    }
}

fn tell(
    app: &App,
    queues: &Arc<Queues>,
    mut users: BTreeSet<UserNum>,
    told: &mut HashMap<UserNum, Instant>,
) -> Result<()> {
    let now = Instant::now();
    let here: BTreeSet<UserNum> = app.users.presence.changed_since(0).into_iter().map(|(user, _)| user).collect();
    told.retain(|user, _| here.contains(user));
    users.extend(here.into_iter().filter(|user| told.get(user).is_none_or(|at| now.duration_since(*at) > TELL_AGAIN)));
    let snapshot = app.store.snapshot();
    let mut servers_of: HashMap<RoomNum, Vec<OwnedServerName>> = HashMap::new();
    let mut news: BTreeMap<OwnedServerName, Vec<Value>> = BTreeMap::new();
    for user in users {
        let user_id = app.store.user_id(user)?;
        if !app.users.is_local(&user_id) {
            continue;
        }
        told.insert(user, now);
        let mut servers = BTreeSet::new();
        for room in own_rooms(&snapshot, user)?.joined() {
            let known = match servers_of.entry(room) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(place) => {
                    let found = app.rooms.view(&snapshot, room).servers()?.into_iter().map(|(server, _)| server);
                    place.insert(found.filter(|server| app.peers.allows(server)).collect())
                }
            };
            servers.extend(known.iter().cloned());
        }
        let update = update(app, user, &user_id);
        for server in servers {
            news.entry(server).or_default().push(update.clone());
        }
    }
    for (server, updates) in news {
        send(queues, &server, &updates)?;
    }
    Ok(())
}

/// Tells of who is there already when somebody has joined a room: the user's server of all here, or the servers of the
/// room of a user here.
pub(super) fn greet(
    app: &App,
    queues: &Arc<Queues>,
    view: &RoomView<'_, Snapshot<'_>>,
    (event, meta): (&StoredEvent, &EventMeta),
) -> Result<()> {
    let membership = |event: &StoredEvent| str::from_utf8(event.content()).map(Membership::of_content).ok();
    let is_join = event.type_json() == b"\"m.room.member\"" && membership(event) == Some(Membership::Join);
    if !app.users.presence.is_enabled() || !is_join {
        return Ok(());
    }
    let before = meta.replaces.map(|number| view.event(number)).transpose()?;
    if before.as_ref().and_then(membership) == Some(Membership::Join) {
        return Ok(());
    }
    let key = event.state_key().unwrap_or_default();
    let Ok(joined) = <&UserId>::try_from(&*key) else { return Ok(()) };
    if app.users.is_local(joined) {
        let user = app.store.user_num(joined)?.filter(|user| !app.users.presence.get(*user).is_offline());
        let Some(user) = user else { return Ok(()) };
        for (server, _) in view.servers()?.into_iter().filter(|(server, _)| app.peers.allows(server)) {
            send(queues, &server, &[update(app, user, joined)])?;
        }
        return Ok(());
    }
    let (queues, room, server) = (queues.clone(), view.room(), joined.server_name().to_owned());
    if app.peers.allows(&server) {
        tokio::spawn(async move {
            tokio::select! {
                () = sleep(SETTLED) => {
                    if let Err(error) = greet_server(&queues, room, &server) {
                        tracing::error!(%error, %server, "a server that came into a room was not told who is there");
                    }
                }
                () = queues.app.stopped() => {}
            }
        });
    }
    Ok(())
}

/// Tells a server of the users here who are in a room, and there.
fn greet_server(queues: &Arc<Queues>, room: RoomNum, server: &ServerName) -> Result<()> {
    let app = &queues.app;
    let snapshot = app.store.snapshot();
    let view = app.rooms.view(&snapshot, room);
    let mut updates = Vec::new();
    for (user, _) in app.users.presence.changed_since(0) {
        let user_id = app.store.user_id(user)?;
        let member = if app.users.is_local(&user_id) { view.member(user)? } else { None };
        if member.is_some_and(|member| member.membership == Membership::Join) {
            updates.push(update(app, user, &user_id));
        }
    }
    send(queues, server, &updates)
}

/// What is told of a user.
fn update(app: &App, user: UserNum, user_id: &UserId) -> Value {
    let mut update = json!(app.users.presence.get(user));
    update["user_id"] = user_id.as_str().into();
    if update["last_active_ago"].is_null() {
        update["last_active_ago"] = 0.into();
    }
    update
}

fn send(queues: &Arc<Queues>, server: &ServerName, updates: &[Value]) -> Result<()> {
    for push in updates.chunks(MAX_USERS) {
        let edu = json!({ "edu_type": "m.presence", "content": { "push": push } });
        let edu = CanonicalJsonValue::try_from(edu).map_err(Error::internal)?.to_string();
        Queues::push_edu(queues, server.to_owned(), edu);
    }
    Ok(())
}
