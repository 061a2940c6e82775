//! What a case asked, and what came.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::failure::Part;
use super::time::maybe_micros;

/// A request of a case and its reply.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Exchange {
    /// In which part of the case.
    pub part: Part,
    /// The step's name, when it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// What was asked; `None` when it could not be put together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request: Option<Request>,
    /// What came; `None` when nothing did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reply: Option<Reply>,
}

/// A request, as a person can send it again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// The HTTP method.
    pub method: String,
    /// The path with its query, as the case asks it.
    pub endpoint: String,
    /// Where a person can send it.
    pub url: String,
    /// The command to start before, where nothing listens there once the run is over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start: Option<String>,
    /// The key that goes along.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<KeyHeader>,
    /// The headers, in order; no key is among them.
    pub headers: Vec<(String, String)>,
    /// The body; empty when there is none.
    pub body: String,
}

/// How a key travels: its value is in no event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyHeader {
    /// The environment variable that holds it.
    pub var: String,
    /// The header.
    pub header: String,
    /// What stands before it in the header: `Bearer `.
    pub prefix: String,
}

/// A reply.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The headers that help to find the request again, in order.
    pub headers: Vec<(String, String)>,
    /// When its first byte came, since the request was sent; as it was recorded, where it was replayed.
    #[serde(rename = "first_byte_us", with = "maybe_micros")]
    pub first_byte: Option<Duration>,
    /// When its last byte came.
    #[serde(rename = "last_byte_us", with = "maybe_micros")]
    pub last_byte: Option<Duration>,
    /// The recording that answered; `None` when the provider did.
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
    /// The end of it, when it is a stream of events.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream: Option<StreamEnd>,
}

/// A recording that answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recorded {
    /// The file, as a path from here; `None` for a reply that was recorded in this run and has no file yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Where its reply comes from.
    pub origin: Origin,
}

/// Where a recorded reply comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// A real provider.
    Real,
    /// A script.
    Simulated,
    /// It was edited by hand after it was recorded.
    Edited,
}

/// Tokens that a reply reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Tokens that were asked.
    pub input: u64,
    /// Tokens that were answered.
    pub output: u64,
}

/// The end of a stream.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamEnd {
    /// How many events came before these.
    pub before: usize,
    /// The last events.
    pub events: Vec<StreamEvent>,
}

/// An event of a stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamEvent {
    /// When it came, where that is known.
    #[serde(rename = "at_us", with = "maybe_micros")]
    pub at: Option<Duration>,
    /// Its data.
    pub data: String,
}
