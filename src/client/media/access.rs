//! Who may read files: whoever has an access token; by the endpoints that ask for none everybody, where the operator
//! has not left them frozen.

use std::sync::Arc;

use axum::{
    extract::{FromRequestParts, RawPathParams},
    http::request::Parts,
};
use serde::Deserialize;

use crate::{
    app::App,
    error::{Error, Result},
    http::extract::QueryParams,
    users::Session,
};

/// Marks the endpoints that ask for no access token.
#[derive(Clone, Copy)]
pub struct WithoutToken;

/// Somebody who may read the file that the path names.
pub struct FileReader;

/// What such an endpoint is told of files elsewhere. This server sends nobody to another address, so that
/// `allow_redirect` changes nothing.
#[derive(Deserialize)]
struct Elsewhere {
    allow_remote: Option<bool>,
}

impl FromRequestParts<Arc<App>> for FileReader {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self> {
        if parts.extensions.get::<WithoutToken>().is_none() {
            return Session::from_request_parts(parts, app).await.map(|_| Self);
        }
        if !app.config.media.unauthenticated {
            return Err(Error::not_found("Media needs an access token here: use /_matrix/client/v1/media."));
        }
        let QueryParams(Elsewhere { allow_remote }) = QueryParams::from_request_parts(parts, app).await?;
        let path = RawPathParams::from_request_parts(parts, app).await.map_err(Error::internal)?;
        let is_here = path.iter().any(|(name, value)| name == "serverName" && value == app.config.server_name.as_str());
        if allow_remote == Some(false) && !is_here {
            return Err(Error::not_found("This file is on another server, which is not to be asked."));
        }
        Ok(Self)
    }
}
