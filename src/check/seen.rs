//! A reply, read once for every check of a step.

use std::borrow::Cow;

use http::HeaderMap;
use http::header::CONTENT_TYPE;
use serde_json::Value;

use super::nodes::nodes;
use super::timing::Timing;
use crate::protocol::{self, Asked, Finding, Reply};
use crate::suite::CaptureFrom;
use crate::wire::{self, Reading};

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
    /// What was asked.
    pub asked: Asked,
}

/// A reply, read.
#[derive(Debug)]
pub(crate) struct Seen<'a> {
    pub(super) status: u16,
    pub(super) headers: &'a HeaderMap,
    pub(super) broken: Option<&'a str>,
    pub(super) timing: Timing,
    pub(super) asked: Asked,
    pub(super) reading: Reading,
    error: Option<Value>,
    text: Cow<'a, str>,
}

impl<'a> Seen<'a> {
    /// Reads a reply.
    pub(crate) fn new(observed: Observed<'a>) -> Self {
        let text = String::from_utf8_lossy(observed.body);
        let reading = wire::read(&content_type(observed.headers), observed.body);
        let error = reading.error(observed.status, &text).map(Value::Object);
        Seen {
            status: observed.status,
            headers: observed.headers,
            broken: observed.broken,
            timing: observed.timing,
            asked: observed.asked,
            reading,
            error,
            text,
        }
    }

    /// What its members are that the reference of its API has another way.
    pub(super) fn of_schema(&self, expects_error: bool) -> Vec<Finding> {
        let content_type = content_type(self.headers);
        let reply = Reply { status: self.status, content_type: &content_type, reading: &self.reading };
        protocol::of_schema(&self.asked, &reply, self.findings(expects_error))
    }

    /// The rules of its endpoint that it breaks; where an error is expected, only those that every body keeps.
    pub(super) fn findings(&self, expects_error: bool) -> Vec<Finding> {
        let content_type = content_type(self.headers);
        let reply = Reply { status: self.status, content_type: &content_type, reading: &self.reading };
        if expects_error { protocol::judge_body(&self.asked, &reply) } else { protocol::judge(&self.asked, &reply) }
    }

    /// The reply's JSON; for a stream, the array of its JSON events.
    pub(crate) fn json(&self) -> Option<&Value> {
        self.reading.json.as_ref()
    }

    /// The body as text.
    pub(super) fn body_text(&self) -> &str {
        &self.text
    }

    /// The answer's text: of choice 0, whole or put together. `None` when there is no such choice.
    pub(crate) fn text(&self) -> Option<&str> {
        self.reading.answer.text()
    }

    /// The tool calls of choice 0 as an OpenAI `tool_calls` array; empty when there are none.
    pub(crate) fn tool_calls(&self) -> Value {
        self.reading.answer.tool_calls()
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
                let json = self.json().ok_or_else(|| "the reply is not JSON".to_owned())?;
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

fn content_type(headers: &HeaderMap) -> Cow<'_, str> {
    headers.get(CONTENT_TYPE).map_or(Cow::Borrowed(""), |value| String::from_utf8_lossy(value.as_bytes()))
}
