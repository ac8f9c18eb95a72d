//! The one route table: every endpoint that is served, grouped as the spec groups them.

use std::sync::Arc;

use axum::{
    Router,
    http::{Method, header},
    routing::{get, post},
};
use tower_http::{catch_panic::CatchPanicLayer, cors::CorsLayer};

use super::web;
use crate::{
    app::App,
    client::{account, login, register, versions},
    error::Error,
};

/// The whole server as one service.
pub fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/_matrix/client/versions", get(versions::versions))
        .nest("/_matrix/client/r0", client_v3())
        .nest("/_matrix/client/v3", client_v3())
        .nest("/_matrix/client/v1", client_v1())
        .merge(web::routes())
        .method_not_allowed_fallback(method_not_allowed)
        .fallback(unrecognized)
        .layer(CatchPanicLayer::custom(|_: Box<dyn std::any::Any + Send>| {
            // The panic hook has logged it already.
            axum::response::IntoResponse::into_response(Error::internal("a handler panicked"))
        }))
        .layer(cors())
        .with_state(app)
}

/// Endpoints that have been there since r0, under both of their prefixes.
fn client_v3() -> Router<Arc<App>> {
    Router::new().merge(accounts())
}

/// Accounts and sessions.
fn accounts() -> Router<Arc<App>> {
    Router::new()
        .route("/register", post(register::register))
        .route("/register/available", get(register::available))
        .route("/login", get(login::flows).post(login::login))
        .route("/refresh", post(login::refresh))
        .route("/logout", post(login::logout))
        .route("/logout/all", post(login::logout_all))
        .route("/account/whoami", get(account::whoami))
}

/// Endpoints that came with v1.
fn client_v1() -> Router<Arc<App>> {
    Router::new().route("/register/m.login.registration_token/validity", get(register::token_validity))
}

/// Any web client may use this server (client-server API, "Web Browser Clients").
fn cors() -> CorsLayer {
    CorsLayer::new()
        .allow_origin(tower_http::cors::Any)
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS])
        .allow_headers([
            header::HeaderName::from_static("x-requested-with"),
            header::CONTENT_TYPE,
            header::AUTHORIZATION,
        ])
}

async fn unrecognized() -> Error {
    Error::new(404, "M_UNRECOGNIZED", "There is no such endpoint here.")
}

async fn method_not_allowed() -> Error {
    Error::new(405, "M_UNRECOGNIZED", "This endpoint is not used with this method.")
}
