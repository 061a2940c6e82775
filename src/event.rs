//! What happened in a run. Every report is made from these alone.

use std::time::Duration;

use crate::diff::Diff;

/// Something that happened. A run is: one `Started`, any `Notice`s, one `Collected`, then per case one
/// `CaseStarted`, any `CaseRerun`s, a `CaseTeardown` where one fails, and one `CaseFinished` or, where the user stopped
/// the run, `CaseGivenUp`, then one `Finished`.
#[derive(Debug, Clone)]
pub enum Event {
    /// The session begins.
    Started {
        /// Head lines in order (`retake 0.1.0 -- mode: replay, …`).
        info: Vec<String>,
    },
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
    CaseRerun(Finished),
    /// The teardown failed of a case that is about to be done: an error, beside whatever comes of the case.
    CaseTeardown(Finished),
    /// A case is done.
    CaseFinished(Finished),
    /// The user stopped the run while this case was under way: nothing came of it.
    CaseGivenUp {
        /// The case's id.
        id: String,
    },
    /// Something the user must see and that is no case's outcome.
    Notice(String),
    /// The session ends.
    Finished {
        /// Wall clock.
        duration: Duration,
        /// Set when the run was stopped before all cases ran, with the words to show (`stopping after 1 failures`).
        interrupted: Option<String>,
    },
}

/// A case that is done.
#[derive(Debug, Clone)]
pub struct Finished {
    /// Position among the selected, from 0.
    pub index: usize,
    /// The case's id: `suites/inference/sanity.yaml::name[params]`.
    pub id: String,
    /// Where the template stands: file, line.
    pub file: String,
    /// See `file`; from 1.
    pub line: u32,
    /// What came of it.
    pub outcome: Outcome,
    /// How long it took.
    pub duration: Duration,
    /// For a case that is to pass several times: how often it did.
    pub rate: Option<Rate>,
    /// What was captured while it ran, where it passed and that is wanted.
    pub captured: Vec<Section>,
    /// The recordings of the case, where it is known which they are.
    pub recordings: Recordings,
}

/// The recordings of a case, as paths from here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recordings {
    /// Those that answered it, and those that were recorded anew and came out the same.
    pub used: Vec<String>,
    /// Those that were written.
    pub written: Vec<String>,
}

/// Something that was captured while a case ran.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// What, and in which part of the case: `stdout call`, `exchange setup`.
    pub title: String,
    /// Lines ready to print.
    pub text: String,
}

/// How often a case passed that is run several times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Tries that passed.
    pub passed: u32,
    /// Tries made: fewer than asked for when the rest could not change the outcome.
    pub tries: u32,
}

/// What came of a case.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// Everything held.
    Passed,
    /// Everything held, but only after it was run again: why that was so.
    Flaky(String),
    /// A check failed, or there was no answer to check.
    Failed(Failure),
    /// Not run, and why.
    Skipped(String),
    /// Failed as expected, and why that was expected.
    XFailed {
        /// Why it was expected.
        reason: String,
        /// What failed.
        failure: Failure,
    },
    /// Passed although a failure was expected. Strict ones are `Failed` instead.
    XPassed(String),
    /// The case could not be run to an answer: bad capture, harness trouble.
    Error(Failure),
}

/// Why a case failed.
#[derive(Debug, Clone, Default)]
pub struct Failure {
    /// The class.
    pub class: Class,
    /// One line: what the short summary shows.
    pub summary: String,
    /// The failing expectations, each underlined in its file, with path, expected and actual.
    pub details: Vec<Detail>,
    /// What else helps to understand it, lines ready to print: the differences, the reply and how it came in, the
    /// request as a `curl` line.
    pub context: String,
    /// The command that reruns this case alone.
    pub rerun: String,
}

/// A part of what is said of a failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Detail {
    /// Lines ready to print.
    Lines(String),
    /// How what came differs from what was expected.
    Diff(Diff),
}

impl Failure {
    /// The same, with lines before its details.
    pub fn headed(mut self, lines: String) -> Self {
        self.details.insert(0, Detail::Lines(lines));
        self
    }

    /// The same, said to be of a part of the case that is not what the case is about.
    pub fn during(self, part: &str) -> Self {
        let summary = format!("{part}: {}", self.summary);
        Failure { summary, ..self.headed(format!("In {part}:")) }
    }
}

/// Classes of failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Class {
    /// The answer does not meet an expectation.
    #[default]
    WrongAnswer,
    /// The reply is not what the protocol allows (no JSON, broken stream).
    ProtocolViolation,
    /// 429.
    RateLimited,
    /// No connection, a timeout, 5xx.
    ProviderDown,
    /// The provider's key variable is not set.
    MissingKey,
    /// Replay has no recording of the request.
    MissingRecording,
    /// Replay has a recording of the case, but its request has changed since it was made.
    StaleRecording,
    /// A recording that cannot be read.
    BrokenRecording,
    /// A mistake in the suite that only shows at run time, or in the harness.
    Harness,
}

impl Class {
    /// For people: `wrong answer`, `stale recording`, …
    pub fn name(self) -> &'static str {
        match self {
            Class::WrongAnswer => "wrong answer",
            Class::ProtocolViolation => "protocol violation",
            Class::RateLimited => "rate limited",
            Class::ProviderDown => "provider down",
            Class::MissingKey => "missing key",
            Class::MissingRecording => "missing recording",
            Class::StaleRecording => "stale recording",
            Class::BrokenRecording => "broken recording",
            Class::Harness => "harness",
        }
    }

    /// What failed, in one line: the class in front of the words, unless they say all there is to say.
    pub fn before(self, words: &str) -> String {
        match self {
            Class::WrongAnswer => words.to_owned(),
            other => format!("{}: {words}", other.name()),
        }
    }
}

/// How many cases came to what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Passed.
    pub passed: usize,
    /// Failed.
    pub failed: usize,
    /// Skipped.
    pub skipped: usize,
    /// Left out by selection.
    pub deselected: usize,
    /// Failed as expected.
    pub xfailed: usize,
    /// Passed against expectation.
    pub xpassed: usize,
    /// Could not be run.
    pub errors: usize,
    /// Passed after they were run again.
    pub flaky: usize,
    /// Times that a case was run again.
    pub reruns: usize,
    /// Teardowns that failed.
    pub teardowns: usize,
}

impl Tally {
    /// Counts what `event` tells.
    pub fn count(&mut self, event: &Event) {
        match event {
            Event::Collected { deselected, .. } => self.deselected = *deselected,
            Event::CaseFinished(finished) => match finished.outcome {
                Outcome::Passed => self.passed += 1,
                Outcome::Flaky(_) => self.flaky += 1,
                Outcome::Failed(_) => self.failed += 1,
                Outcome::Skipped(_) => self.skipped += 1,
                Outcome::XFailed { .. } => self.xfailed += 1,
                Outcome::XPassed(_) => self.xpassed += 1,
                Outcome::Error(_) => self.errors += 1,
            },
            Event::CaseRerun(_) => self.reruns += 1,
            Event::CaseTeardown(_) => self.teardowns += 1,
            _ => {}
        }
    }

    /// Failures and errors.
    pub fn bad(&self) -> usize {
        self.failed + self.errors + self.teardowns
    }

    /// Whether nothing went wrong, and something was run.
    pub fn is_green(&self) -> bool {
        self.bad() == 0 && self.done() > 0
    }

    /// Cases that were run or skipped.
    pub fn done(&self) -> usize {
        self.passed + self.flaky + self.failed + self.skipped + self.xfailed + self.xpassed + self.errors
    }
}
