//! A case's requests and replies.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::failure::Part;
use super::time::maybe_micros;

/// A request of a case and its reply.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Exchange {
    /// The part of the case.
    pub part: Part,
    /// The step's name, when it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// The request; `None` if it could not be built.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request: Option<Request>,
    /// The reply; `None` if there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reply: Option<Reply>,
}

/// A request in a form that a person can send again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Request {
    /// The HTTP method.
    pub method: String,
    /// The path with its query, as in the case.
    pub endpoint: String,
    /// The URL to which a person can send it.
    pub url: String,
    /// The command that starts the server, if it does not run after the tests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start: Option<String>,
    /// The key to send.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<KeyHeader>,
    /// The headers, in order, without keys.
    pub headers: Vec<(String, String)>,
    /// The body; empty if there is none.
    pub body: String,
}

/// How a key is sent. Its value is in no event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct KeyHeader {
    /// The environment variable that holds it.
    pub var: String,
    /// The header.
    pub header: String,
    /// The text before the key in the header: `Bearer `.
    pub prefix: String,
}

/// A reply.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The headers that help to identify the request, in order.
    pub headers: Vec<(String, String)>,
    /// When its first byte came, measured from sending the request; for a replayed reply, as it was recorded.
    #[serde(rename = "first_byte_us", with = "maybe_micros")]
    #[cfg_attr(test, schemars(with = "Option<u64>"))]
    pub first_byte: Option<Duration>,
    /// When its last byte came.
    #[serde(rename = "last_byte_us", with = "maybe_micros")]
    #[cfg_attr(test, schemars(with = "Option<u64>"))]
    pub last_byte: Option<Duration>,
    /// The recording that answered; `None` if the provider answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recording: Option<Recorded>,
    /// The model that answered, as its provider calls it, whatever a gateway gave; where its reply names several, all of
    /// them, with a comma between.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The body, where the case failed for want of a text in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// The tokens that it reports.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// Its last events, if it is an event stream.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream: Option<StreamEnd>,
}

/// A recording that answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Recorded {
    /// The file, as a path relative to the working directory; `None` for a reply of this run that has no file yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The origin of its reply.
    pub origin: Origin,
    /// When it was recorded: milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recorded_ms: Option<u64>,
}

/// The origin of a recorded reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// A real provider.
    Real,
    /// A script.
    Simulated,
    /// It was edited by hand after it was recorded.
    Edited,
}

/// The token counts that a reply reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Usage {
    /// Input tokens.
    pub input: u64,
    /// Output tokens.
    pub output: u64,
}

/// The end of a stream.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct StreamEnd {
    /// How many events came before these.
    pub before: usize,
    /// The last events.
    pub events: Vec<StreamEvent>,
}

/// An event of a stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct StreamEvent {
    /// When it came, if that is known.
    #[serde(rename = "at_us", with = "maybe_micros")]
    #[cfg_attr(test, schemars(with = "Option<u64>"))]
    pub at: Option<Duration>,
    /// Its data.
    pub data: String,
}
