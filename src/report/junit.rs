//! JUnit's XML, as CI servers read it. Suites are the files, and the class name is the file's.

use std::collections::BTreeMap;

use quick_junit::{NonSuccessKind, Property, Report, TestCase, TestCaseStatus, TestRerun, TestSuite};

use super::failure::headline;
use super::kind::Rendered;
use super::record::{Counts, Entry, Record, failure};
use crate::event::{Failure, Outcome};

/// How many recordings of a case are named.
const MOST_RECORDINGS: usize = 20;

/// How large a report may be: servers refuse larger ones.
#[derive(Debug, Clone, Copy)]
pub(super) struct Most {
    pub(super) objects: usize,
    pub(super) bytes: usize,
}

impl Default for Most {
    /// Below the limits of the known servers, of which the lowest are 250,000 objects and 30 MB.
    fn default() -> Self {
        Most { objects: 240_000, bytes: 29_000_000 }
    }
}

/// How much a report says of each case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Detail {
    /// Everything.
    Full,
    /// Of a case that passed its name and time alone.
    Failures,
    /// Of a failure its first line alone.
    Messages,
    /// And only so many of the cases that did not fail.
    Some(usize),
}

/// The whole report, as far as the limits allow.
pub(super) fn xml(record: &Record<'_>, most: Most) -> Rendered {
    let fits = |report: &Report, text: &str| objects(report) <= most.objects && text.len() <= most.bytes;
    for (detail, cut) in [
        (Detail::Full, None),
        (Detail::Failures, Some("properties of cases that passed or were skipped are left out")),
        (Detail::Messages, Some("properties and what is explained of failures are left out")),
    ] {
        // A report that is much too large is not even made.
        if detail == Detail::Full && record.cases.len() > most.objects {
            continue;
        }
        let (report, text) = made(record, detail, cut);
        if fits(&report, &text) {
            return Rendered { text, cut: cut.map(str::to_owned) };
        }
    }
    let mut kept = record.cases.len().min(most.objects);
    loop {
        kept /= 2;
        let left = record.cases.iter().filter(|entry| entry.counts() != Counts::Bad).count().saturating_sub(kept);
        let cut = format!("{left} cases that did not fail are left out, and what is explained of failures");
        let (report, text) = made(record, Detail::Some(kept), Some(&cut));
        if fits(&report, &text) || kept == 0 {
            return Rendered { text, cut: Some(cut) };
        }
    }
}

fn made(record: &Record<'_>, detail: Detail, cut: Option<&str>) -> (Report, String) {
    let report = report(record, detail, cut);
    // Whatever it holds are texts, and those can be written.
    let text = report.to_string().unwrap_or_default();
    (report, text)
}

/// The elements of a report.
fn objects(report: &Report) -> usize {
    let of_case = |case: &TestCase| {
        let status = match &case.status {
            TestCaseStatus::Success { flaky_runs } => flaky_runs.len(),
            TestCaseStatus::NonSuccess { reruns, .. } => 1 + reruns.runs.len(),
            TestCaseStatus::Skipped { .. } => 1,
        };
        1 + status + case.properties.len() + usize::from(!case.properties.is_empty())
    };
    let of_suite = |suite: &TestSuite| 2 + suite.properties.len() + suite.test_cases.iter().map(of_case).sum::<usize>();
    1 + report.test_suites.iter().map(of_suite).sum::<usize>()
}

fn report(record: &Record<'_>, detail: Detail, cut: Option<&str>) -> Report {
    let mut report = Report::new("retake");
    report.set_time(record.duration);
    if let Some(time) = time(record.head.started_ms) {
        report.set_timestamp(time);
    }
    let mut room = match detail {
        Detail::Some(kept) => kept,
        _ => usize::MAX,
    };
    let mut suites: BTreeMap<&str, Vec<&Entry<'_>>> = BTreeMap::new();
    for entry in &record.cases {
        if entry.counts() != Counts::Bad {
            let Some(left) = room.checked_sub(1) else { continue };
            room = left;
        }
        suites.entry(entry.group()).or_default().push(entry);
    }
    let proof: Vec<Property> =
        record.proof_rows().into_iter().map(|(name, value)| property(&name.replace(' ', "-"), &value)).collect();
    for (file, entries) in suites {
        let mut suite = TestSuite::new(clean(file));
        suite.set_time(entries.iter().map(|entry| entry.finished.duration).sum());
        if let Some(time) = entries.iter().filter_map(|entry| entry.started_ms()).min().and_then(time) {
            suite.set_timestamp(time);
        }
        suite.add_properties(proof.iter().cloned());
        suite.add_properties(record.interruption().map(|why| property("interrupted", &why)));
        suite.add_properties(cut.map(|cut| property("cut", cut)));
        suite.add_test_cases(entries.into_iter().map(|entry| case(entry, detail)));
        report.add_test_suite(suite);
    }
    report
}

fn case(entry: &Entry<'_>, detail: Detail) -> TestCase {
    let finished = entry.finished;
    let mut case = TestCase::new(clean(&entry.name()), status(entry, detail));
    case.set_classname(class_name(entry.group())).set_time(finished.duration);
    if let Some(time) = entry.started_ms().and_then(time) {
        case.set_timestamp(time);
    }
    let is_told = match detail {
        Detail::Full => true,
        Detail::Failures => entry.counts() == Counts::Bad,
        Detail::Messages | Detail::Some(_) => false,
    };
    if is_told {
        case.add_properties(properties(entry));
    }
    case
}

fn properties(entry: &Entry<'_>) -> Vec<Property> {
    let finished = entry.finished;
    let of_case = &finished.case;
    let whose = [("setup", &of_case.setup), ("provider", &of_case.provider)].into_iter();
    let mut all: Vec<Property> =
        whose.filter(|(_, value)| !value.is_empty()).map(|(name, value)| property(name, value)).collect();
    all.extend(of_case.model.iter().map(|model| property("model", model)));
    all.extend(of_case.client.iter().map(|client| property("client", client)));
    all.extend(of_case.capabilities.iter().map(|capability| property("capability", capability)));
    all.extend(finished.rate.map(|rate| property("passed-tries", &format!("{}/{}", rate.passed, rate.tries))));
    for (name, files) in [("recording", &finished.recordings.used), ("recorded", &finished.recordings.written)] {
        all.extend(files.iter().take(MOST_RECORDINGS).map(|file| property(name, file)));
        let more = files.len().saturating_sub(MOST_RECORDINGS);
        all.extend((more > 0).then(|| property(&format!("more-{name}s"), &more.to_string())));
    }
    if let Outcome::XPassed(reason) = &finished.outcome {
        all.push(property("xpassed", reason));
    }
    all
}

fn status(entry: &Entry<'_>, detail: Detail) -> TestCaseStatus {
    let explains = detail <= Detail::Failures;
    let told = |kind, failure: &Failure| {
        let mut status = TestCaseStatus::non_success(kind);
        status.set_message(clean(&headline(failure))).set_type(failure.class.name());
        if explains {
            status.set_description(clean(&entry.explained(failure)));
        }
        status
    };
    let mut status = match &entry.finished.outcome {
        Outcome::Passed | Outcome::Flaky(_) | Outcome::XPassed(_) => TestCaseStatus::success(),
        Outcome::Failed(failure) => told(NonSuccessKind::Failure, failure),
        Outcome::Error(failure) => told(NonSuccessKind::Error, failure),
        Outcome::Skipped(reason) => {
            let mut status = TestCaseStatus::skipped();
            status.set_message(clean(reason)).set_type("skip");
            status
        }
        Outcome::XFailed { reason, .. } => {
            let mut status = TestCaseStatus::skipped();
            status.set_message(clean(reason)).set_type("pytest.xfail");
            if let Some(failure) = failure(entry.finished).filter(|_| explains) {
                status.set_description(clean(&entry.explained(failure)));
            }
            status
        }
    };
    status.add_reruns(entry.failures_before().into_iter().map(|failure| {
        let mut rerun = TestRerun::new(NonSuccessKind::Failure);
        rerun.set_message(clean(&headline(failure))).set_type(failure.class.name());
        if explains {
            rerun.set_description(clean(&entry.explained(failure)));
        }
        rerun
    }));
    status
}

fn property(name: &str, value: &str) -> Property {
    Property::new(name, clean(value))
}

/// `suites/inference/a.b.yaml` as `suites.inference.a_b`: servers take each dot for a level.
fn class_name(file: &str) -> String {
    let ends = [".yaml", ".yml", ".py"];
    let stem = ends.iter().find_map(|end| file.strip_suffix(end)).unwrap_or(file);
    let levels = stem.split(['/', '\\']).filter(|level| !level.is_empty() && *level != "." && *level != "..");
    clean(&levels.map(|level| level.replace('.', "_")).collect::<Vec<_>>().join("."))
}

/// `text` without the two characters that XML cannot hold and the crate leaves.
fn clean(text: &str) -> String {
    text.replace(['\u{fffe}', '\u{ffff}'], "\u{fffd}")
}

/// A moment, in milliseconds since 1970.
fn time(ms: u64) -> Option<chrono::DateTime<chrono::FixedOffset>> {
    chrono::DateTime::from_timestamp_millis(i64::try_from(ms).ok()?).map(|time| time.fixed_offset())
}
