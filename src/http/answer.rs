//! What goes back: JSON, or an error in the spec's form.

use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Map, Value, json};

use crate::error::Error;

/// JSON that was already rendered.
pub struct RawJson(pub Vec<u8>);

impl IntoResponse for RawJson {
    fn into_response(self) -> Response {
        json_response(StatusCode::OK, self.0)
    }
}

/// The empty object that many endpoints answer.
pub fn empty() -> RawJson {
    RawJson(b"{}".to_vec())
}

/// 404 `M_UNRECOGNIZED`: no such endpoint.
pub fn unrecognized() -> Error {
    Error::new(404, "M_UNRECOGNIZED", "There is no such endpoint here.")
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        if self.status >= 500 {
            tracing::error!(error = %self, "a request failed");
        }
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let retry_after_ms = self.fields.get("retry_after_ms").and_then(Value::as_u64);
        let mut object = Map::new();
        if !self.errcode.is_empty() {
            object.insert("errcode".to_owned(), json!(self.errcode));
            object.insert("error".to_owned(), json!(self.message));
        }
        object.extend(self.fields);
        let mut response = json_response(status, Value::Object(object).to_string().into_bytes());
        if let Some(milliseconds) = retry_after_ms {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(milliseconds.div_ceil(1000)));
        }
        response
    }
}

fn json_response(status: StatusCode, body: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
