//! The seam. An [`Upstream`] is anything that answers a request: HTTP, a recorder around another upstream, a folder of
//! recordings, a script, the gateway called without a socket.

/// A provider reached over HTTP.
pub mod http;
mod limit;
mod retry;
mod target;
mod version;

use std::sync::Arc;

use ::http::{HeaderMap, StatusCode};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::{BoxStream, StreamExt};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::exchange::Auth;

pub use crate::exchange::Request;
pub use target::{end_to_end, endpoint_at, is_loopback, path_of, plain_host, secrets_in, url_at, without_secrets};
pub(crate) use target::{host_and_port, without_own_headers};
pub use version::{is_misplaced, versioned};

/// Anything that answers a request.
pub trait Upstream: Send + Sync + 'static {
    /// Answers `request`. A status of 4xx or 5xx is an answer; an `Err` means that there is none.
    fn send(&self, request: Request) -> BoxFuture<'_, Result<Reply, Error>>;

    /// Asks to switch to another protocol, as WebSocket clients do. Only a server on a socket can.
    fn switch(&self, request: Request) -> BoxFuture<'_, Result<Switched, Error>> {
        let message =
            format!("{} {}: this upstream cannot switch to another protocol", request.method, request.endpoint);
        Box::pin(async move { Err(Error::new(ErrorKind::Other, message)) })
    }
}

/// An upstream with several users.
pub type Shared = Arc<dyn Upstream>;

/// An answer whose body may still be arriving.
pub struct Reply {
    /// The HTTP status.
    pub status: StatusCode,
    /// The headers as they came.
    pub headers: HeaderMap,
    /// The body in the chunks that the network gave. An `Err` is the last item: the body broke off.
    pub body: BoxStream<'static, Result<Bytes, Error>>,
}

impl Reply {
    /// A reply whose body is complete.
    pub fn whole(status: StatusCode, headers: HeaderMap, body: impl Into<Bytes>) -> Self {
        let body = body.into();
        Reply { status, headers, body: futures_util::stream::once(async move { Ok(body) }).boxed() }
    }

    /// Reads the body to its end. `Err` holds what came before the body broke off.
    pub async fn collect(mut self) -> Result<Bytes, (Bytes, Error)> {
        let mut all = Vec::new();
        while let Some(chunk) = self.body.next().await {
            match chunk {
                Ok(bytes) => all.extend_from_slice(&bytes),
                Err(error) => return Err((all.into(), error)),
            }
        }
        Ok(all.into())
    }
}

/// The answer to a request that asks to switch to another protocol.
pub enum Switched {
    /// The server switches: the headers of its reply, and the connection.
    To(HeaderMap, Box<dyn Connection>),
    /// It answers as to any request.
    Not(Reply),
}

/// A connection to a server after its protocol was switched.
pub trait Connection: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Connection for T {}

/// Why there is no answer, or why it broke off.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    /// The kind of error.
    pub kind: ErrorKind,
    /// For people: what happened, and what to do.
    pub message: String,
}

impl Error {
    /// An error of this kind with this message.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Error { kind, message: message.into() }
    }
}

/// Kinds of errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// Replay has no recording of this request. The request was not sent anywhere.
    MissingRecording,
    /// Replay has a recording of this case, but the request has changed since. It was not sent anywhere.
    StaleRecording,
    /// A recording exists but cannot be read.
    BrokenRecording,
    /// The provider's key variable is not set.
    MissingKey,
    /// No connection, or no TLS.
    Connect,
    /// A deadline passed.
    Timeout,
    /// A script has no rule for this request.
    NoRule,
    /// The body broke off, or was not HTTP.
    Broken,
    /// Anything else: a bug or a wrong setting.
    Other,
}

impl ErrorKind {
    /// The name in messages, headers and reports: `missing-recording`, …
    pub fn name(self) -> &'static str {
        match self {
            ErrorKind::MissingRecording => "missing-recording",
            ErrorKind::StaleRecording => "stale-recording",
            ErrorKind::BrokenRecording => "broken-recording",
            ErrorKind::MissingKey => "missing-key",
            ErrorKind::Connect => "connect",
            ErrorKind::Timeout => "timeout",
            ErrorKind::NoRule => "no-rule",
            ErrorKind::Broken => "broken-off",
            ErrorKind::Other => "internal",
        }
    }

    /// The status of a reply that reports this error: one that SDKs handle in the right way, if there is one, otherwise
    /// [`ERROR_STATUS`].
    pub fn status(self) -> StatusCode {
        match self {
            ErrorKind::MissingKey => StatusCode::UNAUTHORIZED,
            ErrorKind::Connect | ErrorKind::Broken => StatusCode::BAD_GATEWAY,
            ErrorKind::Timeout => StatusCode::GATEWAY_TIMEOUT,
            _ => StatusCode::FAILED_DEPENDENCY,
        }
    }

    /// Whether the network or the provider failed, perhaps for a moment: a client may try again.
    pub fn may_pass(self) -> bool {
        matches!(self, ErrorKind::Connect | ErrorKind::Timeout | ErrorKind::Broken)
    }

    /// The kind as the `type` of an error in OpenAI's form: `retake_missing_recording`, …
    pub fn openai_type(self) -> String {
        format!("retake_{}", self.name().replace('-', "_"))
    }

    /// The kind with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        use ErrorKind::*;
        [MissingRecording, StaleRecording, BrokenRecording, MissingKey, Connect, Timeout, NoRule, Broken, Other]
            .into_iter()
            .find(|kind| kind.name() == name)
    }
}

/// On every reply that retake itself made because there was no answer; the value is an [`ErrorKind::name`]. Providers
/// do not send it, so such a reply cannot be mistaken for the provider's.
pub const ERROR_HEADER: &str = "x-retake-error";
/// The status of such a reply: no SDK retries it and no provider sends it.
pub const ERROR_STATUS: u16 = 424;
/// Names the case that makes a request (percent-encoded); removed before the request goes to a provider.
pub const CASE_HEADER: &str = "x-retake-case";
/// `none` asks that the provider gets no key; removed before the request goes to a provider.
pub const AUTH_HEADER: &str = "x-retake-auth";
/// On the replies of a gateway, the model that answered, as its provider calls it.
pub const MODEL_HEADER: &str = "x-retake-model";
/// `simulated` on the replies of a script, so that a recording of it is labelled.
pub const ORIGIN_HEADER: &str = "x-retake-origin";

/// The characters that [`CASE_HEADER`] escapes because no header may hold them, and `%`.
const CASE_ESCAPES: &AsciiSet = &CONTROLS.add(b' ').add(b'%');

/// Adds headers for a stack with what a request has besides its HTTP parts: its case, and its wish for no key.
pub fn mark(headers: &mut ::http::HeaderMap, request: &Request) {
    if let Some(case) = &request.case {
        let escaped = utf8_percent_encode(case, CASE_ESCAPES).to_string();
        // Escaped text is printable ASCII, which any header may hold.
        if let Ok(value) = ::http::HeaderValue::try_from(escaped) {
            headers.insert(CASE_HEADER, value);
        }
    }
    if request.auth == Auth::None {
        headers.insert(AUTH_HEADER, ::http::HeaderValue::from_static("none"));
    }
}
