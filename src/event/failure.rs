//! Why a case failed, as data: reports turn it into text.

use serde::{Deserialize, Serialize};

use super::class::Class;
use super::exchange::Exchange;

/// Why a case failed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Failure {
    /// The class.
    pub class: Class,
    /// The part of the case.
    pub part: Part,
    /// The problem.
    pub problem: Problem,
    /// The step that failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<Excerpt>,
    /// For a case that must pass several times: how many tries passed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tries: Option<Tries>,
    /// For a missing or stale recording: the nearest one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nearest: Option<Nearest>,
    /// The last request and its reply.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exchange: Option<Exchange>,
    /// What the stack printed while the case ran.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub printed: Option<String>,
    /// The command that reruns cases of this setup, without its `-k 'id'`.
    pub rerun: String,
    /// The command that records such cases, without its `-k 'id'`; `None` if the user cannot record them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub record: Option<String>,
}

/// The recording nearest to a request that none answers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Nearest {
    /// Its file, as a path relative to the working directory.
    pub file: String,
    /// Where the request differs from it: the first places.
    pub changed: Vec<Changed>,
}

/// A place at which a request differs from a recorded one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Changed {
    /// The place: `$.messages[0].content`.
    pub path: String,
    /// The recorded value, shortened.
    pub recorded: String,
    /// The value that was asked, shortened.
    pub asked: String,
}

/// The problem behind a failure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Problem {
    /// Expectations that are not met, in the order of the checks.
    Mismatches(Vec<Mismatch>),
    /// The reason why there was no answer to check, or nothing to capture. Lines after the first one are details.
    Message(String),
    /// The case passed, although it was strictly expected to fail for this reason.
    StrictPass(String),
}

impl Default for Problem {
    fn default() -> Self {
        Problem::Message(String::new())
    }
}

/// An expectation that is not met.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Mismatch {
    /// The place of the expectation.
    pub place: Excerpt,
    /// What was checked: `status`, `text`, `$.choices[0].text`, `stream.chunks`.
    pub path: String,
    /// The expected value, shortened.
    pub expected: String,
    /// The actual value, shortened.
    pub actual: String,
    /// Both values in full, if they are too long for a line and can be compared line by line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub texts: Option<Texts>,
}

/// The expected and the actual value, as texts of several lines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Texts {
    /// The expected value.
    pub expected: String,
    /// The actual value.
    pub actual: String,
}

/// A place in a user's file, with its line.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Excerpt {
    /// The file.
    pub file: String,
    /// The line, from 1.
    pub line: u32,
    /// The column, from 1, in characters.
    pub column: u32,
    /// How many characters to underline.
    pub width: usize,
    /// The whole line.
    pub text: String,
}

/// A case of which too few tries passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Tries {
    /// Tries that passed.
    pub passed: u32,
    /// Tries that were made.
    pub tries: u32,
    /// Tries that must pass.
    pub needed: u32,
}

/// A part of a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// The steps before the case's own.
    Setup,
    /// The case's own steps.
    #[default]
    Call,
    /// The steps after them.
    Teardown,
}

impl Part {
    /// `setup`, `call`, `teardown`, as pytest calls them.
    pub fn name(self) -> &'static str {
        match self {
            Part::Setup => "setup",
            Part::Call => "call",
            Part::Teardown => "teardown",
        }
    }
}
