//! Cases and their results, as rows.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::call::{micros, number};
use super::details::{of_captured, of_failure};
use super::store::{Store, row};
use crate::event::{CaseRef, Finished, Outcome};
use crate::report::failure::headline;

/// All cases of all runs, each once.
#[derive(Debug, Default)]
pub(super) struct Cases {
    numbers: HashMap<String, usize>,
    rows: Vec<Value>,
}

impl Cases {
    /// The number of a case. Its columns: suite, the rest of its id, line, template, setup, provider, model, client,
    /// parameters as name and value in turn, capabilities.
    pub(super) fn number(&mut self, case: &CaseRef, store: &mut Store) -> usize {
        if let Some(number) = self.numbers.get(&case.id) {
            return *number;
        }
        let rest = case.id.strip_prefix(case.suite.as_str()).and_then(|rest| rest.strip_prefix("::"));
        // Without a suite, the rest is the whole id.
        let suite = rest.map(|_| case.suite.as_str());
        let parameters = case.parameters.iter().flat_map(|(name, value)| [name, value]);
        let cells = vec![
            store.maybe(suite),
            rest.unwrap_or(&case.id).into(),
            case.line.into(),
            store.text(&case.template),
            store.text(&case.setup),
            store.text(&case.provider),
            store.maybe(case.model.as_deref()),
            store.maybe(case.client.as_deref()),
            store.list(parameters),
            store.list(&case.capabilities),
        ];
        let number = self.rows.len();
        self.numbers.insert(case.id.clone(), number);
        self.rows.push(row(cells));
        number
    }

    pub(super) fn rows(self) -> Value {
        self.rows.into()
    }
}

/// What besides its own end is told of a case: how often it was run again, and the failure of its teardown.
#[derive(Debug, Default)]
pub(super) struct Beside<'a> {
    pub(super) reruns: usize,
    pub(super) teardown: Option<&'a Finished>,
}

/// Whether the details of a case are kept before those of others.
pub(super) fn is_bad(finished: &Finished) -> bool {
    matches!(finished.outcome, Outcome::Failed(_) | Outcome::Error(_))
}

/// A result. Its columns: case, outcome (a number, as `data.js` names them), microseconds, reason, details, calls, findings
/// as rule, actual and known, rules that were kept, recordings used, recordings written, tries that passed and were made,
/// reruns, details of the teardown.
pub(super) fn result(
    finished: &Finished,
    case: usize,
    beside: &Beside<'_>,
    has_calls: bool,
    store: &mut Store,
) -> Value {
    let id = &finished.case.id;
    let (outcome, reason, failure) = match &finished.outcome {
        Outcome::Passed => (0, None, None),
        Outcome::Flaky(failure) => (1, Some(headline(failure)), Some(failure)),
        Outcome::Failed(failure) => (2, Some(headline(failure)), Some(failure)),
        Outcome::Error(failure) => (3, Some(headline(failure)), Some(failure)),
        Outcome::Skipped(reason) => (4, Some(reason.clone()), None),
        Outcome::XFailed { reason, failure } => (5, Some(reason.clone()), Some(failure)),
        Outcome::XPassed(reason) => (6, Some(reason.clone()), None),
    };
    let details = match failure {
        Some(failure) => Some(of_failure(failure, id, store)),
        None => of_captured(&finished.captured, store),
    };
    let reason = reason.filter(|reason| !reason.trim().is_empty());
    let calls: Vec<usize> = finished.calls.iter().filter(|_| has_calls).map(|call| number(call, store)).collect();
    let mut findings = Vec::new();
    for finding in &finished.protocol {
        findings.extend([
            store.text(&finding.rule),
            store.text(&finding.actual),
            store.maybe(finding.known.as_deref()),
        ]);
    }
    let torn = beside.teardown.and_then(|finished| match &finished.outcome {
        Outcome::Failed(failure) | Outcome::Error(failure) => Some(of_failure(failure, id, store)),
        _ => None,
    });
    row(vec![
        case.into(),
        outcome.into(),
        micros(finished.duration).into(),
        reason.map_or(Value::Null, |reason| store.reason(&reason)),
        json!(details),
        calls.into(),
        findings.into(),
        store.list(&finished.kept_rules),
        store.list(&finished.recordings.used),
        store.list(&finished.recordings.written),
        json!(finished.rate.map(|rate| [rate.passed, rate.tries])),
        json!((beside.reruns > 0).then_some(beside.reruns)),
        json!(torn),
    ])
}
