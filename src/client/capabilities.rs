//! What clients may offer their users (client-server API, "Capabilities negotiation").

use std::{collections::BTreeMap, sync::Arc};

use axum::{Json, extract::State};
use serde_json::{Value, json};

use crate::{app::App, config::ROOM_VERSIONS, error::Result, users::Session};

/// `GET /_matrix/client/v3/capabilities`
pub async fn capabilities(State(app): State<Arc<App>>, session: Session) -> Result<Json<Value>> {
    let available: BTreeMap<_, _> = ROOM_VERSIONS.iter().map(|version| (version.as_str(), "stable")).collect();
    let mut answer = json!({
        "capabilities": {
            "m.change_password": { "enabled": true },
            "m.room_versions": { "default": app.config.default_room_version, "available": available },
            "m.set_displayname": { "enabled": true },
            "m.set_avatar_url": { "enabled": true },
            "m.profile_fields": { "enabled": true },
            "m.3pid_changes": { "enabled": false },
            "m.get_login_token": { "enabled": true },
        },
    });
    if app.users.is_admin(session.user)? {
        answer["capabilities"]["m.account_moderation"] = json!({ "suspend": true, "lock": true });
    }
    Ok(Json(answer))
}
