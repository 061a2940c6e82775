//! How a reply ended, by its protocol.

use serde_json::Value;

use super::error::as_object;
use super::reading::Reading;

/// How a reply ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// With the last event of its protocol, or as one whole value.
    Whole,
    /// Its content belongs to no protocol whose end is known.
    Unknown,
    /// A stream without any event.
    Empty,
    /// A stream without the last event of its protocol.
    Open,
    /// In the middle of an event.
    Cut,
    /// With an error, in the server's words.
    Error(String),
}

/// What the events of a stream say about its end.
#[derive(Debug, Clone, Default)]
pub(super) struct Protocol {
    events: usize,
    /// The events belong to a protocol whose end is known.
    has_end: bool,
    is_ended: bool,
    has_failed: bool,
    pub(super) is_cut: bool,
}

impl Protocol {
    pub(super) fn unknown_event(&mut self) {
        self.events += 1;
    }

    pub(super) fn event(&mut self, name: Option<&str>, event: &Value) {
        self.events += 1;
        let ends = |items: &Value, reason: &str| {
            let items = items.as_array()?;
            Some(items.iter().any(|item| !item[reason].is_null()))
        };
        // OpenAI's completions and Gemini's own API.
        let answers = [ends(&event["choices"], "finish_reason"), ends(&event["candidates"], "finishReason")];
        for is_ended in answers.into_iter().flatten() {
            self.has_end = true;
            self.is_ended |= is_ended;
        }
        // Ollama's own API.
        if let Some(done) = event["done"].as_bool() {
            self.has_end = true;
            self.is_ended |= done;
        }
        // Anthropic's messages and OpenAI's responses.
        match event["type"].as_str().or(name) {
            Some("message_stop" | "response.completed" | "response.incomplete") => {
                (self.has_end, self.is_ended) = (true, true);
            }
            Some("response.failed") => self.has_failed = true,
            Some(kind) if kind == "message_start" || kind.starts_with("response.") => self.has_end = true,
            _ => {}
        }
    }
}

impl Reading {
    /// How the reply ended.
    pub fn ending(&self) -> Ending {
        if let Some(error) = &self.answer.error {
            let message = as_object(error).get("message").and_then(Value::as_str).unwrap_or("an error").to_owned();
            return Ending::Error(message);
        }
        let Protocol { events, has_end, is_ended, has_failed, is_cut } = self.protocol;
        if has_failed {
            return Ending::Error("the response failed".to_owned());
        }
        if !self.kind.is_stream() {
            return Ending::Whole;
        }
        match (has_end, is_ended || self.answer.done) {
            _ if is_cut => Ending::Cut,
            (_, true) => Ending::Whole,
            _ if events == 0 => Ending::Empty,
            (true, false) => Ending::Open,
            (false, false) => Ending::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::read;
    use super::*;

    fn stream(body: &str) -> Ending {
        read("text/event-stream", body.as_bytes()).ending()
    }

    #[test]
    fn a_stream_is_whole_with_the_last_event_of_its_protocol() {
        for whole in [
            "data: {\"choices\": [{\"finish_reason\": null}]}\n\ndata: {\"choices\": [{\"finish_reason\": \"stop\"}]}\n\n",
            "data: {\"a\": 1}\n\ndata: [DONE]\n\n",
            "event: message_start\ndata: {\"type\": \"message_start\"}\n\ndata: {\"type\": \"message_stop\"}\n\n",
            "data: {\"type\": \"response.created\"}\n\ndata: {\"type\": \"response.completed\"}\n\n",
            "data: {\"candidates\": [{\"finishReason\": \"STOP\"}]}\n\n",
        ] {
            assert_eq!(stream(whole), Ending::Whole, "{whole}");
        }
        for (body, ending) in [
            ("", Ending::Empty),
            (": ping\n\n", Ending::Empty),
            ("data: {\"some\": \"other protocol\"}\n\n", Ending::Unknown),
            ("data: {\"choices\": [{\"finish_reason\": null}]}\n\n", Ending::Open),
            ("data: {\"type\": \"message_start\"}\n\n", Ending::Open),
            ("data: {\"type\": \"response.output_text.delta\"}\n\n", Ending::Open),
            ("data: {\"choices\": [{\"finish_reason\": null}]}\n\ndata: {\"id\":", Ending::Cut),
            (
                "data: {\"choices\": []}\n\ndata: {\"error\": {\"message\": \"x\"}}\n\ndata: [DONE]\n\n",
                Ending::Error("x".into()),
            ),
            ("event: error\ndata: overloaded\n\n", Ending::Error("overloaded".into())),
            ("error: {\"code\": 500, \"message\": \"slot\"}\n\n", Ending::Error("slot".into())),
            ("data: {\"type\": \"response.failed\"}\n\n", Ending::Error("the response failed".into())),
        ] {
            assert_eq!(stream(body), ending, "{body}");
        }
    }

    #[test]
    fn lines_end_with_one_that_says_so() {
        let lines = |body: &str| read("application/x-ndjson", body.as_bytes()).ending();
        assert_eq!(lines("{\"done\": false}\n{\"done\": true}\n"), Ending::Whole);
        assert_eq!(lines("{\"done\": false}\n"), Ending::Open);
        assert_eq!(lines("{\"error\": \"x\"}\n"), Ending::Error("x".into()));
    }

    #[test]
    fn what_no_protocol_says_is_neither_empty_nor_open() {
        assert_eq!(stream("data: not JSON\n\n"), Ending::Unknown);
        assert_eq!(stream("data: {\"type\": \"ping\"}\n\n"), Ending::Unknown);
        assert_eq!(stream("data: {\"type\": \"something.else\"}\n\n"), Ending::Unknown);
    }
}
