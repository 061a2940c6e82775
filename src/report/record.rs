//! A run as reports for machines need it: each case with what belongs to it, in an order that does not depend on which
//! case ran when, or in which shard.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::time::Duration;

use super::failure::{Detail, context, details, rerun};
use super::head::interruption;
use crate::diff::Extent;
use crate::event::{Event, Excerpt, Failure, Finished, Head, Interruption, Outcome, Problem, Proof, Tally};

/// How many lines of a difference are shown.
const MOST_OF_DIFF: usize = 60;

/// A run.
pub(super) struct Record<'e> {
    pub(super) head: Cow<'e, Head>,
    /// Sorted by file, line, id and setup.
    pub(super) cases: Vec<Entry<'e>>,
    pub(super) tally: Tally,
    pub(super) duration: Duration,
    pub(super) interrupted: Option<Interruption>,
    /// The cases that were running when the run was stopped.
    pub(super) given_up: Vec<&'e str>,
    pub(super) proof: Cow<'e, Proof>,
}

/// A case, or the teardown of one that failed, which is an error of its own.
pub(super) struct Entry<'e> {
    pub(super) finished: &'e Finished,
    pub(super) is_teardown: bool,
    /// Failures that led to another run.
    pub(super) reruns: Vec<(&'e Finished, &'e Failure)>,
    /// Another setup has a case of the same id.
    is_of_several: bool,
}

/// How an outcome counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Counts {
    Good,
    Bad,
    Skipped,
    /// It failed as expected.
    Expected,
}

impl<'e> Record<'e> {
    pub(super) fn of(events: &'e [Event]) -> Self {
        let mut record = Record {
            head: Cow::Owned(Head::default()),
            cases: Vec::new(),
            tally: Tally::default(),
            duration: Duration::ZERO,
            interrupted: None,
            given_up: Vec::new(),
            proof: Cow::Owned(Proof::default()),
        };
        let mut reruns: HashMap<usize, Vec<(&Finished, &Failure)>> = HashMap::new();
        for event in events {
            record.tally.count(event);
            match event {
                Event::Started(head) => record.head = Cow::Borrowed(head),
                Event::CaseRerun(finished) => {
                    reruns.entry(finished.index).or_default().extend(failure(finished).map(|why| (&**finished, why)));
                }
                Event::CaseTeardown(finished) => record.cases.push(Entry::of(finished, true)),
                Event::CaseFinished(finished) => record.cases.push(Entry::of(finished, false)),
                Event::CaseGivenUp { id } => record.given_up.push(id),
                Event::Finished { duration, interrupted, proof } => {
                    (record.duration, record.interrupted) = (*duration, *interrupted);
                    record.proof = Cow::Borrowed(proof);
                }
                Event::Collected { .. } | Event::CaseStarted { .. } | Event::Notice(_) => {}
            }
        }
        for case in record.cases.iter_mut().filter(|case| !case.is_teardown) {
            case.reruns = reruns.remove(&case.finished.index).unwrap_or_default();
        }
        record.cases.sort_by(|a, b| a.place().cmp(&b.place()));
        let mut setups: BTreeMap<(&str, bool), usize> = BTreeMap::new();
        for case in &record.cases {
            *setups.entry((&case.finished.case.id, case.is_teardown)).or_default() += 1;
        }
        for case in &mut record.cases {
            case.is_of_several = setups[&(case.finished.case.id.as_str(), case.is_teardown)] > 1;
        }
        record
    }

    /// What the outcomes rest on, as names and values.
    pub(super) fn proof_rows(&self) -> Vec<(&'static str, String)> {
        let (head, proof) = (&self.head, &self.proof);
        let counts = &proof.recordings;
        let mut recordings = format!("{} real, {} simulated", counts.real, counts.simulated);
        if counts.edited > 0 {
            let _ = write!(recordings, ", {} edited", counts.edited);
        }
        if counts.imported > 0 {
            let _ = write!(recordings, "; {} of them from another tool", counts.imported);
        }
        let known = |count: Option<usize>| count.map_or_else(|| "not known".to_owned(), |count| count.to_string());
        let mut rows =
            vec![("retake", head.retake.clone()), ("mode", head.mode.clone()), ("stack", head.stack.clone())];
        // Sessions of the proxy are of no suites, and mostly of no setup.
        let of_suites = [("setups", head.setups.join(", ")), ("suites", head.suites.clone())];
        rows.extend(of_suites.into_iter().filter(|(_, value)| !value.is_empty()));
        rows.extend(head.shard.clone().map(|shard| ("shard", shard)));
        rows.push(("recordings", recordings));
        rows.extend(counts.oldest_ms.and_then(moment).map(|oldest| ("oldest recording", oldest)));
        rows.push(("unused recordings", known(counts.unused)));
        rows.push(("network requests", proof.network_requests.to_string()));
        rows.extend(proof.protocol.clone().map(|level| ("protocol rules", level)));
        let secrets = if proof.secrets.is_empty() { "none is set".to_owned() } else { proof.secrets.join(", ") };
        rows.push(("secrets removed", secrets));
        rows.extend(proof.revision.clone().map(|revision| ("revision", revision)));
        rows
    }

    /// Why the run ended before all cases were run, if it did.
    pub(super) fn interruption(&self) -> Option<String> {
        let why = interruption(self.interrupted?);
        Some(match self.given_up.len() {
            0 => why,
            count => format!("{why}; given up: {count}"),
        })
    }

    /// `30 passed, 17 skipped`, in pytest's order and words.
    pub(super) fn counted(&self) -> String {
        super::summary::parts(&self.tally).into_iter().map(|(text, _)| text).collect::<Vec<_>>().join(", ")
    }
}

impl<'e> Entry<'e> {
    fn of(finished: &'e Finished, is_teardown: bool) -> Self {
        Entry { finished, is_teardown, reruns: Vec::new(), is_of_several: false }
    }

    fn place(&self) -> (&str, u32, &str, &str, bool) {
        let case = &self.finished.case;
        (&case.suite, case.line, &case.id, &case.setup, self.is_teardown)
    }

    /// The case without its file; unique within it.
    pub(super) fn name(&self) -> String {
        let case = &self.finished.case;
        let name = case.id.strip_prefix(&format!("{}::", case.suite)).unwrap_or(&case.id);
        let is_told = self.is_of_several && !case.setup.is_empty();
        let setup = if is_told { format!(" ({})", case.setup) } else { String::new() };
        let teardown = if self.is_teardown { " (teardown)" } else { "" };
        format!("{name}{setup}{teardown}")
    }

    /// The whole id, unique in the run.
    pub(super) fn id(&self) -> String {
        match self.finished.case.suite.as_str() {
            "" => self.name(),
            suite => format!("{suite}::{}", self.name()),
        }
    }

    /// What it is grouped by: its file, or `sessions` for a session whose name begins with none.
    pub(super) fn group(&self) -> &'e str {
        match self.finished.case.suite.as_str() {
            "" => "sessions",
            suite => suite,
        }
    }

    pub(super) fn counts(&self) -> Counts {
        match self.finished.outcome {
            Outcome::Passed | Outcome::Flaky(_) | Outcome::XPassed(_) => Counts::Good,
            Outcome::Failed(_) | Outcome::Error(_) => Counts::Bad,
            Outcome::Skipped(_) => Counts::Skipped,
            Outcome::XFailed { .. } => Counts::Expected,
        }
    }

    /// When the last attempt began: milliseconds since 1970.
    pub(super) fn started_ms(&self) -> Option<u64> {
        self.finished.attempts.first().map(|attempt| attempt.started_ms)
    }

    /// The runs that failed before it passed: those that were told of, or else the one that its outcome tells.
    pub(super) fn failures_before(&self) -> Vec<&'e Failure> {
        match &self.finished.outcome {
            Outcome::Flaky(failure) if self.reruns.is_empty() => vec![failure],
            _ => self.reruns.iter().map(|(_, failure)| *failure).collect(),
        }
    }

    /// What is explained of it below its headline: what was expected and what came, the exchange, how to run it again.
    pub(super) fn explained(&self, failure: &Failure) -> String {
        explained(failure, &self.finished.case.id)
    }
}

/// Why a case failed, whatever that means for its outcome.
pub(super) fn failure(finished: &Finished) -> Option<&Failure> {
    match &finished.outcome {
        Outcome::Failed(failure) | Outcome::Error(failure) | Outcome::Flaky(failure) => Some(failure),
        Outcome::XFailed { failure, .. } => Some(failure),
        Outcome::Passed | Outcome::Skipped(_) | Outcome::XPassed(_) => None,
    }
}

/// The failure below its headline, without colours.
fn explained(failure: &Failure, id: &str) -> String {
    let mut text = String::new();
    for detail in details(failure, id) {
        match detail {
            Detail::Lines(lines) => {
                let _ = write!(text, "\n{}", lines.trim_end());
            }
            Detail::Diff(diff) => {
                text.push_str("\n  differs:  - expected, + actual");
                for line in diff.shown(Extent::Lines(MOST_OF_DIFF)) {
                    let _ = write!(text, "\n    {}", line.text());
                }
            }
        }
    }
    let context = context(failure);
    if !context.is_empty() {
        let _ = write!(text, "\n{context}");
    }
    if let Some(command) = rerun(failure, id) {
        let _ = write!(text, "\nrerun: {command}");
    }
    text.trim_start_matches('\n').to_owned()
}

/// Where a failure stands in the user's files.
pub(super) fn place(failure: &Failure) -> Option<&Excerpt> {
    match &failure.problem {
        Problem::Mismatches(mismatches) => mismatches.first().map(|first| &first.place),
        Problem::Message(_) | Problem::StrictPass(_) => failure.step.as_ref(),
    }
}

/// A moment as RFC 3339 in UTC.
pub(super) fn moment(ms: u64) -> Option<String> {
    i64::try_from(ms).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok()).map(|time| time.to_string())
}
