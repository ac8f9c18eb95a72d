//! `salon serve`: logging, listeners and a clean end around the server.

use std::error::Error;
use std::future::Future;
use std::io::{self, IsTerminal, Write};
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

use crate::{
    app::App,
    clock::{Clock, Randomness},
    config::{Config, Log, LogFormat},
    http::{self, limits::Patience},
};

/// How long requests that are running at a signal may go on. The promise is 5 s for all.
const GRACE: Duration = Duration::from_secs(4);

/// Serves until SIGINT or SIGTERM.
pub fn run(config: Config) -> Result<(), Box<dyn Error>> {
    start_log(&config.log);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let outcome = runtime.block_on(serve(config));
    runtime.shutdown_timeout(GRACE);
    outcome
}

async fn serve(config: Config) -> Result<(), Box<dyn Error>> {
    // Before anything else, so that a signal during the start is not lost.
    let stop = stop_signal()?;
    let app = App::build(config.clone(), Clock::System, Randomness::from_system())?;
    let followers = app.start();
    let routes = http::router(app.clone());
    let mut servers = tokio::task::JoinSet::new();
    let mut addresses = Vec::new();
    for &address in &config.listen {
        let listener = bind(address).await?;
        addresses.push(listener.local_addr()?);
        let (app, routes) = (app.clone(), routes.clone());
        servers.spawn(async move { http::serve(listener, routes, Patience::default(), app.stopped()).await });
    }
    if let (false, Some(cert), Some(key)) = (config.tls.listen.is_empty(), &config.tls.cert, &config.tls.key) {
        let tls = http::tls::acceptor(cert, key)?;
        for &address in &config.tls.listen {
            let listener = bind(address).await?;
            tracing::info!(address = %listener.local_addr()?, "listening with TLS");
            let (app, routes, tls) = (app.clone(), routes.clone(), tls.clone());
            servers.spawn(async move {
                http::serve_tls(listener, tls, routes, Patience::default(), app.stopped()).await;
            });
        }
    }
    announce(&config, &addresses);
    stop.await;
    tracing::info!("stopping");
    app.stop();
    let _ = tokio::time::timeout(GRACE, async { tokio::join!(servers.join_all(), followers) }).await;
    app.store.close();
    Ok(())
}

fn start_log(log: &Log) {
    let builder = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(directives(&log.level)))
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal());
    match log.format {
        LogFormat::Text => builder.init(),
        LogFormat::Json => builder.json().init(),
    }
}

/// A plain level is meant for Salon: libraries only speak up when something is wrong.
fn directives(level: &str) -> String {
    match level.parse::<tracing::Level>() {
        Ok(_) => format!("warn,salon={level}"),
        Err(_) => level.to_owned(),
    }
}

async fn bind(address: SocketAddr) -> Result<TcpListener, String> {
    let bound = TcpListener::bind(address).await;
    bound.map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => {
            format!("`listen`: {address} is in use by another program, perhaps another Salon")
        }
        _ => format!("`listen`: can't listen on {address}: {error}"),
    })
}

/// Resolves at the first SIGINT or SIGTERM after this call.
fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// Tells whoever started the program where to go. A closed standard output is no reason to stop.
fn announce(config: &Config, addresses: &[SocketAddr]) {
    let version = env!("CARGO_PKG_VERSION");
    let data = std::path::absolute(&config.data_dir).unwrap_or(config.data_dir.clone());
    let mut out = io::stdout().lock();
    let _ = writeln!(out, "Salon {version} serves {}.", config.server_name);
    for address in addresses {
        let _ = writeln!(out, "  open  http://{address}");
    }
    let _ = writeln!(out, "  data  {}", data.display());
    let _ = writeln!(out, "  stop  Ctrl-C");
    let _ = out.flush();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_level_is_for_salon_alone() {
        assert_eq!(directives("debug"), "warn,salon=debug");
        assert_eq!(directives("info,hyper=trace"), "info,hyper=trace");
    }
}
