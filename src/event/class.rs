//! Classes of failure.

use serde::{Deserialize, Serialize};

/// Classes of failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// The answer does not meet an expectation.
    #[default]
    WrongAnswer,
    /// The reply violates the protocol (not JSON, a broken stream).
    ProtocolViolation,
    /// 429.
    RateLimited,
    /// No connection, a timeout, 5xx.
    ProviderDown,
    /// The provider's key variable is not set.
    MissingKey,
    /// Replay has no recording of the request.
    MissingRecording,
    /// Replay has a recording of the case, but its request has changed since.
    StaleRecording,
    /// A recording that cannot be read.
    BrokenRecording,
    /// A mistake in the suite that only shows at run time, or in the harness.
    Harness,
}

impl Class {
    /// The name for people: `wrong answer`, `stale recording`, …
    pub fn name(self) -> &'static str {
        match self {
            Class::WrongAnswer => "wrong answer",
            Class::ProtocolViolation => "protocol violation",
            Class::RateLimited => "rate limited",
            Class::ProviderDown => "provider down",
            Class::MissingKey => "missing key",
            Class::MissingRecording => "missing recording",
            Class::StaleRecording => "stale recording",
            Class::BrokenRecording => "broken recording",
            Class::Harness => "harness",
        }
    }
}
