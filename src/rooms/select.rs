//! Picks the events that a filter lets pass, without parsing them.

use std::collections::{BTreeMap, HashSet};

use serde::de::IgnoredAny;

use crate::{
    event::StoredEvent,
    users::filters::{EventFilter, RoomEventFilter},
};

/// A filter made ready to be asked often.
#[derive(Clone, Debug, Default)]
pub struct EventSelector {
    types: Option<Vec<TypePattern>>,
    not_types: Vec<TypePattern>,
    senders: Option<HashSet<String>>,
    not_senders: HashSet<String>,
    contains_url: Option<bool>,
}

impl EventSelector {
    /// What passes a filter for any events.
    pub fn new(filter: &EventFilter) -> Self {
        let set = |list: &Vec<String>| list.iter().cloned().collect::<HashSet<_>>();
        let patterns = |list: &Vec<String>| list.iter().map(|text| TypePattern::new(text)).collect::<Vec<_>>();
        Self {
            types: filter.types.as_ref().map(patterns),
            not_types: filter.not_types.as_ref().map(patterns).unwrap_or_default(),
            senders: filter.senders.as_ref().map(set),
            not_senders: filter.not_senders.as_ref().map(set).unwrap_or_default(),
            contains_url: None,
        }
    }

    /// What passes a filter for events of rooms. Its rooms are [`RoomEventFilter::takes_room`]'s business.
    pub fn of_room(filter: &RoomEventFilter) -> Self {
        Self { contains_url: filter.contains_url, ..Self::new(&filter.events) }
    }

    /// Whether an event passes.
    pub fn matches(&self, event: &StoredEvent) -> bool {
        self.takes_all()
            || (self.takes_type(&event.event_type())
                && self.takes_sender(&event.sender())
                && self.contains_url.is_none_or(|wanted| contains_url(event.content()) == wanted))
    }

    /// Whether something of a type passes: account data and ephemeral events have no sender.
    pub fn takes_type(&self, event_type: &str) -> bool {
        let any = |patterns: &[TypePattern]| patterns.iter().any(|pattern| pattern.matches(event_type));
        !any(&self.not_types) && self.types.as_deref().is_none_or(any)
    }

    /// Whether something of a sender passes.
    pub fn takes_sender(&self, sender: &str) -> bool {
        !self.not_senders.contains(sender) && self.senders.as_ref().is_none_or(|senders| senders.contains(sender))
    }

    /// Whether everything passes.
    pub fn takes_all(&self) -> bool {
        self.types.is_none()
            && self.not_types.is_empty()
            && self.senders.is_none()
            && self.not_senders.is_empty()
            && self.contains_url.is_none()
    }
}

fn contains_url(content: &[u8]) -> bool {
    const KEY: &[u8] = b"\"url\"";
    // Most content has no such word at all; where it has, it may stand deeper or be a value.
    content.windows(KEY.len()).any(|part| part == KEY)
        && serde_json::from_slice::<BTreeMap<String, IgnoredAny>>(content)
            .is_ok_and(|content| content.contains_key("url"))
}

/// An event type in which `*` stands for any characters: the pieces between the stars.
#[derive(Clone, Debug)]
struct TypePattern(Vec<String>);

impl TypePattern {
    fn new(pattern: &str) -> Self {
        Self(pattern.split('*').map(ToOwned::to_owned).collect())
    }

    fn matches(&self, event_type: &str) -> bool {
        let [first, middle @ .., last] = self.0.as_slice() else {
            // Without a star there is one piece: the type itself.
            return self.0.iter().any(|whole| whole == event_type);
        };
        let inner = event_type.strip_prefix(first.as_str()).and_then(|rest| rest.strip_suffix(last.as_str()));
        // Taking the first place where a piece fits leaves most for those behind it.
        let fits =
            |rest: &str| middle.iter().try_fold(rest, |rest, piece| Some(rest.split_once(piece.as_str())?.1)).is_some();
        inner.is_some_and(fits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stand_for_any_characters() {
        for (pattern, event_type, wanted) in [
            ("m.room.message", "m.room.message", true),
            ("m.room.message", "m.room.messages", false),
            ("m.room.*", "m.room.message", true),
            ("m.room.*", "m.room.", true),
            ("m.room.*", "m.roo", false),
            ("*", "", true),
            ("*.message", "m.room.message", true),
            ("m.*.message", "m.message", false),
            ("m.*.*.c", "m.a.b.c", true),
            ("m.*a*a*.c", "m.a.c", false),
            ("**", "anything", true),
            ("a*a", "a", false),
            ("*ü*", "grün", true),
            ("", "", true),
            ("", "a", false),
        ] {
            assert_eq!(TypePattern::new(pattern).matches(event_type), wanted, "{pattern} on {event_type}");
        }
    }

    fn selector(filter: &str) -> EventSelector {
        EventSelector::of_room(&RoomEventFilter::parse(filter.as_bytes()).unwrap())
    }

    #[test]
    fn what_is_excluded_stays_out_even_if_it_is_included() {
        let selector =
            selector(r#"{"types":["m.*"],"not_types":["m.b"],"senders":["@a:x","@b:x"],"not_senders":["@b:x"]}"#);
        assert!(selector.takes_type("m.a") && !selector.takes_type("m.b") && !selector.takes_type("c"));
        assert!(selector.takes_sender("@a:x") && !selector.takes_sender("@b:x") && !selector.takes_sender("@c:x"));
        assert!(!self::selector(r#"{"types":[]}"#).takes_type("m.a"), "an empty list includes nothing");
        assert!(self::selector(r#"{"limit":3,"types":null}"#).takes_all());
    }

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

    #[test]
    fn filters_are_bounded_and_typed() {
        let many = format!(r#"{{"senders":[{}"@a:x"]}}"#, r#""@a:x","#.repeat(1_000));
        for (filter, errcode) in [
            (many.as_str(), "M_BAD_JSON"),
            (r#"{"limit":-1}"#, "M_BAD_JSON"),
            ("{", "M_NOT_JSON"),
            (r#"{"rooms":["a"]}"#, "M_BAD_JSON"),
        ] {
            assert_eq!(RoomEventFilter::parse(filter.as_bytes()).unwrap_err().errcode, errcode, "{filter}");
        }
    }
}
