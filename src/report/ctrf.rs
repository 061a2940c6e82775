//! The JSON of ctrf.io, Common Test Report Format.

use serde_json::{Map, Value, json};

use super::failure::{headline, rerun};
use super::record::{Counts, Entry, Record, failure, place};
use crate::event::{Failure, Outcome};

/// The version of the format.
const VERSION: &str = "0.0.0";

/// The whole report.
pub(super) fn json(record: &Record<'_>) -> String {
    let count = |counts| record.cases.iter().filter(|entry| entry.counts() == counts).count();
    let is_flaky = |entry: &&Entry<'_>| matches!(entry.finished.outcome, Outcome::Flaky(_));
    let mut suites: Vec<&str> = record.cases.iter().map(Entry::group).collect();
    suites.dedup();
    let start = record.head.started_ms;
    let mut environment = json!({"reportName": "retake", "extra": proof(record)});
    if let Some(revision) = &record.proof.revision {
        environment["commit"] = json!(revision.trim_end_matches('+'));
    }
    let report = json!({
        "reportFormat": "CTRF",
        "specVersion": VERSION,
        "generatedBy": "retake",
        "results": {
            "tool": {"name": "retake", "version": record.head.retake},
            "summary": {
                "tests": record.cases.len(),
                "passed": count(Counts::Good),
                "failed": count(Counts::Bad),
                "skipped": count(Counts::Skipped),
                "pending": 0,
                "other": count(Counts::Expected),
                "flaky": record.cases.iter().filter(is_flaky).count(),
                "suites": suites.len(),
                "start": start,
                "stop": start.saturating_add(ms(record.duration)),
                "duration": ms(record.duration),
                "extra": {"deselected": record.tally.deselected, "interrupted": record.interruption()},
            },
            "tests": record.cases.iter().map(test).collect::<Vec<_>>(),
            "environment": environment,
        },
    });
    format!("{report:#}\n")
}

/// What the outcomes rest on.
fn proof(record: &Record<'_>) -> Value {
    let rows = record.proof_rows().into_iter().map(|(name, value)| (name.replace(' ', "_"), Value::String(value)));
    Value::Object(rows.collect())
}

fn ms(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn test(entry: &Entry<'_>) -> Value {
    let finished = entry.finished;
    let case = &finished.case;
    let (status, raw) = words(&finished.outcome);
    let mut test = json!({
        "name": entry.name(),
        "status": status,
        "duration": ms(finished.duration),
        "suite": [entry.group()],
        "rawStatus": raw,
        "type": "integration",
        "tags": case.capabilities,
        "extra": {
            "id": case.id,
            "setup": case.setup,
            "provider": case.provider,
            "model": case.model,
            "client": case.client,
            "recordings": finished.recordings.used,
            "recorded": finished.recordings.written,
        },
    });
    let mut add = |name: &str, value: Value| test[name] = value;
    if !case.suite.is_empty() {
        add("filePath", json!(case.suite));
    }
    if case.line > 0 {
        add("line", json!(case.line));
    }
    if let Some(start) = entry.started_ms() {
        add("start", json!(start));
        add("stop", json!(start.saturating_add(ms(finished.duration))));
    }
    if !case.parameters.is_empty() {
        let parameters: Map<String, Value> =
            case.parameters.iter().map(|(name, id)| (name.clone(), json!(id))).collect();
        add("parameters", Value::Object(parameters));
    }
    let before = entry.failures_before();
    if !before.is_empty() {
        add("retries", json!(before.len()));
        add("flaky", json!(matches!(finished.outcome, Outcome::Flaky(_))));
        let attempts = before.iter().zip(1..).map(|(failure, number)| attempt(entry, failure, number));
        add("retryAttempts", attempts.collect());
    }
    match (&finished.outcome, failure(finished)) {
        (Outcome::Skipped(reason) | Outcome::XPassed(reason), _) => add("message", json!(reason)),
        (Outcome::XFailed { reason, .. }, Some(failure)) => {
            add("message", json!(reason));
            add("trace", json!(entry.explained(failure)));
        }
        (Outcome::Failed(_) | Outcome::Error(_), Some(failure)) => {
            add("message", json!(headline(failure)));
            add("trace", json!(entry.explained(failure)));
            if let Some(place) = place(failure) {
                add("snippet", json!(place.text));
            }
            test["extra"]["class"] = json!(failure.class.name());
            test["extra"]["rerun"] = json!(rerun(failure, &case.id));
        }
        _ => {}
    }
    test
}

fn attempt(entry: &Entry<'_>, failure: &Failure, number: usize) -> Value {
    json!({"attempt": number, "status": "failed", "message": headline(failure), "trace": entry.explained(failure)})
}

fn words(outcome: &Outcome) -> (&'static str, &'static str) {
    match outcome {
        Outcome::Passed => ("passed", "passed"),
        Outcome::Flaky(_) => ("passed", "flaky"),
        Outcome::XPassed(_) => ("passed", "xpassed"),
        Outcome::Failed(_) => ("failed", "failed"),
        Outcome::Error(_) => ("failed", "error"),
        Outcome::Skipped(_) => ("skipped", "skipped"),
        Outcome::XFailed { .. } => ("other", "xfailed"),
    }
}
