//! What locked and suspended accounts may still do (client-server API, "Account locking" and "Account suspension").

use axum::http::Method;

use super::guests::fits;
use crate::{
    error::Result,
    users::{
        Restrictions,
        restrictions::{locked, suspended},
    },
};

/// All that a locked account may do. Paths are as in `guests`.
const ALLOWED_TO_LOCKED: &[(Method, &str)] = &[(Method::POST, "logout"), (Method::POST, "logout/all")];

/// What a suspended account may not do: what others would notice. Whose events it redacts is looked at where that is
/// known.
const DENIED_TO_SUSPENDED: &[(Method, &str)] = &[
    (Method::POST, "createRoom"),
    (Method::POST, "join/*"),
    (Method::POST, "knock/*"),
    (Method::POST, "rooms/*/join"),
    (Method::POST, "rooms/*/invite"),
    (Method::POST, "rooms/*/kick"),
    (Method::POST, "rooms/*/ban"),
    (Method::POST, "rooms/*/unban"),
    (Method::POST, "rooms/*/upgrade"),
    (Method::PUT, "rooms/*/send/*/*"),
    (Method::PUT, "org.matrix.msc4140/rooms/*/delayed_event/*/*"),
    (Method::PUT, "rooms/*/state/*"),
    (Method::PUT, "rooms/*/state/*/*"),
    (Method::PUT, "profile/*/*"),
    (Method::DELETE, "profile/*/*"),
    (Method::PUT, "directory/room/*"),
    (Method::DELETE, "directory/room/*"),
    (Method::PUT, "directory/list/room/*"),
    (Method::POST, "upload"),
    (Method::PUT, "upload/*/*"),
    (Method::POST, "create"),
];

/// What is denied above, but for this.
const ALLOWED_TO_SUSPENDED: &[(Method, &str)] = &[(Method::PUT, "rooms/*/send/m.room.redaction/*")];

/// Refuses a request that the account may not make. A nested router has taken the prefix of the path off already.
pub(super) fn check(restrictions: Restrictions, method: &Method, path: &str) -> Result<()> {
    let path = path.trim_start_matches('/');
    let listed = |list: &[(Method, &str)]| list.iter().any(|(listed, pattern)| listed == method && fits(pattern, path));
    if restrictions.locked && !listed(ALLOWED_TO_LOCKED) {
        return Err(locked());
    }
    if restrictions.suspended && listed(DENIED_TO_SUSPENDED) && !listed(ALLOWED_TO_SUSPENDED) {
        return Err(suspended());
    }
    Ok(())
}
