//! Each request of a case with its reply, in figures: enough for latencies, costs and timelines, without bodies.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::exchange::{Recorded, Usage};
use super::failure::Part;
use super::time::{maybe_micros, micros};

/// A request of a case and its reply, in figures.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Call {
    /// The part of the case.
    pub part: Part,
    /// The step's name, when it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// The attempt, from 0.
    #[serde(default)]
    pub attempt: usize,
    /// The provider that was asked, where the case is a session, which may ask several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// The HTTP method.
    pub method: String,
    /// The path with its query, as in the case.
    pub endpoint: String,
    /// The HTTP status; `None` if there was no reply.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The model that answered, as its provider calls it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// When its first byte came, measured from sending the request; for a replayed reply, as it was recorded.
    #[serde(rename = "first_byte_us", with = "maybe_micros", default)]
    #[cfg_attr(test, schemars(with = "Option<u64>"))]
    pub first_byte: Option<Duration>,
    /// When its last byte came.
    #[serde(rename = "last_byte_us", with = "maybe_micros", default)]
    #[cfg_attr(test, schemars(with = "Option<u64>"))]
    pub last_byte: Option<Duration>,
    /// The pieces of an event stream, in order; empty for another reply.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub chunks: Vec<Chunk>,
    /// How many pieces came after `chunks` and are not in it.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub more_chunks: usize,
    /// Why the model stopped, as the reply says: `stop`, `tool_calls`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finish_reason: Option<String>,
    /// The tokens that it reports.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// What it costs in US dollars, by `prices` in providers.yaml, wherever the reply came from; `None` if the price is not
    /// known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usd: Option<f64>,
    /// The recording that answered; `None` if the provider answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recording: Option<Recorded>,
}

/// A piece of an event stream.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Chunk {
    /// When it came, measured from sending the request.
    #[serde(rename = "at_us", with = "micros")]
    #[cfg_attr(test, schemars(with = "u64"))]
    pub at: Duration,
    /// Its size in bytes.
    pub bytes: usize,
}

fn is_zero(number: &usize) -> bool {
    *number == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_that_are_not_kept_are_told_where_there_are_any() {
        for (more_chunks, is_told) in [(0, false), (3, true)] {
            let call = Call { more_chunks, ..Call::default() };
            let kept = serde_json::to_string(&call).unwrap();
            assert_eq!(kept.contains("more_chunks"), is_told);
            assert_eq!(serde_json::from_str::<Call>(&kept).unwrap(), call);
        }
    }
}
