//! Expectations as a suite writes them, checked against replies.

mod embeddings;
mod failures;
mod providers;
mod replies;
mod streams;
mod tool_calls;

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderValue};
use serde_json::{Value, json};

use super::*;
use crate::protocol::{Asked, Policy};
use crate::suite::template::Scope;
use crate::suite::{Expect, Known, parse};
use crate::yaml::Source;

const STREAM: &str = "text/event-stream; charset=utf-8";

const NOTHING: [&str; 0] = [];

fn expect(yaml: &str) -> Expect {
    let text = format!(
        "cases:\n- name: a\n  params: {{v: [{{id: x, value: [1, 0]}}]}}\n  request: {{get: /}}\n  expect: {yaml}\n"
    );
    let source = Arc::new(Source { name: "s.yaml".into(), text: text.into() });
    let suite = parse(source, &Known::default()).unwrap_or_else(|errors| panic!("{}", errors[0].render(false)));
    suite.templates[0].steps[0].expect.clone()
}

fn at_once() -> Timing {
    Timing { chunks: vec![Duration::ZERO], clock: Clock::Measured }
}

/// The paths of the mismatches.
fn unmet(yaml: &str, status: u16, kind: &'static str, body: &str) -> Vec<String> {
    let mut headers = HeaderMap::new();
    headers.insert("content-type", HeaderValue::from_static(kind));
    headers.insert("x-request-id", HeaderValue::from_static("r1"));
    let observed = Observed::of(status, &headers, body.as_bytes(), at_once());
    let mut scope = Scope::new();
    scope.insert("v".into(), json!([1, 0]));
    let verdict = check(&expect(yaml), &scope, &Seen::new(observed), &Policy::default());
    verdict.mismatches.into_iter().map(|mismatch| mismatch.path).collect()
}

fn json_reply(yaml: &str, status: u16, body: Value) -> Vec<String> {
    unmet(yaml, status, "application/json", &body.to_string())
}

fn stream(yaml: &str, events: &[Value], end: &str) -> Vec<String> {
    let events: String = events.iter().map(|event| format!("data: {event}\n\n")).collect();
    unmet(yaml, 200, STREAM, &format!("{events}{end}"))
}

fn chat(content: &str) -> Value {
    json!({"object": "chat.completion", "choices": [{"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": "stop"}]})
}

/// The mismatches as text.
fn said(yaml: &str, observed: Observed<'_>) -> String {
    let scope = Scope::from_iter([("v".to_owned(), json!([1, 0]))]);
    let verdict = check(&expect(yaml), &scope, &Seen::new(observed), &Policy::default());
    let lines =
        verdict.mismatches.iter().map(|unmet| format!("{}: {}, not {}", unmet.path, unmet.expected, unmet.actual));
    lines.collect::<Vec<_>>().join("\n")
}

fn said_of(yaml: &str, status: u16, body: &Value) -> String {
    let headers = HeaderMap::from_iter([(http::header::CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
    said(yaml, Observed::of(status, &headers, body.to_string().as_bytes(), at_once()))
}
