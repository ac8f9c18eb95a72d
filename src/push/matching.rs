//! Which rule of a user matches an event.

use std::{collections::HashMap, ops::RangeBounds};

use ruma::{
    UInt,
    push::{Action, PushCondition, RoomMemberCountIs, ScalarJsonValue},
};
use serde_json::Value;

use super::{
    event::PushEvent,
    glob::{Effort, Glob},
    path::PropertyPath,
    rules::{Kind, Rule, RuleSet, counts},
};

const BODY: &str = "content.body";

/// What rules ask of the room around an event. Asked only where a rule hangs on it.
pub trait Surroundings {
    /// What asking may come to grief on.
    type Error;

    /// How many members have joined.
    fn member_count(&mut self) -> Result<u64, Self::Error>;

    /// Whether the event's sender has the level to notify of `kind`.
    fn may_notify(&mut self, kind: &str) -> Result<bool, Self::Error>;

    /// What the rules' user is called in the room.
    fn display_name(&mut self) -> Result<Option<String>, Self::Error>;
}

/// What a rule does with the events that it matches.
#[derive(Clone, Debug)]
pub struct Reaction {
    /// Its actions.
    pub actions: Vec<Action>,
    /// Whether they count and are pushed.
    pub notify: bool,
    /// Whether they do so with a highlight.
    pub highlight: bool,
}

impl Reaction {
    fn of(rule: &Rule) -> Self {
        let (notify, highlight) = counts(&rule.actions);
        Self { actions: rule.actions.clone(), notify, highlight }
    }
}

/// A user's rules, ready to be asked. Those that are off are not in it.
#[derive(Debug)]
pub struct Matcher {
    overrides: Vec<Conditional>,
    content: Vec<(Glob, Reaction)>,
    rooms: HashMap<String, Reaction>,
    senders: HashMap<String, Reaction>,
    underrides: Vec<Conditional>,
}

#[derive(Debug)]
struct Conditional {
    conditions: Vec<Condition>,
    reaction: Reaction,
}

/// A condition, ready to be asked.
#[derive(Debug)]
enum Condition {
    Body(Glob),
    Text(PropertyPath, Glob),
    Is(PropertyPath, ScalarJsonValue),
    Contains(PropertyPath, ScalarJsonValue),
    DisplayName,
    MemberCount(RoomMemberCountIs),
    MayNotify(String),
    /// Holds for nothing.
    Unknown,
}

impl Matcher {
    /// The rules that are on.
    pub fn new(rules: &RuleSet) -> Self {
        let on = |kind| rules.of(kind).iter().filter(|rule| rule.enabled);
        let named = |kind| on(kind).map(|rule| (rule.rule_id.clone(), Reaction::of(rule))).collect();
        let conditional = |kind| on(kind).map(Conditional::of).collect();
        let pattern = |rule: &Rule| Glob::new(rule.pattern.as_deref().unwrap_or_default());
        Self {
            overrides: conditional(Kind::Override),
            content: on(Kind::Content).map(|rule| (pattern(rule), Reaction::of(rule))).collect(),
            rooms: named(Kind::Room),
            senders: named(Kind::Sender),
            underrides: conditional(Kind::Underride),
        }
    }

    /// The reaction to an event of somebody else; `None` if no rule matches.
    pub fn reaction<S: Surroundings>(&self, event: &PushEvent, around: &mut S) -> Result<Option<&Reaction>, S::Error> {
        let mut effort = Effort::default();
        if let Some(reaction) = first(&self.overrides, event, around, &mut effort)? {
            return Ok(Some(reaction));
        }
        if let Some(body) = event.body() {
            let content = self.content.iter().find(|(glob, _)| glob.matches_words(body, &mut effort));
            if let Some((_, reaction)) = content {
                return Ok(Some(reaction));
            }
        }
        if let Some(reaction) = self.rooms.get(event.room_id()).or_else(|| self.senders.get(&*event.stored().sender()))
        {
            return Ok(Some(reaction));
        }
        first(&self.underrides, event, around, &mut effort)
    }
}

fn first<'m, S: Surroundings>(
    rules: &'m [Conditional],
    event: &PushEvent,
    around: &mut S,
    effort: &mut Effort,
) -> Result<Option<&'m Reaction>, S::Error> {
    for rule in rules {
        if rule.holds(event, around, effort)? {
            return Ok(Some(&rule.reaction));
        }
    }
    Ok(None)
}

impl Conditional {
    fn of(rule: &Rule) -> Self {
        let conditions = rule.conditions.iter().flatten().map(Condition::of).collect();
        Self { conditions, reaction: Reaction::of(rule) }
    }

    fn holds<S: Surroundings>(&self, event: &PushEvent, around: &mut S, effort: &mut Effort) -> Result<bool, S::Error> {
        for condition in &self.conditions {
            if !condition.holds(event, around, effort)? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

impl Condition {
    fn of(condition: &PushCondition) -> Self {
        match condition {
            PushCondition::EventMatch(data) if data.key == BODY => Self::Body(Glob::new(&data.pattern)),
            PushCondition::EventMatch(data) => Self::Text(PropertyPath::parse(&data.key), Glob::new(&data.pattern)),
            PushCondition::EventPropertyIs(data) => Self::Is(PropertyPath::parse(&data.key), data.value.clone()),
            PushCondition::EventPropertyContains(data) => {
                Self::Contains(PropertyPath::parse(&data.key), data.value.clone())
            }
            #[allow(deprecated, reason = "users have had such rules for years")]
            PushCondition::ContainsDisplayName => Self::DisplayName,
            PushCondition::RoomMemberCount(data) => Self::MemberCount(data.is),
            PushCondition::SenderNotificationPermission(data) => Self::MayNotify(data.key.to_string()),
            _ => Self::Unknown,
        }
    }

    fn holds<S: Surroundings>(&self, event: &PushEvent, around: &mut S, effort: &mut Effort) -> Result<bool, S::Error> {
        Ok(match self {
            Self::Body(glob) => event.body().is_some_and(|body| glob.matches_words(body, effort)),
            Self::Text(path, glob) => event.text(path).is_some_and(|text| glob.matches(&text, effort)),
            Self::Is(path, wanted) => event.value(path).is_some_and(|value| is(&value, wanted)),
            Self::Contains(path, wanted) => {
                let holds = |value: &Value| value.as_array().is_some_and(|all| all.iter().any(|one| is(one, wanted)));
                event.value(path).is_some_and(|value| holds(&value))
            }
            Self::DisplayName => match event.body() {
                Some(body) => match around.display_name()?.filter(|name| !name.is_empty()) {
                    Some(name) => Glob::literal(&name).matches_words(body, effort),
                    None => false,
                },
                None => false,
            },
            Self::MemberCount(wanted) => {
                let count = UInt::try_from(around.member_count()?).unwrap_or(UInt::MAX);
                wanted.contains(&count)
            }
            Self::MayNotify(kind) => around.may_notify(kind)?,
            Self::Unknown => false,
        })
    }
}

/// Whether a value is exactly this one.
fn is(value: &Value, wanted: &ScalarJsonValue) -> bool {
    match wanted {
        ScalarJsonValue::Null => value.is_null(),
        ScalarJsonValue::Bool(wanted) => value.as_bool() == Some(*wanted),
        ScalarJsonValue::Integer(wanted) => value.as_i64() == Some((*wanted).into()),
        ScalarJsonValue::String(wanted) => value.as_str() == Some(wanted),
    }
}
