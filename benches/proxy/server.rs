//! The two servers under load, each in a process of its own.

use std::convert::Infallible;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::response::Response;
use futures_util::stream;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use tempfile::TempDir;

use super::recorded::{self, Kind};

/// The word that makes this program the bare server.
pub(super) const BARE: &str = "--bare-server";

/// A server that runs until it is dropped.
pub(super) struct Server {
    child: Child,
    pub(super) port: u16,
    /// For clients that use it as their network proxy: how they trust it.
    pub(super) roots: Option<Arc<ClientConfig>>,
    /// From the start of its process to its READY.
    pub(super) started_in: Duration,
}

impl Server {
    pub(super) fn proxy(recordings: &Path) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_retake"));
        command.args(["serve", "--port", "0", "--recordings"]).arg(recordings);
        Server::start(command)
    }

    /// The proxy for clients that use it as their network proxy.
    pub(super) fn intercepting(recordings: &Path) -> Self {
        let state = TempDir::new().unwrap();
        let retake = || {
            let mut command = Command::new(env!("CARGO_BIN_EXE_retake"));
            command.env("RETAKE_STATE_DIR", state.path());
            command
        };
        let shown = retake().args(["ca", "show"]).output().unwrap().stdout;
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(CertificateDer::pem_slice_iter(&shown).map(Result::unwrap));
        let mut command = retake();
        command.args(["serve", "--intercept", "--port", "0", "--recordings"]).arg(recordings);
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let config = config.with_root_certificates(roots).with_no_client_auth();
        Server { roots: Some(Arc::new(config)), ..Server::start(command) }
    }

    pub(super) fn bare(kind: Kind) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args([BARE, &kind.to_string()]);
        Server::start(command)
    }

    fn start(mut command: Command) -> Self {
        let began = Instant::now();
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let port = line.trim().rsplit(':').next().unwrap().parse().unwrap();
        Server { child, port, roots: None, started_in: began.elapsed() }
    }

    /// Memory that it holds, as the system counts it.
    pub(super) fn memory_mb(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
        line.trim().trim_end_matches(" kB").parse::<f64>().unwrap_or(f64::NAN) / 1024.0
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Constant bytes, whatever was asked: what any server on this HTTP library can give at best.
pub(super) fn bare(kind: &str) {
    let kind = Kind::named(kind);
    let chunks: Vec<Bytes> = recorded::answer(kind, 0, 1).into_iter().map(Bytes::from).collect();
    tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        println!("READY http://{}", listener.local_addr().unwrap());
        std::io::stdout().flush().unwrap();
        let answer = move |request: Request| {
            let chunks = chunks.clone();
            async move {
                axum::body::to_bytes(request.into_body(), usize::MAX).await.unwrap();
                let (content_type, body) = match kind {
                    Kind::Stream => (
                        "text/event-stream",
                        Body::from_stream(stream::iter(chunks.into_iter().map(Ok::<_, Infallible>))),
                    ),
                    _ => ("application/json", Body::from(chunks[0].clone())),
                };
                Response::builder().header("content-type", content_type).body(body).unwrap()
            }
        };
        retake::stack::serve(listener, Router::new().fallback(answer), std::future::pending()).await.unwrap();
    });
}
