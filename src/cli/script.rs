//! `retake script`: a scripted provider on loopback.

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use tokio::net::TcpListener;

use crate::script::{self, Script};

use super::args::ScriptArgs;
use super::exit::{Exit, Stop};
use super::{block_on, load, settings};

/// Serves until it is told to end.
pub(super) fn run(args: &ScriptArgs) -> Result<Exit, Stop> {
    let source = load::read(&args.file)?;
    let script = Script::parse(&source).map_err(|error| Stop::usage(error.render(settings::color(None))))?;
    block_on(async {
        let listener = bind(Ipv4Addr::LOCALHOST.into(), args.port).await?;
        ready(&listener)?;
        script::serve(listener, Arc::new(script), ended()).await.map_err(Stop::internal)?;
        Ok(Exit::Ok)
    })
}

/// Takes a port, 0 for any.
pub(super) async fn bind(host: std::net::IpAddr, port: u16) -> Result<TcpListener, Stop> {
    TcpListener::bind((host, port))
        .await
        .map_err(|error| Stop::usage(format!("cannot listen on {host}:{port}: {error} (another port with --port N)")))
}

/// The first line on stdout, once connections are taken: `READY http://127.0.0.1:PORT`.
pub(super) fn ready(listener: &TcpListener) -> Result<(), Stop> {
    let base = base_of(listener)?;
    let mut out = std::io::stdout();
    writeln!(out, "READY {base}").and_then(|()| out.flush()).map_err(Stop::internal)
}

/// The URL at which this machine reaches a listener.
pub(super) fn base_of(listener: &TcpListener) -> Result<String, Stop> {
    let mut address = listener.local_addr().map_err(Stop::internal)?;
    match address.ip() {
        IpAddr::V4(any) if any.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(any) if any.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    Ok(format!("http://{address}"))
}

/// Until Ctrl-C or SIGTERM.
pub(super) async fn ended() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut term) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = term.recv() => {}
            }
            return;
        }
    }
    let _ = tokio::signal::ctrl_c().await;
}
