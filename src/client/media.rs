//! The content repository (client-server API, "Content repository").

mod access;
mod headers;

use std::{sync::Arc, time::Duration};

use axum::{
    Json,
    body::Body,
    extract::State,
    http::{HeaderMap, header},
    response::Response,
};
use ruma::OwnedServerName;
use serde::Deserialize;
use serde_json::{Value, json};

use self::access::FileReader;
pub use self::access::WithoutToken;

use crate::{
    app::App,
    error::{Error, Result},
    http::{
        answer::{RawJson, empty},
        extract::{Params, QueryParams, discard},
        files::{Conditions, TaggedFile},
    },
    media::{Described, Method, Opened, Thumbnail, Wanted},
    previews::Preview,
    users::Session,
};

/// How long a client waits for an upload that is announced, unless it says so, milliseconds.
const DEFAULT_TIMEOUT_MS: u64 = 20_000;
/// How long it may wait, milliseconds.
const MAX_TIMEOUT_MS: u64 = 60_000;

/// Where a file is: the server, and the ID that it gave.
type Address = (OwnedServerName, String);

/// What a client may say of a file beside its type.
#[derive(Deserialize)]
pub struct UploadQuery {
    filename: Option<String>,
}

/// How long to wait for an upload that is announced.
#[derive(Deserialize)]
pub struct Patience {
    timeout_ms: Option<u64>,
}

/// What a thumbnail is to be like.
#[derive(Deserialize)]
pub struct ThumbnailQuery {
    width: u32,
    height: u32,
    method: Option<ThumbnailMethod>,
    animated: Option<bool>,
    timeout_ms: Option<u64>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum ThumbnailMethod {
    Crop,
    Scale,
}

/// `POST /_matrix/media/v3/upload`
pub async fn upload(
    State(app): State<Arc<App>>,
    session: Session,
    QueryParams(query): QueryParams<UploadQuery>,
    headers: HeaderMap,
    mut body: Body,
) -> Result<Json<Value>> {
    let described = described(&headers, query)?;
    let uploaded = app.media.upload(session.user, described, &mut body).await;
    let media_id = uploaded.inspect_err(|_| discard(body))?;
    Ok(Json(json!({ "content_uri": uri(&app, &media_id) })))
}

/// `POST /_matrix/media/v1/create`
pub async fn create(State(app): State<Arc<App>>, session: Session) -> Result<Json<Value>> {
    let announced = app.media.announce(session.user).await?;
    let uri = uri(&app, &announced.media_id);
    Ok(Json(json!({ "content_uri": uri, "unused_expires_at": announced.expires_at })))
}

/// `PUT /_matrix/media/v3/upload/{serverName}/{mediaId}`
pub async fn upload_announced(
    State(app): State<Arc<App>>,
    session: Session,
    Params((server, media_id)): Params<Address>,
    QueryParams(query): QueryParams<UploadQuery>,
    headers: HeaderMap,
    mut body: Body,
) -> Result<RawJson> {
    let described = described(&headers, query)?;
    let uploaded = app.media.fill(session.user, (&server, &media_id), described, &mut body).await;
    uploaded.inspect_err(|_| discard(body))?;
    Ok(empty())
}

/// `GET /_matrix/client/v1/media/config`
pub async fn config(State(app): State<Arc<App>>, _: Session) -> Json<Value> {
    Json(json!({ "m.upload.size": app.media.max_upload_size() }))
}

/// `GET /_matrix/client/v1/media/download/{serverName}/{mediaId}`
pub async fn download(
    State(app): State<Arc<App>>,
    _: FileReader,
    Params(address): Params<Address>,
    QueryParams(patience): QueryParams<Patience>,
    asked: Conditions,
) -> Result<Response> {
    let mut opened = read(&app, address, patience).await?;
    let name = opened.media.name.take();
    Ok(file(opened, name, &asked))
}

/// `GET /_matrix/client/v1/media/download/{serverName}/{mediaId}/{fileName}`
pub async fn download_as(
    State(app): State<Arc<App>>,
    _: FileReader,
    Params((server, media_id, name)): Params<(OwnedServerName, String, String)>,
    QueryParams(patience): QueryParams<Patience>,
    asked: Conditions,
) -> Result<Response> {
    let opened = read(&app, (server, media_id), patience).await?;
    Ok(file(opened, Some(name), &asked))
}

/// `GET /_matrix/client/v1/media/thumbnail/{serverName}/{mediaId}`
pub async fn thumbnail(
    State(app): State<Arc<App>>,
    _: FileReader,
    Params((server, media_id)): Params<Address>,
    QueryParams(query): QueryParams<ThumbnailQuery>,
    asked: Conditions,
) -> Result<Response> {
    if query.width == 0 || query.height == 0 {
        return Err(Error::invalid_param("A thumbnail has a width and a height of 1 at least."));
    }
    let method = match query.method {
        Some(ThumbnailMethod::Crop) => Method::Crop,
        Some(ThumbnailMethod::Scale) | None => Method::Scale,
    };
    let wanted = Wanted { size: (query.width, query.height), method, animated: query.animated.unwrap_or_default() };
    let patience = patience(&app, query.timeout_ms);
    let Thumbnail { file, format, hash, variant } = app.media.thumbnail((&server, &media_id), wanted, patience).await?;
    let answer = TaggedFile { file, tag: format!("\"{hash}{variant}\"") }.answer(&asked);
    let name = format!("thumbnail.{}", format.extensions_str().first().unwrap_or(&"bin"));
    Ok(headers::guarded(answer, format.to_mime_type(), &format!("inline; filename=\"{name}\"")))
}

/// The query of `GET /_matrix/client/v1/media/preview_url`. Its `ts` is not looked at: the newest preview is told.
#[derive(Deserialize)]
pub struct PreviewQuery {
    url: String,
}

/// `GET /_matrix/client/v1/media/preview_url`
pub async fn preview(
    State(app): State<Arc<App>>,
    _: Session,
    QueryParams(query): QueryParams<PreviewQuery>,
) -> Result<Json<Preview>> {
    Ok(Json(app.previews.get(&query.url).await?.as_ref().clone()))
}

async fn read(app: &App, (server, media_id): Address, asked: Patience) -> Result<Opened> {
    app.media.read(&server, &media_id, patience(app, asked.timeout_ms)).await
}

/// Ends when the client has waited long enough, or the server stops.
async fn patience(app: &App, timeout_ms: Option<u64>) {
    let timeout = Duration::from_millis(timeout_ms.unwrap_or(DEFAULT_TIMEOUT_MS).min(MAX_TIMEOUT_MS));
    tokio::select! {
        () = tokio::time::sleep(timeout) => {}
        () = app.stopped() => {}
    }
}

fn file(Opened { media, file }: Opened, name: Option<String>, asked: &Conditions) -> Response {
    let answer = TaggedFile { file, tag: format!("\"{}\"", media.hash) }.answer(asked);
    let disposition = headers::disposition(&media.content_type, name.as_deref());
    headers::guarded(answer, &media.content_type, &disposition)
}

fn described(headers: &HeaderMap, query: UploadQuery) -> Result<Described> {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    Described::new(content_type, query.filename)
}

fn uri(app: &App, media_id: &str) -> String {
    format!("mxc://{}/{media_id}", app.config.server_name)
}
