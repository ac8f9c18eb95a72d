//! What a sync tells a device for the sake of encryption: how many of its keys are left, whose devices changed, and what
//! others sent to it.

use super::{
    Builder, Feed,
    device_lists::{DeviceLists, Reader},
    moved::Moved,
};
use crate::{
    app::App,
    error::Result,
    ids::Position,
    json::ObjectWriter,
    store::Read,
    users::{Session, keys::Stock, to_device::Delivery},
};

/// How many keys of a device are left to be claimed. In every answer: clients take its absence for none.
pub(super) struct DeviceKeyCounts(Stock);

impl DeviceKeyCounts {
    pub fn read(app: &App, read: &impl Read, session: &Session) -> Result<Self> {
        Ok(Self(app.users.key_stock(read, session.user, &session.device_id)?))
    }

    pub fn write(&self, answer: &mut ObjectWriter<'_>) {
        let mut counts = answer.object("device_one_time_keys_count");
        for (algorithm, count) in self.0.counts() {
            counts.text_key(algorithm).extend_from_slice(count.to_string().as_bytes());
        }
        counts.close();
        let mut unused = answer.array("device_unused_fallback_key_types");
        self.0.unused_fallback_keys().for_each(|algorithm| unused.text(algorithm));
        unused.close();
    }
}

/// All of it.
pub(super) struct Devices {
    since: Option<Position>,
    counts: DeviceKeyCounts,
    lists: DeviceLists,
    delivery: Delivery,
}

impl Devices {
    pub fn read(sync: &Builder<'_>, (moved, feed): (&[Moved], &Feed)) -> Result<Self> {
        let since = sync.since.map(|since| since.position);
        let counts = DeviceKeyCounts::read(sync.app, &sync.snapshot, sync.session)?;
        let lists = match since {
            Some(since) => {
                let (app, snapshot, user) = (sync.app, &sync.snapshot, sync.session.user);
                Reader { app, snapshot, user, joined: &sync.joined, since }.read(moved, feed)?
            }
            None => DeviceLists::default(),
        };
        Ok(Self { since, counts, lists, delivery: delivery(sync)? })
    }

    /// Up to where the device has its messages with this answer.
    pub fn delivered_until(&self) -> Position {
        self.delivery.until
    }

    pub fn is_news(&self) -> bool {
        let short = self.since.is_some_and(|since| self.counts.0.short_since > since);
        short || !self.lists.is_empty() || !self.delivery.events.is_empty()
    }

    pub fn write(&self, answer: &mut ObjectWriter<'_>) {
        self.counts.write(answer);
        if !self.lists.is_empty() {
            self.lists.write(answer.key("device_lists"));
        }
        if !self.delivery.events.is_empty() {
            let mut part = answer.object("to_device");
            let mut events = part.array("events");
            self.delivery.events.iter().for_each(|event| events.json(event));
            events.close();
            part.close();
        }
    }
}

/// What waits for the device behind what the client has.
fn delivery(sync: &Builder<'_>) -> Result<Delivery> {
    let known = sync.since.map(|since| since.to_device);
    let is_new = |known: Position| sync.app.store.live().user_changed(sync.session.user, known);
    if known.is_some_and(|known| !is_new(known)) {
        return Ok(Delivery { events: Vec::new(), until: sync.now.position });
    }
    let device = (sync.session.user, &*sync.session.device_id);
    sync.app.users.to_device(&sync.snapshot, device, known.unwrap_or_default())
}
