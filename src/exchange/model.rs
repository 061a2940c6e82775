//! The exchange as a value.

use bytes::Bytes;

/// Which key a request carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Auth {
    /// The provider's own key.
    #[default]
    Provider,
    /// The caller's own, which is in its headers.
    Client,
    /// None: to see how the API answers a call without a key.
    None,
}

/// A request as it reaches an upstream: the API's own path, whoever asked; never a key.
#[derive(Debug, Clone)]
pub struct Request {
    /// The HTTP method.
    pub method: http::Method,
    /// The API's own path with its query: `/v1/chat/completions` below the base URL, `/api/chat` at the root of its
    /// server. `//v1/…` is the server's own `/v1/…` where the base URL leads elsewhere (`https://host/openai/v1`).
    pub endpoint: String,
    /// Headers of the caller. What keys they hold goes no further, unless `auth` says so.
    pub headers: http::HeaderMap,
    /// The body's bytes.
    pub body: Bytes,
    /// Whether the provider's key goes along.
    pub auth: Auth,
    /// The case on whose behalf it is made, for repeats and misses.
    pub case: Option<String>,
}

/// One request and its whole reply.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// The request as sent. Its headers are those kept.
    pub request: Request,
    /// The provider's declared base URL followed by the endpoint.
    pub url: String,
    /// The reply.
    pub reply: Reply,
    /// RFC 3339, UTC; absent in recordings that other tools wrote.
    pub recorded_at: Option<String>,
    /// Where the reply comes from.
    pub origin: Origin,
}

/// A whole reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// Kept headers, in order, names in lower case.
    pub headers: Vec<(String, String)>,
    /// Every byte of the body.
    pub body: Bytes,
    /// How the network cut the body: sizes add up to its length. Empty means one piece, or, for an event
    /// stream of another tool's recording, one piece an event.
    pub chunks: Vec<ChunkMark>,
    /// How the body ended.
    pub end: End,
}

/// One network chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChunkMark {
    /// Bytes.
    pub size: usize,
    /// Milliseconds since the request was sent.
    pub at_ms: u64,
}

/// How a body ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// As HTTP says a body ends.
    Complete,
    /// It broke off; the words say how.
    Broken(String),
}

/// Where a reply comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// A real provider.
    Real,
    /// A script.
    Simulated,
}
