//! Which versions of the specification are served (client-server API, "API Versions").

use axum::Json;
use serde_json::{Value, json};

/// `GET /_matrix/client/versions`
pub async fn versions() -> Json<Value> {
    Json(json!({
        "versions": [
            "r0.6.1", "v1.1", "v1.2", "v1.3", "v1.4", "v1.5", "v1.6", "v1.7", "v1.8", "v1.9", "v1.10", "v1.11",
            "v1.12", "v1.13", "v1.14", "v1.15", "v1.16", "v1.17", "v1.18", "v1.19",
        ],
        "unstable_features": { "org.matrix.msc3814": true, "org.matrix.msc4140": true },
    }))
}
