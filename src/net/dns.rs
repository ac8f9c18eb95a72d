//! Names and their addresses, with what tests put in their place.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use hickory_resolver::{TokioResolver, proto::rr::RData};

use super::{addresses::is_public, connect::Target};

/// Targets of one service that are tried.
const MAX_TARGETS: usize = 8;

/// The system's resolver, and one of ours for SRV records.
#[derive(Clone)]
pub(super) struct Dns {
    resolver: Option<Arc<TokioResolver>>,
    /// `host:port` → where a test has it. If there is one, nothing else is there.
    overrides: Arc<BTreeMap<String, SocketAddr>>,
    private: bool,
}

impl Dns {
    /// `private`: whether addresses of private networks may be asked.
    pub fn new(overrides: BTreeMap<String, SocketAddr>, private: bool) -> Self {
        let resolver = TokioResolver::builder_tokio().and_then(|builder| builder.build());
        if let Err(error) = &resolver {
            tracing::warn!(%error, "servers are not found by SRV records: the system's settings can't be read");
        }
        Self { resolver: resolver.ok().map(Arc::new), overrides: Arc::new(overrides), private }
    }

    /// Where a service is, the best first; nowhere if there are no such records.
    pub async fn services(&self, name: &str) -> Vec<Target> {
        let Some(resolver) = self.resolver.as_ref().filter(|_| self.overrides.is_empty()) else { return Vec::new() };
        let Ok(found) = resolver.srv_lookup(name).await else { return Vec::new() };
        let records = found.answers().iter().filter_map(|record| match &record.data {
            RData::SRV(service) => Some(service),
            _ => None,
        });
        let mut services: Vec<_> = records
            .map(|service| {
                let name = service.target.to_utf8().trim_end_matches('.').to_owned();
                ((service.priority, std::cmp::Reverse(service.weight)), Target::Name(name, service.port))
            })
            .collect();
        services.sort_by_key(|(order, _)| *order);
        // The name "." says that there is decidedly no such service.
        let named = services.into_iter().map(|(_, target)| target);
        named.filter(|target| !matches!(target, Target::Name(name, _) if name.is_empty())).take(MAX_TARGETS).collect()
    }

    /// The addresses behind a target that may be asked.
    pub async fn addresses(&self, target: &Target) -> Vec<SocketAddr> {
        match target {
            Target::Address(address) => self.allowed(*address).into_iter().collect(),
            Target::Name(name, port) if !self.overrides.is_empty() => {
                self.overrides.get(&format!("{name}:{port}")).copied().into_iter().collect()
            }
            Target::Name(name, port) => match tokio::net::lookup_host((name.as_str(), *port)).await {
                Ok(found) => found.filter_map(|address| self.allowed(address)).collect(),
                Err(_) => Vec::new(),
            },
        }
    }

    fn allowed(&self, address: SocketAddr) -> Option<SocketAddr> {
        let ip: IpAddr = address.ip();
        (self.private || is_public(ip)).then_some(address)
    }
}
