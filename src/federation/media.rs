//! Files of this server, for other servers (server-server API, "Content Repository").

use std::{fs::File, sync::Arc};

use axum::{
    extract::State,
    http::{HeaderValue, header},
    response::Response,
};

use crate::{
    app::App,
    error::{Error, Result},
    http::{
        extract::{Params, QueryParams},
        media::{Patience, ThumbnailQuery, disposition},
        pieces::framed,
        x_matrix::Signed,
    },
};

/// `GET /_matrix/federation/v1/media/download/{mediaId}`
pub async fn download(
    State(app): State<Arc<App>>,
    Params(media_id): Params<String>,
    QueryParams(patience): QueryParams<Patience>,
    _: Signed,
) -> Result<Response> {
    let opened = app.media.read(&app.config.server_name, &media_id, patience.end(&app)).await?;
    let disposition = disposition(&opened.media.content_type, opened.media.name.as_deref());
    parts(&app, opened.file, (&opened.media.content_type, &disposition))
}

/// `GET /_matrix/federation/v1/media/thumbnail/{mediaId}`
pub async fn thumbnail(
    State(app): State<Arc<App>>,
    Params(media_id): Params<String>,
    QueryParams(query): QueryParams<ThumbnailQuery>,
    _: Signed,
) -> Result<Response> {
    let (wanted, patience) = query.wanted()?;
    let of = (&*app.config.server_name, media_id.as_str());
    let thumbnail = app.media.thumbnail(of, wanted, patience.end(&app)).await?;
    let disposition = format!("inline; filename=\"{}\"", thumbnail.file_name());
    let content_type = thumbnail.format.to_mime_type();
    parts(&app, thumbnail.file, (content_type, &disposition))
}

/// A file behind what is said of it, which is nothing yet.
fn parts(app: &App, file: File, (content_type, disposition): (&str, &str)) -> Result<Response> {
    let boundary: String = app.randomness.bytes::<16>().iter().map(|byte| format!("{byte:02x}")).collect();
    let head = format!(
        "--{boundary}\r\nContent-Type: application/json\r\n\r\n{{}}\r\n\
         --{boundary}\r\nContent-Type: {content_type}\r\nContent-Disposition: {disposition}\r\n\r\n"
    );
    let tail = format!("\r\n--{boundary}--\r\n");
    let length = file.metadata().map_err(Error::internal)?.len() + (head.len() + tail.len()) as u64;
    let mut response = Response::new(framed(head.into_bytes(), file, tail.into_bytes()));
    let headers = response.headers_mut();
    let content_type = HeaderValue::from_str(&format!("multipart/mixed; boundary={boundary}"));
    headers.insert(header::CONTENT_TYPE, content_type.map_err(Error::internal)?);
    headers.insert(header::CONTENT_LENGTH, length.into());
    Ok(response)
}
