//! What the outcomes of a run rest on.

use serde::{Deserialize, Serialize};

use super::exchange::Origin;

/// What the outcomes of a run rest on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Proof {
    /// Requests that were sent to providers, or to a stack that runs elsewhere: none in replay.
    pub network_requests: usize,
    /// The recordings.
    pub recordings: RecordingCounts,
    /// The recordings that answered, each file once, in order: with them, several runs count a shared file once.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub used: Vec<UsedRecording>,
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
#[cfg_attr(test, derive(schemars::JsonSchema))]
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
    /// Used by no case; `None` if that is not known, because the run was not whole or did not pass.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unused: Option<usize>,
    /// When the oldest used one was recorded: milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oldest_ms: Option<u64>,
}

/// A recording that answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct UsedRecording {
    /// The file, as a path relative to the working directory.
    pub file: String,
    /// The origin of its reply.
    pub origin: Origin,
    /// Another tool wrote it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub imported: bool,
    /// When it was recorded: milliseconds since 1970; `None` if the file does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recorded_ms: Option<u64>,
}

impl RecordingCounts {
    /// Counts the recordings that answered.
    pub fn of(used: &[UsedRecording], unused: Option<usize>) -> Self {
        let count = |origin| used.iter().filter(|one| one.origin == origin).count();
        RecordingCounts {
            real: count(Origin::Real),
            simulated: count(Origin::Simulated),
            edited: count(Origin::Edited),
            imported: used.iter().filter(|one| one.imported).count(),
            unused,
            oldest_ms: used.iter().filter_map(|one| one.recorded_ms).min(),
        }
    }
}
