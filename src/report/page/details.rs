//! Why a case failed, and what it asked and got, as data for the page.

use serde_json::{Map, Value, json};

use super::call::{micros, recorded};
use super::html::{cut, start};
use super::store::Store;
use crate::diff::{Diff, Extent, Line, Whose};
use crate::event::{Captured, Excerpt, Exchange, Failure, Mismatch, Problem, Reply, Request, StreamEnd};
use crate::report::exchange::{body_lines, curl, reply_line};
use crate::report::failure::{headline, record, rerun};

/// Characters kept of a text of many lines.
const MOST_OF_TEXT: usize = 16 << 10;
/// Lines kept of a difference.
const MOST_OF_DIFF: usize = 400;
/// Checks of a case that are told in full.
const MOST_CHECKS: usize = 50;
/// Stands for the case's id, or a request's body, in a command that has it as it is.
const HERE: &str = "\u{1}";

/// The number of a failure's details; where no room is left for them, its class and the command that runs it again.
pub(super) fn of_failure(failure: &Failure, id: &str, store: &mut Store) -> usize {
    let whole = failed(failure, id, store);
    push(whole, store).unwrap_or_else(|| {
        let mut brief = Map::new();
        brief.insert("class".into(), failure.class.name().into());
        brief.insert("brief".into(), true.into());
        if let Some(again) = rerun(failure, id) {
            brief.insert("rerun".into(), store.text(&with_id(&again, id)));
        }
        store.details.number(&Value::from(brief).to_string())
    })
}

/// The number of what was captured of a case that passed; `None` if there is nothing, or no room.
pub(super) fn of_captured(captured: &Captured, store: &mut Store) -> Option<usize> {
    if captured.is_empty() {
        return None;
    }
    let exchanges: Vec<Value> = captured.exchanges.iter().map(|each| exchange(each, store)).collect();
    let printed = captured.printed.as_deref().map(|text| cut(text, MOST_OF_TEXT));
    push(compact(vec![("exchanges", exchanges.into()), ("printed", json!(printed))]), store)
}

fn push(details: Value, store: &mut Store) -> Option<usize> {
    let text = details.to_string();
    store.room.details = store.room.details.checked_sub(text.len())?;
    Some(store.details.number(&text))
}

fn failed(failure: &Failure, id: &str, store: &mut Store) -> Value {
    let mut members = vec![
        ("class", failure.class.name().into()),
        ("part", failure.part.name().into()),
        ("tries", json!(failure.tries.map(|tries| [tries.passed, tries.tries, tries.needed]))),
        ("step", failure.step.as_ref().map_or(Value::Null, |place| excerpt(place, store))),
    ];
    match &failure.problem {
        Problem::Mismatches(mismatches) => {
            let checks: Vec<Value> = mismatches.iter().take(MOST_CHECKS).map(|each| mismatch(each, store)).collect();
            members.push(("checks", checks.into()));
            let more = mismatches.len().saturating_sub(MOST_CHECKS);
            members.push(("more", json!((more > 0).then_some(more))));
        }
        Problem::Message(message) => {
            members.push(("message", cut(message, MOST_OF_TEXT).into()));
            let record = record(failure, message, id);
            members.push(("record", json!(record.map(|(what, command)| json!([what, with_id(&command, id)])))));
        }
        Problem::StrictPass(_) => members.push(("message", headline(failure).into())),
    }
    members.push(("rerun", store.maybe(rerun(failure, id).map(|command| with_id(&command, id)).as_deref())));
    let exchanges: Vec<Value> = failure.exchange.iter().map(|each| exchange(each, store)).collect();
    members.push(("exchanges", exchanges.into()));
    members.push(("printed", json!(failure.printed.as_deref().map(|text| cut(text, MOST_OF_TEXT)))));
    compact(members)
}

/// Without members that say nothing.
fn compact(members: Vec<(&str, Value)>) -> Value {
    let says = |value: &Value| !value.is_null() && !value.as_array().is_some_and(Vec::is_empty);
    members.into_iter().filter(|(_, value)| says(value)).map(|(name, value)| (name.to_owned(), value)).collect()
}

/// A command that many cases share but for the id.
fn with_id(command: &str, id: &str) -> String {
    command.replacen(id, HERE, usize::from(!id.is_empty()))
}

/// `[file, line, column, width, text]`
pub(super) fn excerpt(place: &Excerpt, store: &mut Store) -> Value {
    let (file, text) = (store.text(&place.file), store.text(&place.text));
    json!([file, place.line, place.column, place.width, text])
}

/// `[place, path, expected, actual, difference]`; the difference is lines with their mark.
fn mismatch(mismatch: &Mismatch, store: &mut Store) -> Value {
    let place = excerpt(&mismatch.place, store);
    let diff = mismatch.texts.as_ref().and_then(|texts| Diff::of(&texts.expected, &texts.actual));
    let lines: Option<Vec<Value>> =
        diff.map(|diff| diff.shown(Extent::Lines(MOST_OF_DIFF)).iter().map(diff_line).collect());
    let path = store.text(&mismatch.path);
    let [expected, actual] = [&mismatch.expected, &mismatch.actual].map(|text| cut(text, MOST_OF_TEXT));
    json!([place, path, expected, actual, lines])
}

fn diff_line(line: &Line) -> Value {
    let mark = match line {
        Line::Of(Whose::Expected, _) => "-",
        Line::Of(Whose::Actual, _) => "+",
        Line::Of(Whose::Both, _) => " ",
        Line::Equal(_) | Line::More(_) => "…",
    };
    let text = match line {
        Line::Of(_, text) => text.clone(),
        other => other.text().trim().to_owned(),
    };
    json!([mark, text])
}

fn exchange(exchange: &Exchange, store: &mut Store) -> Value {
    let mut members = vec![("part", exchange.part.name().into()), ("step", store.maybe(exchange.step.as_deref()))];
    members.extend(exchange.request.iter().flat_map(|request| asked(request, store)));
    members.extend(exchange.reply.iter().flat_map(|reply| came(reply, store)));
    compact(members)
}

fn asked(request: &Request, store: &mut Store) -> Vec<(&'static str, Value)> {
    let (body, is_whole) = match start(&request.body, MOST_OF_TEXT) {
        Some(_) => (cut(&request.body, MOST_OF_TEXT), false),
        None => (request.body.clone(), true),
    };
    let command = curl(request);
    // The command would not do what the case did if its body were cut, so there is none.
    let command = is_whole.then(|| match request.body.as_str() {
        "" => command.clone(),
        body => command.replacen(body, HERE, 1),
    });
    vec![
        ("method", store.text(&request.method)),
        ("endpoint", store.text(&request.endpoint)),
        ("start", store.maybe(request.start.as_deref())),
        ("asked", if body.is_empty() { Value::Null } else { body.into() }),
        ("curl", json!(command)),
    ]
}

fn came(reply: &Reply, store: &mut Store) -> Vec<(&'static str, Value)> {
    vec![
        ("status", reply.status.into()),
        ("reply", cut(&reply_line(reply), MOST_OF_TEXT).into()),
        ("came", json!(reply.body.as_ref().map(|body| body_lines(body).join("\n")))),
        ("events", json!(reply.stream.as_ref().map(stream))),
        ("recording", reply.recording.as_ref().map_or(Value::Null, |kept| recorded(kept, store))),
        ("first", json!(reply.first_byte.map(micros))),
        ("last", json!(reply.last_byte.map(micros))),
        ("tokens", json!(reply.usage.map(|usage| [usage.input, usage.output]))),
    ]
}

/// `[events before, [[when, data], …]]`
fn stream(stream: &StreamEnd) -> Value {
    let events = stream.events.iter().map(|event| json!([event.at.map(micros), cut(&event.data, MOST_OF_TEXT / 4)]));
    json!([stream.before, events.collect::<Vec<_>>()])
}
