//! The endpoints of the server-server API. Their paths stand whole, since requests are signed with them.

use std::sync::Arc;

use axum::{
    Router,
    routing::{get, post},
};

use super::{keys, openid, query};
use crate::app::App;

/// All of them.
pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/.well-known/matrix/server", get(keys::well_known))
        .route("/_matrix/key/v2/server", get(keys::own))
        // Old servers name one of the keys.
        .route("/_matrix/key/v2/server/{keyId}", get(keys::own))
        .route("/_matrix/key/v2/query/{serverName}", get(keys::query))
        .route("/_matrix/key/v2/query", post(keys::query_many))
        .route("/_matrix/federation/v1/version", get(keys::version))
        .route("/_matrix/federation/v1/openid/userinfo", get(openid::userinfo))
        .route("/_matrix/federation/v1/query/profile", get(query::profile))
        .route("/_matrix/federation/v1/query/directory", get(query::directory))
}
