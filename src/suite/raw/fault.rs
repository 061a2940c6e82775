//! The file format of faults.

use serde::Deserialize;

use crate::yaml::{Short, Spanned, present};

/// A fault on the way from a provider: exactly one kind, and the calls that it affects.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
#[cfg_attr(test, schemars(extend("oneOf" = crate::yaml::one_of_keys(&["stop", "stall", "slow", "drop_end", "malformed", "status", "reset"]))))]
pub(in crate::suite) struct RawFault {
    /// The number of calls without the fault before it.
    #[serde(default)]
    pub(in crate::suite) after_calls: u32,
    /// The number of calls with the fault; all further calls by default.
    #[serde(default, deserialize_with = "present")]
    #[cfg_attr(test, schemars(range(min = 1)))]
    pub(in crate::suite) times: Option<u32>,
    /// The body breaks off.
    #[serde(default, deserialize_with = "present")]
    pub(in crate::suite) stop: Option<Spanned<RawStop>>,
    /// The body pauses, then goes on.
    #[serde(default, deserialize_with = "present")]
    pub(in crate::suite) stall: Option<Spanned<RawStall>>,
    /// The time between two chunks: `100ms`.
    #[serde(default, deserialize_with = "present")]
    #[cfg_attr(test, schemars(extend("pattern" = crate::yaml::DURATION_PATTERN)))]
    pub(in crate::suite) slow: Option<Spanned<String>>,
    /// The stream ends without its last event.
    #[serde(default, deserialize_with = "present")]
    #[cfg_attr(test, schemars(extend("const" = true)))]
    pub(in crate::suite) drop_end: Option<Spanned<bool>>,
    /// Half of an event's JSON is missing.
    #[serde(default, deserialize_with = "present")]
    pub(in crate::suite) malformed: Option<Spanned<RawMalformed>>,
    /// An error in place of the reply, 400 to 599. The provider gets no request.
    #[serde(default, deserialize_with = "present")]
    #[cfg_attr(test, schemars(extend("type" = ["integer", "object"], "minimum" = 400, "maximum" = 599)))]
    pub(in crate::suite) status: Option<Spanned<Short<RawStatus>>>,
    /// The connection is lost before a reply. The provider gets no request.
    #[serde(default, deserialize_with = "present")]
    #[cfg_attr(test, schemars(extend("const" = true)))]
    pub(in crate::suite) reset: Option<Spanned<bool>>,
}

/// Where the body breaks off.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
#[cfg_attr(test, schemars(extend("oneOf" = crate::yaml::one_of_keys(&["after_events", "after_bytes"]))))]
pub(in crate::suite) struct RawStop {
    /// The number of stream events before it.
    #[serde(default)]
    pub(in crate::suite) after_events: Option<usize>,
    /// The number of bytes before it, which may end inside a character.
    #[serde(default)]
    pub(in crate::suite) after_bytes: Option<usize>,
}

/// Where the body pauses, and how long.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
#[cfg_attr(test, schemars(extend("oneOf" = crate::yaml::one_of_keys(&["after_events", "after_bytes"]))))]
pub(in crate::suite) struct RawStall {
    /// The number of stream events before it.
    #[serde(default)]
    pub(in crate::suite) after_events: Option<usize>,
    /// The number of bytes before it.
    #[serde(default)]
    pub(in crate::suite) after_bytes: Option<usize>,
    /// The length of the pause: `2s`.
    #[cfg_attr(test, schemars(extend("pattern" = crate::yaml::DURATION_PATTERN)))]
    pub(in crate::suite) r#for: Spanned<String>,
}

/// The event with the missing half.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(in crate::suite) struct RawMalformed {
    /// The number of the event, from 1.
    #[cfg_attr(test, schemars(range(min = 1)))]
    pub(in crate::suite) event: usize,
}

/// An error status.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(in crate::suite) struct RawStatus {
    /// The status, 400 to 599.
    #[cfg_attr(test, schemars(range(min = 400, max = 599)))]
    pub(in crate::suite) code: u16,
    /// The value of the `Retry-After` header in seconds.
    #[serde(default)]
    pub(in crate::suite) retry_after: Option<u32>,
}
