//! The push rules of users. What a user has changed of the predefined ones is kept as account data, of which only
//! the server writes this type.

use ruma::push::Action;
use serde::Serialize;

use super::{
    Session, Users,
    account_data::{AccountDataRow, key},
};
use crate::{
    error::{Error, Result},
    ids::{Position, UserNum},
    push::{ACCOUNT_DATA, Changes, Kind, Place, Rule, RuleError, RuleSet},
    store::{Family, Read},
};

/// The content of `m.push_rules`.
#[derive(Serialize)]
struct Content {
    global: RuleSet,
}

impl Users {
    /// All rules of a user, predefined ones included.
    pub fn push_rules(&self, read: &impl Read, user: UserNum) -> Result<RuleSet> {
        Ok(self.push_changes(read, user)?.0.apply(&self.store.user_id(user)?))
    }

    /// What a user has changed of the predefined rules, and where they did so last.
    pub(super) fn push_changes(&self, read: &impl Read, user: UserNum) -> Result<(Changes, Position)> {
        let row: Option<AccountDataRow> = read.get_row(Family::Index, &key(user, None, ACCOUNT_DATA))?;
        let position = row.as_ref().map(|row| row.position).unwrap_or_default();
        Ok((parse(row.as_ref().map(|row| row.content.as_str()))?, position))
    }

    /// The content of `m.push_rules`, as JSON.
    pub(super) fn push_rules_content(&self, read: &impl Read, user: UserNum) -> Result<String> {
        serde_json::to_string(&Content { global: self.push_rules(read, user)? }).map_err(Error::internal)
    }

    /// Adds a rule, or puts it in place of the one of the same name.
    pub async fn put_push_rule(&self, session: &Session, kind: Kind, rule: Rule, place: &Place) -> Result<()> {
        self.change_push_rules(session, |changes, _| changes.put(kind, rule, place)).await
    }

    /// Deletes a rule of the user's own.
    pub async fn delete_push_rule(&self, session: &Session, kind: Kind, rule_id: &str) -> Result<()> {
        self.change_push_rules(session, |changes, predefined| changes.delete(predefined, kind, rule_id)).await
    }

    /// Turns a rule on or off.
    pub async fn enable_push_rule(&self, session: &Session, rule: (Kind, &str), enabled: bool) -> Result<()> {
        self.change_push_rules(session, |changes, predefined| changes.set_enabled(predefined, rule, enabled)).await
    }

    /// Sets what a rule does.
    pub async fn set_push_rule_actions(
        &self,
        session: &Session,
        rule: (Kind, &str),
        actions: Vec<Action>,
    ) -> Result<()> {
        self.change_push_rules(session, |changes, predefined| changes.set_actions(predefined, rule, actions)).await
    }

    async fn change_push_rules(
        &self,
        session: &Session,
        change: impl FnOnce(&mut Changes, &RuleSet) -> Result<(), RuleError>,
    ) -> Result<()> {
        let predefined = RuleSet::predefined(&session.user_id);
        self.change_account_data(session.user, None, ACCOUNT_DATA, |stored| {
            let mut changes = parse(stored)?;
            change(&mut changes, &predefined)?;
            changes.to_stored().map_err(Error::internal)
        })
        .await
    }
}

fn parse(stored: Option<&str>) -> Result<Changes> {
    Changes::parse(stored.filter(|text| !text.is_empty())).map_err(Error::internal)
}
