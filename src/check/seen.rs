//! A reply, read once for every check of a step.

use std::borrow::Cow;

use http::HeaderMap;
use http::header::CONTENT_TYPE;
use serde_json::Value;

use crate::suite::CaptureFrom;
use crate::wire::{Answer, sse};

/// A reply as it came.
#[derive(Debug, Clone, Copy)]
pub struct Observed<'a> {
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: &'a HeaderMap,
    /// All bytes of the body that came.
    pub body: &'a [u8],
    /// Set when the body broke off, with the reason.
    pub broken: Option<&'a str>,
}

/// A reply, read.
#[derive(Debug)]
pub struct Seen<'a> {
    pub(super) status: u16,
    pub(super) headers: &'a HeaderMap,
    pub(super) broken: Option<&'a str>,
    pub(super) is_stream: bool,
    pub(super) done: bool,
    /// Why the body is no JSON; for a stream, the first event that is none.
    pub(super) not_json: Option<String>,
    pub(super) answer: Answer,
    json: Option<Value>,
    text: Cow<'a, str>,
}

impl<'a> Seen<'a> {
    /// Reads a reply.
    pub fn new(observed: &Observed<'a>) -> Self {
        let mut seen = Seen {
            status: observed.status,
            headers: observed.headers,
            broken: observed.broken,
            is_stream: is_stream(observed),
            done: false,
            not_json: None,
            answer: Answer::default(),
            json: None,
            text: String::from_utf8_lossy(observed.body),
        };
        if seen.is_stream {
            seen.read_events(observed.body);
        } else {
            match serde_json::from_slice::<Value>(observed.body) {
                Ok(json) => {
                    seen.answer.push(&json);
                    seen.json = Some(json);
                }
                Err(error) => seen.not_json = Some(error.to_string()),
            }
        }
        seen
    }

    fn read_events(&mut self, body: &[u8]) {
        let mut cutter = sse::Cutter::default();
        let mut events = cutter.push(body);
        events.push(cutter.rest());
        let mut items = Vec::new();
        for event in events {
            let text = String::from_utf8_lossy(&event);
            let Some(data) = sse::data(&text) else { continue };
            if data.trim() == "[DONE]" {
                self.done = true;
                continue;
            }
            match serde_json::from_str::<Value>(&data) {
                Ok(item) => {
                    self.answer.push(&item);
                    items.push(item);
                }
                Err(error) => {
                    self.not_json.get_or_insert_with(|| format!("event {} is no JSON: {error}", items.len()));
                }
            }
        }
        self.json = Some(Value::Array(items));
    }

    /// The reply's JSON; for a stream, the array of its JSON events.
    pub fn json(&self) -> Option<&Value> {
        self.json.as_ref()
    }

    /// The body as text.
    pub(super) fn body_text(&self) -> &str {
        &self.text
    }

    /// The answer's text: of the first choice, whole or put together.
    pub fn text(&self) -> Option<&str> {
        self.answer.text()
    }

    /// The first choice's tool calls as an OpenAI `tool_calls` array.
    pub fn tool_calls(&self) -> Value {
        self.answer.choices.values().next().map_or_else(|| Value::Array(Vec::new()), |choice| choice.tool_calls_json())
    }

    /// A value to keep for later steps; `Err` says why there is none.
    pub fn capture(&self, from: &CaptureFrom) -> Result<Value, String> {
        match from {
            CaptureFrom::Text => self.text().map(Value::from).ok_or_else(|| "the reply has no choices".to_owned()),
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
                let first = path.query(json).first();
                first.cloned().ok_or_else(|| format!("`{path}` selects nothing in the reply"))
            }
        }
    }
}

/// By its content type; without one, by its first bytes.
fn is_stream(observed: &Observed<'_>) -> bool {
    match observed.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()) {
        Some(kind) => kind.trim_start().to_ascii_lowercase().starts_with("text/event-stream"),
        None => [&b"data:"[..], b"event:", b":"].iter().any(|start| observed.body.starts_with(start)),
    }
}
