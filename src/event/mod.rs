//! The events of a run, as data that can be stored and read again. Every report is made from these alone.

mod call;
mod case;
mod class;
mod exchange;
mod failure;
mod merge;
mod proof;
mod read;
#[cfg(all(test, feature = "schema"))]
mod schema;
mod tally;
mod time;

use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use call::{Call, Chunk};
pub use case::{Attempt, Captured, CaseRef, Finding, Finished, Outcome, PartTime, Rate, Recordings};
pub use class::Class;
pub use exchange::{Exchange, KeyHeader, Origin, Recorded, Reply, Request, StreamEnd, StreamEvent, Usage};
pub use failure::{Changed, Excerpt, Failure, Mismatch, Nearest, Part, Problem, Texts, Tries};
pub use proof::{Proof, RecordingCounts, UsedRecording};
pub use tally::Tally;

pub(crate) use merge::{latest, merged};
pub(crate) use read::read;
#[cfg(all(test, feature = "schema"))]
pub(crate) use schema::schema;

use time::micros;

/// The version of the events' format. It is raised if older readers would misread newer events; a new member that they
/// can ignore is no reason.
pub const FORMAT: u32 = 1;

/// An event of a run. A run is: one `Started`, any `Notice`s, one `Collected` (none if the cases are sessions of the proxy,
/// of which nobody knows how many come); then for each case one `CaseStarted`,
/// any `CaseRerun`s, one `CaseTeardown` if it fails, and one `CaseFinished` or, if the user stopped the run, one
/// `CaseGivenUp`; then one `Finished`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "event", content = "data", rename_all = "snake_case")]
pub enum Event {
    /// The session begins.
    Started(Box<Head>),
    /// The cases have been selected.
    Collected {
        /// Cases made from the suites.
        total: usize,
        /// Cases that the selection left out.
        deselected: usize,
    },
    /// A case starts to run.
    CaseStarted {
        /// Its index among the selected cases, from 0: the order of reports.
        index: usize,
        /// The case's id.
        id: String,
    },
    /// A case had no answer because the transport failed, and runs again.
    CaseRerun(Box<Finished>),
    /// The teardown of a case failed: an error in addition to the outcome of the case.
    CaseTeardown(Box<Finished>),
    /// A case is finished.
    CaseFinished(Box<Finished>),
    /// The user stopped the run while this case was running: it has no outcome.
    CaseGivenUp {
        /// The case's id.
        id: String,
    },
    /// A message for the user that is not a case's outcome.
    Notice(String),
    /// The session ends.
    Finished {
        /// The duration by the wall clock.
        #[serde(rename = "duration_us", with = "micros")]
        #[cfg_attr(test, schemars(with = "u64"))]
        duration: Duration,
        /// Set if the run was stopped before all cases ran.
        interrupted: Option<Interruption>,
        /// What the outcomes rest on.
        #[serde(default)]
        proof: Box<Proof>,
    },
}

/// Why a run was stopped before all cases ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Interruption {
    /// The user stopped it.
    User,
    /// A worker crashed, which is a bug.
    WorkerDied,
    /// The limit of failed cases was reached.
    Failures(usize),
    /// A case failed in a stepwise run; the next run continues there.
    Stepwise,
    /// Its process was killed: the events that were kept end before the run did.
    Cut,
}

/// What a run consists of.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Head {
    /// The version of the events' format: [`FORMAT`].
    pub format: u32,
    /// The version of retake.
    pub retake: String,
    /// `replay`, `record`, `live`, `record-if-missing`.
    pub mode: String,
    /// The stack, as given with `--stack-config`; `proxy` for `retake run` and `retake serve`.
    pub stack: String,
    /// The setups.
    pub setups: Vec<String>,
    /// The folder of the suites; empty if none were run.
    pub suites: String,
    /// How many of its files were read.
    pub files: usize,
    /// The part of the cases that this run executes: `2/4`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shard: Option<String>,
    /// The arguments of the command line.
    pub argv: Vec<String>,
    /// When it began: milliseconds since 1970.
    pub started_ms: u64,
    /// Other information, one line each: recordings, masks, servers that were started.
    pub notes: Vec<String>,
}
