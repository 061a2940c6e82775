//! What the outcomes of a run rest on.

use serde::{Deserialize, Serialize};

/// What the outcomes of a run rest on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Proof {
    /// Requests that were sent to providers: none in replay.
    pub network_requests: usize,
    /// The recordings.
    pub recordings: RecordingCounts,
    /// The level of the protocol rules: `strict`, `off`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protocol: Option<String>,
    /// Names of the secrets that are removed from every output and recording: `OPENAI_API_KEY`.
    pub secrets: Vec<String>,
    /// The git revision of the suites, with `+` behind it if files were changed since.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
}

/// The recordings of a run, each file once.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RecordingCounts {
    /// Of a real provider, and used.
    pub real: usize,
    /// Written by a script, and used.
    pub simulated: usize,
    /// Edited by hand after they were recorded, and used.
    pub edited: usize,
    /// Files of another tool's format, and used; they count above as well.
    pub imported: usize,
    /// Used by no case.
    pub unused: usize,
    /// When the oldest used one was recorded: milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oldest_ms: Option<u64>,
}
