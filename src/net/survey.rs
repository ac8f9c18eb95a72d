//! How a server is found, step by step, for an operator who wants to see it and to mend what is wrong.

use std::{net::SocketAddr, time::Duration};

use ruma::{CanonicalJsonObject, OwnedServerName, ServerName};
use serde::Deserialize;
use tokio::time::timeout;

use super::{
    NetError, PeerOptions,
    connect::{Connect, Target},
    discovery::{Destination, Discovery, direct},
    dns::Dns,
    https,
    key_answer::KeyAnswer,
};
use crate::clock::Clock;

/// An answer may have this many bytes, and has come whole after this time.
const MAX_ANSWER: usize = 64 << 10;
const TIMEOUT: Duration = Duration::from_secs(15);

/// One thing that was looked at.
#[derive(Clone, Debug)]
pub struct Step {
    /// What was found.
    pub found: String,
    /// What to do about it, if it is wrong.
    pub advice: Option<String>,
}

/// What there is to connect by.
struct Survey {
    connect: Connect,
    dns: Dns,
    discovery: Discovery,
    clock: Clock,
    steps: Vec<Step>,
}

/// Looks for a server as others do, and asks it for its version and its keys.
///
/// # Errors
/// If TLS can't be set up. Whatever is wrong with the server stands in the steps.
pub async fn survey(options: PeerOptions, server: &ServerName, clock: Clock) -> Result<Vec<Step>, NetError> {
    let dns = Dns::new(options.overrides, options.private);
    let connect = Connect::new(dns.clone(), options.extra_authorities)?;
    let discovery = Discovery::new(connect.clone(), dns.clone(), clock.clone());
    let mut survey = Survey { connect, dns, discovery, clock, steps: Vec::new() };
    let name = survey.name(server).await;
    let destination = survey.destination(&name).await;
    if let Some(address) = survey.address(&destination).await {
        survey.version(&name, &destination, address).await;
        survey.keys(server, &name, &destination, address).await;
    }
    Ok(survey.steps)
}

impl Survey {
    fn good(&mut self, found: impl Into<String>) {
        self.steps.push(Step { found: found.into(), advice: None });
    }

    fn wrong(&mut self, found: impl Into<String>, advice: impl Into<String>) {
        self.steps.push(Step { found: found.into(), advice: Some(advice.into()) });
    }

    /// The name that stands for the server's.
    async fn name(&mut self, server: &ServerName) -> OwnedServerName {
        if direct(server).is_some() {
            return server.to_owned();
        }
        let address = format!("https://{}/.well-known/matrix/server", server.host());
        match self.discovery.fetch(server.host()).await {
            Ok((delegated, holds_ms)) => {
                self.good(format!("{address} gives its federation to {delegated}, for {} minutes", holds_ms / 60_000));
                delegated
            }
            Err(why) => {
                self.good(format!("{address} gives its federation to nobody ({why}), so {server} has to serve itself"));
                server.to_owned()
            }
        }
    }

    /// Where that name leads.
    async fn destination(&mut self, name: &ServerName) -> Destination {
        if let Some(destination) = direct(name) {
            self.good(format!("{name} says by itself where to connect: {}", listed(&destination.targets)));
            return destination;
        }
        let records = self.discovery.records(name.host()).await;
        match &records {
            Some((service, targets)) => {
                self.good(format!("SRV records of {service}._tcp.{} lead to {}", name.host(), listed(targets)));
            }
            None => self.good(format!("{} has no SRV records, so its port is 8448", name.host())),
        }
        Destination::behind(name.host(), records.map(|(_, targets)| targets))
    }

    /// The first address that a connection by TLS can be made to.
    async fn address(&mut self, Destination { certificate, targets }: &Destination) -> Option<SocketAddr> {
        let mut first = None;
        for target in targets {
            let addresses = self.dns.addresses(target).await;
            if addresses.is_empty() {
                let advice = "Let its A or AAAA record name a public address (or, for servers of your own network, set \
                              federation.allow_private_addresses).";
                self.wrong(format!("{target} has no address that may be asked"), advice);
            }
            for address in addresses {
                match self.connect.at(address, certificate).await {
                    Ok(_) => {
                        self.good(format!("{address} shows a valid certificate for {certificate}"));
                        first.get_or_insert(address);
                    }
                    Err(error) => self.wrong(format!("{address}: {error}"), advice_to_connect(&error, certificate)),
                }
            }
        }
        first
    }

    async fn version(&mut self, name: &ServerName, destination: &Destination, address: SocketAddr) {
        #[derive(Deserialize)]
        struct Body {
            server: Software,
        }
        #[derive(Deserialize)]
        struct Software {
            name: String,
            version: String,
        }
        let path = "/_matrix/federation/v1/version";
        match self.json::<Body>(name, destination, address, path).await {
            Ok(Body { server }) => self.good(format!("it answers, as {} {}", server.name, server.version)),
            Err(why) => self.wrong(format!("{path}: {why}"), "Have the port lead to the homeserver's federation API."),
        }
    }

    async fn keys(&mut self, server: &ServerName, name: &ServerName, destination: &Destination, address: SocketAddr) {
        let path = "/_matrix/key/v2/server";
        let now_ms = self.clock.now_ms();
        let object = self.json::<CanonicalJsonObject>(name, destination, address, path).await;
        match object.and_then(|object| KeyAnswer::read(object, server, now_ms)) {
            Ok(answer) if answer.valid_until_ms <= now_ms => self.wrong(
                format!("the keys of {server} are no longer valid"),
                "Set the clocks of both servers right; keys are published for the time to come.",
            ),
            Ok(answer) => {
                let ids: Vec<_> = answer.keys.keys().map(String::as_str).collect();
                self.good(format!("its keys are its own and valid: {}", ids.join(", ")));
            }
            Err(why) => self.wrong(
                format!("{path}: {why}"),
                format!("What answers there has to be the server whose server_name is {server}."),
            ),
        }
    }

    async fn json<T: serde::de::DeserializeOwned>(
        &self,
        name: &ServerName,
        Destination { certificate, .. }: &Destination,
        address: SocketAddr,
        path: &str,
    ) -> Result<T, String> {
        let asking = async {
            let stream = self.connect.at(address, certificate).await?;
            let response = https::send(stream, name.as_str(), path).await?;
            let status = response.status().as_u16();
            let body = https::read(response.into_body(), MAX_ANSWER).await?;
            if status == 200 { Ok(body) } else { Err(NetError::Status(status)) }
        };
        let body = timeout(TIMEOUT, asking).await.unwrap_or(Err(NetError::Slow)).map_err(|error| error.to_string())?;
        serde_json::from_slice(&body).map_err(|error| format!("the answer is not what it should be: {error}"))
    }
}

fn listed(targets: &[Target]) -> String {
    let targets: Vec<_> = targets.iter().map(ToString::to_string).collect();
    targets.join(", ")
}

fn advice_to_connect(error: &NetError, certificate: &str) -> String {
    let words = error.to_string().to_lowercase();
    if words.contains("certificate") {
        format!("Serve a certificate for {certificate} there, with those that lead up to a known authority.")
    } else {
        "Have the server listen there (tls.listen, or a reverse proxy), and let the firewall pass the port.".to_owned()
    }
}
