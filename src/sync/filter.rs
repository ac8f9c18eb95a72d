//! A client's filter, made ready for one sync.

use ruma::RoomId;

use crate::{
    event::EventFields,
    rooms::select::EventSelector,
    users::filters::{EventFilter, EventFormat, Filter, RoomEventFilter, RoomFilter},
};

/// Events of a room's timeline, if the client names no number.
const DEFAULT_TIMELINE: usize = 10;
/// Events of a room's timeline at the most.
const MAX_TIMELINE: u64 = 100;

/// What a client wants to see of a sync.
pub(super) struct SyncFilter<'a> {
    pub fields: Option<EventFields>,
    /// Whether events look as servers exchange them.
    pub federation: bool,
    pub timeline: EventSelector<'a>,
    pub presence: &'a EventFilter,
    pub account_data: &'a EventFilter,
    room: &'a RoomFilter,
}

impl<'a> SyncFilter<'a> {
    pub fn new(filter: &'a Filter) -> Self {
        let fields = filter.event_fields.as_ref().filter(|fields| !fields.is_empty());
        Self {
            fields: fields.map(|fields| EventFields::new(fields)),
            federation: filter.event_format == EventFormat::Federation,
            timeline: EventSelector::new(&filter.room.timeline),
            presence: &filter.presence,
            account_data: &filter.account_data,
            room: &filter.room,
        }
    }

    pub fn allows_room(&self, room: &RoomId) -> bool {
        self.room.allows_room(room)
    }

    /// Which state of a room; `None`: nothing.
    pub fn state(&self, room: &RoomId) -> Option<EventSelector<'a>> {
        select(&self.room.state, room)
    }

    /// Which typing notices and receipts of a room; `None`: nothing.
    pub fn ephemeral(&self, room: &RoomId) -> Option<EventSelector<'a>> {
        select(&self.room.ephemeral, room)
    }

    /// Which account data of a room; `None`: nothing.
    pub fn room_account_data(&self, room: &RoomId) -> Option<EventSelector<'a>> {
        select(&self.room.account_data, room)
    }

    /// How many events of a room's timeline; `None`: nothing of it, with or without a gap.
    pub fn timeline_limit(&self, room: &RoomId) -> Option<usize> {
        let limit = self.room.timeline.events.limit.map_or(DEFAULT_TIMELINE, |limit| limit.min(MAX_TIMELINE) as usize);
        self.room.timeline.allows_room(room).then_some(limit)
    }

    pub fn include_leave(&self) -> bool {
        self.room.include_leave
    }

    pub fn lazy_members(&self) -> bool {
        self.room.state.lazy_load_members
    }

    pub fn redundant_members(&self) -> bool {
        self.room.state.include_redundant_members
    }

    pub fn unread_threads(&self) -> bool {
        self.room.timeline.unread_thread_notifications
    }
}

fn select<'a>(filter: &'a RoomEventFilter, room: &RoomId) -> Option<EventSelector<'a>> {
    filter.allows_room(room).then(|| EventSelector::new(filter))
}
