//! A finished case: its identity and its result.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::call::Call;
use super::exchange::Exchange;
use super::failure::{Failure, Part};
use super::time::micros;

/// A finished case.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Finished {
    /// Its index among the selected cases, from 0.
    pub index: usize,
    /// Which case.
    pub case: CaseRef,
    /// Its outcome.
    pub outcome: Outcome,
    /// How long it took.
    #[serde(rename = "duration_us", with = "micros")]
    #[cfg_attr(test, schemars(with = "u64"))]
    pub duration: Duration,
    /// For a case that must pass several times: how often it passed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate: Option<Rate>,
    /// All attempts to run it.
    pub attempts: Vec<Attempt>,
    /// Its requests and replies in figures, of all attempts, in order.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub calls: Vec<Call>,
    /// What was captured while it ran, if it passed and the user asked for it.
    pub captured: Captured,
    /// The recordings of the case, if they are known.
    pub recordings: Recordings,
    /// Protocol rules that its replies broke without failing it, each once.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub protocol: Vec<Finding>,
    /// Protocol rules that the provider is known to break at a requested endpoint, but that every reply kept.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub kept_rules: Vec<String>,
}

/// A protocol rule that a reply broke.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Finding {
    /// The rule's id.
    pub rule: String,
    /// What the reply had instead.
    pub actual: String,
    /// If the provider is known to break the rule: why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub known: Option<String>,
}

/// The identity of a case: enough to find it, and to group cases by what they are about. A session of the proxy has what
/// its name and its requests tell; the rest is empty.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct CaseRef {
    /// `suites/inference/sanity.yaml::name[params]`, or a session's name. It is unique in a run, but that a session may
    /// run again.
    pub id: String,
    /// The suite's file, or the file of tests that a session's name begins with.
    #[serde(default)]
    pub suite: String,
    /// The line of the file where the template begins, from 1; 0 if it is not known.
    #[serde(default)]
    pub line: u32,
    /// The template's name.
    #[serde(default)]
    pub template: String,
    /// The setup it runs for.
    #[serde(default)]
    pub setup: String,
    /// The provider that answers; of a session all that it asked, with commas between.
    #[serde(default)]
    pub provider: String,
    /// The model as the case's requests name it; of a session all of them, with commas between.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub model: Option<String>,
    /// The client of the case, if the suite names clients: `openai_client`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub client: Option<String>,
    /// Each parameter and the id of its value; two names with a shared value are `city,country`.
    #[serde(default)]
    pub parameters: Vec<(String, String)>,
    /// The capabilities that the case needs from a provider.
    #[serde(default)]
    pub capabilities: Vec<String>,
    /// Set if it is no case of a suite, but requests of a client of the proxy.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub is_session: bool,
}

/// One attempt to run a case.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Attempt {
    /// When it began: milliseconds since 1970.
    pub started_ms: u64,
    /// How long each part took, in order; parts without steps are left out.
    pub parts: Vec<PartTime>,
}

/// How long a part of a case took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct PartTime {
    /// The part.
    pub part: Part,
    /// How long it took.
    #[serde(rename = "duration_us", with = "micros")]
    #[cfg_attr(test, schemars(with = "u64"))]
    pub duration: Duration,
}

/// What was captured while a case ran.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Captured {
    /// The last exchange of each part.
    pub exchanges: Vec<Exchange>,
    /// What the stack printed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub printed: Option<String>,
}

impl Captured {
    /// Whether there is nothing to show.
    pub fn is_empty(&self) -> bool {
        self.exchanges.is_empty() && self.printed.is_none()
    }
}

/// The recordings of a case, as paths relative to the working directory.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Recordings {
    /// Recordings that answered it, and recordings that were confirmed when it was recorded anew.
    pub used: Vec<String>,
    /// Recordings that were written.
    pub written: Vec<String>,
}

/// How often a case passed that runs several times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Rate {
    /// Tries that passed.
    pub passed: u32,
    /// Tries made: fewer than requested if the rest could not change the outcome.
    pub tries: u32,
}

/// The outcome of a case.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It passed.
    #[default]
    Passed,
    /// It passed, but only after it was run again; this is the failure before.
    Flaky(Box<Failure>),
    /// A check failed, or there was no answer to check.
    Failed(Box<Failure>),
    /// It was not run; this is the reason.
    Skipped(String),
    /// It failed as expected.
    XFailed {
        /// Why it was expected.
        reason: String,
        /// What failed.
        failure: Box<Failure>,
    },
    /// It passed although a failure was expected; this is why. If the expectation is strict, the outcome is `Failed`.
    XPassed(String),
    /// The case could not be run up to its answer: a capture failed, or the harness had a problem.
    Error(Box<Failure>),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_something_to_show_where_an_exchange_or_a_line_was_captured() {
        assert!(Captured::default().is_empty());
        assert!(!Captured { printed: Some("listening".into()), ..Captured::default() }.is_empty());
        assert!(!Captured { exchanges: vec![Exchange::default()], ..Captured::default() }.is_empty());
    }
}
