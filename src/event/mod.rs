//! What happened in a run, as data that can be kept and read again. Every report is made from these alone.

mod case;
mod class;
mod exchange;
mod failure;
mod tally;
mod time;

use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use case::{Attempt, Captured, CaseRef, Finding, Finished, Outcome, PartTime, Rate, Recordings};
pub use class::Class;
pub use exchange::{Exchange, KeyHeader, Origin, Recorded, Reply, Request, StreamEnd, StreamEvent, Usage};
pub use failure::{Excerpt, Failure, Mismatch, Part, Problem, Texts, Tries};
pub use tally::Tally;

use time::micros;

/// The version of the events' format. It grows when a reader of older events would misread newer ones; a new member
/// that can be passed over is no reason.
pub const FORMAT: u32 = 1;

/// Something that happened. A run is: one `Started`, any `Notice`s, one `Collected`, then per case one
/// `CaseStarted`, any `CaseRerun`s, a `CaseTeardown` where one fails, and one `CaseFinished` or, where the user stopped
/// the run, `CaseGivenUp`, then one `Finished`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", content = "data", rename_all = "snake_case")]
pub enum Event {
    /// The session begins.
    Started(Box<Head>),
    /// Selection is done.
    Collected {
        /// Cases made from the suites.
        total: usize,
        /// Cases left out by selection.
        deselected: usize,
    },
    /// A case starts to run.
    CaseStarted {
        /// Position among the selected, from 0: the order of reports.
        index: usize,
        /// The case's id.
        id: String,
    },
    /// A case had no answer, which was the transport's fault, and runs again.
    CaseRerun(Box<Finished>),
    /// The teardown failed of a case that is about to be done: an error, beside whatever comes of the case.
    CaseTeardown(Box<Finished>),
    /// A case is done.
    CaseFinished(Box<Finished>),
    /// The user stopped the run while this case was under way: nothing came of it.
    CaseGivenUp {
        /// The case's id.
        id: String,
    },
    /// Something the user must see and that is not a case's outcome.
    Notice(String),
    /// The session ends.
    Finished {
        /// Wall clock.
        #[serde(rename = "duration_us", with = "micros")]
        duration: Duration,
        /// Set when the run was stopped before all cases ran.
        interrupted: Option<Interruption>,
    },
}

/// Why a run was stopped before all cases ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Interruption {
    /// The user did it.
    User,
    /// A worker died, which is a bug.
    WorkerDied,
    /// So many cases failed.
    Failures(usize),
    /// A case failed in a stepwise run, which goes on there the next time.
    Stepwise,
}

/// What a run is made of.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The version of the events' format: [`FORMAT`].
    pub format: u32,
    /// The version of retake.
    pub retake: String,
    /// `replay`, `record`, `live`, `record-if-missing`.
    pub mode: String,
    /// The stack as `--stack-config` names it.
    pub stack: String,
    /// The setups.
    pub setups: Vec<String>,
    /// The suites' folder.
    pub suites: String,
    /// How many files of it were read.
    pub files: usize,
    /// The part of the cases that runs here: `2/4`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shard: Option<String>,
    /// The words on the command line.
    pub argv: Vec<String>,
    /// When it began: milliseconds since 1970.
    pub started_ms: u64,
    /// What else there is to know, a line each: recordings, masks, servers that were started.
    pub notes: Vec<String>,
}
