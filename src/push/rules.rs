//! The rules of one user: those that the specification predefines, with what the user has changed.
//!
//! Only the changes are stored, so that predefined rules of a later version reach everybody.

use std::{collections::BTreeMap, str::FromStr};

use ruma::{
    RoomId, UserId,
    push::{Action, AnyPushRule, PushCondition, Ruleset},
    user_id,
};
use serde::{Deserialize, Serialize};

/// The predefined rules whose conditions name their user.
const PERSONAL: [&str; 2] = [".m.rule.invite_for_me", ".m.rule.is_user_mention"];

/// Stands for a user where the rules that name one don't matter.
fn nobody() -> &'static UserId {
    user_id!("@nobody:localhost")
}

/// The kinds of rules, in the order in which they are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Rules that go before all others.
    Override,
    /// Words in messages.
    Content,
    /// All of one room.
    Room,
    /// All by one user.
    Sender,
    /// Rules that come last.
    Underride,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 5] = [Self::Override, Self::Content, Self::Room, Self::Sender, Self::Underride];

    /// Whether rules of this kind have conditions.
    pub fn has_conditions(self) -> bool {
        matches!(self, Self::Override | Self::Underride)
    }
}

impl FromStr for Kind {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        match name {
            "override" => Ok(Self::Override),
            "content" => Ok(Self::Content),
            "room" => Ok(Self::Room),
            "sender" => Ok(Self::Sender),
            "underride" => Ok(Self::Underride),
            _ => Err(()),
        }
    }
}

/// A rule as clients see it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Rule {
    /// Its name among those of its kind. Of a room's or sender's rule: whose.
    pub rule_id: String,
    /// Whether it is predefined.
    pub default: bool,
    /// Whether it is on.
    pub enabled: bool,
    /// What to do with events that it matches.
    pub actions: Vec<Action>,
    /// What must hold, for kinds that have conditions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conditions: Option<Vec<PushCondition>>,
    /// What to find in messages, for content rules.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
}

/// All rules of a user, the most important first within each kind.
#[derive(Clone, Debug, Default, Serialize)]
pub struct RuleSet {
    r#override: Vec<Rule>,
    content: Vec<Rule>,
    room: Vec<Rule>,
    sender: Vec<Rule>,
    underride: Vec<Rule>,
}

impl RuleSet {
    /// The rules that a user has who has changed none.
    pub fn predefined(user: &UserId) -> Self {
        let mut rules = Self::default();
        for rule in Ruleset::server_default(user) {
            match rule {
                AnyPushRule::Override(rule) => rules.r#override.push(predefined(rule)),
                AnyPushRule::Underride(rule) => rules.underride.push(predefined(rule)),
                // None is predefined.
                _ => {}
            }
        }
        rules
    }

    /// The predefined rules without those that name their user: what they make of an event holds for everybody whom
    /// the event does not name ([`super::PushEvent::names`]).
    pub fn impersonal() -> Self {
        let mut rules = Self::predefined(nobody());
        rules.r#override.retain(|rule| !PERSONAL.contains(&rule.rule_id.as_str()));
        rules
    }

    /// Those of one kind.
    pub fn of(&self, kind: Kind) -> &[Rule] {
        match kind {
            Kind::Override => &self.r#override,
            Kind::Content => &self.content,
            Kind::Room => &self.room,
            Kind::Sender => &self.sender,
            Kind::Underride => &self.underride,
        }
    }

    fn of_mut(&mut self, kind: Kind) -> &mut Vec<Rule> {
        match kind {
            Kind::Override => &mut self.r#override,
            Kind::Content => &mut self.content,
            Kind::Room => &mut self.room,
            Kind::Sender => &mut self.sender,
            Kind::Underride => &mut self.underride,
        }
    }

    /// One rule.
    pub fn get(&self, kind: Kind, rule_id: &str) -> Option<&Rule> {
        self.of(kind).iter().find(|rule| rule.rule_id == rule_id)
    }
}

fn predefined(rule: ruma::push::ConditionalPushRule) -> Rule {
    Rule {
        rule_id: rule.rule_id,
        default: true,
        enabled: rule.enabled,
        actions: rule.actions,
        conditions: Some(rule.conditions),
        pattern: None,
    }
}

/// What a user has changed of the predefined rules: their stored form.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Changes {
    /// The user's own rules, the most important first.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) own: BTreeMap<Kind, Vec<Rule>>,
    /// Predefined rules that are on or off unlike the specification has it.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) enabled: BTreeMap<String, bool>,
    /// Predefined rules with other actions than the specification has.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) actions: BTreeMap<String, Vec<Action>>,
}

impl Changes {
    /// Reads the stored form; no text is no change.
    pub fn parse(stored: Option<&str>) -> Result<Self, serde_json::Error> {
        stored.map_or(Ok(Self::default()), serde_json::from_str)
    }

    /// The stored form; empty if nothing is changed.
    pub fn to_stored(&self) -> Result<String, serde_json::Error> {
        if self.is_none() { Ok(String::new()) } else { serde_json::to_string(self) }
    }

    /// Whether the user has the predefined rules as they are.
    pub fn is_none(&self) -> bool {
        self.own.is_empty() && self.enabled.is_empty() && self.actions.is_empty()
    }

    /// All rules: the user's own go before the predefined ones of their kind, but for the main switch.
    pub fn apply(&self, user: &UserId) -> RuleSet {
        let mut rules = RuleSet::predefined(user);
        for kind in Kind::ALL {
            for rule in rules.of_mut(kind) {
                if let Some(enabled) = self.enabled.get(&rule.rule_id) {
                    rule.enabled = *enabled;
                }
                if let Some(actions) = self.actions.get(&rule.rule_id) {
                    rule.actions.clone_from(actions);
                }
            }
            let own = self.own.get(&kind).into_iter().flatten().cloned();
            let behind = usize::from(kind == Kind::Override);
            rules.of_mut(kind).splice(behind..behind, own);
        }
        rules
    }

    /// Whether they may make a difference to what counts in a room.
    pub fn concern(&self, room: &RoomId) -> bool {
        if !self.enabled.is_empty() || self.revalued() {
            return true;
        }
        self.own.iter().any(|(kind, rules)| rules.iter().any(|rule| rule.enabled && may_match(*kind, rule, room)))
    }

    /// Whether a predefined rule counts otherwise than it is predefined. Most people change the sound only.
    fn revalued(&self) -> bool {
        if self.actions.is_empty() {
            return false;
        }
        let predefined = RuleSet::predefined(nobody());
        let rule = |name: &str| Kind::ALL.iter().find_map(|kind| predefined.get(*kind, name));
        !self
            .actions
            .iter()
            .all(|(name, actions)| rule(name).is_some_and(|rule| counts(&rule.actions) == counts(actions)))
    }
}

/// Whether events count, and whether with a highlight.
pub(super) fn counts(actions: &[Action]) -> (bool, bool) {
    let notify = actions.iter().any(Action::should_notify);
    (notify, notify && actions.iter().any(Action::is_highlight))
}

/// Whether an own rule may match an event of a room. Rules that mute one room are by far the most frequent.
fn may_match(kind: Kind, rule: &Rule, room: &RoomId) -> bool {
    if kind == Kind::Room {
        return rule.rule_id == room.as_str();
    }
    rule.conditions.iter().flatten().all(|condition| match condition {
        PushCondition::EventMatch(data) if data.key == "room_id" && !data.pattern.contains(['*', '?']) => {
            data.pattern.to_lowercase() == room.as_str().to_lowercase()
        }
        _ => true,
    })
}
