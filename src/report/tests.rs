mod kept;
mod lines;
mod machines;
mod sections;

use std::time::Duration;

use super::{Collected, Letters, Options, Terminal, Trace, Tree};
use crate::event::{
    CaseRef, Class, Event, Excerpt, Exchange, Failure, Finished, Head, Interruption, Mismatch, Outcome, Problem, Rate,
    Reply, Request, Texts,
};

const LONG: &str = "over_long[client_with_models-txt=together/meta-llama/Llama-3.3-70B-Instruct-Turbo-Free-True]";

/// The output for `events`, with escape characters as `^`.
fn printed(options: Options, events: &[Event]) -> String {
    let mut terminal = Terminal::new(Vec::new(), options);
    for event in events {
        terminal.handle(event).unwrap();
    }
    String::from_utf8(terminal.into_inner()).unwrap().replace('\x1b', "^")
}

/// A failure without a check.
fn failure(class: Class, message: &str) -> Box<Failure> {
    let problem = Problem::Message(message.into());
    Box::new(Failure { class, problem, rerun: "retake test".into(), ..Failure::default() })
}

/// An expectation that is not met; the texts are compared line by line.
fn mismatch(path: &str, expected: &str, actual: &str, texts: Option<Texts>) -> Box<Failure> {
    let text = format!("    expect: {{json: {{{path}: {expected}}}}}");
    let place = Excerpt { file: "suites/a.yaml".into(), line: 14, column: 20, width: path.len(), text };
    let mismatch = Mismatch { place, path: path.into(), expected: expected.into(), actual: actual.into(), texts };
    Box::new(Failure { problem: Problem::Mismatches(vec![mismatch]), ..*failure(Class::WrongAnswer, "") })
}

fn exchange() -> Exchange {
    let url = "https://host/v1/models".into();
    let request = Request { method: "GET".into(), endpoint: "/v1/models".into(), url, ..Request::default() };
    let reply = Reply { status: 200, ..Reply::default() };
    Exchange { request: Some(request), reply: Some(reply), ..Exchange::default() }
}

fn finished(index: usize, name: &str, outcome: Outcome) -> Event {
    let case =
        CaseRef { id: format!("suites/a.yaml::{name}"), suite: "suites/a.yaml".into(), line: 12, ..CaseRef::default() };
    let duration = Duration::from_millis(20);
    Event::CaseFinished(Box::new(Finished { index, case, outcome, duration, ..Finished::default() }))
}

fn ended(interrupted: Option<Interruption>) -> Event {
    Event::Finished { duration: Duration::from_millis(114), interrupted, proof: Box::default() }
}

fn head(total: usize, deselected: usize) -> [Event; 2] {
    let head = Head {
        format: crate::event::FORMAT,
        retake: "0.1.0".into(),
        mode: "replay".into(),
        stack: "ci-tests".into(),
        setups: vec!["together".into(), "tgi".into()],
        suites: "suites".into(),
        files: 1,
        notes: vec!["recordings: recordings (18 real)".into()],
        ..Head::default()
    };
    [Event::Started(Box::new(head)), Event::Collected { total, deselected }]
}

/// Every kind of event and every outcome; the first two cases finish in reverse order.
fn everything() -> Vec<Event> {
    let mut events = head(11, 3).to_vec();
    events.push(Event::Notice("recordings: 18, 3 of them simulated".into()));
    events.push(Event::CaseStarted { index: 0, id: "suites/a.yaml::first[txt=m-True]".into() });
    events.push(finished(1, "skipped", Outcome::Skipped("Together's completions take no suffix".into())));
    events.push(Event::Notice("together answered 429: waiting 1 s".into()));
    events.push(finished(0, "first[txt=m-True]", Outcome::Passed));
    let reason = "a reason that is longer than what remains of the line".to_owned();
    events.push(finished(2, "long_reason", Outcome::Skipped(reason)));
    let wrong = mismatch("$.usage", "3", "4\x1b[2J", None);
    events.push(finished(3, "wrong[太陽]", Outcome::Failed(wrong.clone())));
    events.push(finished(4, "xfailed", Outcome::XFailed { reason: "known".into(), failure: wrong }));
    events.push(finished(5, "xpassed", Outcome::XPassed("known".into())));
    let miss = failure(Class::MissingRecording, "no recording of POST /v1/chat/completions for this case");
    events.push(finished(6, "missing", Outcome::Error(miss)));
    events.push(finished(7, "last", Outcome::Passed));
    events.push(ended(None));
    events
}
