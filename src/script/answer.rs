//! Chooses the rule that answers a request, and makes its bytes. Pure.

use std::fmt::Write as _;
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::ask::{self, Ask};
use super::model::{Planned, Rule, Script, What};
use super::shape::{self, Body};
use crate::exchange::{End, Request};
use crate::suite::template::{self, Scope};

/// How many of the nearest rules are shown.
const MOST_SHOWN: usize = 3;

/// A reply as values: what is sent, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    /// The index of the rule that answered.
    pub rule: usize,
    /// The HTTP status.
    pub status: u16,
    /// Headers in order, `content-type` first.
    pub headers: Vec<(String, String)>,
    /// The body; in a stream, one event per chunk.
    pub chunks: Vec<Bytes>,
    /// How the body ends.
    pub end: End,
    /// The pause before anything is sent.
    pub delay: Duration,
    /// The pause between two chunks.
    pub pace: Duration,
}

/// Why a script has no answer: no rule matches, or a `${…}` of the matching rule has no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(crate) struct NoAnswer {
    /// For people.
    pub message: String,
}

/// Answers `request`. `spent` is how often each rule has answered before; missing entries count as 0.
pub(crate) fn answer(script: &Script, request: &Request, spent: &[u32]) -> Result<Answer, NoAnswer> {
    let ask = Ask::new(request);
    let used_up = |index: usize, rule: &Rule| {
        rule.times.is_some_and(|times| spent.get(index).copied().unwrap_or_default() >= times)
    };
    let found = script
        .rules
        .iter()
        .enumerate()
        .find(|(index, rule)| !used_up(*index, rule) && ask::misses(&rule.when, &rule.reply.what, &ask).is_empty());
    let Some((index, rule)) = found else {
        return Err(NoAnswer { message: no_rule(script, &ask, used_up) });
    };
    let reply = body(script, rule, &ask).map_err(|reason| {
        let (file, line) = (&script.source.name, rule.place.line);
        NoAnswer { message: format!("{file}:{line}: {} matches, but {reason}", named(rule)) }
    })?;
    Ok(finished(script, index, &rule.reply, reply))
}

fn body(script: &Script, rule: &Rule, ask: &Ask<'_>) -> Result<Body, String> {
    let scope = scope(ask);
    let fill = |value: &Value| template::fill(value, &scope).map_err(|unbound| unbound.to_string());
    let dialect = &script.dialect;
    match &rule.reply.what {
        What::Choices { choices, usage } => shape::completion(dialect, ask, choices, usage, &scope),
        What::Embeddings { dimensions } => shape::embeddings(dialect, ask, *dimensions, &scope),
        What::Error { status, error } => {
            let mut body = dialect.error.clone();
            body.insert("error".to_owned(), Value::Object(error.clone()));
            Ok(Body::json(*status, &fill(&Value::Object(body))?))
        }
        What::Json { status, body } => Ok(Body::json(*status, &fill(body)?)),
        What::Raw { status, chunks } => {
            let chunks = chunks.iter().map(|chunk| template::fill_text(chunk, &scope).map(Bytes::from));
            let chunks = chunks.collect::<Result<_, _>>().map_err(|unbound| unbound.to_string())?;
            Ok(Body { status: *status, r#type: None, chunks })
        }
    }
}

/// The names that `${…}` may use: `model`, `hash` and, as `body`, the request's own body.
fn scope(ask: &Ask<'_>) -> Scope {
    let mut scope = Map::new();
    scope.insert("hash".to_owned(), ask.hash().into());
    scope.insert("model".to_owned(), json!(ask.model()));
    scope.insert("body".to_owned(), ask.body.clone().unwrap_or(Value::Null));
    scope
}

fn finished(script: &Script, rule: usize, planned: &Planned, body: Body) -> Answer {
    let mut headers: Vec<(String, String)> = Vec::new();
    let given = script.dialect.headers.iter().map(|(name, value)| (name.clone(), value.clone()));
    let r#type = body.r#type.map(|r#type| ("content-type".to_owned(), r#type.to_owned()));
    for (name, value) in r#type.into_iter().chain(given).chain(planned.headers.iter().cloned()) {
        match headers.iter_mut().find(|(known, _)| known.eq_ignore_ascii_case(&name)) {
            Some(known) => known.1 = value,
            None => headers.push((name, value)),
        }
    }
    let mut chunks = body.chunks;
    let end = match planned.break_after {
        None => End::Complete,
        Some(n) => {
            chunks.truncate(n);
            End::Broken(format!("the script breaks off after {} chunks", chunks.len()))
        }
    };
    Answer { rule, status: body.status, headers, chunks, end, delay: planned.delay, pace: planned.pace }
}

/// Describes the request and the rules that came nearest.
fn no_rule(script: &Script, ask: &Ask<'_>, used_up: impl Fn(usize, &Rule) -> bool) -> String {
    let mut near: Vec<(Vec<String>, &Rule)> = Vec::new();
    for (index, rule) in script.rules.iter().enumerate() {
        let mut misses = ask::misses(&rule.when, &rule.reply.what, ask);
        if used_up(index, rule) {
            misses.push(format!("it has answered {} times, which is all", rule.times.unwrap_or_default()));
        }
        near.push((misses, rule));
    }
    near.sort_by_key(|(misses, _)| misses.len());
    let (method, path, model) = (ask.method, ask.path, ask.model().unwrap_or("no model"));
    let mut message = format!("no rule of {} answers {method} {path} ({model})", script.source.name);
    for (misses, rule) in near.into_iter().take(MOST_SHOWN) {
        let _ = write!(message, "\n  line {}, {}: {}", rule.place.line, named(rule), misses.join(", "));
    }
    message
}

fn named(rule: &Rule) -> String {
    rule.name.as_ref().map_or_else(|| "this rule".to_owned(), |name| format!("{name:?}"))
}
