//! A completion as a stream of events.

use bytes::Bytes;
use serde_json::{Value, json};

use super::model::StreamUsage;
use super::shape::{Body, Made, Maker, put};

impl Maker<'_> {
    pub(super) fn stream(&self, made: &[Made], usage: &Value) -> Result<Body, String> {
        let asked = self.ask.member("stream_options").and_then(|options| options.get("include_usage")?.as_bool());
        let apart = asked == Some(true) && self.dialect.stream_usage != StreamUsage::Never;
        let lines: Vec<Vec<Value>> =
            (made.iter().enumerate()).map(|(index, made)| self.choice_events(index, made)).collect::<Result<_, _>>()?;
        // The choices take turns, as on servers that compute them in parallel.
        let turns = lines.iter().map(Vec::len).max().unwrap_or(0);
        let events: Vec<&Value> =
            (0..turns).flat_map(|turn| lines.iter().filter_map(move |line| line.get(turn))).collect();
        let mut chunks = Vec::new();
        for (position, event) in events.iter().enumerate() {
            let mut chunk = self.chunk(vec![(*event).clone()])?;
            let last = position + 1 == events.len();
            if last && !apart && self.dialect.stream_usage == StreamUsage::LastChunk {
                chunk["usage"] = usage.clone();
            } else if apart {
                chunk["usage"] = Value::Null;
            }
            chunks.push(event_bytes(&chunk));
        }
        if apart {
            let mut chunk = self.chunk(Vec::new())?;
            chunk["usage"] = usage.clone();
            chunks.push(event_bytes(&chunk));
        }
        if self.dialect.done {
            chunks.push(Bytes::from_static(b"data: [DONE]\n\n"));
        }
        Ok(Body { status: 200, r#type: Some("text/event-stream"), chunks })
    }

    /// The choices with one index, as they appear in the chunks of a stream.
    fn choice_events(&self, index: usize, made: &Made) -> Result<Vec<Value>, String> {
        let mut events = Vec::new();
        if self.chat && (self.dialect.role_chunk || made.pieces.is_none()) {
            let content = if made.calls.is_empty() || made.pieces.is_some() { json!("") } else { Value::Null };
            events.push(self.event(index, json!({"role": "assistant", "content": content}), Value::Null));
        }
        for piece in made.pieces.iter().flatten() {
            let logprobs = match &made.logprobs {
                Some(_) if self.wants_logprobs() => self.logprobs(std::slice::from_ref(piece)),
                _ => Value::Null,
            };
            let event = if self.chat {
                self.event(index, json!({"content": piece}), logprobs)
            } else {
                json!({"index": index, "text": piece, "logprobs": logprobs, "finish_reason": null})
            };
            events.push(self.with_text(event, index, piece, false)?);
        }
        for (position, call) in made.calls.iter().enumerate() {
            let (id, function) = (&call["id"], &call["function"]);
            let opened = json!({"name": function["name"], "arguments": ""});
            let open = json!({"index": position, "id": id, "type": "function", "function": opened});
            let fill = json!({"index": position, "function": {"arguments": function["arguments"]}});
            events.push(self.event(index, json!({"tool_calls": [open]}), Value::Null));
            events.push(self.event(index, json!({"tool_calls": [fill]}), Value::Null));
        }
        let mut last = match self.chat {
            true => self.event(index, json!({}), Value::Null),
            false => json!({"index": index, "text": "", "logprobs": null, "finish_reason": null}),
        };
        last["finish_reason"] = made.finish_reason.as_str().into();
        events.push(self.with_text(last, index, "", true)?);
        Ok(events)
    }

    fn event(&self, index: usize, delta: Value, logprobs: Value) -> Value {
        json!({"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": null})
    }

    /// Adds the dialect's members to a choice that has text or is the last one.
    fn with_text(&self, mut choice: Value, index: usize, text: &str, last: bool) -> Result<Value, String> {
        let scope = self.scope_of(index, vec![text]);
        if self.chat {
            let mut delta = choice["delta"].take();
            put(&mut delta, &self.members.delta, &scope)?;
            if last {
                put(&mut delta, &self.members.last_delta, &scope)?;
            }
            choice["delta"] = delta;
        }
        put(&mut choice, &self.members.chunk_choice, &scope)?;
        if last {
            put(&mut choice, &self.members.last_choice, &scope)?;
        }
        Ok(choice)
    }

    fn chunk(&self, choices: Vec<Value>) -> Result<Value, String> {
        let object = if self.chat { "chat.completion.chunk" } else { "text_completion" };
        let mut chunk = self.head(object)?;
        chunk["choices"] = choices.into();
        put(&mut chunk, &self.members.chunk, self.scope)?;
        Ok(chunk)
    }
}

fn event_bytes(chunk: &Value) -> Bytes {
    format!("data: {chunk}\n\n").into()
}
