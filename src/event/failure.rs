//! Why a case failed, as data: a report makes the words.

use serde::{Deserialize, Serialize};

use super::class::Class;
use super::exchange::Exchange;

/// Why a case failed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    /// The class.
    pub class: Class,
    /// In which part of the case.
    pub part: Part,
    /// What is wrong.
    pub problem: Problem,
    /// The step that failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<Excerpt>,
    /// For a case that is to pass several times: how many tries were not enough.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tries: Option<Tries>,
    /// What was asked last, and what came.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exchange: Option<Exchange>,
    /// What the stack printed while the case ran.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub printed: Option<String>,
    /// The command that runs cases of this setup again, without its `-k 'id'`.
    pub rerun: String,
    /// The command that records what such cases ask, without its `-k 'id'`; `None` where that is not in the hands of who
    /// runs them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub record: Option<String>,
}

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Problem {
    /// Expectations that do not hold, in the order of the checks.
    Mismatches(Vec<Mismatch>),
    /// There was no answer to check, or nothing to capture in it: why. What stands below the first line are particulars.
    Message(String),
    /// The case passed, and was strictly expected to fail for this reason.
    StrictPass(String),
}

impl Default for Problem {
    fn default() -> Self {
        Problem::Message(String::new())
    }
}

/// An expectation that does not hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mismatch {
    /// Where the expectation stands.
    pub place: Excerpt,
    /// What was looked at: `status`, `text`, `$.choices[0].text`, `stream.chunks`.
    pub path: String,
    /// What should be, short.
    pub expected: String,
    /// What is, short.
    pub actual: String,
    /// Both in full, where they are too long for a line and can be compared line by line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub texts: Option<Texts>,
}

/// What should be and what is, as texts of several lines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Texts {
    /// What should be.
    pub expected: String,
    /// What is.
    pub actual: String,
}

/// A place in a file of the user's, with the line that stands there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Excerpt {
    /// The file.
    pub file: String,
    /// The line, from 1.
    pub line: u32,
    /// The column, from 1, in characters.
    pub column: u32,
    /// How many characters belong to it.
    pub width: usize,
    /// The whole line.
    pub text: String,
}

/// How many tries of a case were not enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
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
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// What comes before the case's own steps.
    Setup,
    /// What the case is about.
    #[default]
    Call,
    /// What comes after them.
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
