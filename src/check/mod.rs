//! Checks whether a reply meets an expectation.

mod answer;
mod compare;
mod conforms;
mod effort;
mod embeddings;
mod expectation;
mod matcher;
mod nodes;
mod pattern;
mod seen;
mod show;
#[cfg(test)]
mod tests;
mod timing;
mod tools;
mod unmet;

pub(crate) use effort::is_quick;
pub(crate) use expectation::check;
pub(crate) use seen::{Heard, Observed, Seen};
pub(crate) use timing::{Clock, Timing};

use crate::protocol::Weighed;
use crate::yaml::Place;

/// The result of the checks of a reply. The reply passes if there is no mismatch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// Expectations that do not hold, in the order of the checks.
    pub mismatches: Vec<Mismatch>,
    /// Rules of the protocol that the reply breaks.
    pub protocol: Weighed,
}

/// An expectation that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mismatch {
    /// Where the expectation is in the suite; `0:0` if it applies to every reply.
    pub place: Place,
    /// What was checked: `status`, `text`, `$.choices[0].text`, `stream.chunks`.
    pub path: String,
    /// The expected value, shortened.
    pub expected: String,
    /// The actual value, shortened.
    pub actual: String,
    /// The class.
    pub kind: MismatchKind,
    /// Both in full, if they are too long for one line and can be compared line by line.
    pub texts: Option<Box<Texts>>,
}

/// The expected and the actual value, as texts of several lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Texts {
    /// The expected value.
    pub expected: String,
    /// The actual value.
    pub actual: String,
}

/// Classes of mismatch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MismatchKind {
    /// The answer is not the expected one.
    WrongAnswer,
    /// The reply breaks the protocol: it is not JSON, it breaks off, or it has an error in spite of a status of 2xx.
    ProtocolViolation,
}
