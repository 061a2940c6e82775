//! What stands in a suite file about faults.

use serde::Deserialize;

use crate::yaml::{Short, Spanned, present};

/// What goes wrong on the way from a provider: exactly one thing, and which calls it hits.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
#[cfg_attr(test, schemars(extend("oneOf" = crate::yaml::one_of_keys(&["stop", "stall", "slow", "drop_end", "malformed", "status", "reset"]))))]
pub(in crate::suite) struct RawFault {
    /// So many calls go well before it.
    #[serde(default)]
    pub(in crate::suite) after_calls: u32,
    /// It hits so many calls; without it, every further one.
    #[serde(default, deserialize_with = "present")]
    #[cfg_attr(test, schemars(range(min = 1)))]
    pub(in crate::suite) times: Option<u32>,
    /// The body breaks off.
    #[serde(default, deserialize_with = "present")]
    pub(in crate::suite) stop: Option<Spanned<RawStop>>,
    /// The body stands still, then goes on.
    #[serde(default, deserialize_with = "present")]
    pub(in crate::suite) stall: Option<Spanned<RawStall>>,
    /// Each chunk comes so long after the one before: `100ms`.
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
    /// An error in place of the reply, 400 to 599; the provider is not asked.
    #[serde(default, deserialize_with = "present")]
    #[cfg_attr(test, schemars(extend("type" = ["integer", "object"], "minimum" = 400, "maximum" = 599)))]
    pub(in crate::suite) status: Option<Spanned<Short<RawStatus>>>,
    /// The connection is lost before a reply; the provider is not asked.
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
    /// After so many events of a stream.
    #[serde(default)]
    pub(in crate::suite) after_events: Option<usize>,
    /// After so many bytes, also inside a character.
    #[serde(default)]
    pub(in crate::suite) after_bytes: Option<usize>,
}

/// Where the body stands still, and how long.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
#[cfg_attr(test, schemars(extend("oneOf" = crate::yaml::one_of_keys(&["after_events", "after_bytes"]))))]
pub(in crate::suite) struct RawStall {
    /// After so many events of a stream.
    #[serde(default)]
    pub(in crate::suite) after_events: Option<usize>,
    /// After so many bytes.
    #[serde(default)]
    pub(in crate::suite) after_bytes: Option<usize>,
    /// For so long: `2s`.
    #[cfg_attr(test, schemars(extend("pattern" = crate::yaml::DURATION_PATTERN)))]
    pub(in crate::suite) r#for: Spanned<String>,
}

/// Which event.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(in crate::suite) struct RawMalformed {
    /// Its number, from 1.
    #[cfg_attr(test, schemars(range(min = 1)))]
    pub(in crate::suite) event: usize,
}

/// An error status.
#[derive(Debug, Clone, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(in crate::suite) struct RawStatus {
    /// 400 to 599.
    #[cfg_attr(test, schemars(range(min = 400, max = 599)))]
    pub(in crate::suite) code: u16,
    /// Seconds, for `Retry-After`.
    #[serde(default)]
    pub(in crate::suite) retry_after: Option<u32>,
}
