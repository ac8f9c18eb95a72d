//! What a request that fails answers: the spec's errcode and a sentence for the client, the cause for the log.

use std::{borrow::Cow, error::Error as StdError, fmt};

use serde_json::{Map, Value};

/// A failed request. The client sees `status`, `errcode`, `message` and `fields`; the log sees `cause` too.
#[derive(Debug)]
pub struct Error {
    /// HTTP status.
    pub status: u16,
    /// One of the spec's errcodes, such as `M_FORBIDDEN`. Empty: the answer has its `fields` only.
    pub errcode: &'static str,
    /// A sentence that says what stood in the way.
    pub message: Cow<'static, str>,
    /// Further fields of the answer, such as `retry_after_ms`.
    pub fields: Map<String, Value>,
    cause: Option<Box<dyn StdError + Send + Sync>>,
}

/// What a request comes to.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error with any status and errcode; the constructors below cover the frequent ones.
    pub fn new(status: u16, errcode: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self { status, errcode, message: message.into(), fields: Map::new(), cause: None }
    }

    /// 400 with the given errcode.
    pub fn bad_request(errcode: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(400, errcode, message)
    }

    /// 400 `M_INVALID_PARAM`.
    pub fn invalid_param(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(400, "M_INVALID_PARAM", message)
    }

    /// 400 `M_BAD_JSON`.
    pub fn bad_json(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(400, "M_BAD_JSON", message)
    }

    /// 403 `M_FORBIDDEN`.
    pub fn forbidden(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(403, "M_FORBIDDEN", message)
    }

    /// 404 `M_NOT_FOUND`.
    pub fn not_found(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(404, "M_NOT_FOUND", message)
    }

    /// 401 with neither errcode nor sentence, since nothing failed yet: user-interactive authentication begins.
    pub fn authentication_needed() -> Self {
        Self::new(401, "", "")
    }

    /// 429 `M_LIMIT_EXCEEDED`, to be tried again after `retry_after_ms`.
    pub fn limit_exceeded(retry_after_ms: u64) -> Self {
        Self::new(429, "M_LIMIT_EXCEEDED", "Too many requests: please wait a moment.")
            .with_field("retry_after_ms", retry_after_ms)
    }

    /// 500 `M_UNKNOWN`: something that the client can't mend. The cause goes to the log.
    pub fn internal(cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        let mut error = Self::new(500, "M_UNKNOWN", "The server met an error of its own; it is in its log.");
        error.cause = Some(cause.into());
        error
    }

    /// Adds a field to the answer.
    pub fn with_field(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.fields.insert(name.to_owned(), value.into());
        self
    }

    /// Keeps the cause, for the log only.
    pub fn because(mut self, cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.cause = Some(cause.into());
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.errcode, self.message)?;
        let mut source = self.source();
        while let Some(cause) = source {
            write!(f, ": {cause}")?;
            source = cause.source();
        }
        Ok(())
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.cause.as_ref().map(|cause| -> &(dyn StdError + 'static) { cause.as_ref() })
    }
}
