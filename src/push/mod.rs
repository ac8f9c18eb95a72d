//! Push rules: of what a user wants to hear, and how loudly (client-server API, "Push Rules"). Pure: no I/O, no clock.
//!
//! Invariant: what one event costs one user is bounded, whatever their rules and the event's text are: rules are
//! counted, patterns are short, and matching them ends when its effort is used up.

mod edit;
mod event;
mod glob;
mod matching;
mod path;
mod rules;

pub use self::{
    edit::{Place, RuleError},
    event::PushEvent,
    matching::{Matcher, Reaction, Surroundings},
    rules::{Changes, Kind, Rule, RuleSet},
};

/// The type of account data that tells clients of their rules.
pub const ACCOUNT_DATA: &str = "m.push_rules";

#[cfg(test)]
mod tests;
