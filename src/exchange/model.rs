//! An exchange as a value.

use std::io;

use bytes::Bytes;

use super::large::Large;

/// Which key a request carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Auth {
    /// The provider's own key.
    #[default]
    Provider,
    /// The caller's own key, which is in its headers.
    Client,
    /// No key: to see how the API answers a call without one.
    None,
}

/// A request as it reaches an upstream: with the API's own path, whoever asked, and never with the provider's key.
#[derive(Debug, Clone)]
pub struct Request {
    /// The HTTP method.
    pub method: http::Method,
    /// The API's own path with its query: `/v1/chat/completions` is below the base URL, `/api/chat` at the root of its
    /// server. `//v1/…` is the server's own `/v1/…` if the base URL leads elsewhere (`https://host/openai/v1`).
    pub endpoint: String,
    /// The caller's headers. Keys in them are not passed on, unless `auth` says so.
    pub headers: http::HeaderMap,
    /// The body's bytes.
    pub body: Bytes,
    /// Which key is sent.
    pub auth: Auth,
    /// The case that asks, for repeats and for reports of missing recordings.
    pub case: Option<String>,
}

/// One request and its whole reply.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// The request as sent, with only the headers that are kept.
    pub request: Request,
    /// The provider's declared base URL followed by the endpoint.
    pub url: String,
    /// The reply.
    pub reply: Reply,
    /// RFC 3339, UTC; `None` in recordings that other tools wrote.
    pub recorded_at: Option<String>,
    /// Where the reply comes from.
    pub origin: Origin,
}

/// A whole reply.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// Kept headers, in order, names in lower case.
    pub headers: Vec<(String, String)>,
    /// Every byte of the body, unless it is in `large`.
    pub body: Bytes,
    /// A body that is too large for memory; `body` is empty then.
    pub large: Option<Large>,
    /// How the network split the body: the sizes add up to its length. Empty means one chunk or, for an event stream of
    /// another tool's recording, one chunk per event.
    pub chunks: Vec<ChunkMark>,
    /// How the body ended.
    pub end: End,
}

impl PartialEq for Reply {
    fn eq(&self, other: &Self) -> bool {
        (self.status, &self.headers, &self.chunks, &self.end)
            == (other.status, &other.headers, &other.chunks, &other.end)
            && self.has_same_body(other)
    }
}

impl Eq for Reply {}

impl Reply {
    /// Whether the bodies are the same; large ones are read for that.
    pub fn has_same_body(&self, other: &Self) -> bool {
        match (&self.large, &other.large) {
            (None, None) => self.body == other.body,
            (Some(own), Some(its)) => own == its,
            (Some(large), None) => large.has(&other.body),
            (None, Some(large)) => large.has(&self.body),
        }
    }

    /// The reply with its body in memory, however large it is. Blocks on the disk.
    pub fn in_memory(self) -> io::Result<Self> {
        match &self.large {
            None => Ok(self),
            Some(large) => {
                let body = large.read(0, usize::MAX)?.into();
                Ok(Reply { body, large: None, ..self })
            }
        }
    }
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
    /// The body is complete by HTTP's rules.
    Complete,
    /// The body broke off; the text says how.
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
