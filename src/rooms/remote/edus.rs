//! What other servers tell that is no event: who types, who has read what, who is there (server-server API, "EDUs").
//!
//! Invariant: a server speaks for its own users alone, and only of rooms that they are in.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use ruma::{OwnedEventId, OwnedRoomId, OwnedUserId, ServerName, UserId};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{
    error::{Error, Result},
    ids::{RoomNum, UserNum},
    rooms::{Rooms, receipts::ReceiptKind, rows::Membership},
    users::{
        presence::Heard,
        to_device::{Messages, ToDevice},
    },
};

/// How long somebody elsewhere types if nothing more is heard.
const TYPING: Duration = Duration::from_secs(30);
/// Receipts that are taken of one EDU.
const MAX_RECEIPTS: usize = 200;
/// Users of whom one EDU tells whether they are there.
const MAX_PRESENCES: usize = 100;
/// How long it holds which rooms are shared with a server, ms, unless it comes into one or leaves one.
const SHARED_HOLDS_MS: u64 = 60_000;

#[derive(Deserialize)]
struct TypingContent {
    room_id: OwnedRoomId,
    user_id: OwnedUserId,
    typing: bool,
}

#[derive(Deserialize)]
struct ToDeviceContent {
    sender: OwnedUserId,
    #[serde(rename = "type")]
    kind: String,
    message_id: String,
    messages: Messages,
}

#[derive(Deserialize)]
struct ReceiptContent {
    data: ReceiptData,
    event_ids: Vec<OwnedEventId>,
}

#[derive(Deserialize)]
struct ReceiptData {
    ts: Option<u64>,
    thread_id: Option<String>,
}

impl Rooms {
    /// Takes what a server tells. What is not understood, or not the server's to tell, is passed over.
    pub async fn hear(&self, origin: &ServerName, edu: &Value) {
        let content = &edu["content"];
        let heard = match edu["edu_type"].as_str() {
            Some("m.typing") => self.hear_typing(origin, content),
            Some("m.receipt") => self.hear_receipts(origin, content).await,
            Some("m.presence") => self.hear_presence(origin, content),
            Some("m.direct_to_device") => self.hear_to_device(origin, content).await,
            Some("m.device_list_update" | "m.signing_key_update") => self.hear_device_change(origin, content),
            _ => Ok(()),
        };
        if let Err(error) = heard {
            tracing::debug!(%error, %origin, "an EDU was passed over");
        }
    }

    fn hear_typing(&self, origin: &ServerName, content: &Value) -> Result<()> {
        let TypingContent { room_id, user_id, typing } = parse(content)?;
        let (room, _) = self.member_of(origin, &room_id, &user_id)?;
        match typing {
            true => self.typing.start(room, &user_id, Some(TYPING)),
            false => self.typing.stop(room, &user_id),
        }
        Ok(())
    }

    /// Of users who share a room with somebody here.
    fn hear_presence(&self, origin: &ServerName, content: &Value) -> Result<()> {
        #[derive(Deserialize)]
        struct Update {
            user_id: OwnedUserId,
            #[serde(flatten)]
            heard: Heard,
        }
        if !self.users.presence.is_enabled() {
            return Ok(());
        }
        let updates: Vec<Value> = parse(&content["push"])?;
        let shared = self.rooms_shared_with(origin)?;
        let latest = self.store.latest();
        let mut moved = BTreeSet::new();
        for update in updates.iter().take(MAX_PRESENCES) {
            let Ok(Update { user_id, heard }) = parse(update) else { continue };
            let Some(user) = self.store.user_num(&user_id)?.filter(|_| user_id.server_name() == origin) else {
                continue;
            };
            let mut theirs = Vec::new();
            for room in shared.iter() {
                let member = self.view(&latest, *room).member(user)?;
                theirs.extend(member.filter(|member| member.membership == Membership::Join).map(|_| *room));
            }
            if !theirs.is_empty() && self.users.presence.hear(user, heard) {
                moved.extend(theirs);
            }
        }
        moved.into_iter().for_each(|room| self.store.live().wake_room(room));
        Ok(())
    }

    /// The rooms in which users of a server are with users here, as they were a moment ago.
    fn rooms_shared_with(&self, server: &ServerName) -> Result<Arc<Vec<RoomNum>>> {
        let now = self.clock.now_ms();
        if let Some((until_ms, known)) = self.shared.get(server)
            && until_ms > now
        {
            return Ok(known);
        }
        let latest = self.store.latest();
        let mut shared = Vec::new();
        for room in (1..=self.store.last_room()?).map(RoomNum) {
            let view = self.view(&latest, room);
            if view.joined_of(server)? > 0 && view.head()?.is_some_and(|head| head.residents > 0) {
                shared.push(room);
            }
        }
        let shared = Arc::new(shared);
        self.shared.insert(server.to_owned(), (now + SHARED_HOLDS_MS, shared.clone()));
        Ok(shared)
    }

    async fn hear_to_device(&self, origin: &ServerName, content: &Value) -> Result<()> {
        let ToDeviceContent { sender, kind, message_id, messages } = parse(content)?;
        if sender.server_name() != origin {
            return Err(Error::forbidden("The sender is not of that server."));
        }
        let name = (origin.to_owned(), message_id);
        if self.heard.get(&name).is_some() {
            return Ok(());
        }
        self.users.send_to_devices(ToDevice { sender, kind, messages }, None).await?;
        self.heard.insert(name, ());
        Ok(())
    }

    /// What changed is asked for when somebody wants it.
    fn hear_device_change(&self, origin: &ServerName, content: &Value) -> Result<()> {
        #[derive(Deserialize)]
        struct Change {
            user_id: OwnedUserId,
        }
        let Change { user_id } = parse(content)?;
        if user_id.server_name() != origin {
            return Err(Error::forbidden("The user is not of that server."));
        }
        // Nobody here follows who is not known here.
        match self.store.user_num(&user_id)? {
            Some(user) => self.users.note_device_change(user),
            None => Ok(()),
        }
    }

    async fn hear_receipts(&self, origin: &ServerName, content: &Value) -> Result<()> {
        let rooms: Map<String, Value> = parse(content)?;
        let mut left = MAX_RECEIPTS;
        for (room_id, kinds) in rooms {
            let Ok(room_id) = OwnedRoomId::try_from(room_id) else { continue };
            let Some(users) = kinds["m.read"].as_object() else { continue };
            for (user_id, receipt) in users {
                left = left.checked_sub(1).ok_or_else(|| Error::bad_json("There are too many receipts."))?;
                let (Ok(user_id), Ok(receipt)) = (<&UserId>::try_from(user_id.as_str()), parse(receipt)) else {
                    continue;
                };
                // One that can't be taken is no reason to pass over the others.
                if let Err(error) = self.hear_receipt(origin, &room_id, user_id, receipt).await {
                    tracing::debug!(%error, %origin, "a receipt was passed over");
                }
            }
        }
        Ok(())
    }

    async fn hear_receipt(
        &self,
        origin: &ServerName,
        room_id: &OwnedRoomId,
        user_id: &UserId,
        receipt: ReceiptContent,
    ) -> Result<()> {
        let (room, user) = self.member_of(origin, room_id, user_id)?;
        let ReceiptContent { data, event_ids } = receipt;
        let Some(event_id) = event_ids.into_iter().next() else { return Ok(()) };
        let ts = data.ts.unwrap_or(self.clock.now_ms()).min(self.clock.now_ms());
        // Not awaited: the next one tells more.
        let _ = self.note_receipt((user, false), room, ReceiptKind::Read, (event_id, data.thread_id), ts).await?;
        Ok(())
    }

    /// A joined member of a room, of the server that speaks for them.
    fn member_of(&self, origin: &ServerName, room_id: &OwnedRoomId, user_id: &UserId) -> Result<(RoomNum, UserNum)> {
        let not_theirs = || Error::forbidden("The user is not of that server, or not in that room.");
        if user_id.server_name() != origin {
            return Err(not_theirs());
        }
        let room = self.resident(origin, room_id)?;
        let user = self.store.user_num(user_id)?.ok_or_else(not_theirs)?;
        let member = self.view(&self.store.latest(), room).member(user)?;
        member.filter(|member| member.membership == Membership::Join).map(|_| (room, user)).ok_or_else(not_theirs)
    }
}

fn parse<T: serde::de::DeserializeOwned>(value: &Value) -> Result<T> {
    T::deserialize(value).map_err(|error| Error::bad_json(error.to_string()))
}
