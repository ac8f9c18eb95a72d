//! A client's filter, made ready for one sync.

use ruma::RoomId;

use crate::{
    event::EventFields,
    rooms::select::EventSelector,
    users::filters::{EventFilter, EventFormat, Filter, RoomFilter},
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
    pub state: EventSelector<'a>,
    pub presence: &'a EventFilter,
    pub account_data: &'a EventFilter,
    pub ephemeral: &'a EventFilter,
    pub room_account_data: &'a EventFilter,
    room: &'a RoomFilter,
}

impl<'a> SyncFilter<'a> {
    pub fn new(filter: &'a Filter) -> Self {
        let fields = filter.event_fields.as_ref().filter(|fields| !fields.is_empty());
        Self {
            fields: fields.map(|fields| EventFields::new(fields)),
            federation: filter.event_format == EventFormat::Federation,
            timeline: EventSelector::new(&filter.room.timeline),
            state: EventSelector::new(&filter.room.state),
            presence: &filter.presence,
            account_data: &filter.account_data,
            ephemeral: &filter.room.ephemeral.events,
            room_account_data: &filter.room.account_data.events,
            room: &filter.room,
        }
    }

    pub fn allows_room(&self, room: &RoomId) -> bool {
        self.room.allows_room(room)
    }

    pub fn timeline_limit(&self) -> usize {
        self.room.timeline.events.limit.map_or(DEFAULT_TIMELINE, |limit| limit.min(MAX_TIMELINE) as usize)
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
