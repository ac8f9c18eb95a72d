//! Pushers (client-server API, "Push Notifications").

use std::sync::Arc;

use axum::{Json, extract::State, http::Uri};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::{
    app::App,
    error::{Error, Result},
    http::{
        answer::{RawJson, empty},
        extract,
    },
    users::{Pusher, Session},
};

/// An application's name may have this many bytes.
const MAX_APP_ID: usize = 64;
/// A push key may have this many bytes.
const MAX_PUSHKEY: usize = 512;
/// Names and tags may have this many bytes.
const MAX_NAME: usize = 255;
/// The JSON of `data` may have this many bytes.
const MAX_DATA: usize = 2_048;
/// The path that a gateway's address has to have.
const GATEWAY_PATH: &str = "/_matrix/push/v1/notify";

/// The body of `POST /_matrix/client/v3/pushers/set`.
#[derive(Deserialize)]
pub struct PusherBody {
    app_id: String,
    pushkey: String,
    kind: Option<String>,
    app_display_name: Option<String>,
    device_display_name: Option<String>,
    profile_tag: Option<String>,
    lang: Option<String>,
    data: Option<Map<String, Value>>,
    #[serde(default)]
    append: bool,
}

/// `GET /_matrix/client/v3/pushers`
pub async fn list(State(app): State<Arc<App>>, session: Session) -> Result<Json<Value>> {
    let pushers = app.users.pushers(&app.store.latest(), session.user)?;
    Ok(Json(json!({ "pushers": pushers.iter().map(render).collect::<Vec<_>>() })))
}

/// `POST /_matrix/client/v3/pushers/set`
pub async fn set(
    State(app): State<Arc<App>>,
    session: Session,
    extract::Json(body): extract::Json<PusherBody>,
) -> Result<RawJson> {
    if body.app_id.len() > MAX_APP_ID || body.pushkey.len() > MAX_PUSHKEY || body.pushkey.is_empty() {
        return Err(Error::invalid_param("`app_id` has at most 64 bytes, `pushkey` 1 to 512."));
    }
    match body.kind.as_deref() {
        None => app.users.delete_pusher(session.user, &body.app_id, &body.pushkey).await?,
        Some("http") => {
            let append = body.append;
            let pusher = pusher(&app, &session, body)?;
            app.users.set_pusher(&session, pusher, append).await?;
        }
        Some(_) => return Err(Error::invalid_param("Pushers of this server are of kind \"http\".")),
    }
    Ok(empty())
}

fn pusher(app: &App, session: &Session, body: PusherBody) -> Result<Pusher> {
    let (Some(app_display_name), Some(device_display_name), Some(lang), Some(mut data)) =
        (body.app_display_name, body.device_display_name, body.lang, body.data)
    else {
        let message = "A pusher needs app_display_name, device_display_name, lang and data.";
        return Err(Error::bad_request("M_MISSING_PARAM", message));
    };
    let Some(Value::String(url)) = data.remove("url") else {
        return Err(Error::bad_request("M_MISSING_PARAM", "An HTTP pusher needs a `url` in its data."));
    };
    check_url(&url, app.config.push.allow_private_addresses)?;
    let data = Value::Object(data).to_string();
    let names = [&app_display_name, &device_display_name, &lang];
    if names.into_iter().chain(&body.profile_tag).any(|name| name.len() > MAX_NAME) || data.len() > MAX_DATA {
        return Err(Error::invalid_param("Names have at most 255 bytes, and `data` 2,048."));
    }
    Ok(Pusher {
        app_id: body.app_id,
        pushkey: body.pushkey,
        app_display_name,
        device_display_name,
        profile_tag: body.profile_tag,
        lang,
        url,
        data,
        device_id: session.device_id.clone(),
        set_at: app.clock.now_ms() / 1_000,
    })
}

/// A gateway's address is HTTPS, with the path of the specification; plain HTTP is for networks of one's own.
fn check_url(url: &str, private: bool) -> Result<()> {
    let parsed: Option<Uri> = Some(url).filter(|url| url.len() <= MAX_DATA).and_then(|url| url.parse().ok());
    let fits = parsed.is_some_and(|uri| {
        let scheme = uri.scheme_str().unwrap_or_default();
        let safe = scheme == "https" || (private && scheme == "http");
        let plain = uri.authority().is_some_and(|authority| !authority.as_str().contains('@'));
        safe && plain && uri.path() == GATEWAY_PATH
    });
    let refused = || Error::invalid_param("A gateway's `url` is https://, with the path /_matrix/push/v1/notify.");
    fits.then_some(()).ok_or_else(refused)
}

fn render(pusher: &Pusher) -> Value {
    let mut data = pusher.data();
    data.insert("url".to_owned(), pusher.url.as_str().into());
    let mut rendered = json!({
        "app_id": pusher.app_id, "pushkey": pusher.pushkey, "kind": "http", "lang": pusher.lang, "data": data,
        "app_display_name": pusher.app_display_name, "device_display_name": pusher.device_display_name,
    });
    if let Some(tag) = &pusher.profile_tag {
        rendered["profile_tag"] = tag.as_str().into();
    }
    rendered
}
