//! Long answers in fewer bytes, for clients that take them so.

use axum::http::{Extensions, HeaderMap, HeaderValue, StatusCode, Version, header};
use tower_http::compression::{
    CompressionLayer, CompressionLevel,
    predicate::{And, Predicate, SizeAbove},
};

/// What is shorter goes as it is, in bytes: it fits in a packet or two either way. So do the answers that hold an access
/// token, which are far shorter.
const SHORTEST: u16 = 2_048;
/// From the next on each costs a quarter more for a few hundredths.
const LEVEL: CompressionLevel = CompressionLevel::Precise(2);

type IsJson = fn(StatusCode, Version, &HeaderMap, &Extensions) -> bool;

/// Compresses JSON while it is sent. Not for media, whose type is what an uploader says.
pub fn compress() -> CompressionLayer<And<SizeAbove, IsJson>> {
    CompressionLayer::new().quality(LEVEL).compress_when(SizeAbove::new(SHORTEST).and(is_json as IsJson))
}

fn is_json(_: StatusCode, _: Version, headers: &HeaderMap, _: &Extensions) -> bool {
    headers.get(header::CONTENT_TYPE) == Some(&HeaderValue::from_static("application/json"))
}
