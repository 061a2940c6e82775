//! An OpenAI-shaped answer, read from one JSON object or merged from the events of a stream.
//!
//! Servers differ in which fields they leave out, repeat or set to null. Reading is lenient: the checks decide whether
//! a reply conforms.

mod completion;
mod merge;
mod message;
#[cfg(test)]
mod tests;
mod tool_call;

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::error::error_in;
pub use merge::words;
pub use message::{Choice, adds_something};
pub use tool_call::ToolCall;

/// A chat completion or text completion.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Answer {
    /// The first `id` that is not empty.
    pub id: Option<String>,
    /// The choices by index.
    pub choices: BTreeMap<u64, Choice>,
    /// The last `usage` that was not null.
    pub usage: Option<Value>,
    /// The roles that messages or deltas named, each once, in order of first appearance.
    pub roles: Vec<String>,
    /// How many JSON events were put in.
    pub events: usize,
    /// How many of these events carry content: text, a refusal, reasoning, audio, a tool call.
    pub chunks: usize,
    /// `[DONE]` came.
    pub done: bool,
    /// How often `[DONE]` came.
    pub dones: usize,
    /// The first error, as the server wrote it.
    pub error: Option<Value>,
    /// `created`, `service_tier` and other top-level members of the events with choices. Of `created` the first value
    /// is kept, of the others the last one that is not null.
    top: Map<String, Value>,
    /// Part of the answer could not be read, or only half of a character came.
    is_damaged: bool,
}

/// Top-level members that `top` leaves out: padding, and members with a field of their own.
const NOT_OF_THE_ANSWER: [&str; 7] = ["id", "object", "choices", "usage", "obfuscation", "error", "errors"];

impl Answer {
    /// Reads a whole reply (`choices[].message` or `choices[].text`).
    pub fn from_json(reply: &Value) -> Self {
        let mut answer = Answer::default();
        answer.push_event(reply);
        answer
    }

    /// Adds one JSON event of a stream (`choices[].delta` or `choices[].text`).
    pub fn push_event(&mut self, event: &Value) {
        self.events += 1;
        if self.error.is_none() {
            self.error = error_in(event).cloned();
        }
        if !event["usage"].is_null() {
            self.usage = Some(event["usage"].clone());
        }
        if self.id.is_none() {
            self.id = words(&event["id"]).map(str::to_owned);
        }
        // An event without choices is a ping, an error or an event of another protocol.
        let Some(choices) = event["choices"].as_array() else { return };
        self.push_top(event);
        self.chunks += usize::from(choices.iter().any(adds_something));
        let is_text_completion =
            matches!(event["object"].as_str(), Some("text_completion" | "text.completion" | "completion.chunk"));
        for (position, piece) in choices.iter().enumerate() {
            let index = piece["index"].as_u64().unwrap_or(position as u64);
            self.choices.entry(index).or_default().push(piece, is_text_completion, &mut self.roles);
        }
    }

    fn push_top(&mut self, event: &Value) {
        for (name, value) in event.as_object().into_iter().flatten() {
            let is_first = name != "created" || self.created().is_none();
            if !NOT_OF_THE_ANSWER.contains(&name.as_str()) && !value.is_null() && is_first {
                self.top.insert(name.clone(), value.clone());
            }
        }
    }

    /// The time of creation in seconds since 1970. Servers that do not know it write 0.
    pub fn created(&self) -> Option<i64> {
        self.top.get("created").and_then(Value::as_i64).filter(|created| *created != 0)
    }

    /// Notes that `[DONE]` came.
    pub fn push_done(&mut self) {
        self.done = true;
        self.dones += 1;
    }

    /// Notes that part of the text was lost.
    pub fn damage(&mut self) {
        self.is_damaged = true;
    }

    /// Ends the answer: each half of a character that is left becomes U+FFFD.
    pub fn finish(&mut self) {
        let mut is_damaged = false;
        for choice in self.choices.values_mut() {
            choice.each_text(&mut |text| is_damaged |= super::lenient::give_halves_up(text));
        }
        self.is_damaged |= is_damaged;
    }

    /// Whether there is a choice of a chat, with a message or a delta.
    pub fn is_chat(&self) -> bool {
        self.choices.values().any(|choice| choice.has_message)
    }

    /// The text of choice 0. `None` when there is no such choice.
    pub fn text(&self) -> Option<&str> {
        self.choices.get(&0).map(|choice| choice.text.as_str())
    }

    /// The tool calls of choice 0 as an OpenAI `tool_calls` array; empty when there are none.
    pub fn tool_calls(&self) -> Value {
        self.choices.get(&0).map_or_else(|| json!([]), Choice::tool_calls)
    }

    /// The choices as an array of `{index, role, text, finish_reason, tool_calls}`.
    pub fn choices(&self) -> Value {
        let choice = |(index, choice): (&u64, &Choice)| {
            json!({
                "index": index,
                "role": choice.role,
                "text": choice.text,
                "finish_reason": choice.finish_reason,
                "tool_calls": choice.tool_calls(),
            })
        };
        self.choices.iter().map(choice).collect()
    }
}
