//! What guests may do (client-server API, "Guest Access"). All else that needs an access token is refused.

use axum::http::Method;

/// Methods and paths behind `/_matrix/client/` and the version; `*` is any one segment.
const ALLOWED: &[(Method, &str)] = &[
    (Method::GET, "rooms/*/state"),
    (Method::GET, "rooms/*/context/*"),
    (Method::GET, "rooms/*/event/*"),
    (Method::GET, "rooms/*/state/*"),
    (Method::GET, "rooms/*/state/*/*"),
    (Method::GET, "rooms/*/messages"),
    (Method::GET, "rooms/*/members"),
    (Method::GET, "rooms/*/initialSync"),
    (Method::GET, "sync"),
    (Method::GET, "events"),
    (Method::GET, "media/download/*/*"),
    (Method::GET, "media/download/*/*/*"),
    (Method::GET, "media/thumbnail/*/*"),
    (Method::POST, "rooms/*/join"),
    (Method::POST, "rooms/*/leave"),
    (Method::PUT, "rooms/*/send/*/*"),
    (Method::PUT, "rooms/*/state/*"),
    (Method::PUT, "rooms/*/state/*/*"),
    (Method::PUT, "org.matrix.msc4140/rooms/*/delayed_event/*/*"),
    (Method::GET, "org.matrix.msc4140/delayed_events"),
    (Method::GET, "org.matrix.msc4140/delayed_events/*"),
    (Method::PUT, "sendToDevice/*/*"),
    (Method::PUT, "profile/*/displayname"),
    (Method::DELETE, "profile/*/displayname"),
    (Method::GET, "devices"),
    (Method::GET, "devices/*"),
    (Method::PUT, "devices/*"),
    (Method::GET, "account/whoami"),
    (Method::POST, "keys/upload"),
    (Method::POST, "keys/query"),
    (Method::POST, "keys/claim"),
];

/// Whether a guest may make this request. A nested router has taken the prefix of the path off already.
pub(super) fn allowed(method: &Method, path: &str) -> bool {
    let path = path.trim_start_matches('/');
    ALLOWED.iter().any(|(allowed, pattern)| allowed == method && fits(pattern, path))
}

/// Whether a path has the segments of a pattern.
pub(super) fn fits(pattern: &str, path: &str) -> bool {
    let (mut pattern, mut path) = (pattern.split('/'), path.split('/'));
    loop {
        match (pattern.next(), path.next()) {
            (None, None) => return true,
            (Some(expected), Some(segment)) if expected == "*" || expected == segment => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guests_look_and_talk_but_do_not_govern() {
        let may = |method, path: &str| allowed(&method, &format!("/{path}"));
        assert!(may(Method::GET, "rooms/!a/messages"));
        assert!(may(Method::PUT, "rooms/!a/state/m.room.name/"));
        assert!(may(Method::PUT, "profile/@a:b/displayname"));
        assert!(!may(Method::PUT, "profile/@a:b/avatar_url"));
        assert!(!may(Method::POST, "rooms/!a/invite"));
        assert!(!may(Method::POST, "createRoom"));
        assert!(!may(Method::GET, "rooms/!a/messages/more"));
    }
}
