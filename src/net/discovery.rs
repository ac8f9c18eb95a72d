//! How a server is found by its name (server-server API, "Resolving server names"): where to connect, whose
//! certificate it must show, and by which name it is asked.

use std::{net::IpAddr, time::Duration};

use hyper::http::{HeaderMap, header};
use quick_cache::sync::Cache;
use ruma::{OwnedServerName, ServerName};
use serde::Deserialize;

use super::{
    connect::{Connect, Target},
    dns::Dns,
    https,
};
use crate::clock::Clock;

/// The port of federation where nobody names another.
const DEFAULT_PORT: u16 = 8448;
/// Servers of which is remembered what their `.well-known` says.
const MAX_CACHED: usize = 10_000;
/// An answer of a `.well-known` may have this many bytes.
const MAX_WELL_KNOWN: usize = 64 << 10;
/// A `.well-known` is there after this time, redirects included, or not at all.
const WELL_KNOWN_TIMEOUT: Duration = Duration::from_secs(10);
const HOUR_MS: u64 = 60 * 60 * 1000;
/// How long an answer holds that doesn't say so itself, at the least and at the most.
const HOLDS_MS: (u64, u64, u64) = (24 * HOUR_MS, 5 * 60 * 1000, 48 * HOUR_MS);
/// How long is remembered that there is no valid one.
const ERROR_HOLDS_MS: u64 = HOUR_MS;

/// Where a server is, by one of the roads that the specification knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// Whose certificate has to be shown: a name, or an address without brackets.
    pub certificate: String,
    /// Where to connect, the best first.
    pub targets: Vec<Target>,
}

impl Destination {
    /// Where a name leads whose SRV records say so much; without any, to the port of federation.
    pub(super) fn behind(host: &str, records: Option<Vec<Target>>) -> Self {
        let targets = records.unwrap_or_else(|| vec![Target::Name(host.to_owned(), DEFAULT_PORT)]);
        Self { certificate: host.to_owned(), targets }
    }
}

/// Finds servers, and remembers their `.well-known`.
pub(super) struct Discovery {
    connect: Connect,
    dns: Dns,
    clock: Clock,
    known: Cache<OwnedServerName, WellKnown>,
}

#[derive(Clone)]
struct WellKnown {
    /// The name that the server gave its federation to, if any.
    delegated: Option<OwnedServerName>,
    until_ms: u64,
}

impl Discovery {
    pub fn new(connect: Connect, dns: Dns, clock: Clock) -> Self {
        Self { connect, dns, clock, known: Cache::new(MAX_CACHED) }
    }

    /// Where a server is to be asked.
    pub async fn find(&self, server: &ServerName) -> Destination {
        let name = self.delegated(server).await;
        match direct(&name) {
            Some(destination) => destination,
            None => self.by_records(name.host()).await,
        }
    }

    /// The name that stands for the server: its own, or that of its `.well-known`. Requests name it as their `Host`.
    pub async fn delegated(&self, server: &ServerName) -> OwnedServerName {
        if direct(server).is_some() {
            return server.to_owned();
        }
        self.well_known(server).await.unwrap_or_else(|| server.to_owned())
    }

    /// By SRV records of the name, or at the name itself.
    async fn by_records(&self, host: &str) -> Destination {
        Destination::behind(host, self.records(host).await.map(|(_, targets)| targets))
    }

    /// What SRV records of a name say, with the name of the service that has some.
    pub async fn records(&self, host: &str) -> Option<(&'static str, Vec<Target>)> {
        for service in ["_matrix-fed", "_matrix"] {
            let targets = self.dns.services(&format!("{service}._tcp.{host}.")).await;
            if !targets.is_empty() {
                return Some((service, targets));
            }
        }
        None
    }

    /// What the server's `.well-known` says, fetched or remembered.
    async fn well_known(&self, server: &ServerName) -> Option<OwnedServerName> {
        let now = self.clock.now_ms();
        if let Some(known) = self.known.get(server).filter(|known| known.until_ms > now) {
            return known.delegated;
        }
        let (delegated, holds) = match self.fetch(server.host()).await {
            Ok((delegated, holds)) => (Some(delegated), holds),
            Err(_) => (None, ERROR_HOLDS_MS),
        };
        self.known.insert(server.to_owned(), WellKnown { delegated: delegated.clone(), until_ms: now + holds });
        delegated
    }

    /// A valid answer, and how long it holds in ms; else a sentence that says what is wrong.
    pub async fn fetch(&self, host: &str) -> Result<(OwnedServerName, u64), String> {
        let fetched = tokio::time::timeout(WELL_KNOWN_TIMEOUT, self.follow(host)).await;
        fetched.unwrap_or_else(|_| Err("there was no answer in time".to_owned()))
    }

    async fn follow(&self, host: &str) -> Result<(OwnedServerName, u64), String> {
        #[derive(Deserialize)]
        struct Body {
            #[serde(rename = "m.server")]
            server: OwnedServerName,
        }
        let address = format!("https://{host}/.well-known/matrix/server");
        let (headers, body) = https::follow(&self.connect, &address).await.map_err(|error| error.to_string())?;
        let body = https::read(body, MAX_WELL_KNOWN).await.map_err(|error| error.to_string())?;
        let body: Body = serde_json::from_slice(&body)
            .map_err(|error| format!("{address} does not hold {{\"m.server\": NAME}}: {error}"))?;
        Ok((body.server, holds_ms(&headers)))
    }
}

/// How long an answer holds: what its headers say, within bounds.
fn holds_ms(headers: &HeaderMap) -> u64 {
    let (default, least, most) = HOLDS_MS;
    let Some(control) = headers.get(header::CACHE_CONTROL).and_then(|value| value.to_str().ok()) else {
        return default;
    };
    let directives = || control.split(',').map(|directive| directive.trim().to_ascii_lowercase());
    if directives().any(|directive| directive == "no-store" || directive == "no-cache") {
        return least;
    }
    let seconds = directives().find_map(|directive| directive.strip_prefix("max-age=")?.trim_matches('"').parse().ok());
    seconds.map_or(default, |seconds: u64| seconds.saturating_mul(1000).clamp(least, most))
}

/// Where a name leads that is an address or has a port.
pub(super) fn direct(server: &ServerName) -> Option<Destination> {
    let bare = server.host().trim_start_matches('[').trim_end_matches(']');
    let target = match (bare.parse::<IpAddr>(), server.port()) {
        (Ok(address), port) => Target::Address((address, port.unwrap_or(DEFAULT_PORT)).into()),
        (Err(_), Some(port)) => Target::Name(bare.to_owned(), port),
        (Err(_), None) => return None,
    };
    Some(Destination { certificate: bare.to_owned(), targets: vec![target] })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(control: &str) -> HeaderMap {
        let value = control.parse().unwrap();
        HeaderMap::from_iter([(header::CACHE_CONTROL, value)])
    }

    #[test]
    fn addresses_and_ports_lead_straight_there() {
        let found = |name: &str| direct(name.try_into().unwrap());
        let found_at = |name: &str, certificate: &str, target: Target| {
            let certificate = certificate.to_owned();
            assert_eq!(found(name), Some(Destination { certificate, targets: vec![target] }));
        };
        found_at("1.2.3.4", "1.2.3.4", Target::Address("1.2.3.4:8448".parse().unwrap()));
        found_at("1.2.3.4:99", "1.2.3.4", Target::Address("1.2.3.4:99".parse().unwrap()));
        found_at("[2001:db8::1]", "2001:db8::1", Target::Address("[2001:db8::1]:8448".parse().unwrap()));
        found_at("[2001:db8::1]:99", "2001:db8::1", Target::Address("[2001:db8::1]:99".parse().unwrap()));
        found_at("example.org:99", "example.org", Target::Name("example.org".to_owned(), 99));
        assert_eq!(found("example.org"), None);
    }

    #[test]
    fn answers_hold_as_long_as_they_say_within_bounds() {
        assert_eq!(holds_ms(&HeaderMap::new()), 24 * HOUR_MS);
        assert_eq!(holds_ms(&headers("public, max-age=7200")), 2 * HOUR_MS);
        assert_eq!(holds_ms(&headers("max-age=1")), 5 * 60 * 1000);
        assert_eq!(holds_ms(&headers("max-age=99999999999999999999")), 24 * HOUR_MS);
        assert_eq!(holds_ms(&headers("max-age=9999999999")), 48 * HOUR_MS);
        assert_eq!(holds_ms(&headers("No-Store, max-age=7200")), 5 * 60 * 1000);
    }
}
