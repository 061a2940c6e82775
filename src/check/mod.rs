//! Does a reply meet an expectation.

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

/// What the checks said of a reply: it holds when there is no mismatch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// Everything that does not hold, in the order of the checks.
    pub mismatches: Vec<Mismatch>,
    /// Rules of the protocol that the reply breaks.
    pub protocol: Weighed,
}

/// An expectation that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mismatch {
    /// Where the expectation stands in the suite; `0:0` for what every reply must be.
    pub place: Place,
    /// What was looked at: `status`, `text`, `$.choices[0].text`, `stream.chunks`.
    pub path: String,
    /// What should be, short.
    pub expected: String,
    /// What is, short.
    pub actual: String,
    /// The class.
    pub kind: MismatchKind,
    /// Both in full, where they are too long for a line and can be compared line by line.
    pub texts: Option<Box<Texts>>,
}

/// What should be and what is, as texts of several lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Texts {
    /// What should be.
    pub expected: String,
    /// What is.
    pub actual: String,
}

/// Classes of mismatch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MismatchKind {
    /// The answer is not the one that was asked for.
    WrongAnswer,
    /// The reply is not what the protocol allows: no JSON, a stream that broke off, an error inside a good one.
    ProtocolViolation,
}
