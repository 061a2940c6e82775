//! One choice, merged from its pieces.

use serde_json::{Map, Value};

use super::merge::{each_text, merge, merge_texts, push_parts, text_of, words};
use super::tool_call::{self, ToolCall};
use crate::wire::lenient::join_halves;

/// One choice.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Choice {
    /// The first role that was named.
    pub role: Option<String>,
    /// The text; empty when the content is null.
    pub text: String,
    /// The words of a refusal, when there is one.
    pub refusal: Option<String>,
    /// The last finish reason that was not null.
    pub finish_reason: Option<String>,
    /// The tool calls, in order of first appearance.
    pub tool_calls: Vec<ToolCall>,
    /// The log probabilities; those of a stream with their arrays joined.
    pub logprobs: Option<Value>,
    /// The content as parts, if the server sent parts.
    pub(super) parts: Option<Vec<Value>>,
    /// A `message` or a `delta` came, so this is a choice of a chat.
    pub(super) has_message: bool,
    /// The content came as a text, perhaps an empty one.
    pub(super) has_content: bool,
    pub(super) function_call: Option<ToolCall>,
    /// Further members of the message: reasoning, audio, annotations, images.
    pub(super) members: Map<String, Value>,
    /// Further members of the choice.
    pub(super) extra: Map<String, Value>,
}

/// Members of a message that are read by rules of their own.
const OF_MESSAGE: [&str; 6] = ["role", "content", "refusal", "tool_calls", "function_call", "obfuscation"];
/// Members of a choice that are read by rules of their own. Together repeats the text of a chat in `text`.
const OF_CHOICE: [&str; 7] = ["index", "delta", "message", "text", "finish_reason", "logprobs", "obfuscation"];
/// Members of a message that stream as pieces of one text: all the names that servers give to reasoning.
const TEXTS: [&str; 5] = ["reasoning_content", "reasoning", "reasoning_text", "thinking", "thought"];
/// Members that are text in the parts of a message's content and of its reasoning.
const TEXTS_OF_PARTS: [&str; 4] = ["text", "summary", "thinking", "data"];
/// Members that are text in a message's audio.
const TEXTS_OF_AUDIO: [&str; 2] = ["data", "transcript"];

impl Choice {
    pub(super) fn push(&mut self, piece: &Value, is_text_completion: bool, roles: &mut Vec<String>) {
        // Together sends the same text in `delta.content` and in `text`, for chats and for completions: only one of
        // them counts.
        if is_text_completion && piece["text"].is_string() {
            self.push_text(piece["text"].as_str().unwrap_or_default());
            self.name_role(&piece["delta"], roles);
        } else if piece["delta"].is_object() {
            self.push_message(&piece["delta"], roles);
            for call in piece["delta"]["tool_calls"].as_array().into_iter().flatten() {
                tool_call::push(&mut self.tool_calls, call);
            }
        } else if piece["message"].is_object() {
            self.push_message(&piece["message"], roles);
            for call in piece["message"]["tool_calls"].as_array().into_iter().flatten() {
                tool_call::push_whole(&mut self.tool_calls, call);
            }
        } else {
            self.push_text(piece["text"].as_str().unwrap_or_default());
        }
        match &piece["finish_reason"] {
            Value::Null => {}
            Value::String(reason) => self.finish_reason = Some(reason.clone()),
            other => self.finish_reason = Some(other.to_string()),
        }
        if !piece["logprobs"].is_null() {
            merge(self.logprobs.get_or_insert(Value::Null), &piece["logprobs"]);
        }
        for (name, value) in piece.as_object().into_iter().flatten() {
            if !OF_CHOICE.contains(&name.as_str()) {
                merge(self.extra.entry(name).or_insert(Value::Null), value);
            }
        }
    }

    fn push_message(&mut self, message: &Value, roles: &mut Vec<String>) {
        self.has_message = true;
        self.name_role(message, roles);
        match &message["content"] {
            Value::String(text) => {
                self.has_content = true;
                if let Some(parts) = self.parts.as_mut().filter(|_| !text.is_empty()) {
                    push_parts(parts, &[part(text)], &TEXTS_OF_PARTS);
                }
                self.push_text(text);
            }
            Value::Array(new) => {
                let before = if self.text.is_empty() { Vec::new() } else { vec![part(&self.text)] };
                push_parts(self.parts.get_or_insert(before), new, &TEXTS_OF_PARTS);
                new.iter().filter_map(|part| part["text"].as_str()).for_each(|text| self.push_text(text));
            }
            _ => {}
        }
        if let Some(refusal) = message["refusal"].as_str() {
            append(self.refusal.get_or_insert_default(), refusal);
        }
        if message["function_call"].is_object() {
            self.function_call.get_or_insert_default().function(&message["function_call"]);
        }
        for (name, value) in message.as_object().into_iter().flatten() {
            if !OF_MESSAGE.contains(&name.as_str()) {
                self.push_member(name, value);
            }
        }
    }

    fn push_member(&mut self, name: &str, value: &Value) {
        let is_text = TEXTS.contains(&name);
        match value {
            Value::String(piece) if is_text => match text_of(&mut self.members, name) {
                Some(text) => append(text, piece),
                None => drop(self.members.insert(name.to_owned(), value.clone())),
            },
            Value::Array(parts) => match self.members.entry(name).or_insert_with(|| Value::Array(Vec::new())) {
                Value::Array(all) => push_parts(all, parts, &TEXTS_OF_PARTS),
                other => *other = value.clone(),
            },
            _ if name == "audio" => {
                merge_texts(self.members.entry(name).or_insert(Value::Null), value, &TEXTS_OF_AUDIO);
            }
            value => merge(self.members.entry(name).or_insert(Value::Null), value),
        }
    }

    fn push_text(&mut self, text: &str) {
        append(&mut self.text, text);
    }

    fn name_role(&mut self, message: &Value, roles: &mut Vec<String>) {
        let Some(role) = words(&message["role"]) else { return };
        self.role.get_or_insert_with(|| role.to_owned());
        if !roles.iter().any(|known| known == role) {
            roles.push(role.to_owned());
        }
    }

    /// Calls `change` on every finished text; halves of a character that have met are joined first.
    pub(super) fn each_text(&mut self, change: &mut impl FnMut(&mut String)) {
        let mut change = |text: &mut String| {
            join_halves(text);
            change(text);
        };
        change(&mut self.text);
        self.refusal.iter_mut().for_each(&mut change);
        self.parts.iter_mut().flatten().for_each(|part| each_text(part, &mut change));
        self.members.values_mut().for_each(|member| each_text(member, &mut change));
        for call in self.tool_calls.iter_mut().chain(&mut self.function_call) {
            call.texts().for_each(&mut change);
        }
    }

    /// Characters of its reasoning; 0 where there is none.
    pub fn reasoning(&self) -> usize {
        // Servers give the same words under two names.
        let texts = TEXTS.iter().filter_map(|name| self.members.get(*name)?.as_str());
        texts.map(|text| text.chars().count()).max().unwrap_or(0)
    }

    /// The name in a `function_call`, which stood where `tool_calls` stand now.
    pub fn legacy_function(&self) -> Option<&str> {
        self.function_call.as_ref().map(|call| call.name.as_str())
    }

    /// The tool calls as an OpenAI `tool_calls` array.
    pub fn tool_calls(&self) -> Value {
        self.tool_calls.iter().map(ToolCall::to_json).collect()
    }
}

/// Whether a piece of a choice adds content for its reader: text, a refusal, reasoning, audio, a tool call.
pub fn adds_something(piece: &Value) -> bool {
    let tells = |value: &Value| match value {
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(members) => !members.is_empty(),
        _ => false,
    };
    let message = if piece["delta"].is_object() { &piece["delta"] } else { &piece["message"] };
    let members = ["content", "refusal", "tool_calls", "function_call", "audio"];
    tells(&piece["text"]) || members.iter().chain(&TEXTS).any(|name| tells(&message[*name]))
}

/// A text as a part of a message's content.
fn part(text: &str) -> Value {
    serde_json::json!({"type": "text", "text": text})
}

fn append(all: &mut String, piece: &str) {
    all.push_str(piece);
    // Only a piece that begins with half a character can complete one, and such pieces are short.
    if piece.chars().next().is_some_and(|first| u32::from(first) >= 0x0010_F800) {
        join_halves(all);
    }
}
