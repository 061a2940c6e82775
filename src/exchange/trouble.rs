//! Whether a reply is an answer, or tells of trouble that the next try may not have.

use serde_json::Value;

use super::format::kind_of;
use super::framing::Kind;
use super::{End, Reply};
use crate::wire::{Answer, ndjson, sse};

/// Statuses that speak of the moment or of the caller's account, and not of what was asked.
const PASSING_STATUSES: [u16; 5] = [401, 403, 408, 425, 429];

/// Why a reply is no answer to keep in the place of a better one: an error that may pass, an error under a status of
/// success, or an answer without its end. `None` is a good answer, or an error about the request itself (a 400, a 404).
pub fn trouble(reply: &Reply) -> Option<String> {
    if let End::Broken(how) = &reply.end {
        return Some(format!("the reply broke off ({how})"));
    }
    if PASSING_STATUSES.contains(&reply.status) || reply.status >= 500 {
        return Some(format!("the provider answered {}", reply.status));
    }
    if !(200..300).contains(&reply.status) {
        return None;
    }
    match kind_of(&reply.headers) {
        Kind::Whole => {
            let body: Value = serde_json::from_slice(&reply.body).ok()?;
            is_error(&body).then(|| format!("the provider answered {} with an error in the body", reply.status))
        }
        Kind::Events => of_events(&reply.body),
        Kind::Lines => of_lines(&reply.body),
    }
}

/// Whether the stream of a reply ended with OpenAI's `[DONE]`.
pub fn has_end_mark(reply: &Reply) -> bool {
    reply.body.trim_ascii_end().ends_with(b"data: [DONE]")
}

fn is_error(body: &Value) -> bool {
    if body["type"] == "error" || body["object"] == "error" {
        return true;
    }
    let error = Answer::from_json(body).error;
    // Some servers write `"error": false` or an empty object beside a good answer.
    error.is_some_and(|error| error != Value::Bool(false) && error != Value::Object(serde_json::Map::new()))
}

/// How a stream's protocol ends it.
#[derive(Default)]
struct Seen {
    events: usize,
    /// The protocol is one whose end is known.
    has_end: bool,
    is_ended: bool,
    is_error: bool,
}

impl Seen {
    fn event(&mut self, name: Option<&str>, data: &str) {
        self.events += 1;
        if data.trim() == "[DONE]" {
            (self.has_end, self.is_ended) = (true, true);
            return;
        }
        self.is_error |= name == Some("error");
        let Ok(event) = serde_json::from_str::<Value>(data) else { return };
        self.is_error |= is_error(&event);
        if let Some(choices) = event["choices"].as_array() {
            self.has_end = true;
            self.is_ended |= choices.iter().any(|choice| !choice["finish_reason"].is_null());
        }
        if let Some(candidates) = event["candidates"].as_array() {
            self.has_end = true;
            self.is_ended |= candidates.iter().any(|candidate| !candidate["finishReason"].is_null());
        }
        match event["type"].as_str() {
            Some("message_stop" | "response.completed" | "response.incomplete") => {
                (self.has_end, self.is_ended) = (true, true);
            }
            Some("response.failed") => self.is_error = true,
            Some(kind) if kind == "message_start" || kind.starts_with("response.") => self.has_end = true,
            _ => {}
        }
    }

    fn trouble(&self) -> Option<String> {
        match self {
            Seen { is_error: true, .. } => Some("the stream holds an error".to_owned()),
            Seen { events: 0, .. } => Some("the stream holds no event".to_owned()),
            Seen { has_end: true, is_ended: false, .. } => Some("the stream ended without its last event".to_owned()),
            _ => None,
        }
    }
}

fn of_events(body: &[u8]) -> Option<String> {
    let mut seen = Seen::default();
    for segment in sse::parse(body) {
        if let sse::Kind::Event(event) = segment.kind
            && let Some(data) = event.data.filter(|_| !event.unterminated)
        {
            seen.event(event.event.as_deref(), &data);
        }
    }
    seen.trouble()
}

/// Ollama's lines end with one that says `"done": true`.
fn of_lines(body: &[u8]) -> Option<String> {
    let mut seen = Seen::default();
    for line in ndjson::parse(body) {
        let Ok(value) = serde_json::from_slice::<Value>(&body[line.raw]) else { continue };
        seen.events += 1;
        seen.is_error |= is_error(&value);
        if let Some(done) = value["done"].as_bool() {
            seen.has_end = true;
            seen.is_ended |= done;
        }
    }
    seen.trouble()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(status: u16, kind: &str, body: &str) -> Reply {
        Reply {
            status,
            headers: vec![("content-type".to_owned(), kind.to_owned())],
            body: body.to_owned().into(),
            chunks: Vec::new(),
            end: End::Complete,
        }
    }

    fn stream(body: &str) -> Option<String> {
        trouble(&reply(200, "text/event-stream", body))
    }

    #[test]
    fn errors_of_the_moment_and_errors_under_a_200_are_trouble() {
        for status in [401, 403, 408, 429, 500, 503, 529] {
            assert!(trouble(&reply(status, "application/json", "{}")).is_some_and(|why| why.contains("answered")));
        }
        for body in [r#"{"error": {"message": "x"}}"#, r#"{"detail": "no"}"#, r#"{"type": "error"}"#] {
            assert!(trouble(&reply(200, "application/json", body)).is_some(), "{body}");
        }
        for (status, body) in [
            (400, r#"{"error": {"message": "x"}}"#),
            (404, "gone"),
            (200, r#"{"error": null, "choices": []}"#),
            (200, r#"{"error": {}, "id": "resp_1"}"#),
            (200, "[]"),
            (200, "plain"),
            (204, ""),
        ] {
            assert_eq!(trouble(&reply(status, "application/json", body)), None, "{status} {body}");
        }
        assert!(trouble(&Reply { end: End::Broken("reset".into()), ..reply(200, "text/plain", "a") }).is_some());
    }

    #[test]
    fn a_stream_is_whole_with_the_last_event_of_its_protocol() {
        for whole in [
            "data: {\"choices\": [{\"finish_reason\": null}]}\n\ndata: {\"choices\": [{\"finish_reason\": \"stop\"}]}\n\n",
            "data: {\"a\": 1}\n\ndata: [DONE]\n\n",
            "event: message_start\ndata: {\"type\": \"message_start\"}\n\ndata: {\"type\": \"message_stop\"}\n\n",
            "data: {\"type\": \"response.created\"}\n\ndata: {\"type\": \"response.completed\"}\n\n",
            "data: {\"candidates\": [{\"finishReason\": \"STOP\"}]}\n\n",
            "data: {\"some\": \"other protocol\"}\n\n",
        ] {
            assert_eq!(stream(whole), None, "{whole}");
        }
        for (cut, why) in [
            ("", "no event"),
            (": ping\n\n", "no event"),
            ("data: {\"choices\": [{\"finish_reason\": null}]}\n\n", "without its last event"),
            ("data: {\"type\": \"message_start\"}\n\n", "without its last event"),
            ("data: {\"type\": \"response.output_text.delta\"}\n\n", "without its last event"),
            ("data: {\"choices\": []}\n\ndata: {\"error\": {\"message\": \"x\"}}\n\ndata: [DONE]\n\n", "an error"),
            ("event: error\ndata: overloaded\n\n", "an error"),
            ("data: {\"type\": \"response.failed\"}\n\n", "an error"),
        ] {
            assert!(stream(cut).is_some_and(|said| said.contains(why)), "{cut}: {:?}", stream(cut));
        }
        let lines = |body: &str| trouble(&reply(200, "application/x-ndjson", body));
        assert_eq!(lines("{\"done\": false}\n{\"done\": true}\n"), None);
        assert!(lines("{\"done\": false}\n").is_some() && lines("{\"error\": \"x\"}\n").is_some());
    }
}
