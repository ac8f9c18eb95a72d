//! A client's filter, made ready for use.

use ruma::RoomId;

use crate::{
    event::EventFields,
    rooms::select::EventSelector,
    users::filters::{Filter, RoomFilter},
};

/// Events of a room's timeline, if the client names no number.
const DEFAULT_TIMELINE: usize = 10;
/// Events of a room's timeline at the most.
const MAX_TIMELINE: u64 = 100;

/// What a client wants to see of a sync.
pub struct SyncFilter {
    pub(super) fields: Option<EventFields>,
    pub(super) timeline: EventSelector,
    pub(super) state: EventSelector,
    pub(super) include_leave: bool,
    pub(super) presence: EventSelector,
    pub(super) account_data: EventSelector,
    pub(super) ephemeral: EventSelector,
    pub(super) room_account_data: EventSelector,
    pub(super) room: RoomFilter,
}

impl From<Filter> for SyncFilter {
    fn from(filter: Filter) -> Self {
        Self {
            fields: filter.event_fields.filter(|fields| !fields.is_empty()).map(|fields| EventFields::new(&fields)),
            timeline: EventSelector::of_room(&filter.room.timeline),
            state: EventSelector::of_room(&filter.room.state),
            include_leave: filter.room.include_leave.unwrap_or(false),
            presence: EventSelector::new(&filter.presence),
            account_data: EventSelector::new(&filter.account_data),
            ephemeral: EventSelector::of_room(&filter.room.ephemeral),
            room_account_data: EventSelector::of_room(&filter.room.account_data),
            room: filter.room,
        }
    }
}

impl SyncFilter {
    pub(super) fn allows_room(&self, room: &RoomId) -> bool {
        self.room.takes_room(room)
    }

    pub(super) fn timeline_limit(&self) -> usize {
        self.room.timeline.events.limit.map_or(DEFAULT_TIMELINE, |limit| limit.min(MAX_TIMELINE) as usize)
    }

    pub(super) fn lazy_members(&self) -> bool {
        self.room.state.lazy_load_members.unwrap_or(false)
    }

    pub(super) fn redundant_members(&self) -> bool {
        self.room.state.include_redundant_members.unwrap_or(false)
    }

    pub(super) fn unread_threads(&self) -> bool {
        self.room.timeline.unread_thread_notifications.unwrap_or(false)
    }
}
