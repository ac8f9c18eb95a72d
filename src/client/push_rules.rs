//! Push rules (client-server API, "Push Rules: API").

use std::sync::Arc;

use axum::{Json, extract::State};
use ruma::push::{Action, PushCondition};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    app::App,
    error::{Error, Result},
    http::{
        answer::{RawJson, empty},
        extract::{self, Params, QueryParams},
    },
    push::{Kind, Place, Rule, RuleError, RuleSet},
    users::Session,
};

/// The body of `PUT …/pushrules/global/{kind}/{ruleId}`.
#[derive(Deserialize)]
pub struct RuleBody {
    actions: Vec<Action>,
    #[serde(default)]
    conditions: Vec<PushCondition>,
    pattern: Option<String>,
}

/// Where to put a rule.
#[derive(Deserialize)]
pub struct PlaceParams {
    before: Option<String>,
    after: Option<String>,
}

/// The body of `PUT …/{ruleId}/enabled`.
#[derive(Deserialize)]
pub struct EnabledBody {
    enabled: bool,
}

/// The body of `PUT …/{ruleId}/actions`.
#[derive(Deserialize)]
pub struct ActionsBody {
    actions: Vec<Action>,
}

/// `GET /_matrix/client/v3/pushrules/`. Clients on matrix-js-sdk don't begin to sync without it.
pub async fn all(State(app): State<Arc<App>>, session: Session) -> Result<Json<Value>> {
    Ok(Json(json!({ "global": rules(&app, &session)? })))
}

/// `GET /_matrix/client/v3/pushrules/global/`
pub async fn global(State(app): State<Arc<App>>, session: Session) -> Result<Json<RuleSet>> {
    rules(&app, &session).map(Json)
}

/// `GET /_matrix/client/v3/pushrules/global/{kind}/{ruleId}`
pub async fn get(
    State(app): State<Arc<App>>,
    session: Session,
    Params((kind, rule_id)): Params<(String, String)>,
) -> Result<Json<Rule>> {
    rule(&app, &session, &kind, &rule_id).map(Json)
}

/// `PUT /_matrix/client/v3/pushrules/global/{kind}/{ruleId}`
pub async fn put(
    State(app): State<Arc<App>>,
    session: Session,
    Params((kind, rule_id)): Params<(String, String)>,
    QueryParams(PlaceParams { before, after }): QueryParams<PlaceParams>,
    extract::Json(body): extract::Json<RuleBody>,
) -> Result<RawJson> {
    let kind = parse_kind(&kind)?;
    let rule = Rule::own(kind, rule_id, body.actions, (body.conditions, body.pattern))?;
    app.users.put_push_rule(&session, kind, rule, &Place { before, after }).await?;
    Ok(empty())
}

/// `DELETE /_matrix/client/v3/pushrules/global/{kind}/{ruleId}`
pub async fn delete(
    State(app): State<Arc<App>>,
    session: Session,
    Params((kind, rule_id)): Params<(String, String)>,
) -> Result<RawJson> {
    app.users.delete_push_rule(&session, parse_kind(&kind)?, &rule_id).await?;
    Ok(empty())
}

/// `GET /_matrix/client/v3/pushrules/global/{kind}/{ruleId}/enabled`
pub async fn is_enabled(
    State(app): State<Arc<App>>,
    session: Session,
    Params((kind, rule_id)): Params<(String, String)>,
) -> Result<Json<Value>> {
    Ok(Json(json!({ "enabled": rule(&app, &session, &kind, &rule_id)?.enabled })))
}

/// `PUT /_matrix/client/v3/pushrules/global/{kind}/{ruleId}/enabled`
pub async fn enable(
    State(app): State<Arc<App>>,
    session: Session,
    Params((kind, rule_id)): Params<(String, String)>,
    extract::Json(EnabledBody { enabled }): extract::Json<EnabledBody>,
) -> Result<RawJson> {
    app.users.enable_push_rule(&session, (parse_kind(&kind)?, &rule_id), enabled).await?;
    Ok(empty())
}

/// `GET /_matrix/client/v3/pushrules/global/{kind}/{ruleId}/actions`
pub async fn actions(
    State(app): State<Arc<App>>,
    session: Session,
    Params((kind, rule_id)): Params<(String, String)>,
) -> Result<Json<Value>> {
    Ok(Json(json!({ "actions": rule(&app, &session, &kind, &rule_id)?.actions })))
}

/// `PUT /_matrix/client/v3/pushrules/global/{kind}/{ruleId}/actions`
pub async fn set_actions(
    State(app): State<Arc<App>>,
    session: Session,
    Params((kind, rule_id)): Params<(String, String)>,
    extract::Json(ActionsBody { actions }): extract::Json<ActionsBody>,
) -> Result<RawJson> {
    app.users.set_push_rule_actions(&session, (parse_kind(&kind)?, &rule_id), actions).await?;
    Ok(empty())
}

fn rules(app: &App, session: &Session) -> Result<RuleSet> {
    app.users.push_rules(&app.store.latest(), session.user)
}

fn rule(app: &App, session: &Session, kind: &str, rule_id: &str) -> Result<Rule> {
    let kind = parse_kind(kind)?;
    Ok(rules(app, session)?.get(kind, rule_id).ok_or(RuleError::NotFound)?.clone())
}

fn parse_kind(kind: &str) -> Result<Kind> {
    let unknown = |()| Error::invalid_param("A push rule is of kind override, content, room, sender or underride.");
    kind.parse().map_err(unknown)
}
