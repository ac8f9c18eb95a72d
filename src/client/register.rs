//! Making an account (client-server API, "Legacy API", "Account registration", and "Guest Access").

use std::sync::Arc;

use axum::{Json, extract::State};
use ruma::{OwnedServerName, OwnedUserId};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::session::SessionAnswer;
use crate::{
    app::App,
    config::{Registration, RegistrationMode},
    error::{Error, Result},
    http::extract::{Address, OptionalJson, QueryParams},
    ids::UserNum,
    users::{AuthData, NewAccount, NewSession, Operation, Stage},
};

/// The query of `POST /_matrix/client/v3/register`.
#[derive(Deserialize)]
pub struct RegisterQuery {
    #[serde(default)]
    kind: Kind,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    #[default]
    User,
    Guest,
}

/// The body of `POST /_matrix/client/v3/register`.
#[derive(Deserialize)]
pub struct RegisterRequest {
    auth: Option<AuthData>,
    username: Option<String>,
    password: Option<String>,
    device_id: Option<String>,
    initial_device_display_name: Option<String>,
    inhibit_login: Option<bool>,
    refresh_token: Option<bool>,
    guest_access_token: Option<String>,
}

/// What `POST /_matrix/client/v3/register` answers.
#[derive(Serialize)]
#[serde(untagged)]
pub enum RegisterAnswer {
    /// The new user is logged in.
    Session(SessionAnswer),
    /// `inhibit_login` was set.
    Account {
        /// The new user.
        user_id: OwnedUserId,
        /// Deprecated; old clients want it.
        home_server: OwnedServerName,
    },
}

/// `POST /_matrix/client/v3/register`
pub async fn register(
    State(app): State<Arc<App>>,
    Address(address): Address,
    QueryParams(query): QueryParams<RegisterQuery>,
    OptionalJson(request): OptionalJson<RegisterRequest>,
) -> Result<Json<RegisterAnswer>> {
    if matches!(query.kind, Kind::Guest) {
        let new = NewSession { display_name: request.initial_device_display_name, address, ..NewSession::default() };
        return register_guest(&app, new).await.map(|session| Json(RegisterAnswer::Session(session)));
    }
    let stage = stage(&app.config.registration)?;
    let guest = guest_to_upgrade(&app, &request)?;
    let user_id = match (&request.username, guest) {
        (Some(username), None) => {
            let user_id = app.users.wanted_user_id(username)?;
            app.users.check_available(&user_id)?;
            user_id
        }
        (Some(username), Some(_)) => app.users.new_user_id(username)?,
        (None, _) => app.users.new_user_id(&app.users.random_localpart())?,
    };
    if request.auth.is_some() && request.password.is_none() {
        return Err(Error::bad_request("M_MISSING_PARAM", "The password is missing."));
    }
    let operation = Operation { name: "register".to_owned(), stage };
    let passed = app.users.authenticate_interactively(operation, request.auth).await?;
    let password = request.password.as_deref();
    let user = match guest {
        Some(guest) => {
            app.users.upgrade_guest(guest, password.unwrap_or_default(), passed.registration_token()).await?;
            guest
        }
        None => {
            let token = passed.registration_token();
            let new = NewAccount { user_id: user_id.clone(), password, admin: false, guest: false, token };
            app.users.create_account(new).await?
        }
    };
    app.users.finish(passed);
    if request.inhibit_login.unwrap_or_default() {
        let home_server = user_id.server_name().to_owned();
        return Ok(Json(RegisterAnswer::Account { user_id, home_server }));
    }
    let new = NewSession {
        device_id: request.device_id,
        display_name: request.initial_device_display_name,
        refreshable: request.refresh_token.unwrap_or_default(),
        address,
    };
    Ok(Json(RegisterAnswer::Session(app.users.start_session(user, new).await?.into())))
}

/// What newcomers have to prove; 403 if there may be none.
fn stage(registration: &Registration) -> Result<Stage> {
    match registration.mode {
        RegistrationMode::Open => Ok(Stage::Dummy),
        RegistrationMode::Token => Ok(Stage::RegistrationToken(registration.token.clone())),
        RegistrationMode::Closed => {
            Err(Error::forbidden("Registration is closed here: ask whoever runs this server for an account."))
        }
    }
}

async fn register_guest(app: &App, new: NewSession) -> Result<SessionAnswer> {
    if !app.config.registration.allow_guests {
        return Err(Error::new(403, "M_GUEST_ACCESS_FORBIDDEN", "Guests are not allowed here."));
    }
    let user_id = app.users.new_user_id(&app.users.random_localpart())?;
    let new_account = NewAccount { user_id, password: None, admin: false, guest: true, token: None };
    let user = app.users.create_account(new_account).await?;
    Ok(app.users.start_session(user, new).await?.into())
}

/// The guest who becomes a user by this request, if it is one of those; the username must be the guest's.
fn guest_to_upgrade(app: &App, request: &RegisterRequest) -> Result<Option<UserNum>> {
    let Some(token) = &request.guest_access_token else { return Ok(None) };
    let session = app.users.authenticate(token)?;
    if !session.is_guest || request.username.as_deref() != Some(session.user_id.localpart()) {
        return Err(Error::forbidden("A guest keeps their user name: `username` must be the guest's."));
    }
    Ok(Some(session.user))
}

/// The query of `GET /_matrix/client/v3/register/available`.
#[derive(Deserialize)]
pub struct AvailableQuery {
    username: String,
}

/// `GET /_matrix/client/v3/register/available`
pub async fn available(
    State(app): State<Arc<App>>,
    QueryParams(query): QueryParams<AvailableQuery>,
) -> Result<Json<Value>> {
    let user_id = app.users.wanted_user_id(&query.username)?;
    app.users.check_available(&user_id)?;
    Ok(Json(json!({ "available": true })))
}

/// The query of `GET /_matrix/client/v1/register/m.login.registration_token/validity`.
#[derive(Deserialize)]
pub struct ValidityQuery {
    token: String,
}

/// `GET /_matrix/client/v1/register/m.login.registration_token/validity`
pub async fn token_validity(
    State(app): State<Arc<App>>,
    QueryParams(query): QueryParams<ValidityQuery>,
) -> Result<Json<Value>> {
    let valid = match stage(&app.config.registration)? {
        Stage::RegistrationToken(configured) => app.users.may_register_with(configured.as_deref(), &query.token)?,
        Stage::Dummy | Stage::Password(_) => false,
    };
    Ok(Json(json!({ "valid": valid })))
}
