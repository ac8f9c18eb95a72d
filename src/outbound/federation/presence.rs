//! Tells other servers who is there: what changed within a moment together, and now and then again, as they forget.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, hash_map::Entry},
    sync::Arc,
    time::Duration,
};

use ruma::{CanonicalJsonValue, OwnedServerName};
use serde_json::{Value, json};
use tokio::{
    sync::broadcast::error::RecvError,
    time::{Instant, sleep},
};

use super::queue::Queues;
use crate::{
    app::App,
    error::{Error, Result},
    ids::{RoomNum, UserNum},
    rooms::view::own_rooms,
};

/// How long changes are gathered.
const PAUSE: Duration = Duration::from_secs(1);
/// How often it is looked who was told of long ago.
const LOOK_EVERY: Duration = Duration::from_secs(60);
/// After this time who is still there is told of again.
const TELL_AGAIN: Duration = Duration::from_secs(20 * 60);
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
        let mut update = json!(app.users.presence.get(user));
        update["user_id"] = user_id.as_str().into();
        if update["last_active_ago"].is_null() {
            update["last_active_ago"] = 0.into();
        }
        for server in servers {
            news.entry(server).or_default().push(update.clone());
        }
    }
    for (server, updates) in news {
        for push in updates.chunks(MAX_USERS) {
            let edu = json!({ "edu_type": "m.presence", "content": { "push": push } });
            let edu = CanonicalJsonValue::try_from(edu).map_err(Error::internal)?.to_string();
            Queues::push_edu(queues, server.clone(), edu);
        }
    }
    Ok(())
}
