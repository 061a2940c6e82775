mod lines;
mod sections;

use std::time::Duration;

use super::{Collected, Letters, Options, Terminal, Trace, Tree};
use crate::diff::Diff;
use crate::event::{Class, Detail, Event, Failure, Finished, Outcome, Rate, Section};

const LONG: &str = "over_long[client_with_models-txt=together/meta-llama/Llama-3.3-70B-Instruct-Turbo-Free-True]";

/// What is printed of `events`, escape characters as `^`.
fn printed(options: Options, events: &[Event]) -> String {
    let mut terminal = Terminal::new(Vec::new(), options);
    for event in events {
        terminal.handle(event).unwrap();
    }
    String::from_utf8(terminal.into_inner()).unwrap().replace('\x1b', "^")
}

fn failure(class: Class, summary: &str, details: &str) -> Failure {
    let rerun = "retake run -k 'that case'".into();
    Failure {
        class,
        summary: summary.into(),
        details: vec![Detail::Lines(details.into())],
        context: String::new(),
        rerun,
    }
}

fn finished(index: usize, name: &str, outcome: Outcome) -> Event {
    Event::CaseFinished(Finished {
        index,
        id: format!("suites/a.yaml::{name}"),
        file: "suites/a.yaml".into(),
        line: 12,
        outcome,
        duration: Duration::from_millis(20),
        rate: None,
        captured: Vec::new(),
        recordings: Default::default(),
    })
}

fn ended(interrupted: Option<&str>) -> Event {
    Event::Finished { duration: Duration::from_millis(114), interrupted: interrupted.map(Into::into) }
}

fn head(total: usize, deselected: usize) -> [Event; 2] {
    [
        Event::Started { info: vec!["retake 0.1.0 -- mode: replay".into(), "setup: together".into()] },
        Event::Collected { total, deselected },
    ]
}

/// Every kind of event and every outcome; the first two cases finish the wrong way round.
fn everything() -> Vec<Event> {
    let mut events = head(11, 3).to_vec();
    events.push(Event::Notice("recordings: 18, 3 of them simulated".into()));
    events.push(Event::CaseStarted { index: 0, id: "suites/a.yaml::first[txt=m-True]".into() });
    events.push(finished(1, "skipped", Outcome::Skipped("Together's completions take no suffix".into())));
    events.push(Event::Notice("together answered 429: waiting 1 s".into()));
    events.push(finished(0, "first[txt=m-True]", Outcome::Passed));
    let reason = "a reason that is longer than what remains of the line".to_owned();
    events.push(finished(2, "long_reason", Outcome::Skipped(reason)));
    let wrong = failure(Class::WrongAnswer, "$.usage: expected 3, got 4\nmore", "  expected 3\n  actual 4\x1b[2J\n");
    events.push(finished(3, "wrong[太陽]", Outcome::Failed(wrong.clone())));
    events.push(finished(4, "xfailed", Outcome::XFailed { reason: "known".into(), failure: wrong }));
    events.push(finished(5, "xpassed", Outcome::XPassed("known".into())));
    let miss = failure(Class::MissingRecording, "no recording of POST /v1/chat/completions for this case", "");
    events.push(finished(6, "missing", Outcome::Error(miss)));
    events.push(finished(7, "last", Outcome::Passed));
    events.push(ended(None));
    events
}
