//! Keys of servers: ours, and as a notary those of others (server-server API, "Retrieving server keys").

use std::{collections::BTreeMap, sync::Arc};

use axum::{Json, extract::State};
use ruma::{CanonicalJsonObject, OwnedServerName, ServerName};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    app::App,
    error::{Error, Result},
    http::extract::{self, Params, QueryParams},
};

/// Servers that one request may ask of.
const MAX_SERVERS: usize = 50;

/// `GET /_matrix/key/v2/server`
pub async fn own(State(app): State<Arc<App>>) -> Json<CanonicalJsonObject> {
    Json(app.keyring.own_answer())
}

/// What a notary answers.
#[derive(Serialize)]
pub struct NotaryAnswer {
    server_keys: Vec<CanonicalJsonObject>,
}

/// The query of `GET /_matrix/key/v2/query/{serverName}`.
#[derive(Deserialize)]
pub struct Criteria {
    minimum_valid_until_ts: Option<u64>,
}

/// `GET /_matrix/key/v2/query/{serverName}`
pub async fn query(
    State(app): State<Arc<App>>,
    Params(server): Params<OwnedServerName>,
    QueryParams(criteria): QueryParams<Criteria>,
) -> Json<NotaryAnswer> {
    let answer = answer(&app, &server, criteria.minimum_valid_until_ts).await;
    Json(NotaryAnswer { server_keys: answer.into_iter().collect() })
}

/// The body of `POST /_matrix/key/v2/query`.
#[derive(Deserialize)]
pub struct QueryRequest {
    server_keys: BTreeMap<OwnedServerName, BTreeMap<String, Criteria>>,
}

/// `POST /_matrix/key/v2/query`
pub async fn query_many(
    State(app): State<Arc<App>>,
    extract::Json(request): extract::Json<QueryRequest>,
) -> Result<Json<NotaryAnswer>> {
    if request.server_keys.len() > MAX_SERVERS {
        return Err(Error::invalid_param("A request may ask for the keys of 50 servers."));
    }
    let mut fetches = tokio::task::JoinSet::new();
    for (server, keys) in request.server_keys {
        let until = keys.values().filter_map(|criteria| criteria.minimum_valid_until_ts).max();
        let app = app.clone();
        fetches.spawn(async move { answer(&app, &server, until).await });
    }
    Ok(Json(NotaryAnswer { server_keys: fetches.join_all().await.into_iter().flatten().collect() }))
}

async fn answer(app: &App, server: &ServerName, until_ms: Option<u64>) -> Option<CanonicalJsonObject> {
    if server == app.config.server_name {
        return Some(app.keyring.own_answer());
    }
    app.keyring.answer(server, until_ms.unwrap_or(app.clock.now_ms())).await
}

/// `GET /_matrix/federation/v1/version`
pub async fn version() -> Json<Value> {
    Json(json!({ "server": { "name": "Salon", "version": env!("CARGO_PKG_VERSION") } }))
}

/// `GET /.well-known/matrix/server`
pub async fn well_known(State(app): State<Arc<App>>) -> Result<Json<Value>> {
    let server = app.config.federation.delegate_to.as_ref();
    let server = server.ok_or_else(|| Error::not_found("This server is found at its own name."))?;
    Ok(Json(json!({ "m.server": server })))
}
