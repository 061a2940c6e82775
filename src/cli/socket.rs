//! Listening on ports, waiting for the signal to end, and requests on loopback.

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use tokio::net::TcpListener;

use crate::access::Guard;
use crate::upstream;
use crate::upstream::http::{Http, HttpConfig, Retries, Timeouts};

use super::args::AccessArgs;
use super::exit::Stop;

/// Listens on a port; 0 means any.
pub(super) async fn bind(host: std::net::IpAddr, port: u16) -> Result<TcpListener, Stop> {
    TcpListener::bind((host, port))
        .await
        .map_err(|error| Stop::usage(format!("cannot listen on {host}:{port}: {error} (another port with --port N)")))
}

/// Which callers a server bound to `host` accepts.
pub(super) fn guard(host: IpAddr, args: &AccessArgs) -> Result<Guard, Stop> {
    let said = |words: &[String]| words.iter().filter(|word| !word.is_empty()).cloned().collect::<Vec<_>>();
    Guard::new(host, &said(&args.allow_host), &said(&args.allow_origin)).map_err(Stop::usage)
}

/// Prints the first line on stdout once connections are accepted: `READY http://127.0.0.1:PORT`.
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

/// Waits for Ctrl-C or SIGTERM.
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

/// A client for a server on loopback, with short timeouts: it answers at once or does not run.
pub(super) fn quick(name: &str, base: &str) -> Http {
    let soon = Duration::from_secs(5);
    let timeouts = Timeouts { connect: soon, first_byte: soon, gap: soon, whole: soon };
    Http::new(HttpConfig { retries: Retries::never(), timeouts, ..HttpConfig::new(name, format!("{base}/v1")) })
}

/// A GET request for a path.
pub(super) fn get(path: &str) -> upstream::Request {
    upstream::Request {
        method: http::Method::GET,
        endpoint: path.to_owned(),
        headers: http::HeaderMap::new(),
        body: bytes::Bytes::new(),
        auth: crate::exchange::Auth::None,
        case: None,
    }
}
