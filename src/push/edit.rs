//! Changing the rules of a user (client-server API, "Push Rules: API").

use ruma::{
    RoomId, UserId,
    push::{Action, PushCondition},
};
use serde_json::to_value;

use super::rules::{Changes, Kind, Rule, RuleSet};
use crate::error::Error;

/// A rule's name may have this many bytes.
const MAX_ID: usize = 255;
/// A pattern may have this many bytes.
const MAX_PATTERN: usize = 255;
/// A rule may have this many conditions, and this many actions.
const MAX_PARTS: usize = 16;
/// The JSON of a rule may have this many bytes.
const MAX_RULE: usize = 4 << 10;
/// A user may have this many rules of their own.
const MAX_RULES: usize = 1_000;

/// Where among the user's rules of its kind a rule is put.
#[derive(Clone, Debug, Default)]
pub struct Place {
    /// Right before, that is above, this one.
    pub before: Option<String>,
    /// Right after this one.
    pub after: Option<String>,
}

/// Why rules can't be changed so.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    /// There is no such rule.
    #[error("There is no such push rule.")]
    NotFound,
    /// The name begins with a dot.
    #[error("Names that begin with a dot are those of predefined rules.")]
    Reserved,
    /// The name is none for this kind.
    #[error(
        "A rule's name is not empty, has at most 255 bytes and no slashes; a room's rule has its ID, a sender's theirs."
    )]
    BadName,
    /// There is no own rule to put it before or after.
    #[error("before/after rule not found: {0}")]
    NoNeighbour(String),
    /// Predefined rules stay.
    #[error("A predefined rule can't be deleted, but disabled.")]
    Predefined,
    /// A content rule needs a pattern.
    #[error("A content rule needs a pattern.")]
    NoPattern,
    /// It is over one of the limits of a single rule.
    #[error("A rule has at most 16 conditions and 16 actions, patterns of 255 bytes, and 4 KiB in all.")]
    TooLarge,
    /// There are too many.
    #[error("There are too many push rules: delete some first.")]
    TooMany,
}

impl From<RuleError> for Error {
    fn from(error: RuleError) -> Self {
        let message = error.to_string();
        match error {
            RuleError::NotFound => Self::not_found(message),
            RuleError::NoNeighbour(_) => Self::bad_request("M_UNKNOWN", message),
            RuleError::NoPattern => Self::bad_request("M_MISSING_PARAM", message),
            RuleError::TooMany => Self::new(413, "M_TOO_LARGE", message),
            RuleError::Reserved | RuleError::BadName | RuleError::Predefined | RuleError::TooLarge => {
                Self::invalid_param(message)
            }
        }
    }
}

impl Rule {
    /// A user's own rule, on. What rules of this kind don't have is left out.
    pub fn own(
        kind: Kind,
        rule_id: String,
        mut actions: Vec<Action>,
        (conditions, pattern): (Vec<PushCondition>, Option<String>),
    ) -> Result<Self, RuleError> {
        check_name(kind, &rule_id)?;
        strip_historical(&mut actions);
        let conditions = kind.has_conditions().then_some(conditions);
        let pattern = pattern.filter(|_| kind == Kind::Content);
        if kind == Kind::Content && pattern.is_none() {
            return Err(RuleError::NoPattern);
        }
        let rule = Self { rule_id, default: false, enabled: true, actions, conditions, pattern };
        if rule.is_too_large() { Err(RuleError::TooLarge) } else { Ok(rule) }
    }

    fn is_too_large(&self) -> bool {
        let conditions = self.conditions.as_deref().unwrap_or_default();
        let of_conditions = conditions.iter().filter_map(|condition| match condition {
            PushCondition::EventMatch(data) => Some(&data.pattern),
            _ => None,
        });
        self.actions.len() > MAX_PARTS
            || conditions.len() > MAX_PARTS
            || self.pattern.iter().chain(of_conditions).any(|pattern| pattern.len() > MAX_PATTERN)
            || serde_json::to_vec(self).is_ok_and(|json| json.len() > MAX_RULE)
    }
}

fn check_name(kind: Kind, name: &str) -> Result<(), RuleError> {
    if name.starts_with('.') {
        return Err(RuleError::Reserved);
    }
    let fits = match kind {
        Kind::Room => <&RoomId>::try_from(name).is_ok(),
        Kind::Sender => <&UserId>::try_from(name).is_ok(),
        Kind::Override | Kind::Content | Kind::Underride => true,
    };
    if !fits || name.is_empty() || name.len() > MAX_ID || name.contains(['/', '\\']) {
        return Err(RuleError::BadName);
    }
    Ok(())
}

/// Takes out the actions that older versions of the specification had (`Historical Actions`).
fn strip_historical(actions: &mut Vec<Action>) {
    actions.retain(|action| {
        // Ruma doesn't show what it has no name for.
        let action = to_value(action).unwrap_or_default();
        !matches!(action.as_str(), Some("dont_notify" | "coalesce"))
    });
}

impl Changes {
    /// Adds a rule of the user's own, or puts it in place of the one of the same name, which may move it.
    pub fn put(&mut self, kind: Kind, mut rule: Rule, place: &Place) -> Result<(), RuleError> {
        let mut rules = self.own.get(&kind).cloned().unwrap_or_default();
        let old = rules.iter().position(|old| old.rule_id == rule.rule_id);
        if old.is_none() && self.own.values().map(Vec::len).sum::<usize>() >= MAX_RULES {
            return Err(RuleError::TooMany);
        }
        let removed = old.map(|at| rules.remove(at));
        rule.enabled = removed.is_none_or(|old| old.enabled);
        let find = |name: &String| {
            let at = rules.iter().position(|other| other.rule_id == *name);
            at.ok_or_else(|| RuleError::NoNeighbour(name.clone()))
        };
        let before = place.before.as_ref().map(find).transpose()?;
        let after = place.after.as_ref().map(find).transpose()?;
        rules.insert(before.or(after.map(|at| at + 1)).or(old).unwrap_or(0), rule);
        self.own.insert(kind, rules);
        Ok(())
    }

    /// Deletes a rule of the user's own.
    pub fn delete(&mut self, predefined: &RuleSet, kind: Kind, rule_id: &str) -> Result<(), RuleError> {
        if let Some(rules) = self.own.get_mut(&kind)
            && let Some(at) = rules.iter().position(|rule| rule.rule_id == rule_id)
        {
            rules.remove(at);
            self.own.retain(|_, rules| !rules.is_empty());
            return Ok(());
        }
        Err(predefined.get(kind, rule_id).map_or(RuleError::NotFound, |_| RuleError::Predefined))
    }

    /// Turns a rule on or off.
    pub fn set_enabled(
        &mut self,
        predefined: &RuleSet,
        (kind, rule_id): (Kind, &str),
        enabled: bool,
    ) -> Result<(), RuleError> {
        if let Some(rule) = self.own_rule(kind, rule_id) {
            rule.enabled = enabled;
            return Ok(());
        }
        let default = predefined.get(kind, rule_id).ok_or(RuleError::NotFound)?.enabled;
        if enabled == default {
            self.enabled.remove(rule_id);
        } else {
            self.enabled.insert(rule_id.to_owned(), enabled);
        }
        Ok(())
    }

    /// Sets what a rule does.
    pub fn set_actions(
        &mut self,
        predefined: &RuleSet,
        (kind, rule_id): (Kind, &str),
        mut actions: Vec<Action>,
    ) -> Result<(), RuleError> {
        strip_historical(&mut actions);
        let own = self.own_rule(kind, rule_id);
        let rule = own.as_deref().or_else(|| predefined.get(kind, rule_id)).ok_or(RuleError::NotFound)?;
        let changed = Rule { actions, ..rule.clone() };
        if changed.is_too_large() {
            return Err(RuleError::TooLarge);
        }
        if let Some(own) = own {
            *own = changed;
        } else if same(&rule.actions, &changed.actions) {
            self.actions.remove(rule_id);
        } else {
            self.actions.insert(changed.rule_id, changed.actions);
        }
        Ok(())
    }

    fn own_rule(&mut self, kind: Kind, rule_id: &str) -> Option<&mut Rule> {
        self.own.get_mut(&kind)?.iter_mut().find(|rule| rule.rule_id == rule_id)
    }
}

fn same(one: &[Action], other: &[Action]) -> bool {
    one.len() == other.len() && one.iter().zip(other).all(|(one, other)| to_value(one).ok() == to_value(other).ok())
}
