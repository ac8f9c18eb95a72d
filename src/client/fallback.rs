//! Pages for clients that don't know a way to log in, or a stage of authentication: a browser shows them instead
//! (client-server API, "Fallback" and "Login Fallback").

use std::sync::Arc;

use axum::{
    extract::{Query, State},
    http::{HeaderValue, StatusCode, Uri, header},
    response::{Html, IntoResponse, Response},
};
use serde::Deserialize;

use crate::{
    app::App,
    error::{Error, Result},
    http::extract::{Params, QueryParams, RawBody, text},
    ids,
    users::AuthData,
};

const FRAME: &str = include_str!("fallback/frame.html");
const DONE: &str = include_str!("fallback/done.html");
const LOGIN: &str = include_str!("fallback/login.html");

/// Whose stage is completed.
#[derive(Deserialize)]
pub struct StageQuery {
    session: String,
}

/// What the page of a stage sends.
#[derive(Deserialize)]
struct Form {
    password: Option<String>,
    token: Option<String>,
}

/// `GET /_matrix/client/v3/auth/{authType}/fallback/web`
pub async fn stage(
    State(app): State<Arc<App>>,
    Params(stage): Params<String>,
    QueryParams(StageQuery { session }): QueryParams<StageQuery>,
) -> Response {
    match app.users.pending_stage(&session).filter(|pending| *pending == stage) {
        Some(stage) => page(&app, StatusCode::OK, &form(stage, "")),
        None => over(&app),
    }
}

/// `POST /_matrix/client/v3/auth/{authType}/fallback/web`: what the page sends.
pub async fn complete(
    State(app): State<Arc<App>>,
    Params(stage): Params<String>,
    QueryParams(StageQuery { session }): QueryParams<StageQuery>,
    RawBody(body): RawBody,
) -> Result<Response> {
    let Some(stage) = app.users.pending_stage(&session).filter(|pending| *pending == stage) else {
        return Ok(over(&app));
    };
    let Form { password, token } = parse_form(text(&body)?)?;
    let auth = AuthData {
        stage: Some(stage.to_owned()),
        session: Some(session.clone()),
        token,
        password,
        identifier: None,
        user: None,
    };
    Ok(match app.users.complete_stage(&session, auth).await {
        Ok(()) => page(&app, StatusCode::OK, DONE),
        Err(error) if error.status == 401 => page(&app, StatusCode::UNAUTHORIZED, &form(stage, &error.message)),
        Err(error) => return Err(error),
    })
}

/// `GET /_matrix/static/client/login/`
pub async fn login(State(app): State<Arc<App>>) -> Response {
    page(&app, StatusCode::OK, LOGIN)
}

/// The form of a stage, with what went wrong before. `problem` is one of this server's own sentences.
fn form(stage: &str, problem: &str) -> String {
    let field = match stage {
        "m.login.password" => {
            "<label for=\"password\">Password</label>\n\
             <input id=\"password\" name=\"password\" type=\"password\" autocomplete=\"current-password\" required>"
        }
        "m.login.registration_token" => {
            "<label for=\"token\">Registration token</label>\n\
             <input id=\"token\" name=\"token\" autocomplete=\"off\" autocapitalize=\"none\" spellcheck=\"false\" required>"
        }
        _ => "<p>Nothing has to be proved here.</p>",
    };
    format!(
        "<h1>Is it you?</h1>\n<form method=\"post\">\n{field}\n<p role=\"alert\">{problem}</p>\n\
         <button>Go on</button>\n</form>"
    )
}

fn over(app: &App) -> Response {
    page(app, StatusCode::BAD_REQUEST, "<h1>Too late</h1>\n<p>This is over, or never began: please start again.</p>")
}

/// A page with nothing from elsewhere, in which no script runs but its own.
fn page(app: &App, status: StatusCode, body: &str) -> Response {
    let nonce = app.randomness.with(|rng| ids::random_string(rng, 22));
    let html = FRAME.replace("{body}", body).replace("{nonce}", &nonce);
    let policy = format!(
        "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; connect-src 'self'; \
         form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    );
    let mut response = (status, Html(html)).into_response();
    let headers = response.headers_mut();
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    for (header, value) in [
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
    ] {
        headers.insert(header, HeaderValue::from_static(value));
    }
    response
}

/// What a browser sends of a form has the syntax of a query.
fn parse_form(body: &str) -> Result<Form> {
    let no_form = || Error::bad_request("M_UNKNOWN", "This is not what the page sends.");
    let uri: Uri = format!("/?{body}").parse().map_err(|_| no_form())?;
    Ok(Query::try_from_uri(&uri).map_err(|_| no_form())?.0)
}
