//! What a check found: what is wrong, and how much was looked at.

use std::{collections::BTreeMap, fmt};

use crate::{
    ids::{EventNum, RoomNum, UserNum},
    store::Family,
};

/// Problems that are kept word by word; what comes after them is only counted.
const MAX_KEPT: usize = 1_000;

/// The outcome of a check.
#[derive(Debug, Default)]
pub struct Report {
    problems: Vec<String>,
    unkept: u64,
    counted: BTreeMap<&'static str, u64>,
}

impl Report {
    /// Whether nothing is wrong.
    pub fn is_clean(&self) -> bool {
        self.problems.is_empty()
    }

    /// What is wrong and where, a sentence each, the first thousand.
    pub fn problems(&self) -> &[String] {
        &self.problems
    }

    pub(super) fn wrong(&mut self, place: impl fmt::Display, what: impl fmt::Display) {
        if self.problems.len() < MAX_KEPT {
            self.problems.push(format!("{place}: {what}"));
        } else {
            self.unkept += 1;
        }
    }

    /// Notes that so many of something were looked at.
    pub(super) fn count(&mut self, what: &'static str, number: u64) {
        *self.counted.entry(what).or_default() += number;
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for problem in &self.problems {
            writeln!(f, "wrong  {problem}")?;
        }
        if self.unkept > 0 {
            writeln!(f, "wrong  and {} more", self.unkept)?;
        }
        let counted: Vec<String> = self.counted.iter().map(|(what, number)| format!("{number} {what}")).collect();
        writeln!(f, "Checked {}.", counted.join(", "))?;
        match self.problems.len() as u64 + self.unkept {
            0 => write!(f, "The database is whole."),
            1 => write!(f, "1 thing is wrong."),
            wrong => write!(f, "{wrong} things are wrong."),
        }
    }
}

/// The place of an event.
pub(super) fn event(room: RoomNum, number: EventNum) -> String {
    format!("room {room}, event {number}")
}

/// The place of a user's rows.
pub(super) fn user(user: UserNum) -> String {
    format!("user {user}")
}

/// The place of a row, by its key in hexadecimal digits.
pub(super) fn row(family: Family, key: &[u8]) -> String {
    let key: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("row {key} of {}", family.name())
}
