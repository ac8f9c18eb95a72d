//! Rooms: event DAGs, their state, their members. `append` is the only place that writes an event.
//!
//! Invariant: who changes a room holds its `RoomGuard`; there is no wait for the network under it. What the
//! guard knows is ahead of the disk: it builds on commits that are queued.

mod ahead;
pub mod aliases;
mod append;
pub mod context;
pub mod create;
pub mod delayed;
pub mod directory;
pub mod extremities;
mod guard;
mod guests;
pub mod happening;
pub mod hierarchy;
pub mod history;
pub mod indexes;
mod ingest;
pub mod lazy;
pub mod membership;
pub mod messages;
pub mod mutual;
mod neighbours;
pub mod notifications;
pub mod onlooker;
mod place;
mod profiles;
pub mod purge;
pub mod reading;
pub mod receipts;
pub mod relations;
pub mod remote;
pub mod render;
pub mod replay;
pub mod reports;
mod resolution;
mod restricted;
pub mod room_state;
pub mod rows;
pub mod search;
pub mod select;
pub mod servers;
pub mod stripped;
pub mod summary;
mod third_party;
pub mod timeline;
mod transactions;
pub mod typing;
pub mod unread;
pub mod upgrade;
pub mod view;
pub mod visibility;

use std::sync::Arc;

use quick_cache::sync::Cache;
use ruma::OwnedServerName;

use self::{
    aliases::Aliases, delayed::Schedule, guard::Slots, lazy::LazyMembers, profiles::Carried, reports::ReportLock,
    search::Searchable, typing::Typing, view::RoomView,
};
pub use self::{
    append::{Appended, NewEvent},
    guard::RoomGuard,
    transactions::Request,
};
use crate::{
    clock::{Clock, Randomness},
    error::{Error, Result},
    event::SigningKey,
    ids::{Position, RoomNum},
    media::Media,
    net::{Flights, Keyring, Peers},
    state::trie::TrieKey,
    store::{Read, Store},
    users::Users,
};

/// Messages to devices that are remembered.
const MAX_HEARD: usize = 20_000;
/// Invites that wait to be pushed.
const MAX_UNTOLD: usize = 1_024;
/// Servers of which it is remembered which rooms are shared with them.
const MAX_SHARED: usize = 1_000;

/// The rooms of this server.
pub struct Rooms {
    store: Arc<Store>,
    users: Arc<Users>,
    media: Arc<Media>,
    server_name: OwnedServerName,
    clock: Clock,
    randomness: Randomness,
    signing_key: Arc<SigningKey>,
    peers: Arc<Peers>,
    keyring: Arc<Keyring>,
    ingest: Flights<RoomNum>,
    /// Messages to devices that other servers have sent, so that one that comes again is known.
    heard: Cache<(OwnedServerName, String), ()>,
    /// Tells of invites by other servers.
    invited: tokio::sync::broadcast::Sender<remote::Invited>,
    /// The rooms that are shared with a server, for a moment.
    shared: Cache<OwnedServerName, (u64, Arc<Vec<RoomNum>>)>,
    /// What other servers have told of rooms that this one is not in.
    told: Arc<hierarchy::Told>,
    trie_key: TrieKey,
    slots: Slots,
    /// Who is typing.
    pub typing: Arc<Typing>,
    /// Which members clients have been sent.
    pub lazy_members: LazyMembers,
    aliases: Aliases,
    carried: Carried,
    report_lock: ReportLock,
    searchable: Searchable,
    schedule: Schedule,
    unread: unread::UnreadCache,
}

impl Rooms {
    /// Over an open store, its accounts and their media. `trie_secret` never changes for a database.
    pub fn new(
        (store, users, media): (Arc<Store>, Arc<Users>, Arc<Media>),
        server_name: OwnedServerName,
        (clock, randomness): (Clock, Randomness),
        (signing_key, peers, keyring): (Arc<SigningKey>, Arc<Peers>, Arc<Keyring>),
        trie_secret: &[u8; 32],
    ) -> Self {
        let trie_key = TrieKey::new(trie_secret);
        let typing = Typing::new(store.clone());
        Self {
            store,
            users,
            media,
            server_name,
            clock,
            randomness,
            signing_key,
            peers,
            keyring,
            ingest: Flights::default(),
            heard: Cache::new(MAX_HEARD),
            invited: tokio::sync::broadcast::Sender::new(MAX_UNTOLD),
            shared: Cache::new(MAX_SHARED),
            told: Arc::default(),
            trie_key,
            slots: Slots::default(),
            typing,
            lazy_members: LazyMembers::default(),
            aliases: Aliases::default(),
            carried: Carried::new(Position(0)),
            report_lock: ReportLock::default(),
            searchable: Searchable::default(),
            schedule: Schedule::default(),
            unread: unread::UnreadCache::default(),
        }
    }

    /// The room as `read` sees it.
    pub fn view<'a, R: Read>(&'a self, read: &'a R, room: RoomNum) -> RoomView<'a, R> {
        RoomView::new(read, &self.trie_key, room)
    }

    /// The number of a room that this server has heard of; 404 `M_NOT_FOUND` otherwise.
    pub fn number(&self, room: &ruma::RoomId) -> Result<RoomNum> {
        self.store.room_num(room)?.ok_or_else(|| Error::not_found("There is no such room here."))
    }

    /// Waits for the room to be free and takes it, to read its latest state and to append to it.
    pub async fn lock(&self, room: RoomNum) -> Result<RoomGuard<'_>> {
        RoomGuard::lock(self, room).await
    }
}
