//! A reply, read once for every check of a step.

use std::borrow::Cow;

use http::HeaderMap;
use http::header::CONTENT_TYPE;
use serde_json::{Value, json};

use super::Timing;
use crate::suite::CaptureFrom;
use crate::wire::{Answer, ndjson, sse};

/// A reply as it came.
#[derive(Debug, Clone)]
pub struct Observed<'a> {
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
pub struct Seen<'a> {
    pub(super) status: u16,
    pub(super) headers: &'a HeaderMap,
    pub(super) broken: Option<&'a str>,
    pub(super) timing: Timing,
    pub(super) form: Form,
    /// `data: [DONE]` came.
    pub(super) done: bool,
    /// What a client would stumble over in a stream: what should be, and what is.
    pub(super) flaws: Vec<(&'static str, String)>,
    /// Why a whole body is no JSON.
    pub(super) not_json: Option<String>,
    pub(super) answer: Answer,
    json: Option<Value>,
    text: Cow<'a, str>,
}

/// How a body holds its JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// One value, or none.
    Whole,
    /// An event stream.
    Events,
    /// One value a line.
    Lines,
}

impl<'a> Seen<'a> {
    /// Reads a reply.
    pub fn new(observed: Observed<'a>) -> Self {
        let whole = serde_json::from_slice::<Value>(observed.body);
        let kind = content_type(observed.headers);
        let form = form_of(kind.as_deref(), observed.body, whole.is_ok());
        let mut seen = Seen {
            status: observed.status,
            headers: observed.headers,
            broken: observed.broken,
            timing: observed.timing,
            form,
            done: false,
            flaws: Vec::new(),
            not_json: None,
            answer: Answer::default(),
            json: None,
            text: String::from_utf8_lossy(observed.body),
        };
        match (form, whole) {
            (Form::Events, _) => {
                if let Some(kind) = kind.filter(|kind| kind != EVENT_STREAM) {
                    seen.flaws.push(("an event stream as text/event-stream", format!("content-type {kind}")));
                }
                seen.read_events(observed.body);
            }
            (Form::Lines, _) => seen.read_lines(observed.body),
            (Form::Whole, Ok(json)) => {
                seen.answer.push_event(&json);
                seen.json = Some(json);
            }
            (Form::Whole, Err(error)) => seen.not_json = Some(error.to_string()),
        }
        seen
    }

    fn read_events(&mut self, body: &[u8]) {
        let mut items = Vec::new();
        let events = sse::parse(body).into_iter().filter_map(|segment| match segment.kind {
            sse::Kind::Event(event) => Some(event),
            sse::Kind::Quiet => None,
        });
        for (index, event) in events.enumerate() {
            let Some(data) = &event.data else {
                if event == (sse::Event { unterminated: event.unterminated, ..Default::default() }) {
                    self.flaws.push(("nothing but events and comments", format!("block {index} is neither")));
                }
                continue;
            };
            if data.trim() == "[DONE]" {
                self.done = true;
                continue;
            }
            if event.unterminated {
                // Clients never get it, whether or not it is whole.
                self.flaws.push(("an end between two events", format!("an end within event {index}")));
                continue;
            }
            if self.done {
                self.flaws.push(("nothing after [DONE]", format!("event {index} comes after it")));
            }
            self.read_item(data, "event", index, &mut items);
        }
        self.json = Some(Value::Array(items));
    }

    fn read_lines(&mut self, body: &[u8]) {
        let mut items = Vec::new();
        for (index, line) in ndjson::parse(body).iter().enumerate().filter(|(_, line)| !line.is_blank()) {
            self.read_item(&line.text, "line", index, &mut items);
        }
        self.json = Some(Value::Array(items));
    }

    fn read_item(&mut self, text: &str, word: &str, index: usize, items: &mut Vec<Value>) {
        match serde_json::from_str::<Value>(text) {
            Ok(item) => {
                self.answer.push_event(&item);
                items.push(item);
            }
            Err(error) => {
                let shown = super::show::cut(text);
                self.flaws.push(("JSON in every event", format!("{word} {index} is no JSON: {error}: {shown}")));
            }
        }
    }

    /// Whether the JSON came in pieces, as events or lines.
    pub(super) fn is_stream(&self) -> bool {
        self.form != Form::Whole
    }

    /// The reply's JSON; for a stream, the array of its JSON events.
    pub fn json(&self) -> Option<&Value> {
        self.json.as_ref()
    }

    /// The body as text.
    pub(super) fn body_text(&self) -> &str {
        &self.text
    }

    /// The answer's text: of choice 0, whole or put together. `None` when there is no such choice.
    pub fn text(&self) -> Option<&str> {
        self.answer.text()
    }

    /// The tool calls of choice 0 as an OpenAI `tool_calls` array; empty when there are none.
    pub fn tool_calls(&self) -> Value {
        self.answer.tool_calls()
    }

    /// The error in the reply as an object with, at best, `message`, `type`, `code` and `param`: `{error: {…}}`,
    /// `{error: "…"}`, `{detail: …}`, in a stream too; with a status of 4xx or 5xx also `{message: …}` and plain text.
    pub fn error(&self) -> Option<Value> {
        let error = match &self.answer.error {
            Some(error) => error.clone(),
            None if self.status < 400 || self.is_stream() => return None,
            None => match &self.json {
                Some(json) if json["message"].is_string() => json.clone(),
                Some(_) => return None,
                None if self.text.trim().is_empty() => return None,
                None => return Some(json!({"message": self.text})),
            },
        };
        let words = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        Some(match error {
            Value::Object(mut members) => {
                let told = ["detail", "error"].iter().find_map(|name| members.get(*name).map(words));
                if let Some(told) = told.filter(|_| !members.contains_key("message")) {
                    members.insert("message".to_owned(), told.into());
                }
                Value::Object(members)
            }
            other => json!({"message": words(&other)}),
        })
    }

    /// A value to keep for later steps; `Err` says why there is none. Of several nodes that a path selects, the first.
    pub fn capture(&self, from: &CaptureFrom) -> Result<Value, String> {
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
                let first = path.query.query(json).first();
                first.cloned().ok_or_else(|| format!("`{}` selects nothing in the reply", path.query))
            }
        }
    }
}

const EVENT_STREAM: &str = "text/event-stream";

/// The content type without its parameters, in lower case.
fn content_type(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    Some(value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
}

/// By the content type, unless the bytes say plainly that it is wrong.
fn form_of(kind: Option<&str>, body: &[u8], is_json: bool) -> Form {
    match kind {
        // Servers send errors as they are under the type of the stream that was asked for.
        Some(EVENT_STREAM) if is_json => Form::Whole,
        Some(EVENT_STREAM) => Form::Events,
        Some("application/x-ndjson" | "application/ndjson" | "application/jsonl" | "application/x-jsonlines") => {
            Form::Lines
        }
        _ if !is_json && holds_events(body) => Form::Events,
        _ => Form::Whole,
    }
}

/// Whether the first event with data has JSON in it, or is `[DONE]`.
fn holds_events(body: &[u8]) -> bool {
    let is_item =
        |data: &str| data == "[DONE]" || serde_json::from_str::<Value>(data).is_ok_and(|item| item.is_object());
    let data = |segment: sse::Segment| match segment.kind {
        sse::Kind::Event(event) => event.data,
        sse::Kind::Quiet => None,
    };
    sse::parse(body).into_iter().find_map(data).is_some_and(|data| is_item(&data))
}
