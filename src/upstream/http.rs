//! An upstream over HTTP: the provider itself. The provider's key is added here and nowhere else.

use std::collections::BTreeMap;
use std::error::Error as _;
use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use http::StatusCode;
use http::header::{self, HeaderMap, HeaderValue};
use reqwest::Url;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

use super::limit::Gate;
use super::retry::{self, Came};
use super::target::{self, Base};
use super::{ERROR_HEADER, Error, ErrorKind, Reply, Request, Switched, Upstream};
use crate::exchange::Auth;
use crate::wire::coding::Coded;

pub use super::limit::Limits;
pub use super::retry::Retries;
pub use super::target::ApiKey;

/// How long to wait for each stage of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// For a connection.
    pub connect: Duration,
    /// From sending to the first byte of the body.
    pub first_byte: Duration,
    /// Between two chunks of the body.
    pub gap: Duration,
    /// From sending to the end of the body, retries included.
    pub whole: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Timeouts {
            connect: Duration::from_secs(10),
            first_byte: Duration::from_secs(120),
            gap: Duration::from_secs(60),
            whole: Duration::from_secs(600),
        }
    }
}

/// How to reach a provider.
#[derive(Debug, Clone)]
pub struct HttpConfig {
    /// The provider's name, for messages.
    pub provider: String,
    /// The base URL with the API's version: `https://api.together.xyz/v1`.
    pub base_url: String,
    /// The provider's key, if it has one.
    pub key: Option<ApiKey>,
    /// Whether requests that use the provider's key fail without it.
    pub key_required: bool,
    /// Headers added to every request.
    pub headers: BTreeMap<String, String>,
    /// How long to wait.
    pub timeouts: Timeouts,
    /// Whether and how failed requests are retried.
    pub retries: Retries,
    /// Limits on requests at once and per minute.
    pub limits: Limits,
    /// Whether the upstream is another retake (a stack or a script): it then gets the case and the wish for no key, and
    /// its own headers (`x-retake-…`) are trusted. A provider gets neither, and headers of such names from it are
    /// dropped.
    pub is_retake: bool,
    /// Whether callers may send their own credential; the error about a missing key then says so.
    pub takes_client_auth: bool,
}

impl HttpConfig {
    /// A provider without key, extra headers or limits, with the retries of a live run.
    pub fn new(provider: impl Into<String>, base_url: impl Into<String>) -> Self {
        HttpConfig {
            provider: provider.into(),
            base_url: base_url.into(),
            key: None,
            key_required: false,
            headers: BTreeMap::new(),
            timeouts: Timeouts::default(),
            retries: Retries::live(),
            limits: Limits::default(),
            is_retake: false,
            takes_client_auth: false,
        }
    }
}

/// A provider, reached over HTTP/1.1 or HTTP/2. Nothing is opened, read or built before the first request.
pub struct Http {
    config: HttpConfig,
    client: OnceLock<reqwest::Client>,
    /// The same for HTTP/1.1 alone, in which a protocol can be switched.
    switching: OnceLock<reqwest::Client>,
    gate: Gate,
    /// Returns random numbers in `0.0..1.0`.
    dice: fn() -> f64,
}

impl Http {
    /// An upstream over HTTP. Errors in `config` show at the first request.
    pub fn new(config: HttpConfig) -> Self {
        let gate = Gate::new(config.limits);
        Http { config, client: OnceLock::new(), switching: OnceLock::new(), gate, dice: roll }
    }

    /// The same upstream with another source of random numbers in `0.0..1.0`.
    pub fn with_dice(self, dice: fn() -> f64) -> Self {
        Http { dice, ..self }
    }

    async fn answer(&self, request: Request) -> Result<Reply, Error> {
        let base = Base::parse(&self.config.provider, &self.config.base_url)?;
        let headers = self.headers(&request)?;
        let client = self.client(&base, &self.client, Version::Any)?;
        let permit = self.gate.enter().await;
        let mut call = self.call(&base, &request);
        let deadline = call.deadline;
        let mut tried = 0;
        loop {
            self.gate.pace().await;
            call.first_byte_by = deadline.min(Instant::now() + self.config.timeouts.first_byte);
            let message = client
                .request(request.method.clone(), call.url.clone())
                .headers(headers.clone())
                .body(request.body.clone());
            let came = call.head(message).await;
            tried += 1;
            let outcome = match &came {
                Ok(response) => Came::Reply(response.status(), response.headers()),
                Err(_) => Came::Nothing,
            };
            match retry::pause(&self.config.retries, tried, outcome, SystemTime::now(), (self.dice)()) {
                // A try that starts after the deadline could get no reply.
                Some(pause) if Instant::now() + pause < deadline => {
                    drop(came);
                    tokio::time::sleep(pause).await;
                }
                _ => return call.reply(came?, permit).await,
            }
        }
    }

    fn call(&self, base: &Base, request: &Request) -> Call {
        let url = base.url(&request.endpoint);
        let deadline = Instant::now() + self.config.timeouts.whole;
        Call {
            who: format!("{}: {} {}", self.config.provider, request.method, target::shown(&url)),
            url,
            key: self.config.key.clone(),
            is_retake: self.config.is_retake,
            timeouts: self.config.timeouts,
            first_byte_by: deadline,
            deadline,
        }
    }

    /// Sends a request to switch the protocol, once.
    async fn switched(&self, request: Request) -> Result<Switched, Error> {
        let base = Base::parse(&self.config.provider, &self.config.base_url)?;
        let mut headers = self.headers(&request)?;
        if let Some(protocol) = request.headers.get(header::UPGRADE) {
            headers.insert(header::UPGRADE, protocol.clone());
            headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        }
        let client = self.client(&base, &self.switching, Version::Http1)?;
        self.gate.pace().await;
        let mut call = self.call(&base, &request);
        call.first_byte_by = call.deadline.min(Instant::now() + self.config.timeouts.first_byte);
        let message = client.request(request.method, call.url.clone()).headers(headers).body(request.body);
        let response = call.head(message).await?;
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            return call.reply(response, None).await.map(Switched::Not);
        }
        let headers = target::without_own_headers(response.headers().clone());
        let upgraded = response.upgrade().await;
        let upgraded = upgraded.map_err(|error| call.error(ErrorKind::Broken, &reasons(error)))?;
        Ok(Switched::To(headers, Box::new(upgraded)))
    }

    fn headers(&self, request: &Request) -> Result<HeaderMap, Error> {
        let mut headers = target::headers(&request.headers, request.auth, &self.config.headers)?;
        if self.config.is_retake {
            super::mark(&mut headers, request);
        }
        match (&self.config.key, request.auth) {
            (Some(key), Auth::Provider) if !key.is_set() && self.config.key_required => {
                let (provider, var) = (&self.config.provider, &key.var);
                let or_client = if self.config.takes_client_auth {
                    ", let the client send its own, which is passed on where it is not made up (`sk-test`)"
                } else {
                    ""
                };
                let message = format!(
                    "{provider} needs a key: set {var} in the environment{or_client}, or replay recordings, which needs \
                     none (--mode replay)"
                );
                return Err(Error::new(ErrorKind::MissingKey, message));
            }
            (Some(key), Auth::Provider) => target::add_key(&mut headers, &key.as_asked(&request.headers))?,
            (_, Auth::None | Auth::Client) | (None, _) => {}
        }
        Ok(headers)
    }

    fn client<'c>(
        &self,
        base: &Base,
        built: &'c OnceLock<reqwest::Client>,
        version: Version,
    ) -> Result<&'c reqwest::Client, Error> {
        if let Some(client) = built.get() {
            return Ok(client);
        }
        let client = self.build(base, version).map_err(|error| {
            let (provider, reason) = (&self.config.provider, reasons(error));
            let help = "HTTPS needs the system's CA certificates: install the package ca-certificates, or name a \
                        file of them in SSL_CERT_FILE";
            Error::new(ErrorKind::Connect, format!("{provider}: no HTTP client can be built: {reason}. {help}"))
        })?;
        Ok(built.get_or_init(|| client))
    }

    /// With rustls, building fails if the system has no CA certificates, even if none is needed. Plain HTTP must work
    /// there.
    fn build(&self, base: &Base, version: Version) -> Result<reqwest::Client, reqwest::Error> {
        // An error means that a crypto provider is installed already, which is fine.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let builder = || {
            let builder = reqwest::Client::builder()
                .connect_timeout(self.config.timeouts.connect)
                .http1_max_headers(MOST_HEADERS)
                .redirect(reqwest::redirect::Policy::none());
            let builder = if version == Version::Http1 { builder.http1_only() } else { builder };
            if base.is_loopback() { builder.no_proxy() } else { builder }
        };
        let without_roots = || builder().tls_certs_only([]).build();
        match (base.is_plain(), base.is_loopback()) {
            (true, true) => without_roots(),
            (true, false) => builder().build().or_else(|_| without_roots()),
            (false, _) => builder().build(),
        }
    }
}

impl Upstream for Http {
    fn send(&self, request: Request) -> BoxFuture<'_, Result<Reply, Error>> {
        Box::pin(self.answer(request))
    }

    fn switch(&self, request: Request) -> BoxFuture<'_, Result<Switched, Error>> {
        Box::pin(self.switched(request))
    }
}

/// The versions of HTTP that a client speaks.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Version {
    Any,
    Http1,
}

/// A random number good enough to spread clients; no secret depends on it.
fn roll() -> f64 {
    let bits = uuid::Uuid::new_v4().as_u64_pair().1 & u64::from(u32::MAX);
    bits as f64 / (f64::from(u32::MAX) + 1.0)
}

/// The most headers of a reply: chains of gateways add many.
const MOST_HEADERS: usize = 1_000;

/// What to do if a reply comes compressed and cannot be decoded.
const GO_AROUND: &str = "something between here and the provider compresses: go around it";

/// One request under way, with the data for its errors, and its deadlines.
struct Call {
    /// `together: POST https://…`
    who: String,
    url: Url,
    key: Option<ApiKey>,
    is_retake: bool,
    timeouts: Timeouts,
    first_byte_by: Instant,
    deadline: Instant,
}

impl Call {
    /// Sends the request and waits for status and headers.
    async fn head(&self, message: reqwest::RequestBuilder) -> Result<reqwest::Response, Error> {
        match tokio::time::timeout_at(self.first_byte_by, message.send()).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) if error.is_connect() && error.is_timeout() => {
                let after = self.timeouts.connect;
                Err(self.error(ErrorKind::Timeout, &format!("no connection within {after:?}: is the address right?")))
            }
            Ok(Err(error)) if error.is_connect() => {
                let way_out = format!(
                    "no connection: {}. Is the server up, and its address right? \
                     (base_url in providers.yaml, or --provider NAME=BASE_URL)",
                    reasons(error)
                );
                Err(self.error(ErrorKind::Connect, &way_out))
            }
            Ok(Err(error)) => Err(self.error(ErrorKind::Broken, &format!("no reply: {}", reasons(error)))),
            Err(_) => Err(self.late("no reply", self.timeouts.first_byte, self.first_byte_by)),
        }
    }

    /// The reply; its body may still arrive. `permit` is released when the body ends.
    async fn reply(self, response: reqwest::Response, permit: Option<OwnedSemaphorePermit>) -> Result<Reply, Error> {
        let (status, mut headers) = (response.status(), response.headers().clone());
        let coded = Coded::of(&headers).map_err(|coding| {
            let reason = format!("the reply is compressed ({coding}) although that was not asked for; {GO_AROUND}");
            self.error(ErrorKind::Broken, &reason)
        })?;
        coded.tidy(&mut headers);
        if !self.is_retake {
            headers = target::without_own_headers(headers);
        }
        let made_up = headers
            .get(ERROR_HEADER)
            .map(|name| name.to_str().ok().and_then(ErrorKind::from_name).unwrap_or(ErrorKind::Other));
        let who = self.who.clone();
        let reply = Reply { status, headers, body: self.body(response, coded, permit).boxed() };
        match made_up {
            None => Ok(reply),
            Some(kind) => Err(Error::new(kind, told(&who, reply).await)),
        }
    }

    /// The chunks as they come. The first one may take until `first_byte_by`, since servers send headers long before
    /// they have processed a prompt.
    fn body(
        self,
        response: reqwest::Response,
        mut coded: Coded,
        permit: Option<OwnedSemaphorePermit>,
    ) -> impl futures_util::Stream<Item = Result<Bytes, Error>> + Send + 'static {
        async_stream::stream! {
            let _permit = permit;
            let mut chunks = response.bytes_stream();
            let mut bytes = 0;
            let mut is_end = false;
            'all: while !is_end {
                let gap = Instant::now() + self.timeouts.gap;
                let by = if bytes == 0 { gap.max(self.first_byte_by) } else { gap }.min(self.deadline);
                match tokio::time::timeout_at(by, chunks.next()).await {
                    Ok(Some(Ok(chunk))) => {
                        bytes += chunk.len();
                        coded.feed(chunk);
                    }
                    Ok(None) => {
                        coded.end();
                        is_end = true;
                    }
                    Ok(Some(Err(error))) => {
                        let reason = format!("the reply broke off after {bytes} bytes: {}", reasons(error));
                        yield Err(self.error(ErrorKind::Broken, &reason));
                        break;
                    }
                    Err(_) => {
                        let what = format!("the reply stood still after {bytes} bytes: no more");
                        yield Err(self.late(&what, self.timeouts.gap, by));
                        break;
                    }
                }
                // Decoded piece by piece, as the caller reads: a few bytes can decode to very many.
                while let Some(piece) = coded.piece() {
                    let is_fault = piece.is_err();
                    yield piece.map_err(|fault| self.corrupt(&fault));
                    if is_fault {
                        break 'all;
                    }
                }
            }
        }
    }

    fn corrupt(&self, fault: &str) -> Error {
        let reason =
            format!("the reply is compressed although that was not asked for, and corrupt: {fault}; {GO_AROUND}");
        self.error(ErrorKind::Broken, &reason)
    }

    fn late(&self, what: &str, limit: Duration, by: Instant) -> Error {
        let limit = if by == self.deadline { self.timeouts.whole } else { limit };
        self.error(ErrorKind::Timeout, &format!("{what} within {limit:?}"))
    }

    fn error(&self, kind: ErrorKind, reason: &str) -> Error {
        let message = format!("{}: {reason}", self.who);
        Error::new(kind, self.key.iter().fold(message, |message, key| key.hide_in(message)))
    }
}

/// The most bytes that are read of another retake's error.
const MOST_TOLD: usize = 1 << 20;

/// The message of another retake that had no answer either.
async fn told(who: &str, mut reply: Reply) -> String {
    let mut body = Vec::new();
    while body.len() < MOST_TOLD
        && let Some(Ok(chunk)) = reply.body.next().await
    {
        body.extend_from_slice(&chunk[..chunk.len().min(MOST_TOLD - body.len())]);
    }
    let message = serde_json::from_slice::<serde_json::Value>(&body)
        .ok()
        .and_then(|body| Some(body.pointer("/error/message")?.as_str()?.to_owned()));
    message.unwrap_or_else(|| format!("{who}: no answer: {}", String::from_utf8_lossy(&body)))
}

/// The causes of an error in one line. The error's own words ("error sending request") are used only if it has no
/// cause. Never the URL, which may hold a secret.
fn reasons(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut line = String::new();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if line.is_empty() {
            line = text;
        } else if !line.contains(&text) {
            line = format!("{line}: {text}");
        }
        cause = error.source();
    }
    if line.is_empty() { error.to_string() } else { line }
}

#[cfg(test)]
mod tests;
