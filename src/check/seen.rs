//! A reply, read once for every check of a step.

use std::borrow::Cow;

use http::HeaderMap;
use http::header::CONTENT_TYPE;
use serde_json::Value;

use super::nodes::nodes;
use super::timing::Timing;
use crate::suite::CaptureFrom;
use crate::wire::{self, Answer, BodyKind, Flaw};

/// A reply as it came.
#[derive(Debug, Clone)]
pub(crate) struct Observed<'a> {
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: &'a HeaderMap,
    /// All bytes of the body that came.
    pub body: &'a [u8],
    /// Set when the body broke off, with the reason.
    pub broken: Option<&'a str>,
    /// When it came.
    pub timing: Timing,
}

/// A reply, read.
#[derive(Debug)]
pub(crate) struct Seen<'a> {
    pub(super) status: u16,
    pub(super) headers: &'a HeaderMap,
    pub(super) broken: Option<&'a str>,
    pub(super) timing: Timing,
    pub(super) kind: BodyKind,
    /// What a client would stumble over in a stream.
    pub(super) flaws: Vec<Flaw>,
    /// Why a whole body is no JSON.
    pub(super) not_json: Option<String>,
    pub(super) answer: Answer,
    json: Option<Value>,
    error: Option<Value>,
    text: Cow<'a, str>,
}

impl<'a> Seen<'a> {
    /// Reads a reply.
    pub(crate) fn new(observed: Observed<'a>) -> Self {
        let content_type = observed.headers.get(CONTENT_TYPE).map(|value| String::from_utf8_lossy(value.as_bytes()));
        let content_type = content_type.as_deref().unwrap_or_default();
        let text = String::from_utf8_lossy(observed.body);
        let mut reading = wire::read(content_type, observed.body);
        let error = reading.error(observed.status, &text).map(Value::Object);
        if reading.kind == BodyKind::Events
            && !content_type.is_empty()
            && BodyKind::declared(content_type) != BodyKind::Events
        {
            let expected = "an event stream as text/event-stream";
            reading.flaws.insert(0, Flaw { expected, actual: format!("content-type {content_type}"), text: None });
        }
        Seen {
            status: observed.status,
            headers: observed.headers,
            broken: observed.broken,
            timing: observed.timing,
            kind: reading.kind,
            flaws: reading.flaws,
            not_json: reading.not_json,
            answer: reading.answer,
            json: reading.json,
            error,
            text,
        }
    }

    /// Whether the JSON came in pieces, as events or lines.
    pub(super) fn is_stream(&self) -> bool {
        self.kind.is_stream()
    }

    /// The reply's JSON; for a stream, the array of its JSON events.
    pub(crate) fn json(&self) -> Option<&Value> {
        self.json.as_ref()
    }

    /// The body as text.
    pub(super) fn body_text(&self) -> &str {
        &self.text
    }

    /// The answer's text: of choice 0, whole or put together. `None` when there is no such choice.
    pub(crate) fn text(&self) -> Option<&str> {
        self.answer.text()
    }

    /// The tool calls of choice 0 as an OpenAI `tool_calls` array; empty when there are none.
    pub(crate) fn tool_calls(&self) -> Value {
        self.answer.tool_calls()
    }

    /// The error in the reply as an object with, at best, `message`, `type`, `code` and `param`: `{error: {…}}`,
    /// `{error: "…"}`, `{detail: …}`, in a stream too; with a status of 4xx or 5xx also `{message: …}` and plain text.
    pub(crate) fn error(&self) -> Option<Value> {
        self.error.clone()
    }

    /// A value to keep for later steps; `Err` says why there is none. Of several nodes that a path selects, the first.
    pub(crate) fn capture(&self, from: &CaptureFrom) -> Result<Value, String> {
        match from {
            CaptureFrom::Text => self.text().map(Value::from).ok_or_else(|| "the reply has no choice 0".to_owned()),
            CaptureFrom::ToolCalls => match self.tool_calls() {
                Value::Array(calls) if calls.is_empty() => Err("the reply has no tool calls".to_owned()),
                calls => Ok(calls),
            },
            CaptureFrom::Header(name) => {
                let value = self.headers.get(name).ok_or_else(|| format!("the reply has no header `{name}`"))?;
                Ok(String::from_utf8_lossy(value.as_bytes()).into_owned().into())
            }
            CaptureFrom::Json(path) => {
                let json = self.json().ok_or_else(|| "the reply is no JSON".to_owned())?;
                let selected = nodes(path, json).map_err(|unmet| unmet.actual)?;
                selected
                    .first()
                    .copied()
                    .cloned()
                    .ok_or_else(|| format!("`{}` selects nothing in the reply", path.query))
            }
        }
    }
}
