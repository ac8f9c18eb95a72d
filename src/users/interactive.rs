//! User-interactive authentication: a client proves, in the middle of a call, who it is or that it may.
//!
//! Sessions live in memory, bounded and for a quarter of an hour: who loses one begins again. Each operation
//! has one flow of one stage, so a session is fresh or passed.

use quick_cache::sync::Cache;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Identifier, Users, registration_tokens::is_configured};
use crate::{
    error::{Error, Result},
    ids::{self, UserNum},
};

/// Sessions kept in memory.
const MAX_SESSIONS: usize = 10_000;
/// How long a session lives, milliseconds.
const LIFETIME_MS: u64 = 15 * 60 * 1000;

/// What has to be proved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Nothing: `m.login.dummy`.
    Dummy,
    /// That one knows a token that was made, or this one: `m.login.registration_token`.
    RegistrationToken(Option<String>),
    /// That one knows the password of this user: `m.login.password`.
    Password(UserNum),
}

impl Stage {
    fn name(&self) -> &'static str {
        match self {
            Self::Dummy => "m.login.dummy",
            Self::RegistrationToken(_) => "m.login.registration_token",
            Self::Password(_) => "m.login.password",
        }
    }
}

/// What a client wants to do. A session serves for the one that it was begun for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// What, and to what: `"register"`, `"delete_device/ABC"`.
    pub name: String,
    /// What has to be proved first.
    pub stage: Stage,
}

/// The `auth` object of a request.
#[derive(Deserialize)]
pub struct AuthData {
    /// The stage that the client completes; absent where it was completed before.
    #[serde(rename = "type")]
    pub stage: Option<String>,
    /// The session of the answer before.
    pub session: Option<String>,
    /// Of `m.login.registration_token`.
    pub token: Option<String>,
    /// Of `m.login.password`.
    pub password: Option<String>,
    /// Of `m.login.password`.
    pub identifier: Option<Identifier>,
    /// Of `m.login.password`, in the older form.
    pub user: Option<String>,
}

#[derive(Clone)]
struct InteractiveSession {
    operation: Operation,
    passed: Option<Proof>,
    began_at: u64,
}

/// What somebody passed by.
#[derive(Clone)]
struct Proof {
    /// The token that was made for it, whose use is yet to be counted.
    registration_token: Option<String>,
}

pub(super) struct InteractiveSessions(Cache<String, InteractiveSession>);

impl InteractiveSessions {
    pub(super) fn new() -> Self {
        Self(Cache::new(MAX_SESSIONS))
    }
}

/// Somebody passed. The session goes on until `Users::finish`, so that a call which then fails for another
/// reason can be made again.
#[must_use]
pub struct Passed {
    session: String,
    proof: Proof,
}

impl Passed {
    /// The registration token that is to be counted as used, if it is one that is counted.
    pub fn registration_token(&self) -> Option<&str> {
        self.proof.registration_token.as_deref()
    }
}

impl Users {
    /// Lets pass who completed the operation's stage, now or before; else 401 with what is asked for.
    pub async fn authenticate_interactively(&self, operation: Operation, auth: Option<AuthData>) -> Result<Passed> {
        let Some(auth) = auth.filter(|auth| auth.stage.is_some() || auth.session.is_some()) else {
            let session = self.begin(operation.clone());
            return Err(challenge(Error::authentication_needed(), &operation, &session));
        };
        let (id, passed) = match auth.session.clone() {
            // Scripts commonly send the stage at once.
            None => (self.begin(operation.clone()), None),
            Some(id) => match self.interactive.0.get(&id).filter(|session| self.lives(session)) {
                Some(session) if session.operation != operation => {
                    return Err(Error::forbidden("This session was begun for another request."));
                }
                Some(session) => (id, session.passed),
                None => {
                    let session = self.begin(operation.clone());
                    let error = Error::new(401, "M_UNKNOWN", "This session is over: please authenticate again.");
                    return Err(challenge(error, &operation, &session));
                }
            },
        };
        if let Some(proof) = passed {
            return Ok(Passed { session: id, proof });
        }
        let proof = match self.attempt(&operation.stage, auth).await {
            Ok(proof) => proof,
            Err(error) if error.status == 401 => return Err(challenge(error, &operation, &id)),
            Err(error) => return Err(error),
        };
        let session = InteractiveSession { operation, passed: Some(proof.clone()), began_at: self.clock.now_ms() };
        self.interactive.0.insert(id.clone(), session);
        Ok(Passed { session: id, proof })
    }

    /// Ends the session of a call that succeeded.
    pub fn finish(&self, passed: Passed) {
        self.interactive.0.remove(&passed.session);
    }

    /// The stage that a session still has to pass, or passed just now; `None` if there is no such session (any more).
    pub fn pending_stage(&self, session: &str) -> Option<&'static str> {
        let session = self.interactive.0.get(session).filter(|session| self.lives(session))?;
        Some(session.operation.stage.name())
    }

    /// Completes the stage of a session in its client's stead, which then makes its request with the session alone.
    ///
    /// # Errors
    /// 401 if nothing was proved, or the session is over.
    pub async fn complete_stage(&self, id: &str, auth: AuthData) -> Result<()> {
        let session = self.interactive.0.get(id).filter(|session| self.lives(session));
        let mut session = session.ok_or_else(|| Error::new(401, "M_UNKNOWN", "This session is over."))?;
        session.passed = Some(self.attempt(&session.operation.stage, auth).await?);
        self.interactive.0.insert(id.to_owned(), session);
        Ok(())
    }

    fn begin(&self, operation: Operation) -> String {
        let id = self.randomness.with(|rng| ids::random_string(rng, 24));
        let session = InteractiveSession { operation, passed: None, began_at: self.clock.now_ms() };
        self.interactive.0.insert(id.clone(), session);
        id
    }

    fn lives(&self, session: &InteractiveSession) -> bool {
        self.clock.now_ms() < session.began_at + LIFETIME_MS
    }

    async fn attempt(&self, stage: &Stage, auth: AuthData) -> Result<Proof> {
        if auth.stage.as_deref() != Some(stage.name()) {
            return Err(match auth.stage {
                Some(_) => Error::new(401, "M_UNKNOWN", "This stage is not part of the flow."),
                None => Error::authentication_needed(),
            });
        }
        let mut proof = Proof { registration_token: None };
        match stage {
            Stage::Dummy => Ok(proof),
            Stage::RegistrationToken(configured) => {
                let token = auth.token.unwrap_or_default();
                if is_configured(configured.as_deref(), &token) {
                    return Ok(proof);
                }
                if !self.is_stored(&token)? {
                    return Err(Error::new(401, "M_FORBIDDEN", "This registration token is not valid."));
                }
                proof.registration_token = Some(token);
                Ok(proof)
            }
            Stage::Password(user) => {
                let Some(password) = auth.password else {
                    return Err(Error::new(401, "M_MISSING_PARAM", "The password is missing."));
                };
                if !self.is_meant(*user, auth.identifier.as_ref(), auth.user.as_deref())? {
                    return Err(Error::forbidden("Nobody but the owner of the account can allow this."));
                }
                let right = self.check_password(*user, &password).await?;
                if right { Ok(proof) } else { Err(Error::new(401, "M_FORBIDDEN", "Wrong password.")) }
            }
        }
    }

    /// Whether who authenticates names this user, or nobody.
    fn is_meant(&self, user: UserNum, identifier: Option<&Identifier>, name: Option<&str>) -> Result<bool> {
        if identifier.is_none() && name.is_none() {
            return Ok(true);
        }
        let user_id = self.store.user_id(user)?;
        Ok(self.named_at_login(identifier, name).is_some_and(|named| named == user_id))
    }
}

/// The 401 that tells a client what to do next.
fn challenge(error: Error, operation: &Operation, session: &str) -> Error {
    error
        .with_field("flows", json!([{ "stages": [operation.stage.name()] }]))
        .with_field("params", json!({}))
        .with_field("completed", Value::Array(Vec::new()))
        .with_field("session", session)
}
