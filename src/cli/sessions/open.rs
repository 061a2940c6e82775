//! A session that runs, and the event that it becomes.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use super::slot::{Slot, Terms};
use crate::cli::hooks::nearest_event;
use crate::event::{Attempt, Call, CaseRef, Class, Failure, Finished, Outcome, Part, PartTime, Problem, Recordings};
use crate::proxy::{Observed, Trouble};
use crate::record::Usage;
use crate::run;
use crate::upstream::ErrorKind;

/// The id of the case of requests without a session.
const WITHOUT_SESSION: &str = "requests without a session";
/// The reason of a session of which nobody said how it ended.
const UNSAID: &str = "nobody said how it ended";
/// The reason of a session that its client says has failed, and no more.
const FAILED: &str = "it was finished as failed: the test runner says why";
/// How many requests of a session are told one by one.
const MOST_CALLS: usize = 2_000;
/// How many requests of a session that had no answer are told one by one.
const MOST_TROUBLES: usize = 20;

/// A session that runs.
pub(super) struct Open {
    index: usize,
    began: Instant,
    started_ms: u64,
    slots: Vec<Arc<Slot>>,
    /// Requests that are not among `slots`.
    more_calls: usize,
    providers: Vec<String>,
    models: Vec<String>,
    troubles: Vec<Trouble>,
    /// Troubles that are not among `troubles`.
    more_troubles: usize,
}

/// How a session ended, as its client says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ended {
    Passed,
    /// With the reason, which may be empty.
    Failed(String),
    Unsaid,
}

/// The id of a session's case.
pub(super) fn id(session: Option<&str>) -> String {
    session.unwrap_or(WITHOUT_SESSION).to_owned()
}

impl Open {
    pub(super) fn new(index: usize, started_ms: u64) -> Self {
        Open {
            index,
            began: Instant::now(),
            started_ms,
            slots: Vec::new(),
            more_calls: 0,
            providers: Vec::new(),
            models: Vec::new(),
            troubles: Vec::new(),
            more_troubles: 0,
        }
    }

    pub(super) fn index(&self) -> usize {
        self.index
    }

    pub(super) fn asked(&mut self, slot: Arc<Slot>) {
        add(&mut self.providers, Some(slot.observed.provider.clone()));
        add(&mut self.models, slot.model());
        if self.slots.len() < MOST_CALLS {
            self.slots.push(slot);
        } else {
            self.more_calls += 1;
        }
    }

    /// Whether it has sent nothing.
    pub(super) fn is_silent(&self) -> bool {
        self.slots.is_empty() && self.troubles.is_empty()
    }

    pub(super) fn slot_of(&self, observed: &Arc<Observed>) -> Option<Arc<Slot>> {
        self.slots.iter().rev().find(|slot| Arc::ptr_eq(&slot.observed, observed)).cloned()
    }

    pub(super) fn troubled(&mut self, trouble: &Trouble) {
        if self.troubles.len() < MOST_TROUBLES {
            self.troubles.push(trouble.clone());
        } else {
            self.more_troubles += 1;
        }
    }

    /// The finished case, and what is to be said of it besides. A request without an answer fails it, whatever its
    /// client says.
    pub(super) fn finished(
        self,
        session: Option<&str>,
        said: Ended,
        usage: &Usage,
        setup: &str,
        terms: &Terms,
    ) -> (Finished, Option<String>) {
        let duration = self.began.elapsed();
        let calls: Vec<Call> = self.slots.iter().map(|slot| slot.done(terms)).collect();
        let outcome = match (self.failure(usage), said) {
            (Some(failure), _) => Outcome::Failed(Box::new(failure)),
            (None, Ended::Passed) => Outcome::Passed,
            (None, Ended::Failed(reason)) => Outcome::Failed(Box::new(told(reason))),
            (None, Ended::Unsaid) => Outcome::Skipped(UNSAID.to_owned()),
        };
        let id = id(session);
        let more = (self.more_calls > 0).then(|| {
            format!("{id}: {} more requests than {MOST_CALLS}, which are not told one by one", self.more_calls)
        });
        let mut used: Vec<String> = calls.iter().filter_map(|call| call.recording.as_ref()?.file.clone()).collect();
        used.extend(names(usage.used.iter()));
        used.sort();
        used.dedup();
        let finished = Finished {
            index: self.index,
            case: case(id, &self.providers, &self.models, setup),
            outcome,
            duration,
            attempts: vec![Attempt {
                started_ms: self.started_ms,
                parts: vec![PartTime { part: Part::Call, duration }],
            }],
            calls,
            recordings: Recordings { used, written: names(usage.written.iter()).collect() },
            ..Finished::default()
        };
        (finished, more)
    }

    /// The failure of a session that sent requests without an answer.
    fn failure(&self, usage: &Usage) -> Option<Failure> {
        let first = self.troubles.first()?;
        let mut message: String =
            self.troubles.iter().map(|trouble| trouble.message.as_str()).collect::<Vec<_>>().join("\n");
        if self.more_troubles > 0 {
            message.push_str(&format!("\nand {} more requests without an answer", self.more_troubles));
        }
        let class = ErrorKind::from_name(first.kind).map_or(Class::Harness, run::class_of);
        let is_of_recordings = matches!(class, Class::MissingRecording | Class::StaleRecording);
        let nearest = usage.misses.first().filter(|_| is_of_recordings).and_then(|miss| miss.nearest.as_ref());
        Some(Failure {
            class,
            problem: Problem::Message(message),
            nearest: nearest.map(nearest_event),
            ..Failure::default()
        })
    }
}

/// The failure of a session for its client's own reason.
fn told(reason: String) -> Failure {
    let reason = if reason.trim().is_empty() { FAILED.to_owned() } else { reason };
    Failure { problem: Problem::Message(reason), ..Failure::default() }
}

/// What a session's name tells: test runners name them by the file and the test, as `tests/test_a.py::test_b[param]`.
fn case(id: String, providers: &[String], models: &[String], setup: &str) -> CaseRef {
    let (file, name) = id.split_once("::").map_or(("", id.as_str()), |(file, name)| (file, name));
    CaseRef {
        suite: file.to_owned(),
        template: name.split('[').next().unwrap_or_default().to_owned(),
        setup: setup.to_owned(),
        provider: providers.join(", "),
        model: (!models.is_empty()).then(|| models.join(", ")),
        is_session: true,
        id,
        ..CaseRef::default()
    }
}

/// How many providers and models of a session are named.
const MOST_NAMES: usize = 8;

fn add(names: &mut Vec<String>, name: Option<String>) {
    let Some(name) = name else { return };
    if names.len() < MOST_NAMES && !names.contains(&name) {
        names.push(name);
    }
}

fn names<'p>(paths: impl Iterator<Item = &'p PathBuf>) -> impl Iterator<Item = String> {
    paths.map(|path| path.display().to_string())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::record::{self, Miss};

    const TERMS: Terms = Terms { speed: None, prices: BTreeMap::new() };

    fn finished(open: Open, said: Ended, usage: &Usage) -> Finished {
        open.finished(Some("tests/test_a.py::test_b[x::y]"), said, usage, "", &TERMS).0
    }

    fn trouble(kind: &'static str, message: &str) -> Trouble {
        Trouble { kind, session: None, message: message.to_owned() }
    }

    #[test]
    fn a_session_is_a_case_of_the_file_that_its_name_begins_with() {
        let case = finished(Open::new(3, 7), Ended::Passed, &Usage::default()).case;
        assert_eq!((case.suite.as_str(), case.template.as_str()), ("tests/test_a.py", "test_b"));
        assert!(case.is_session && case.id == "tests/test_a.py::test_b[x::y]");
        let (own, _) = Open::new(0, 0).finished(None, Ended::Unsaid, &Usage::default(), "", &TERMS);
        assert_eq!((own.case.suite.as_str(), own.case.id.as_str()), ("", WITHOUT_SESSION));
    }

    #[test]
    fn an_outcome_that_nobody_said_is_neither_good_nor_bad() {
        let of = |said| finished(Open::new(0, 0), said, &Usage::default()).outcome;
        assert_eq!(of(Ended::Passed), Outcome::Passed);
        assert_eq!(of(Ended::Unsaid), Outcome::Skipped(UNSAID.to_owned()));
        for (said, message) in [("1 is not 2", "1 is not 2"), (" ", FAILED)] {
            let Outcome::Failed(failure) = of(Ended::Failed(said.to_owned())) else { panic!("it failed") };
            assert_eq!((failure.class, failure.problem), (Class::WrongAnswer, Problem::Message(message.to_owned())));
        }
    }

    #[test]
    fn a_request_without_an_answer_fails_a_session_that_is_said_to_have_passed() {
        let mut open = Open::new(0, 0);
        open.troubled(&trouble("missing-recording", "no recording\n  nearest: a"));
        (0..MOST_TROUBLES).for_each(|_| open.troubled(&trouble("unknown-route", "no route")));
        let changed = vec![record::Changed { path: "$.a".into(), recorded: "1".into(), asked: "2".into() }];
        let nearest = Some(record::Nearest { file: "r/1.json".into(), changed });
        let (kind, name, message) = (ErrorKind::MissingRecording, String::new(), String::new());
        let usage = Usage { misses: vec![Miss { case: None, kind, name, message, nearest }], ..Usage::default() };
        let Outcome::Failed(failure) = finished(open, Ended::Passed, &usage).outcome else { panic!("it failed") };
        assert_eq!(failure.class, Class::MissingRecording);
        let Problem::Message(message) = &failure.problem else { panic!("a message") };
        assert!(message.starts_with("no recording\n") && message.ends_with("\nand 1 more requests without an answer"));
        let nearest = failure.nearest.unwrap();
        assert_eq!((nearest.file.as_str(), nearest.changed[0].asked.as_str()), ("r/1.json", "2"));
    }
}
