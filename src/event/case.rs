//! A case that is done: which one it is, and what came of it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::exchange::Exchange;
use super::failure::{Failure, Part};
use super::time::micros;

/// A case that is done.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Finished {
    /// Position among the selected, from 0.
    pub index: usize,
    /// Which case.
    pub case: CaseRef,
    /// What came of it.
    pub outcome: Outcome,
    /// How long it took.
    #[serde(rename = "duration_us", with = "micros")]
    pub duration: Duration,
    /// For a case that is to pass several times: how often it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate: Option<Rate>,
    /// Every time that it ran.
    pub attempts: Vec<Attempt>,
    /// What was captured while it ran, where it passed and that is wanted.
    pub captured: Captured,
    /// The recordings of the case, where it is known which they are.
    pub recordings: Recordings,
    /// Rules of the protocol that its replies broke without failing it, each once.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub protocol: Vec<Finding>,
    /// Rules that the provider is known to break at an endpoint that was asked, and that every reply kept.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub kept_rules: Vec<String>,
}

/// A rule of the protocol that a reply broke.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The rule's id.
    pub rule: String,
    /// What was there instead.
    pub actual: String,
    /// Why the provider is known to break it, where it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub known: Option<String>,
}

/// Which case: enough to find it, and to tell cases apart by what they are about.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaseRef {
    /// `suites/inference/sanity.yaml::name[params]`; unique in a run.
    pub id: String,
    /// The suite's file.
    pub suite: String,
    /// The line of the file where the template stands, from 1.
    pub line: u32,
    /// The template's name.
    pub template: String,
    /// The setup it is for.
    pub setup: String,
    /// The provider that answers.
    pub provider: String,
    /// The model as the case's requests name it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Who calls, where the suite says so: `openai_client`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// Each parameter and the id of its value; `city,country` for one of two names.
    pub parameters: Vec<(String, String)>,
    /// What the case needs of a provider.
    pub capabilities: Vec<String>,
}

/// One time that a case ran.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// When it began: milliseconds since 1970.
    pub started_ms: u64,
    /// How long each part of it took, in order; a part without steps is left out.
    pub parts: Vec<PartTime>,
}

/// How long a part of a case took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartTime {
    /// The part.
    pub part: Part,
    /// How long it took.
    #[serde(rename = "duration_us", with = "micros")]
    pub duration: Duration,
}

/// What was captured while a case ran.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
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

/// The recordings of a case, as paths from here.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recordings {
    /// Those that answered it, and those that were recorded anew and came out the same.
    pub used: Vec<String>,
    /// Those that were written.
    pub written: Vec<String>,
}

/// How often a case passed that is run several times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rate {
    /// Tries that passed.
    pub passed: u32,
    /// Tries made: fewer than asked for when the rest could not change the outcome.
    pub tries: u32,
}

/// What came of a case.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Everything held.
    #[default]
    Passed,
    /// Everything held, but only after it was run again: what failed before.
    Flaky(Box<Failure>),
    /// A check failed, or there was no answer to check.
    Failed(Box<Failure>),
    /// Not run, and why.
    Skipped(String),
    /// Failed as expected, and why that was expected.
    XFailed {
        /// Why it was expected.
        reason: String,
        /// What failed.
        failure: Box<Failure>,
    },
    /// Passed although a failure was expected. Strict ones are `Failed` instead.
    XPassed(String),
    /// The case could not be run to an answer: bad capture, harness trouble.
    Error(Box<Failure>),
}
