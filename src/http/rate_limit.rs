//! Rate limits: who asks too often is told to wait, by user and by address, and by what they ask for; and so is
//! everybody who writes to a room that too much is written to.
//!
//! Each class of requests has a fixed number of buckets, and a user or address falls into one by a keyed hash:
//! the memory is bounded whoever comes, and nobody can aim at another's bucket.

use std::{
    hash::{BuildHasher, Hash, RandomState},
    net::IpAddr,
    num::NonZeroU32,
    sync::Arc,
};

use axum::{
    extract::{FromRequestParts, RawPathParams, Request, State},
    http::{Method, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
};
use governor::{
    Quota, RateLimiter,
    clock::{Clock, DefaultClock},
    middleware::NoOpMiddleware,
    nanos::Nanos,
    state::{InMemoryState, NotKeyed, StateStore},
};

use ruma::RoomOrAliasId;

use super::extract::{access_token, client_address};
use crate::{
    app::App,
    error::{Error, Result},
    ids::RoomNum,
};

/// Buckets of a class, 8 bytes each.
const BUCKETS: usize = 8192;

/// What is limited together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Proving who one is, by address or user.
    Login,
    /// Logging in to one account, from wherever.
    Account,
    /// Making accounts, by address.
    Registration,
    /// Writing events.
    Messages,
    /// Making, entering and leaving rooms, and asking others in.
    Joins,
    /// Writing events to one room, whoever does.
    RoomMessages,
    /// Entering and leaving one room, and asking others in, whoever does.
    RoomJoins,
    /// Uploading files.
    Uploads,
    /// Looking at files: a page of history may show a hundred at once.
    Media,
    /// Asking for previews of pages, which are fetched from elsewhere.
    Previews,
    /// Searching what was said.
    Search,
    /// Reporting what is out of place.
    Reports,
    /// All the rest.
    Other,
}

impl Class {
    const ALL: [Self; 13] = [
        Self::Login,
        Self::Account,
        Self::Registration,
        Self::Messages,
        Self::Joins,
        Self::RoomMessages,
        Self::RoomJoins,
        Self::Uploads,
        Self::Media,
        Self::Previews,
        Self::Search,
        Self::Reports,
        Self::Other,
    ];

    /// What may come at once, and how fast that is filled up again.
    fn quota(self) -> Quota {
        let (burst, per_minute) = match self {
            Self::Login => (20, 30),
            Self::Account => (15, 10),
            Self::Registration => (10, 6),
            Self::Messages => (100, 1_200),
            Self::Joins => (30, 60),
            // What five users do who do as much as they may: many more at once are a flood.
            Self::RoomMessages => (500, 6_000),
            Self::RoomJoins => (150, 600),
            Self::Uploads => (100, 120),
            Self::Media => (1_000, 6_000),
            Self::Previews => (60, 120),
            Self::Search => (60, 120),
            Self::Reports => (20, 20),
            Self::Other => (500, 6_000),
        };
        let count = |number| NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN);
        Quota::per_minute(count(per_minute)).allow_burst(count(burst))
    }

    /// The class in which the room counts that such a request is about.
    fn of_room(self) -> Option<Self> {
        match self {
            Self::Messages => Some(Self::RoomMessages),
            Self::Joins => Some(Self::RoomJoins),
            _ => None,
        }
    }

    /// The class of a request of the client-server API.
    fn of(method: &Method, path: &str) -> Self {
        if let Some((_version, path)) = path.strip_prefix("/_matrix/media/").and_then(|path| path.split_once('/')) {
            let uploads = path == "create" || path == "upload" || path.starts_with("upload/");
            return match path {
                "preview_url" => Self::Previews,
                _ if uploads => Self::Uploads,
                _ => Self::Media,
            };
        }
        let Some((_version, path)) = path.strip_prefix("/_matrix/client/").and_then(|path| path.split_once('/')) else {
            return Self::Other;
        };
        let mut segments = path.split('/');
        let first = segments.next().unwrap_or_default();
        let rest = (segments.next().unwrap_or_default(), segments.next().unwrap_or_default());
        match (method, first, rest) {
            (&Method::POST, "register", _) | (_, "register", ("m.login.registration_token", _)) => Self::Registration,
            (&Method::POST, "login" | "refresh" | "delete_devices" | "auth", _) => Self::Login,
            (&Method::POST, "account", ("password" | "deactivate", _)) | (&Method::DELETE, "devices", _) => Self::Login,
            (&Method::POST, "keys", ("device_signing", _)) => Self::Login,
            (&Method::POST, "createRoom" | "join" | "knock", _) => Self::Joins,
            (&Method::POST, "rooms", (_, "join" | "leave" | "invite" | "knock" | "upgrade")) => Self::Joins,
            (&Method::POST, "search", _) => Self::Search,
            (&Method::POST, "rooms" | "users", (_, "report")) => Self::Reports,
            (_, "media", ("preview_url", _)) => Self::Previews,
            (_, "media", ("download" | "thumbnail", _)) => Self::Media,
            (_, "rooms", (_, "send" | "state" | "redact")) if method != Method::GET => Self::Messages,
            (&Method::PUT, "org.matrix.msc4140", _) => Self::Messages,
            (&Method::POST, "org.matrix.msc4140", _) if path.ends_with("/send") => Self::Messages,
            _ => Self::Other,
        }
    }
}

/// Buckets under the hashes of users or addresses.
struct Buckets(Box<[InMemoryState]>);

impl StateStore for Buckets {
    type Key = u64;

    fn measure_and_replace<T, F, E>(&self, key: &u64, f: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let bucket = &self.0[(*key % BUCKETS as u64) as usize];
        bucket.measure_and_replace(&NotKeyed::NonKey, f)
    }
}

type Limiter = RateLimiter<u64, Buckets, DefaultClock, NoOpMiddleware<<DefaultClock as Clock>::Instant>>;

/// All buckets of a server.
pub struct RateLimits {
    clock: DefaultClock,
    hasher: RandomState,
    limiters: [Limiter; Class::ALL.len()],
}

impl RateLimits {
    /// All buckets full.
    pub fn new() -> Arc<Self> {
        let clock = DefaultClock::default();
        let limiters = Class::ALL.map(|class| {
            let buckets = (0..BUCKETS).map(|_| InMemoryState::default()).collect();
            RateLimiter::new(class.quota(), Buckets(buckets), clock.clone())
        });
        Arc::new(Self { clock, hasher: RandomState::new(), limiters })
    }

    /// Takes one from the bucket of `who`; 429 `M_LIMIT_EXCEEDED` if it is empty.
    pub fn check(&self, class: Class, who: impl Hash) -> Result<()> {
        // The classes are numbered as `ALL` lists them.
        let limiter = &self.limiters[class as usize];
        limiter.check_key(&self.hasher.hash_one(who)).map_err(|not_until| {
            let wait = not_until.wait_time_from(self.clock.now());
            Error::limit_exceeded(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).max(1))
        })
    }
}

/// The layer that holds the limits. It finds out whose access token it is and leaves the session to the handler.
pub async fn limit(State((app, limits)): State<(Arc<App>, Arc<RateLimits>)>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let class = Class::of(&parts.method, parts.uri.path());
    let token = match class {
        Class::Registration => None,
        _ => access_token(&parts),
    };
    // A token that is not valid is the handler's to refuse.
    let session = token.and_then(|token| app.users.authenticate(&token).ok());
    let mut checked = match &session {
        Some(session) => limits.check(class, session.user),
        None => limits.check(class, client_address(&parts).map(network)),
    };
    // Who is over their own limit takes nothing from the room's.
    if let (Ok(()), Some(_), Some(class)) = (&checked, &session, class.of_room())
        && let Some(room) = room(&mut parts, &app).await
    {
        checked = limits.check(class, room);
    }
    if let Err(error) = checked {
        return error.into_response();
    }
    if let Some(session) = session {
        parts.extensions.insert(session);
    }
    parts.extensions.insert(limits);
    next.run(Request::from_parts(parts, body)).await
}

/// The room that the path names, by its ID or an alias.
async fn room(parts: &mut Parts, app: &App) -> Option<RoomNum> {
    let params = RawPathParams::from_request_parts(parts, &()).await.ok()?;
    let (_, room) = params.iter().find(|(name, _)| matches!(*name, "roomId" | "roomIdOrAlias"))?;
    app.rooms.find(<&RoomOrAliasId>::try_from(room).ok()?).ok()
}

/// Who has one address of IPv6 has 2^64 of them.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => IpAddr::V6((address.to_bits() & !u128::from(u64::MAX)).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_fall_into_their_classes() {
        for (method, path, class) in [
            (Method::POST, "/_matrix/client/v3/login", Class::Login),
            (Method::GET, "/_matrix/client/v3/login", Class::Other),
            (Method::POST, "/_matrix/client/r0/register", Class::Registration),
            (Method::GET, "/_matrix/client/v3/register/available", Class::Other),
            (Method::GET, "/_matrix/client/v1/register/m.login.registration_token/validity", Class::Registration),
            (Method::DELETE, "/_matrix/client/v3/devices/ABC", Class::Login),
            (Method::PUT, "/_matrix/client/v3/rooms/!a/send/m.room.message/1", Class::Messages),
            (Method::GET, "/_matrix/client/v3/rooms/!a/state", Class::Other),
            (Method::PUT, "/_matrix/client/v3/rooms/!a/state/m.room.name/", Class::Messages),
            (Method::PUT, "/_matrix/client/unstable/org.matrix.msc4140/rooms/!a/delayed_event/t/1", Class::Messages),
            (Method::POST, "/_matrix/client/unstable/org.matrix.msc4140/delayed_events/d/send", Class::Messages),
            (Method::POST, "/_matrix/client/unstable/org.matrix.msc4140/delayed_events/d/restart", Class::Other),
            (Method::POST, "/_matrix/client/v3/auth/m.login.password/fallback/web", Class::Login),
            (Method::POST, "/_matrix/client/v3/rooms/!a/invite", Class::Joins),
            (Method::POST, "/_matrix/client/v3/join/!a", Class::Joins),
            (Method::POST, "/_matrix/client/v3/rooms/!a/report/$b", Class::Reports),
            (Method::POST, "/_matrix/client/v3/users/@a:b/report", Class::Reports),
            (Method::POST, "/_matrix/client/v3/search", Class::Search),
            (Method::GET, "/_matrix/client/v3/sync", Class::Other),
            (Method::POST, "/_matrix/media/v3/upload", Class::Uploads),
            (Method::PUT, "/_matrix/media/v3/upload/localhost/abc", Class::Uploads),
            (Method::POST, "/_matrix/media/v1/create", Class::Uploads),
            (Method::GET, "/_matrix/media/v3/download/localhost/abc", Class::Media),
            (Method::GET, "/_matrix/media/v3/preview_url", Class::Previews),
            (Method::GET, "/_matrix/client/v1/media/download/localhost/abc", Class::Media),
            (Method::GET, "/_matrix/client/v1/media/thumbnail/localhost/abc", Class::Media),
            (Method::GET, "/_matrix/client/v1/media/preview_url", Class::Previews),
            (Method::GET, "/_matrix/client/v1/media/config", Class::Other),
            (Method::GET, "/_matrix/client/versions", Class::Other),
            (Method::GET, "/", Class::Other),
        ] {
            assert_eq!(Class::of(&method, path), class, "{method} {path}");
        }
    }

    #[test]
    fn an_empty_bucket_says_when_to_come_back_and_others_stay_full() {
        let limits = RateLimits::new();
        for _ in 0..10 {
            limits.check(Class::Registration, "a").unwrap();
        }
        let error = limits.check(Class::Registration, "a").unwrap_err();
        assert_eq!(error.errcode, "M_LIMIT_EXCEEDED");
        let wait = error.fields["retry_after_ms"].as_u64().unwrap();
        assert!((1..=10_000).contains(&wait), "{wait}");
        limits.check(Class::Login, "a").unwrap();
    }

    #[test]
    fn an_ipv6_network_is_one_address() {
        let parse = |text: &str| network(text.parse().unwrap());
        assert_eq!(parse("2001:db8::1"), parse("2001:db8::ffff:1"));
        assert_ne!(parse("2001:db8:0:1::1"), parse("2001:db8::1"));
        assert_ne!(parse("192.0.2.1"), parse("192.0.2.2"));
    }
}
