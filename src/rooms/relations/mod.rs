//! Relations: which events point at which, told with those that they point at, listed, and gathered as threads
//! (client-server API, "Forming relationships between events").
//!
//! Invariant: each accepted event that relates to another one has a `RelationRow` until it is redacted, and what it
//! relates to says so in its own row ([`Kinds`]), so that an event without relations costs nothing to bundle.

mod bundle;
mod checks;
mod children;
mod edit;
mod parent;
mod related_by;
mod rows;
mod scan;
mod threads;

use std::borrow::Cow;

use ruma::{EventId, OwnedEventId};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

pub use self::{
    children::{Children, ChildrenQuery, MAX_DEPTH},
    rows::{RelationRow, RelationRows, ThreadRow, awaited_key},
    threads::{Include, Threads},
};
pub(super) use self::{
    parent::{NewKind, awaiting},
    related_by::RelatedBy,
};

/// A relation type has no more bytes (appendices, "Common Namespaced Identifier Grammar").
const MAX_REL_TYPE: usize = 255;
/// Relations of one event that are looked at, at the most: the newest.
const MAX_CHILDREN: usize = 5_000;

/// How an event relates to another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relation {
    /// In which way.
    pub rel_type: RelType,
    /// To what.
    pub parent: OwnedEventId,
    /// The `key` of an annotation.
    pub key: Option<String>,
    /// Whether the content has what a replacement puts in the old one's place.
    pub new_content: bool,
}

/// The types of relations; those that mean nothing to servers by their name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RelType {
    /// `m.annotation`: a reaction.
    Annotation,
    /// `m.reference`.
    Reference,
    /// `m.replace`: an edit.
    Replace,
    /// `m.thread`.
    Thread,
    /// Any other.
    Other(String),
}

/// In which ways others relate to an event: a set of types.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kinds(u8);

impl Kinds {
    /// Replacements alone.
    pub const REPLACE: Self = Self(4);
    /// Threads alone.
    pub const THREAD: Self = Self(8);
    /// What is told with the event that others relate to. Annotations are not (client-server API, "Server-side
    /// aggregation of `m.annotation` relationships").
    pub const BUNDLED: Self = Self(2 | Self::REPLACE.0 | Self::THREAD.0);

    /// What is in one of the two.
    pub fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether there is nothing in it.
    pub fn is_empty(self) -> bool {
        self == Self::default()
    }

    /// Whether the two have something in common.
    pub fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether all of `other` is in it.
    pub fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Both together.
    #[must_use]
    pub fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl RelType {
    fn of(name: &str) -> Self {
        match name {
            "m.annotation" => Self::Annotation,
            "m.reference" => Self::Reference,
            "m.replace" => Self::Replace,
            "m.thread" => Self::Thread,
            other => Self::Other(other.to_owned()),
        }
    }

    /// As it is written in events.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Annotation => "m.annotation",
            Self::Reference => "m.reference",
            Self::Replace => "m.replace",
            Self::Thread => "m.thread",
            Self::Other(name) => name,
        }
    }

    /// The set of this type alone; all others are one.
    pub fn kind(&self) -> Kinds {
        match self {
            Self::Annotation => Kinds(1),
            Self::Reference => Kinds(2),
            Self::Replace => Kinds::REPLACE,
            Self::Thread => Kinds::THREAD,
            Self::Other(_) => Kinds(16),
        }
    }
}

#[derive(Deserialize)]
struct Content<'a> {
    #[serde(rename = "m.relates_to", borrow)]
    relates_to: &'a RawValue,
    #[serde(rename = "m.new_content", borrow)]
    new_content: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct RelatesTo<'a> {
    #[serde(borrow)]
    rel_type: Cow<'a, str>,
    event_id: OwnedEventId,
    #[serde(borrow)]
    key: Option<&'a RawValue>,
}

impl Relation {
    /// What the content of an event says of its relation. One that doesn't fit the schema is none.
    pub fn of_content(content: &[u8]) -> Option<Self> {
        let Content { relates_to, new_content } = serde_json::from_slice(content).ok()?;
        // Of an array, serde would take the fields in their order.
        let is_object = |json: &RawValue| json.get().starts_with('{');
        let RelatesTo { rel_type, event_id, key } =
            is_object(relates_to).then(|| serde_json::from_str(relates_to.get()).ok())??;
        let fits = !rel_type.is_empty() && rel_type.len() <= MAX_REL_TYPE;
        fits.then(|| Self {
            rel_type: RelType::of(&rel_type),
            parent: event_id,
            key: key.and_then(|key| serde_json::from_str(key.get()).ok()),
            new_content: new_content.is_some_and(is_object),
        })
    }

    /// Half of the SHA-256 of the ID of what it relates to: what rows are found by.
    pub fn parent_hash(&self) -> ParentHash {
        parent_hash(&self.parent)
    }
}

/// Half of an event ID's SHA-256, as in `event_ids`.
pub type ParentHash = [u8; 16];

/// The hash that the rows of relations to an event are found by.
pub fn parent_hash(event_id: &EventId) -> ParentHash {
    let mut hash = ParentHash::default();
    hash.copy_from_slice(&crate::store::keys::event_id(event_id.as_str()));
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relation_has_a_type_and_an_event() {
        let relation = |content: &str| Relation::of_content(content.as_bytes());
        let edit = relation(r#"{"m.new_content":{},"m.relates_to":{"rel_type":"m.replace","event_id":"$a"}}"#).unwrap();
        assert_eq!((edit.rel_type, edit.parent.as_str(), edit.new_content), (RelType::Replace, "$a", true));
        let other = relation(r#"{"m.relates_to":{"rel_type":"org.ex\u0061mple","event_id":"$a","key":3}}"#).unwrap();
        assert_eq!((other.rel_type.as_str(), other.key, other.new_content), ("org.example", None, false));
        for none in [
            "{}",
            r#"{"m.relates_to":{"m.in_reply_to":{"event_id":"$a"}}}"#,
            r#"{"m.relates_to":{"rel_type":"m.thread"}}"#,
            r#"{"m.relates_to":{"rel_type":"m.thread","event_id":"a"}}"#,
            r#"{"m.relates_to":{"rel_type":"","event_id":"$a"}}"#,
            r#"{"m.relates_to":{"rel_type":3,"event_id":"$a"}}"#,
            r#"{"m.relates_to":"$a"}"#,
            r#"{"m.relates_to":["m.thread","$a"]}"#,
        ] {
            assert_eq!(relation(none), None, "{none}");
        }
        let long = format!(r#"{{"m.relates_to":{{"rel_type":"{}","event_id":"$a"}}}}"#, "x".repeat(256));
        assert_eq!(relation(&long), None);
    }

    #[test]
    fn kinds_are_a_set() {
        let both = RelType::Replace.kind().with(RelType::Annotation.kind());
        assert!(both.contains(Kinds::REPLACE) && !both.contains(Kinds::BUNDLED) && both.meets(Kinds::BUNDLED));
        assert!(!RelType::Annotation.kind().meets(Kinds::BUNDLED) && !both.meets(Kinds::THREAD));
        assert!(Kinds::default().is_empty() && !RelType::Other("x".to_owned()).kind().is_empty());
    }
}
