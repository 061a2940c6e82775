//! A reply that is parsed once for all checks of a step.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use serde_json::Value;

use super::nodes::nodes;
use super::timing::Timing;
use crate::protocol::{self, Asked, Finding, Reply, Rule};
use crate::suite::CaptureFrom;
use crate::wire::{self, Reading};

/// The reply of a provider to a gateway, which sent the client a reply of its own.
#[derive(Debug, Clone)]
pub(crate) struct Heard {
    /// The gateway's request to the provider.
    pub asked: Asked,
    /// The HTTP status.
    pub status: u16,
    /// The content type; empty if there is none.
    pub content_type: String,
    /// All bytes of the body.
    pub body: Bytes,
    /// Rules whose breaches the gateway is told to repair.
    pub mended: Arc<[&'static Rule]>,
}

/// A reply as it was received.
#[derive(Debug, Clone)]
pub(crate) struct Observed<'a> {
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: &'a HeaderMap,
    /// All bytes of the body that were received.
    pub body: &'a [u8],
    /// Why the body broke off; `None` if it is complete.
    pub broken: Option<&'a str>,
    /// When it was received.
    pub timing: Timing,
    /// The request.
    pub asked: Asked,
    /// The replies of providers to a gateway, in order; empty if there is no gateway.
    pub heard: &'a [Heard],
    /// The model that answered, as a gateway reports it.
    pub model: Option<&'a str>,
}

impl<'a> Observed<'a> {
    /// A complete reply, without a gateway.
    #[cfg(test)]
    pub(crate) fn of(status: u16, headers: &'a HeaderMap, body: &'a [u8], timing: Timing) -> Self {
        Observed { status, headers, body, broken: None, timing, asked: Asked::default(), heard: &[], model: None }
    }
}

/// The parsed reply of a provider to a gateway.
#[derive(Debug)]
struct Behind<'a> {
    heard: &'a Heard,
    reading: Reading,
}

/// A parsed reply.
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
    behind: Vec<Behind<'a>>,
    model: Option<&'a str>,
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
            behind: observed.heard.iter().map(Behind::new).collect(),
            model: observed.model,
        }
    }

    /// The findings about members that differ from the API reference.
    pub(super) fn of_schema(&self, expects_error: bool) -> Vec<Finding> {
        let content_type = content_type(self.headers);
        let reply = Reply { status: self.status, content_type: &content_type, reading: &self.reading };
        protocol::of_schema(&self.asked, &reply, self.findings(expects_error))
    }

    /// The rules of its endpoint that it breaks. If an error is expected, only the rules for every body are checked.
    /// Rules that a provider's reply to a gateway breaks count too, because the gateway may hide the breach, such as
    /// another model.
    pub(super) fn findings(&self, expects_error: bool) -> Vec<Finding> {
        let judge = if expects_error { protocol::judge_body } else { protocol::judge };
        let content_type = content_type(self.headers);
        let reply = Reply { status: self.status, content_type: &content_type, reading: &self.reading };
        let mut findings = judge(&self.asked, &reply);
        for Behind { heard, reading } in &self.behind {
            let reply = Reply { status: heard.status, content_type: &heard.content_type, reading };
            for Finding { rule, actual, .. } in judge(&heard.asked, &reply) {
                let is_told = heard.mended.contains(&rule) || findings.iter().any(|found| found.rule == rule);
                if !is_told {
                    findings.push(Finding {
                        rule,
                        member: None,
                        actual: format!("{actual} (in the reply that the gateway got)"),
                    });
                }
            }
        }
        findings
    }

    /// The models that the answer names, with the provider's names.
    pub(crate) fn models(&self) -> Vec<String> {
        let told = match (self.behind.iter().rfind(|behind| behind.is_good()), self.model) {
            (Some(behind), _) => protocol::models(&behind.reading),
            (None, Some(model)) => vec![model],
            (None, None) => protocol::models(&self.reading),
        };
        told.into_iter().map(str::to_owned).collect()
    }

    /// The finish reasons, each once, in the order of the choices.
    pub(crate) fn finish_reasons(&self) -> Vec<String> {
        let mut reasons: Vec<String> = Vec::new();
        for reason in self.reading.answer.choices.values().filter_map(|choice| choice.finish_reason.as_ref()) {
            if !reasons.contains(reason) {
                reasons.push(reason.clone());
            }
        }
        reasons
    }

    /// The reported token usage; in a stream, the last report.
    pub(super) fn usage(&self) -> Option<&Value> {
        self.reading.answer.usage.as_ref()
    }

    /// Whether its answer has no text.
    pub(crate) fn is_silent(&self) -> bool {
        self.text().is_none_or(str::is_empty)
    }

    /// The reply's JSON; for a stream, the array of its JSON events.
    pub(crate) fn json(&self) -> Option<&Value> {
        self.reading.json.as_ref()
    }

    /// The body as text.
    pub(super) fn body_text(&self) -> &str {
        &self.text
    }

    /// The text of choice 0, whole or put together from a stream. `None` if there is no such choice.
    pub(crate) fn text(&self) -> Option<&str> {
        self.reading.answer.text()
    }

    /// The tool calls of choice 0 as an OpenAI `tool_calls` array; empty when there are none.
    pub(crate) fn tool_calls(&self) -> Value {
        self.reading.answer.tool_calls()
    }

    /// The error in the reply, as an object with those of `message`, `type`, `code` and `param` that it has. Errors are
    /// `{error: {…}}`, `{error: "…"}` and `{detail: …}`, in a stream too. With a status of 4xx or 5xx, `{message: …}`
    /// and plain text are errors too.
    pub(crate) fn error(&self) -> Option<Value> {
        self.error.clone()
    }

    /// A value to keep for later steps. If a path selects several nodes, it is the first. `Err` says why there is no
    /// value.
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

impl<'a> Behind<'a> {
    fn new(heard: &'a Heard) -> Self {
        Behind { heard, reading: wire::read(&heard.content_type, &heard.body) }
    }

    fn is_good(&self) -> bool {
        (200..300).contains(&self.heard.status)
    }
}

fn content_type(headers: &HeaderMap) -> Cow<'_, str> {
    headers.get(CONTENT_TYPE).map_or(Cow::Borrowed(""), |value| String::from_utf8_lossy(value.as_bytes()))
}
