//! Transactions: what other servers push here (server-server API, "Transactions").

use std::sync::Arc;

use axum::{Json, extract::State};
use ruma::CanonicalJsonValue;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::{
    app::App,
    error::{Error, Result},
    http::{extract::Params, x_matrix::Signed},
};

/// PDUs and EDUs of one transaction, at the most.
const MOST: (usize, usize) = (50, 100);

/// The body of `PUT /_matrix/federation/v1/send/{txnId}`.
#[derive(Deserialize)]
struct Transaction {
    pdus: Vec<CanonicalJsonValue>,
    #[serde(default)]
    edus: Vec<Value>,
}

/// `PUT /_matrix/federation/v1/send/{txnId}`
pub async fn send(State(app): State<Arc<App>>, Params(id): Params<String>, signed: Signed) -> Result<Json<Value>> {
    let Transaction { pdus, edus } = signed.json()?;
    if pdus.len() > MOST.0 || edus.len() > MOST.1 {
        return Err(Error::invalid_param("A transaction has at most 50 PDUs and 100 EDUs."));
    }
    let _turn = app.transactions.turn(signed.origin.clone()).await;
    if let Some(answer) = app.transactions.answered(&signed.origin, &id)? {
        return Ok(Json(answer));
    }
    for edu in &edus {
        app.rooms.hear(&signed.origin, edu).await;
    }
    // What is no object is no event, and has no ID that could be answered about.
    let pdus = pdus.into_iter().filter_map(|pdu| match pdu {
        CanonicalJsonValue::Object(pdu) => Some(pdu),
        _ => None,
    });
    let outcomes = app.rooms.receive(&signed.origin, pdus.collect()).await;
    let pdus: Map<String, Value> = outcomes
        .into_iter()
        .map(|(event_id, outcome)| {
            let outcome = outcome.map_or_else(|error| json!({ "error": error }), |()| json!({}));
            (event_id.to_string(), outcome)
        })
        .collect();
    let answer = json!({ "pdus": pdus });
    app.transactions.remember(&signed.origin, &id, &answer).await?;
    Ok(Json(answer))
}
