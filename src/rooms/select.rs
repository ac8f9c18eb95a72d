//! Picks the events that a filter lets pass, without parsing them.

use std::collections::BTreeMap;

use ruma::UserId;
use serde::de::IgnoredAny;

use super::relations::RelatedBy;
use crate::{event::StoredEvent, users::filters::RoomEventFilter};

/// A filter for a room's events. The filter's rooms are [`RoomEventFilter::allows_room`]'s business.
#[derive(Clone, Copy, Debug)]
pub struct EventSelector<'a> {
    filter: &'a RoomEventFilter,
    takes_all: bool,
}

impl<'a> EventSelector<'a> {
    /// What passes `filter`.
    pub fn new(filter: &'a RoomEventFilter) -> Self {
        let events = &filter.events;
        let takes_all = events.types.is_none()
            && events.not_types.is_empty()
            && events.senders.is_none()
            && events.not_senders.is_empty()
            && filter.contains_url.is_none();
        Self { filter, takes_all }
    }

    /// Whether an event passes.
    pub fn matches(&self, event: &StoredEvent) -> bool {
        self.takes_all
            || (self.filter.events.allows_type(&event.event_type())
                && self.takes_sender(&event.sender())
                && self.filter.contains_url.is_none_or(|wanted| contains_url(event.content()) == wanted))
    }

    /// Whether something passes that is in no DAG and that nobody is named to have sent: account data, receipts.
    pub fn matches_unsent(&self, kind: &str, content: &[u8]) -> bool {
        self.filter.events.allows_unsent(kind)
            && self.filter.contains_url.is_none_or(|wanted| contains_url(content) == wanted)
    }

    /// Keeps as many as the filter wants.
    pub fn cut<T>(&self, events: &mut Vec<T>) {
        self.filter.events.cut(events);
    }

    /// What has to relate to an event, if anything has; `matches` can't tell.
    pub fn related_by(&self) -> Option<RelatedBy<'a>> {
        let RoomEventFilter { related_by_rel_types: rel_types, related_by_senders: senders, .. } = self.filter;
        (!rel_types.is_empty() || !senders.is_empty()).then_some(RelatedBy { rel_types, senders })
    }

    fn takes_sender(&self, sender: &str) -> bool {
        // The sender of a stored event is a user ID.
        <&UserId>::try_from(sender).is_ok_and(|sender| self.filter.events.allows_sender(sender))
    }
}

fn contains_url(content: &[u8]) -> bool {
    const KEY: &[u8] = b"\"url\"";
    // Most content has no such word at all; where it has, it may stand deeper or be a value.
    content.windows(KEY.len()).any(|part| part == KEY)
        && serde_json::from_slice::<BTreeMap<String, IgnoredAny>>(content)
            .is_ok_and(|content| content.contains_key("url"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_url_of_the_content_itself_counts() {
        for (content, wanted) in [
            (r#"{"url":"mxc://a/b"}"#, true),
            (r#"{"url":null}"#, true),
            (r#"{"body":"url","file":{"url":"mxc://a/b"}}"#, false),
            (r#"{"body":"\"url\""}"#, false),
            ("{}", false),
        ] {
            assert_eq!(contains_url(content.as_bytes()), wanted, "{content}");
        }
    }
}
