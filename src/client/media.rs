//! The content repository (client-server API, "Content repository").

mod access;

use std::sync::Arc;

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
    error::Result,
    http::{
        answer::{RawJson, empty},
        extract::{Params, QueryParams, discard},
        files::{Conditions, TaggedFile},
        media::{Patience, ThumbnailQuery, disposition, guarded},
        pieces::received,
    },
    media::{
        Described, Opened, Thumbnail,
        remote::{Found, FoundThumbnail},
    },
    previews::Preview,
    users::Session,
};

/// Where a file is: the server, and the ID that it gave.
type Address = (OwnedServerName, String);

/// What a client may say of a file beside its type.
#[derive(Deserialize)]
pub struct UploadQuery {
    filename: Option<String>,
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
    let found = read(&app, &address, patience).await?;
    Ok(file(found, None, &asked))
}

/// `GET /_matrix/client/v1/media/download/{serverName}/{mediaId}/{fileName}`
pub async fn download_as(
    State(app): State<Arc<App>>,
    _: FileReader,
    Params((server, media_id, name)): Params<(OwnedServerName, String, String)>,
    QueryParams(patience): QueryParams<Patience>,
    asked: Conditions,
) -> Result<Response> {
    let found = read(&app, &(server, media_id), patience).await?;
    Ok(file(found, Some(name), &asked))
}

/// `GET /_matrix/client/v1/media/thumbnail/{serverName}/{mediaId}`
pub async fn thumbnail(
    State(app): State<Arc<App>>,
    _: FileReader,
    Params((server, media_id)): Params<Address>,
    QueryParams(query): QueryParams<ThumbnailQuery>,
    asked: Conditions,
) -> Result<Response> {
    let (wanted, patience) = query.wanted()?;
    if server != app.config.server_name {
        let found = app.remote_media.thumbnail((&server, &media_id), wanted, patience.duration()).await?;
        return Ok(match found {
            FoundThumbnail::Made(made) => thumbnail_file(made, &asked),
            FoundThumbnail::Theirs(found) => file(found, None, &asked),
        });
    }
    Ok(thumbnail_file(app.media.thumbnail((&server, &media_id), wanted, patience.end(&app)).await?, &asked))
}

fn thumbnail_file(thumbnail: Thumbnail, asked: &Conditions) -> Response {
    let name = thumbnail.file_name();
    let Thumbnail { file, format, hash, variant } = thumbnail;
    let answer = TaggedFile { file, tag: format!("\"{hash}{variant}\"") }.answer(asked);
    guarded(answer, format.to_mime_type(), &format!("inline; filename=\"{name}\""))
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

async fn read(app: &App, (server, media_id): &Address, patience: Patience) -> Result<Found> {
    if *server == app.config.server_name {
        return app.media.read(server, media_id, patience.end(app)).await.map(Found::Here);
    }
    app.remote_media.read((server, media_id), patience.duration()).await
}

/// A file under the name that the client wants, or its own.
fn file(found: Found, name: Option<String>, asked: &Conditions) -> Response {
    match found {
        Found::Here(Opened { media, file }) => {
            let answer = TaggedFile { file, tag: format!("\"{}\"", media.hash) }.answer(asked);
            let name = name.or(media.name);
            guarded(answer, &media.content_type, &disposition(&media.content_type, name.as_deref()))
        }
        Found::Coming(coming) => {
            let (content_type, own) = (coming.described().content_type(), coming.described().name());
            let disposition = disposition(content_type, name.as_deref().or(own));
            let content_type = content_type.to_owned();
            guarded(Response::new(received(coming.pieces())), &content_type, &disposition)
        }
    }
}

fn described(headers: &HeaderMap, query: UploadQuery) -> Result<Described> {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    Described::new(content_type, query.filename)
}

fn uri(app: &App, media_id: &str) -> String {
    format!("mxc://{}/{media_id}", app.config.server_name)
}
