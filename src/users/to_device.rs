//! Messages to devices (client-server API, "Send-to-Device messaging"): kept until the device says, by the token of its
//! next /sync, that it has them.
//!
//! Invariants: a message lands for all of its devices, and with its transaction, in one commit; it is there until it was
//! acknowledged or its device is gone. `Inbox` counts what waits for a device.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use quick_cache::sync::Cache;
use ruma::{CanonicalJsonValue, DeviceId, OwnedDeviceId, OwnedServerName, OwnedUserId, ServerName};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{NewTransaction, Session, Users};
use crate::{
    error::{Error, Result},
    ids::{Position, UserNum},
    json::ObjectWriter,
    store::{
        Commit, Family, Key, LogEntry, Notice, Read, Snapshot, StoreError,
        keys::{self, Devices, KeyBuilder, read_u64},
    },
};

/// Messages of one sync.
const PAGE: usize = 100;
/// A message may have this many bytes, as an event may.
const MAX_MESSAGE: usize = 64 << 10;
/// A type may have this many bytes.
const MAX_TYPE: usize = 255;
/// One request may leave this many bytes behind, for all devices together.
const MAX_WRITTEN: usize = 8 << 20;
/// Messages to the devices of one server may have this many bytes together.
const MAX_OUTGOING: usize = 1 << 20;
/// As many messages, and bytes, may wait for a device. What comes then is lost: nobody has fetched for very long.
const MAX_WAITING: Inbox = Inbox { messages: 20_000, bytes: 64 << 20 };
/// Devices of which is remembered that something was sent to them.
const MAX_DELIVERED: usize = 50_000;

/// User → device: how much waits for it. There is no row where nothing does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inbox {
    /// How many messages.
    pub messages: u64,
    /// How many bytes they have.
    pub bytes: u64,
}

/// `devices`: user → device.
pub fn inbox_key(user: UserNum, device_id: &DeviceId) -> Key {
    KeyBuilder::devices(user, Devices::Inbox).tail(device_id.as_bytes()).build()
}

/// A message's contents by user and device; the device `*` stands for all of the user's.
pub type Messages = BTreeMap<OwnedUserId, BTreeMap<OwnedDeviceId, Box<RawValue>>>;

/// What somebody sends to devices.
pub struct ToDevice {
    /// Who, of this server or another.
    pub sender: OwnedUserId,
    /// The type.
    pub kind: String,
    /// To whom, and what.
    pub messages: Messages,
}

/// Messages for a device.
pub struct Delivery {
    /// In order.
    pub events: Vec<Bytes>,
    /// Up to here they were read.
    pub until: Position,
}

/// Up to where devices have been sent what waits for them, so that who has nothing to acknowledge costs no look at
/// the database. What is forgotten is deleted with the next acknowledgement.
pub(super) struct Delivered(Cache<(UserNum, OwnedDeviceId), Position>);

impl Default for Delivered {
    fn default() -> Self {
        Self(Cache::new(MAX_DELIVERED))
    }
}

/// A message on its way to one device.
struct Letter {
    user: UserNum,
    device_id: OwnedDeviceId,
    event: Bytes,
}

/// Messages on their way to another server, each part as JSON.
struct Outgoing {
    server: OwnedServerName,
    messages: String,
    sender: String,
    kind: String,
}

impl Outgoing {
    /// Adds it to the commit that lands at `position`, which names it for ever.
    fn write(self, commit: &mut Commit, position: Position) {
        let Self { server, messages, sender, kind } = self;
        // The keys stand in the order of the alphabet.
        let content =
            format!("{{\"message_id\":\"{position}\",\"messages\":{messages},\"sender\":{sender},\"type\":{kind}}}");
        let edu = format!("{{\"content\":{content},\"edu_type\":\"m.direct_to_device\"}}");
        commit.put(Family::Index, keys::outbox(position, server.as_str()), edu);
    }
}

impl Users {
    /// Sends messages to devices of this server, and leaves those for other servers' in the outbox, once on disk for all of
    /// them. A request that was answered before has no further effect. Users and devices that aren't there are passed
    /// over.
    ///
    /// # Errors
    /// 413 `M_TOO_LARGE` if it is too much.
    pub async fn send_to_devices(&self, sent: ToDevice, transaction: Option<NewTransaction>) -> Result<()> {
        if sent.kind.len() > MAX_TYPE {
            return Err(Error::invalid_param("A type has at most 255 bytes."));
        }
        let sender = self.store.intern_user(&sent.sender)?;
        let outgoing = self.outgoing(&sent)?;
        let mut recipients = BTreeMap::new();
        for (user_id, messages) in &sent.messages {
            if self.is_local(user_id)
                && let Some(user) = self.store.user_num(user_id)?
            {
                recipients.insert(user, messages);
            }
        }
        let ticket = {
            // The sender's for the transaction, the others' for their devices.
            let _locks = self.locks.users(recipients.keys().copied().chain([sender]));
            if let Some(transaction) = &transaction
                && self.earlier(transaction)?.is_some()
            {
                // Somebody asks again, so the first answer was lost: that it is on disk is what they wait for.
                self.store.commit(|_| Commit::new(LogEntry::Housekeeping))
            } else {
                let letters = self.letters(&sent, &recipients)?;
                let inboxes = self.inboxes(&letters)?;
                self.store.commit(|position| {
                    let log = if outgoing.is_empty() { LogEntry::Housekeeping } else { LogEntry::Outbox };
                    let mut commit = Commit::new(log);
                    for letter in outgoing {
                        letter.write(&mut commit, position);
                    }
                    if let Some(transaction) = &transaction {
                        self.write_transaction(&mut commit, transaction, Vec::new());
                    }
                    for (letter, inbox) in letters.into_iter().zip(inboxes) {
                        letter.write(&mut commit, position, inbox);
                    }
                    commit
                })
            }
        };
        ticket.durable().await?;
        Ok(())
    }

    /// What goes to other servers. What a server of another can't sign is refused.
    fn outgoing(&self, sent: &ToDevice) -> Result<Vec<Outgoing>> {
        let mut by_server: BTreeMap<&ServerName, BTreeMap<_, _>> = BTreeMap::new();
        if self.is_local(&sent.sender) {
            for (user_id, messages) in sent.messages.iter().filter(|(user_id, _)| !self.is_local(user_id)) {
                by_server.entry(user_id.server_name()).or_default().insert(user_id, messages);
            }
        }
        let canonical = |value: serde_json::Value| CanonicalJsonValue::try_from(value).map(|value| value.to_string());
        let (mut outgoing, mut written) = (Vec::new(), 0);
        for (server, messages) in by_server {
            let messages = serde_json::to_value(messages).map_err(Error::internal)?;
            let messages = canonical(messages)
                .map_err(|_| Error::bad_json("Messages to users of other servers take only integers as numbers."))?;
            written += messages.len();
            if messages.len() > MAX_OUTGOING || written > MAX_WRITTEN {
                return Err(Error::new(413, "M_TOO_LARGE", "This is too much to be sent to devices at once."));
            }
            outgoing.push(Outgoing {
                server: server.to_owned(),
                messages,
                sender: CanonicalJsonValue::String(sent.sender.to_string()).to_string(),
                kind: CanonicalJsonValue::String(sent.kind.clone()).to_string(),
            });
        }
        Ok(outgoing)
    }

    /// What goes to which device. Under the locks of the recipients.
    fn letters(
        &self,
        sent: &ToDevice,
        recipients: &BTreeMap<UserNum, &BTreeMap<OwnedDeviceId, Box<RawValue>>>,
    ) -> Result<Vec<Letter>> {
        let (mut letters, mut written) = (Vec::new(), 0);
        for (user, messages) in recipients {
            let all = messages.get(<&DeviceId>::from("*"));
            let dehydrated = self.dehydrated(*user)?.map(|row| row.device_id);
            let mut devices: BTreeSet<OwnedDeviceId> = messages.keys().cloned().collect();
            if all.is_some() {
                devices.extend(self.device_ids(*user)?.into_iter().chain(dehydrated.clone()));
            }
            for device_id in devices {
                // What is meant for one device takes the place of what is for all: each gets one message.
                let Some(content) = messages.get(&device_id).or(all) else { continue };
                if dehydrated.as_ref() != Some(&device_id) && self.device(*user, &device_id)?.is_none() {
                    continue;
                }
                if !content.get().starts_with('{') {
                    return Err(Error::bad_json("A message to a device must be a JSON object."));
                }
                let event = event(sent, content);
                written += event.len();
                if event.len() > MAX_MESSAGE || written > MAX_WRITTEN {
                    return Err(Error::new(413, "M_TOO_LARGE", "This is too much to be sent to devices at once."));
                }
                letters.push(Letter { user: *user, device_id, event });
            }
        }
        Ok(letters)
    }

    /// The inboxes with these letters in them; `None` where it is full.
    fn inboxes(&self, letters: &[Letter]) -> Result<Vec<Option<Inbox>>> {
        let latest = self.store.latest();
        let mut inboxes = Vec::with_capacity(letters.len());
        for letter in letters {
            let key = inbox_key(letter.user, &letter.device_id);
            let before: Inbox = latest.get_row(Family::Devices, &key)?.unwrap_or_default();
            let after = Inbox { messages: before.messages + 1, bytes: before.bytes + letter.event.len() as u64 };
            let fits = after.messages <= MAX_WAITING.messages && after.bytes <= MAX_WAITING.bytes;
            if !fits {
                tracing::warn!(user = %letter.user, device = %letter.device_id, "the inbox of a device is full");
            }
            inboxes.push(fits.then_some(after));
        }
        Ok(inboxes)
    }

    /// What waits for a device behind `after`, as much as one sync brings.
    pub fn to_device(
        &self,
        snapshot: &Snapshot<'_>,
        (user, device_id): (UserNum, &DeviceId),
        after: Position,
    ) -> Result<Delivery> {
        let prefix = keys::to_device(user, device_id.as_str());
        let start = prefix.clone().u64(after.0.saturating_add(1)).build();
        let end = prefix.u64(snapshot.position().0 + 1).build();
        let mut delivery = Delivery { events: Vec::new(), until: snapshot.position() };
        let mut last = after;
        let mut rows = snapshot.scan(Family::ToDevice, &start, &end);
        while let Some((key, value)) = rows.next()? {
            if delivery.events.len() == PAGE {
                delivery.until = last;
                break;
            }
            last = position_of(key)?;
            delivery.events.push(Bytes::copy_from_slice(value));
        }
        if !delivery.events.is_empty() {
            self.delivered.0.insert((user, device_id.to_owned()), delivery.until);
        }
        Ok(delivery)
    }

    /// The device has all up to `until`: that goes. `surely`: it is not known whether there is anything, since it was
    /// sent by an earlier run of the server. Not awaited: who asks again with the same token loses nothing by it.
    pub fn acknowledge(&self, session: &Session, until: Position, surely: bool) -> Result<()> {
        let device = (session.user, session.device_id.clone());
        let delivered = self.delivered.0.get(&device);
        if delivered.is_none() && !surely {
            return Ok(());
        }
        if delivered.is_some_and(|delivered| delivered <= until) {
            self.delivered.0.remove(&device);
        }
        let _lock = self.locks.user(session.user);
        let key = inbox_key(session.user, &session.device_id);
        let Some(mut inbox) = self.store.latest().get_row::<Inbox>(Family::Devices, &key)? else { return Ok(()) };
        let mut commit = Commit::new(LogEntry::Housekeeping);
        let gone = self.read_up_to(session, until)?;
        if gone.is_empty() {
            return Ok(());
        }
        for (row, bytes) in gone {
            // Who acknowledges twice at the same moment finds the rows twice, but only once in the queue.
            if self.store.latest().get(Family::ToDevice, &row)?.is_some() {
                inbox.messages = inbox.messages.saturating_sub(1);
                inbox.bytes = inbox.bytes.saturating_sub(bytes);
                commit.delete(Family::ToDevice, row);
            }
        }
        if inbox.messages == 0 {
            commit.delete(Family::Devices, key);
        } else {
            commit.put_row(Family::Devices, key, &inbox);
        }
        let _ = self.store.commit(|_| commit);
        Ok(())
    }

    /// The keys and sizes of a device's messages up to a position.
    fn read_up_to(&self, session: &Session, until: Position) -> Result<Vec<(Key, u64)>> {
        let prefix = keys::to_device(session.user, session.device_id.as_str());
        let (start, end) = (prefix.clone().build(), prefix.u64(until.0.saturating_add(1)).build());
        let snapshot = self.store.snapshot();
        let mut rows = snapshot.scan(Family::ToDevice, &start, &end);
        let mut found = Vec::new();
        while let Some((key, value)) = rows.next()? {
            found.push((Key::from_slice(key), value.len() as u64));
        }
        Ok(found)
    }

    /// Adds the deletion of all that waits for a device to a commit that the caller queues under the user's lock.
    pub(super) fn delete_inbox(&self, commit: &mut Commit, user: UserNum, device_id: &DeviceId) -> Result<()> {
        let key = inbox_key(user, device_id);
        if self.store.latest().get(Family::Devices, &key)?.is_none() {
            return Ok(());
        }
        commit.delete(Family::Devices, key);
        let start = keys::to_device(user, device_id.as_str()).build();
        // A key with a NUL at its end has a successor.
        let end = keys::successor(&start).unwrap_or_else(|| start.clone());
        commit.delete_range(Family::ToDevice, start, end);
        self.delivered.0.remove(&(user, device_id.to_owned()));
        Ok(())
    }
}

impl Letter {
    fn write(self, commit: &mut Commit, position: Position, inbox: Option<Inbox>) {
        let Some(inbox) = inbox else { return };
        let key = keys::to_device(self.user, self.device_id.as_str()).u64(position.0).build();
        commit
            .put(Family::ToDevice, key, self.event)
            .put_row(Family::Devices, inbox_key(self.user, &self.device_id), &inbox)
            .notify(Notice::User(self.user));
    }
}

/// The event as the device gets it.
fn event(sent: &ToDevice, content: &RawValue) -> Bytes {
    let mut out = Vec::with_capacity(content.get().len() + sent.kind.len() + 96);
    let mut object = ObjectWriter::open(&mut out);
    object.json("content", content.get().as_bytes());
    object.text("sender", sent.sender.as_str());
    object.text("type", &sent.kind);
    object.close();
    out.into()
}

fn position_of(key: &[u8]) -> Result<Position, StoreError> {
    let position = key.len().checked_sub(8).and_then(|at| read_u64(key, at));
    Ok(Position(position.ok_or(StoreError::Malformed(Family::ToDevice))?))
}
